// What the tests of the link share: a link with short limits to a spoofed switch, and what it reported, to be awaited.
// Links and switches made here are closed by `closeAll`.
import pino from 'pino'
import { asCommand } from '../../src/esl/command.ts'
import type { LinkLimits } from '../../src/esl/limits.ts'
import { type LinkLoss, type LinkReady, SwitchLink, type SwitchLinkOptions } from '../../src/esl/link.ts'
import { type Behaviour, spoofSwitch } from './spoofedSwitch.ts'

/** Long where a busy machine must not fail a test, short where every test would wait for it. */
const TEST_LIMITS: Partial<LinkLimits> = {
  handshakeTimeoutMs: 3_000,
  commandTimeoutMs: 3_000,
  reconnectMinMs: 1,
  reconnectMaxMs: 4,
  refusedRetryMs: 20,
}
export const JOB = '812a1ca3-e3e9-4550-b3d2-06ce2e2cac5d'
export const STATUS = asCommand('status')

/** A value that comes again and again; `next` waits for the one after those already taken. */
export class Arrivals<Value> {
  readonly all: Value[] = []
  #taken = 0
  #waiting: ((value: Value) => void)[] = []
  push(value: Value): void {
    this.all.push(value)
    const waiting = this.#waiting.shift()
    if (waiting) {
      this.#taken += 1
      waiting(value)
    }
  }
  next(): Promise<Value> {
    if (this.#taken < this.all.length) return Promise.resolve(this.all[this.#taken++]!)
    return new Promise(resolve => this.#waiting.push(resolve))
  }
}

const closers: (() => void)[] = []

/** Every test file hands this to `afterEach`: modules are shared between files, hooks are not. */
export function closeAll(): void {
  for (const close of closers.splice(0)) close()
}

export function linkTo(port: number, overrides: Partial<SwitchLinkOptions> = {}) {
  const ready = new Arrivals<LinkReady>()
  const lost = new Arrivals<LinkLoss>()
  const events = new Arrivals<string>()
  const logged = new Arrivals<{ level: number; msg: string }>()
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) })
  const { limits, ...rest } = overrides
  const link = new SwitchLink({
    host: '127.0.0.1',
    port,
    password: 'ClueCon',
    log,
    random: () => 0.5,
    onReady: each => ready.push(each),
    onLost: each => lost.push(each),
    onEvent: event => events.push(event.header('n') ?? event.name),
    ...rest,
    limits: { ...TEST_LIMITS, ...limits },
  })
  closers.push(() => link.close())
  link.start()
  return { link, ready, lost, events, logged }
}

/** A ready link to a switch of this behaviour, and the switch's side of it. */
export async function readyLink(behaviour: Behaviour = {}, overrides: Partial<SwitchLinkOptions> = {}) {
  const spoof = spoofSwitch()
  closers.push(() => void spoof[Symbol.asyncDispose]())
  const side = linkTo(spoof.port, overrides)
  await side.ready.next()
  spoof.behave(behaviour)
  return { ...side, spoof, peer: spoof.peers[0]! }
}

/** Answers `api` commands with these texts, one after the other. */
export function inTurn(...texts: string[]): Behaviour {
  return {
    answer(packet, peer) {
      if (packet.startsWith('api ')) peer.respond(texts.shift() ?? '')
      return true
    },
  }
}

/** For answers of one line: what was called has answered the packet. */
export const done = (_answered: unknown): true => true

export const SILENCE: Behaviour = { answer: () => true }
