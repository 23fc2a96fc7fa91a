// Redis in the simulated world: the model behind a listener. Each start is a process of its own; what the model holds
// outlives it as far as the restart says.

import type { Process } from '../machine/process.ts'
import type { Machine } from '../machine/runtime.ts'
import type { Copy } from '../redis/database.ts'
import { RedisModel } from '../redis/model.ts'
import type { Reply } from '../redis/reply.ts'
import type { Session } from '../redis/session.ts'

export const REDIS_HOST = 'redis'
export const REDIS_PORT = 6379
export const REDIS_PLACE = `${REDIS_HOST}:${REDIS_PORT}`

/** What a restart leaves: everything, nothing, or what stood there a moment before. */
export type Kept = 'all' | 'none' | Copy

/** A message that was published. */
export interface Published {
  channel: string
  message: string
  /** The processes that it goes to, by name. */
  hearers: string[]
}

export class RedisPlace {
  readonly model: RedisModel
  readonly #machine: Machine
  readonly #clients = new WeakMap<Session, string>()
  #isWatchingOver = false
  readonly #watchers: Session[] = []
  #process: Process
  #lives = 0

  constructor(machine: Machine, onPublish: (published: Published) => void, onScript = () => {}) {
    this.#machine = machine
    this.#process = this.#newProcess()
    this.model = new RedisModel({
      nowMs: () => this.#process.wallMs(),
      after: (ms, act) => {
        const happening = machine.schedule.after(ms, this.#process, act)
        return () => {
          happening.isOff = true
        }
      },
      onScript,
      onUnknown: name => {
        throw new Error(`the model of Redis does not know ${name.toUpperCase()}: teach it`)
      },
      onPublish: (channel, message, receivers) =>
        onPublish({ channel, message, hearers: receivers.map(each => this.#clients.get(each) ?? 'watcher') }),
    })
    this.#listen()
  }

  get process(): Process {
    return this.#process
  }

  get isUp(): boolean {
    return this.#process.state === 'awake'
  }

  /** Asks it at once, from outside the world's network. @returns undefined when it does not answer now. */
  ask(...words: string[]): Reply | undefined {
    return this.isUp ? this.model.runAndServe(words) : undefined
  }

  /** Somebody who is none of ours listens to a channel, until this Redis goes away. */
  watch(channel: string): void {
    if (!this.isUp || this.#isWatchingOver) return
    const session = this.model.open({ send: () => undefined, close: () => undefined })
    session.receive(`*2\r\n$9\r\nSUBSCRIBE\r\n$${channel.length}\r\n${channel}\r\n`)
    this.#watchers.push(session)
  }

  /** All of them leave, and none comes any more. */
  endWatching(): void {
    this.#isWatchingOver = true
    for (const session of this.#watchers.splice(0)) session.leave()
  }

  /** Ends it without a word to anybody. */
  kill(): void {
    this.#process.die()
    this.model.restart()
  }

  start(kept: Kept): void {
    if (kept === 'none') this.model.db.clear()
    else if (kept !== 'all') this.model.db.restore(kept)
    this.#process = this.#newProcess()
    this.#listen()
  }

  /** Closes every connection, as `CLIENT KILL` and a failover do. */
  dropClients(): void {
    this.model.endAll()
  }

  #newProcess(): Process {
    this.#lives += 1
    return this.#machine.spawn(`redis.${this.#lives}`)
  }

  #listen(): void {
    this.#machine.network.listen(REDIS_PLACE, {
      owner: this.#process,
      accept: end => {
        const session = this.model.open({ send: bytes => end.write(bytes), close: () => end.end() })
        this.#clients.set(session, end.from)
        end.handlers = {
          data: bytes => session.receive(bytes),
          end: () => session.leave(),
          close: () => session.leave(),
        }
      },
    })
  }
}
