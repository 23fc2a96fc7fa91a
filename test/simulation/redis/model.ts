// A small Redis in memory: the database, the scripts, who listens on which channel, and who waits for an item of a list.
// Connections hand their bytes in and get bytes out (`session.ts`); nothing here knows sockets, and time is passed in.
// It knows the commands that our code uses. `differential.test.ts` holds it against the real server.
import { createHash } from 'node:crypto'
import { type Command, type CommandContext, CommandFault, takes, wrongCount } from './command.ts'
import { Database, WrongType } from './database.ts'
import { HASH_COMMANDS } from './hashCommands.ts'
import { KEY_COMMANDS } from './keyCommands.ts'
import { LIST_COMMANDS, type Taking, take } from './listCommands.ts'
import { LuaMachine } from './luaMachine.ts'
import { type ErrorReply, failure, type Reply } from './reply.ts'
import { SERVER_COMMANDS } from './serverCommands.ts'
import { Session, type Wire } from './session.ts'
import { SORTED_SET_COMMANDS } from './sortedSetCommands.ts'

export interface RedisModelOptions {
  /** The server's wall clock, milliseconds. */
  nowMs: () => number
  /** @returns what calls it off. */
  after: (ms: number, act: () => void) => () => void
  /** Told of everything that is published, with the connections that it goes to. */
  onPublish?: (channel: string, message: string, receivers: readonly Session[]) => void
  /** Told of a command that the model does not know; perhaps the real server does. */
  onUnknown?: (name: string) => void
  /** Told after each script. */
  onScript?: () => void
}

/** What the server can't do at the moment: `full` takes no data, a `replica` no writes. */
export type Trouble = 'full' | 'replica'

const REFUSALS: Record<Trouble, ErrorReply> = {
  full: { error: "OOM command not allowed when used memory > 'maxmemory'." },
  replica: { error: "READONLY You can't write against a read only replica." },
}

const WRONG_TYPE: ErrorReply = {
  error: 'WRONGTYPE Operation against a key holding the wrong kind of value',
}

const COMMANDS: Readonly<Record<string, Command>> = {
  ...KEY_COMMANDS,
  ...LIST_COMMANDS,
  ...HASH_COMMANDS,
  ...SORTED_SET_COMMANDS,
  ...SERVER_COMMANDS,
}

/** What a command that waits does when it need not wait. */
const WITHOUT_WAITING: Readonly<Record<string, string>> = { blmove: 'lmove', blpop: 'lpop' }

/** A connection that waits for an item. */
interface Waiter {
  session: Session
  taking: Taking
}

export class RedisModel {
  readonly db: Database
  readonly #options: RedisModelOptions
  readonly #lua = new LuaMachine()
  readonly #channels = new Map<string, Set<Session>>()
  readonly #sessions = new Set<Session>()
  #waiters: Waiter[] = []
  #nextId = 1
  #isInScript = false
  #hasWritten = false
  trouble: Trouble | undefined

  constructor(options: RedisModelOptions) {
    this.#options = options
    this.db = new Database(() => this.nowMs)
  }

  get nowMs(): number {
    return Math.floor(this.#options.nowMs())
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** A client has connected. */
  open(wire: Wire): Session {
    const session = new Session(this, wire, this.#nextId++)
    this.#sessions.add(session)
    return session
  }

  /** A connection is over, from either side. */
  forget(session: Session): void {
    this.#sessions.delete(session)
    this.#waiters = this.#waiters.filter(waiter => waiter.session !== session)
    for (const channel of session.channels) this.unsubscribe(session, channel)
  }

  /** Sends what is due to everybody, as the server does at the end of a turn. */
  flush(): void {
    for (const session of this.#sessions) session.flush()
  }

  /** Closes every connection. */
  endAll(): void {
    for (const session of [...this.#sessions]) session.end()
  }

  /** The server has started anew: its scripts and its connections are gone, its data is what `db` holds. */
  restart(): void {
    this.endAll()
    this.#lua.flush()
    this.trouble = undefined
  }

  /** Runs a command that any connection, transaction or script may run. */
  run(words: readonly string[]): Reply {
    const name = words[0]!.toLowerCase()
    const command = COMMANDS[name]
    if (!command) {
      this.#options.onUnknown?.(name)
      return unknown(words)
    }
    if (!takes(command.arity, words)) return wrongCount(name)
    const refusal = this.#refusalOf(command)
    if (refusal) return refusal
    if (command.writes) this.#hasWritten = true
    try {
      return command.run(this.#context(), words.slice(1))
    } catch (thrown) {
      if (thrown instanceof CommandFault) return thrown.reply
      if (thrown instanceof WrongType) return WRONG_TYPE
      throw thrown
    }
  }

  /** Runs a command that comes from no connection, and all that follows from it. */
  runAndServe(words: readonly string[]): Reply {
    const reply = words[0]!.toLowerCase() === 'publish' ? this.publish(words[1]!, words[2]!) : this.run(words)
    this.serveWaiters()
    this.flush()
    return reply
  }

  /** Why a command is not taken now, or undefined. */
  refusal(name: string): ErrorReply | undefined {
    const command = COMMANDS[WITHOUT_WAITING[name] ?? name]
    return command && this.#refusalOf(command)
  }

  #refusalOf({ writes, isAllowedWhenFull }: Command): ErrorReply | undefined {
    if (!writes || !this.trouble) return undefined
    // A script that has begun to write is let go on: Redis does not stop in the middle.
    const isFree = this.trouble === 'full' && (isAllowedWhenFull || (this.#isInScript && this.#hasWritten))
    return isFree ? undefined : REFUSALS[this.trouble]
  }

  #context(): CommandContext {
    return { db: this.db, nowMs: this.nowMs }
  }

  /** @returns undefined for what is no command. */
  arityOf(name: string): number | undefined {
    return COMMANDS[name]?.arity
  }

  // Scripts.

  /** @returns its hash, or why it is no script. */
  load(source: string): string | ErrorReply {
    const sha = createHash('sha1').update(Buffer.from(source, 'latin1')).digest('hex')
    const fault = this.#lua.compile(sha, source)
    return fault === undefined ? sha : failure(`Error compiling script (new function): ${fault}`)
  }

  hasScript(sha: string): boolean {
    return this.#lua.has(sha)
  }

  flushScripts(): void {
    this.#lua.flush()
  }

  evaluate(sha: string, keys: string[], args: string[]): Reply {
    if (!this.#lua.has(sha)) return { error: 'NOSCRIPT No matching script. Please use EVAL.' }
    // A script sees one moment: Redis stops its clock for it.
    this.#isInScript = true
    this.#hasWritten = false
    const reply = this.#lua.run(sha, keys, args, words => {
      const name = words[0]?.toLowerCase() ?? ''
      if (name === 'publish' && words.length === 3) return this.publish(words[1]!, words[2]!)
      const command = COMMANDS[name]
      if (!command) {
        this.#options.onUnknown?.(name)
        return failure('Unknown Redis command called from script')
      }
      if (!takes(command.arity, words))
        return failure('Wrong number of args calling Redis command from script')
      return this.run(words)
    })
    this.#isInScript = false
    this.#options.onScript?.()
    return reply
  }

  // Channels.

  subscribe(session: Session, channel: string): void {
    const listeners = this.#channels.get(channel) ?? new Set()
    this.#channels.set(channel, listeners.add(session))
  }

  unsubscribe(session: Session, channel: string): void {
    const listeners = this.#channels.get(channel)
    listeners?.delete(session)
    if (listeners?.size === 0) this.#channels.delete(channel)
  }

  listenersOf(channel: string): number {
    return this.#channels.get(channel)?.size ?? 0
  }

  /** Channels that somebody listens on. */
  get channels(): string[] {
    return [...this.#channels.keys()]
  }

  publish(channel: string, message: string): number {
    const listeners = [...(this.#channels.get(channel) ?? [])]
    for (const session of listeners) session.push(['message', channel, message])
    this.#options.onPublish?.(channel, message, listeners)
    return listeners.length
  }

  // Waiting for an item of a list.

  /** Takes an item now, or has the session wait for one. @param timeoutMs 0: for ever. */
  takeOrWait(session: Session, taking: Taking, timeoutMs: number): Reply | 'waits' {
    const taken = this.#tryTaking(taking)
    if (taken !== null) return taken
    const waiter: Waiter = { session, taking }
    this.#waiters.push(waiter)
    if (timeoutMs > 0) session.callOff = this.#options.after(timeoutMs, () => this.#giveUp(waiter))
    return 'waits'
  }

  /** Ends the wait of a connection as if its time were over. @returns false when it does not wait. */
  unblock(id: number): boolean {
    const waiter = this.#waiters.find(each => each.session.id === id)
    if (waiter) this.#giveUp(waiter)
    return waiter !== undefined
  }

  #giveUp(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter(each => each !== waiter)
    waiter.session.wake(null)
    waiter.session.resume()
    this.flush()
  }

  #tryTaking(taking: Taking): Reply {
    try {
      return take(this.db, taking)
    } catch (thrown) {
      if (thrown instanceof WrongType) return WRONG_TYPE
      throw thrown
    }
  }

  /** After each command: whoever has waited longest gets what came; only then do they go on. */
  serveWaiters(): void {
    const woken: Session[] = []
    for (let isServed = this.#waiters.length > 0; isServed; ) {
      isServed = false
      for (const waiter of this.#waiters) {
        if (this.db.find(waiter.taking.from)?.type !== 'list') continue
        const taken = this.#tryTaking(waiter.taking)
        if (taken === null) continue
        this.#waiters = this.#waiters.filter(each => each !== waiter)
        waiter.session.wake(taken)
        woken.push(waiter.session)
        isServed = true
        break
      }
    }
    for (const session of woken) session.resume()
  }
}

/** As Redis words it. */
export function unknown(words: readonly string[]): ErrorReply {
  const args = words
    .slice(1)
    .map(word => `'${word}' `)
    .join('')
  return failure(`unknown command '${words[0]}', with args beginning with: ${args}`)
}
