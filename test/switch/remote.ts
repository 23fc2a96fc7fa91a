// A test switch in another process, driven over its control port: the same names as TestSwitch, each answering later.

import type { ChannelView } from './channelView.ts'
import type { ControlCall } from './control.ts'
import type { Injection } from './injections.ts'
import type { PhoneBehaviour } from './phones.ts'
import type { RecordEntry } from './records.ts'
import type { PhoneRegistration } from './registrations.ts'
import type { GatewayState, Misbehaviour } from './settings.ts'

export interface RemoteStatus {
  port: number
  coreUuid: string
  connectionCount: number
  recordLength: number
}

/** @param controlPort on 127.0.0.1, as main.ts prints it. Every call throws when the process is gone. */
export const remoteSwitch = (controlPort: number): RemoteSwitch => new RemoteSwitch(controlPort)

export class RemoteSwitch {
  readonly #url: string

  constructor(controlPort: number) {
    this.#url = `http://127.0.0.1:${controlPort}/`
  }

  status(): Promise<RemoteStatus> {
    return this.#call('status')
  }

  /** Entries of the record from an index on, of these kinds only if any are named. */
  records(from = 0, kinds: readonly RecordEntry['kind'][] = []): Promise<RecordEntry[]> {
    return this.#call('records', from, kinds)
  }

  injections(): Promise<Injection[]> {
    return this.#call('injections')
  }

  phone(destination: string, behaviour: PhoneBehaviour): Promise<void> {
    return this.#call('phone', destination, behaviour)
  }

  gateway(name: string, state: GatewayState | undefined): Promise<void> {
    return this.#call('gateway', name, state)
  }

  file(path: string, seconds: number | undefined): Promise<void> {
    return this.#call('file', path, seconds)
  }

  set(changes: Partial<Misbehaviour>): Promise<void> {
    return this.#call('set', changes)
  }

  answer(uuid: string): Promise<boolean> {
    return this.#call('answer', uuid)
  }

  hangup(uuid: string, cause?: string): Promise<boolean> {
    return this.#call('hangup', uuid, cause)
  }

  press(uuid: string, digits: string): Promise<boolean> {
    return this.#call('press', uuid, digits)
  }

  async hears(uuid: string): Promise<Set<string>> {
    return new Set(await this.#call<string[]>('hears', uuid))
  }

  channels(): Promise<ChannelView[]> {
    return this.#call('channels')
  }

  async channel(uuid: string): Promise<ChannelView | undefined> {
    return (await this.#call<ChannelView | null>('channel', uuid)) ?? undefined
  }

  register(phone: PhoneRegistration): Promise<void> {
    return this.#call('register', phone)
  }

  emit(subclass: string, headers: Record<string, string>): Promise<void> {
    return this.#call('emit', subclass, headers)
  }

  addForeignCalls(count: number, options: { turnsPerSecond?: number } = {}): Promise<void> {
    return this.#call('addForeignCalls', count, options)
  }

  stopForeignCalls(): Promise<void> {
    return this.#call('stopForeignCalls')
  }

  dropSockets(options: { reset?: boolean } = {}): Promise<void> {
    return this.#call('dropSockets', options)
  }

  stopAccepting(): Promise<void> {
    return this.#call('stopAccepting')
  }

  accept(): Promise<void> {
    return this.#call('accept')
  }

  stop(options: { graceful?: boolean } = {}): Promise<void> {
    return this.#call('stop', options)
  }

  start(): Promise<void> {
    return this.#call('start')
  }

  restart(options: { graceful?: boolean; downMs?: number } = {}): Promise<void> {
    return this.#call('restart', options)
  }

  async #call<Result>(method: string, ...args: unknown[]): Promise<Result> {
    const body: ControlCall = { method, args }
    const response = await fetch(this.#url, { method: 'POST', body: JSON.stringify(body) })
    const { result, error } = (await response.json()) as { result?: Result; error?: string }
    if (!response.ok) throw new Error(`test switch: ${error}`)
    return result as Result
  }
}
