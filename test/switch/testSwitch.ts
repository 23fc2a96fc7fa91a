// A switch for tests: speaks the event socket as FreeSWITCH 1.10.12 does, rings phones that do as they are told, keeps
// a record of everything, and misbehaves on request. This is its front; the rooms behind it are named in README.md.

import { heartbeat } from './apiSwitch.ts'
import { soundsHeardBy } from './audio.ts'
import { type ChannelView, viewOf } from './channelView.ts'
import { pressKeys } from './eavesdrop.ts'
import { Exchange, type Plant } from './exchange.ts'
import { type ForeignCalls, keepForeignCalls } from './foreign.ts'
import { SHUTDOWN_NOTICE } from './frames.ts'
import { hangupAll, hangupByPhone } from './hangups.ts'
import { type DialledCall, receiveCall } from './inbound.ts'
import type { Injection } from './injections.ts'
import { answer } from './legs.ts'
import { type PhoneBehaviour, PhoneBook } from './phones.ts'
import { type RecordEntry, Records } from './records.ts'
import type { PhoneRegistration } from './registrations.ts'
import { EslServer } from './server.ts'
import {
  type GatewayState,
  type Misbehaviour,
  type Settings,
  settingsOf,
  type TestSwitchOptions,
  WELL_BEHAVED,
} from './settings.ts'

/** Starts a test switch on 127.0.0.1. @throws when the port is taken. */
export async function startTestSwitch(options: TestSwitchOptions = {}): Promise<TestSwitch> {
  return new TestSwitch(settingsOf(options))
}

// Recorded: 1.2 s between the hangups of a shutdown and the notice on every socket.
const SHUTDOWN_SECONDS = 1.2

export class TestSwitch {
  readonly #plant: Plant
  readonly #server: EslServer
  #exchange: Exchange
  #isUp = false
  #ending: Promise<void> | undefined

  constructor(settings: Settings) {
    this.#plant = {
      settings,
      misbehaviour: { ...WELL_BEHAVED },
      phones: new PhoneBook(settings),
      gateways: new Map(Object.entries(settings.gateways)),
      files: new Map(Object.entries(settings.files)),
      records: new Records(settings.clock, settings.onRecord),
      injections: [],
    }
    this.#exchange = this.#newLife()
    this.#server = new EslServer(this.#exchange, settings.port)
    this.start()
  }

  get port(): number {
    return this.#server.port
  }

  /** Of this life; a restart gives another one. */
  get coreUuid(): string {
    return this.#exchange.coreUuid
  }

  /** Everything that happened, in order, restarts included. Append-only. */
  get record(): readonly RecordEntry[] {
    return this.#plant.records.entries
  }

  /** Text that became syntax on its way into a dial string. Empty in a sound client. */
  get injections(): readonly Injection[] {
    return this.#plant.injections
  }

  get connectionCount(): number {
    return this.#server.connectionCount
  }

  /** Entries of the record from an index on, of these kinds only if any are named. */
  records(from = 0, kinds: readonly RecordEntry['kind'][] = []): RecordEntry[] {
    return this.#plant.records.from(from, kinds)
  }

  /** Tells a phone what to do. @param destination a whole number, or `*` and the last digits of one. */
  phone(destination: string, behaviour: PhoneBehaviour): void {
    this.#plant.phones.set(destination, behaviour)
  }

  /** Adds a gateway or changes its state; undefined takes it away. Going up or down fires `sofia::gateway_state`. */
  gateway(name: string, state: GatewayState | undefined): void {
    const before = this.#plant.gateways.get(name)
    if (state === undefined) this.#plant.gateways.delete(name)
    else this.#plant.gateways.set(name, state)
    if (state === undefined || before === undefined || before === state || state === 'unreachable') return
    const isDown = state === 'down'
    const why = isDown
      ? ['Phrase', 'Service Unavailable', 'Status', '503']
      : ['Phrase', 'OK', 'Status', '200']
    this.emit('sofia::gateway_state', {
      ...{ Gateway: name, State: 'NOREG', 'Ping-Status': isDown ? 'DOWN' : 'UP' },
      [why[0]!]: why[1]!,
      [why[2]!]: why[3]!,
    })
  }

  /** Adds a sound file of so many seconds (of the switch); undefined takes it away. */
  file(path: string, seconds: number | undefined): void {
    if (seconds === undefined) this.#plant.files.delete(path)
    else this.#plant.files.set(path, seconds)
  }

  /** Switches misbehaviour on or off, from now on. */
  set(changes: Partial<Misbehaviour>): void {
    Object.assign(this.#plant.misbehaviour, changes)
    if (changes.silent === false) this.#server.resume()
  }

  /** A ringing phone is picked up by hand. @returns false when no such leg rings. */
  answer(uuid: string): boolean {
    const leg = this.#exchange.find(uuid)
    if (!leg || leg.isEnding || leg.isAnswered) return false
    answer(this.#exchange, leg)
    return true
  }

  /** The phone at this leg hangs up, or refuses if it rings. @returns false when there is no such leg. */
  hangup(uuid: string, cause?: string): boolean {
    const leg = this.#exchange.find(uuid)
    if (!leg || leg.isEnding) return false
    hangupByPhone(this.#exchange, leg, cause)
    return true
  }

  /** Keys pressed on a supervisor's phone. @returns false when its keypad does nothing. */
  press(uuid: string, digits: string): boolean {
    const leg = this.#exchange.find(uuid)
    return leg !== undefined && pressKeys(this.#exchange, leg, digits)
  }

  /** What the phone at this leg's end hears now: legs by uuid, `file:<path>`, `ringback`. */
  hears(uuid: string): Set<string> {
    const leg = this.#exchange.find(uuid)
    return leg ? soundsHeardBy(leg) : new Set()
  }

  /** The living legs, as they are now. */
  channels(): ChannelView[] {
    return [...this.#exchange.channels.values()].map(viewOf)
  }

  channel(uuid: string): ChannelView | undefined {
    const leg = this.#exchange.find(uuid)
    return leg && viewOf(leg)
  }

  /** A phone registers, or unregisters: `sofia::register`, `sofia::unregister`, `show registrations`. */
  register(phone: PhoneRegistration): void {
    this.#exchange.registrations.register(this.#exchange, phone)
  }

  /** A phone dials an extension of the switch's dialplan. @returns its leg's uuid. */
  dial(call: DialledCall): string {
    return receiveCall(this.#exchange, call).uuid
  }

  /** Fires a CUSTOM event of a subclass, as a module of the switch would. */
  emit(subclass: string, headers: Record<string, string>): void {
    this.#exchange.fireCustom(subclass, Object.entries(headers).flat())
  }

  /** Other people's calls, without a dial id: so many up, so many ended and begun again each real second. */
  addForeignCalls(count: number, { turnsPerSecond = 0 }: { turnsPerSecond?: number } = {}): ForeignCalls {
    return keepForeignCalls(this.#exchange, count, { turnsPerSecond })
  }

  /** Ends every connection without a word; calls go on. */
  dropSockets({ reset = false }: { reset?: boolean } = {}): void {
    this.#server.cut(reset)
  }

  /** Refuses new connections; those there are live on. */
  stopAccepting(): void {
    this.#server.stopListening()
  }

  /** Takes new connections again. */
  accept(): void {
    if (this.#isUp) this.#server.listen()
  }

  /** Ends this life. Gracefully: SHUTDOWN, every leg hung up with SYSTEM_SHUTDOWN, and 1.2 s (of the switch) later a
   *  notice on every socket. Killed: a bare end of stream. New connections are refused at once either way. One that goes
   *  down already is waited for. */
  stop(how: { graceful?: boolean } = {}): Promise<void> {
    this.#ending ??= this.#isUp
      ? this.#endLife(how).finally(() => {
          this.#ending = undefined
        })
      : undefined
    return this.#ending ?? Promise.resolve()
  }

  async #endLife({ graceful = false }: { graceful?: boolean }): Promise<void> {
    this.#isUp = false
    this.#server.stopListening()
    const exchange = this.#exchange
    const { coreUuid } = exchange
    if (graceful) {
      exchange.isShuttingDown = true
      exchange.fireGeneral('SHUTDOWN', ['Event-Info', 'System Shutting Down'])
      hangupAll(exchange, { cause: 'SYSTEM_SHUTDOWN', by: 'shutdown' })
      await new Promise<void>(resolve => exchange.timers.seconds(SHUTDOWN_SECONDS, resolve))
      this.#server.dismiss(SHUTDOWN_NOTICE)
    } else this.#server.cut(false)
    exchange.timers.end()
    this.#plant.records.add({ kind: 'stop', coreUuid, how: graceful ? 'graceful' : 'killed' })
  }

  /** Begins another life on the same port, without a channel and with a new core id; not before the last one has ended. */
  start(): void {
    if (this.#ending) return void this.#ending.then(() => this.start())
    if (this.#isUp) return
    this.#isUp = true
    if (this.#plant.records.entries.length > 0) this.#exchange = this.#newLife()
    const exchange = this.#exchange
    this.#plant.records.add({ kind: 'start', coreUuid: exchange.coreUuid })
    this.#server.serve(exchange)
    this.#server.listen()
    exchange.timers.every(this.#plant.settings.heartbeatSeconds, () =>
      exchange.fireGeneral('HEARTBEAT', heartbeat(exchange)),
    )
  }

  /** Stops and starts again. @param downMs how long the switch is away in between. */
  async restart({
    graceful = false,
    downMs = 0,
  }: {
    graceful?: boolean
    downMs?: number
  } = {}): Promise<void> {
    await this.stop({ graceful })
    if (downMs > 0) await Bun.sleep(downMs)
    this.start()
  }

  async close(): Promise<void> {
    await this.stop()
  }

  #newLife(): Exchange {
    return new Exchange(this.#plant, event => this.#server.offer(event))
  }
}
