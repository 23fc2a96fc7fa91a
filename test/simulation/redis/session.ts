// One client's connection to the model: its protocol, its transaction, its channels, and the command that it waits in.
// Commands of one connection run one after the other; while one waits for an item the others wait behind it.
import { CommandFault, takes, wholeOf, wrongCount } from './command.ts'
import { endOf, type Taking } from './listCommands.ts'
import { type RedisModel, unknown } from './model.ts'
import { encode, failure, isError, OK, type Protocol, type Reply } from './reply.ts'
import { ProtocolFault, RequestReader } from './requests.ts'
import { REDIS_VERSION } from './serverCommands.ts'

/** Where a connection's bytes go, one character each. */
export interface Wire {
  send(bytes: string): void
  close(): void
}

/** What a connection in RESP2 may ask while it listens. */
const WHILE_LISTENING = new Set(['subscribe', 'unsubscribe', 'ping', 'quit', 'reset'])

/** What a transaction does not gather. */
const IN_TRANSACTION = new Set(['exec', 'discard', 'multi', 'quit', 'reset'])

type OwnCommand = { arity: number; run: (args: string[]) => Reply | undefined }

export class Session {
  readonly id: number
  readonly channels = new Set<string>()
  /** Calls off the timer of the command that waits. */
  callOff: (() => void) | undefined
  readonly #model: RedisModel
  readonly #wire: Wire
  readonly #reader = new RequestReader()
  #queue: string[][] = []
  #protocol: Protocol = 2
  #due = ''
  #isWaiting = false
  #isOver = false
  #transaction: string[][] | undefined
  #isTransactionBad = false

  constructor(model: RedisModel, wire: Wire, id: number) {
    this.#model = model
    this.#wire = wire
    this.id = id
  }

  /** Bytes of the client. */
  receive(bytes: string): void {
    if (this.#isOver) return
    try {
      this.#queue.push(...this.#reader.push(bytes))
      this.#runQueue()
    } catch (thrown) {
      if (!(thrown instanceof ProtocolFault)) throw thrown
      this.#answer(failure(`Protocol error: ${thrown.message}`))
      this.flush()
      this.end()
    }
    this.#model.flush()
  }

  /** The client has gone. */
  leave(): void {
    this.#isOver = true
    this.callOff?.()
    this.#model.forget(this)
  }

  /** The server closes the connection. */
  end(): void {
    if (this.#isOver) return
    this.leave()
    this.#wire.close()
  }

  /** Something that was not asked for. */
  push(items: Reply[]): void {
    this.#answer({ push: items })
  }

  /** What it waited for is there, or its time is over. */
  wake(reply: Reply): void {
    this.callOff?.()
    this.callOff = undefined
    this.#isWaiting = false
    this.#answer(reply)
  }

  /** Goes on with what stands behind the command that waited. */
  resume(): void {
    this.#runQueue()
  }

  flush(): void {
    if (this.#due === '') return
    const due = this.#due
    this.#due = ''
    this.#wire.send(due)
  }

  #answer(reply: Reply): void {
    this.#due += encode(reply, this.#protocol)
  }

  #runQueue(): void {
    while (!this.#isWaiting && !this.#isOver) {
      const words = this.#queue.shift()
      if (!words) return
      if (words.length === 0) continue
      const reply = this.#run(words)
      if (reply !== undefined) this.#answer(reply)
      this.#model.serveWaiters()
    }
  }

  #run(words: string[]): Reply | undefined {
    const name = words[0]!.toLowerCase()
    if (this.#protocol === 2 && this.channels.size > 0 && !WHILE_LISTENING.has(name))
      return this.#refuse(
        `Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
        name,
      )
    if (this.#transaction && !IN_TRANSACTION.has(name)) return this.#gather(name, words)
    const own = this.#own[name]
    if (!own) return this.#model.run(words)
    if (!takes(own.arity, words)) return wrongCount(name)
    try {
      return own.run(words.slice(1))
    } catch (thrown) {
      if (thrown instanceof CommandFault) return thrown.reply
      throw thrown
    }
  }

  /** A transaction of which a command was refused is not carried out. */
  #refuse(why: string, name: string): Reply {
    this.#isTransactionBad = true
    if (name !== 'exec') return failure(why)
    this.#transaction = undefined
    return { error: `EXECABORT Transaction discarded because of: ${why}` }
  }

  #gather(name: string, words: string[]): Reply {
    const arity = this.#own[name]?.arity ?? this.#model.arityOf(name)
    if (arity === undefined || !takes(arity, words)) {
      this.#isTransactionBad = true
      return arity === undefined ? unknown(words) : wrongCount(name)
    }
    // A full Redis gathers nothing, as that takes memory too.
    const refusal = this.#model.refusal(this.#model.trouble === 'full' ? 'set' : name)
    if (refusal) {
      this.#isTransactionBad = true
      return refusal
    }
    this.#transaction!.push(words)
    return { status: 'QUEUED' }
  }

  #own: Readonly<Record<string, OwnCommand>> = {
    hello: { arity: -1, run: args => this.#hello(args) },
    ping: { arity: -1, run: args => this.#ping(args) },
    select: {
      arity: 2,
      run: ([index]) => (wholeOf(index) === 0 ? OK : failure('DB index is out of range')),
    },
    client: { arity: -2, run: args => this.#client(args) },
    quit: { arity: -1, run: () => this.#quit() },

    multi: { arity: 1, run: () => this.#begin() },
    exec: { arity: 1, run: () => this.#execute() },
    discard: { arity: 1, run: () => this.#discard() },

    subscribe: { arity: -2, run: args => this.#subscribe(args) },
    unsubscribe: { arity: -1, run: args => this.#unsubscribe(args) },
    publish: { arity: 3, run: ([channel, message]) => this.#model.publish(channel!, message!) },
    pubsub: { arity: -2, run: args => this.#pubsub(args) },

    eval: { arity: -3, run: ([source, ...rest]) => this.#evaluate(this.#model.load(source!), rest) },
    evalsha: { arity: -3, run: ([sha, ...rest]) => this.#evaluate(sha!.toLowerCase(), rest) },
    script: { arity: -2, run: args => this.#script(args) },

    blmove: { arity: 6, run: args => this.#blockingMove(args) },
    blpop: { arity: -3, run: args => this.#blockingPop(args) },
  }

  #hello([protocol, ...rest]: string[]): Reply {
    if (protocol !== undefined && protocol !== '2' && protocol !== '3')
      return { error: 'NOPROTO unsupported protocol version' }
    if (rest.length > 0) return failure(`Syntax error in HELLO option '${rest[0]}'`)
    if (protocol !== undefined) this.#protocol = protocol === '3' ? 3 : 2
    const told: Reply[] = [
      'server',
      'redis',
      'version',
      REDIS_VERSION,
      'proto',
      this.#protocol,
      'id',
      this.id,
    ]
    return { map: [...told, 'mode', 'standalone', 'role', 'master', 'modules', []] }
  }

  #ping([text]: string[]): Reply {
    if (this.#protocol === 2 && this.channels.size > 0) return ['pong', text ?? '']
    return text ?? { status: 'PONG' }
  }

  #client([what, id]: string[]): Reply {
    switch (what!.toLowerCase()) {
      case 'id':
        return this.id
      case 'setname':
        return OK
      case 'unblock':
        return this.#model.unblock(wholeOf(id)) ? 1 : 0
      default:
        // 7.0 knows no SETINFO.
        return failure(`unknown subcommand '${what}'. Try CLIENT HELP.`)
    }
  }

  #quit(): undefined {
    this.#answer(OK)
    this.flush()
    this.end()
  }

  #begin(): Reply {
    if (this.#transaction) return failure('MULTI calls can not be nested')
    this.#transaction = []
    this.#isTransactionBad = false
    return OK
  }

  #discard(): Reply {
    if (!this.#transaction) return failure('DISCARD without MULTI')
    this.#transaction = undefined
    return OK
  }

  #execute(): Reply {
    const gathered = this.#transaction
    if (!gathered) return failure('EXEC without MULTI')
    if (this.#isTransactionBad) {
      this.#transaction = undefined
      return { error: 'EXECABORT Transaction discarded because of previous errors.' }
    }
    const refusal = gathered.map(([name]) => this.#model.refusal(name!.toLowerCase())).find(Boolean)
    if (refusal) return this.#refuse(refusal.error, 'exec')
    const replies: Reply[] = []
    this.#transaction = undefined
    this.#isExecuting = true
    for (const words of gathered) replies.push(this.#run(words) ?? null)
    this.#isExecuting = false
    return replies
  }
  #isExecuting = false

  #subscribe(channels: string[]): undefined {
    for (const channel of channels) {
      this.channels.add(channel)
      this.#model.subscribe(this, channel)
      this.push(['subscribe', channel, this.channels.size])
    }
  }

  #unsubscribe(channels: string[]): undefined {
    const leaving = channels.length > 0 ? channels : [...this.channels]
    if (leaving.length === 0) this.push(['unsubscribe', null, 0])
    for (const channel of leaving) {
      this.channels.delete(channel)
      this.#model.unsubscribe(this, channel)
      this.push(['unsubscribe', channel, this.channels.size])
    }
  }

  #pubsub([what, ...channels]: string[]): Reply {
    if (what!.toLowerCase() !== 'numsub') return failure(`unknown subcommand '${what}'. Try PUBSUB HELP.`)
    return channels.flatMap((channel): Reply[] => [channel, this.#model.listenersOf(channel)])
  }

  #evaluate(sha: ReturnType<RedisModel['load']>, [count, ...rest]: string[]): Reply {
    if (isError(sha)) return sha
    const keys = wholeOf(count)
    if (keys < 0) return failure("Number of keys can't be negative")
    if (keys > rest.length) return failure("Number of keys can't be greater than number of args")
    return this.#model.evaluate(sha as string, rest.slice(0, keys), rest.slice(keys))
  }

  #script([what, ...args]: string[]): Reply {
    switch (what!.toLowerCase()) {
      case 'load':
        return this.#model.load(args[0]!)
      case 'exists':
        return args.map(sha => (this.#model.hasScript(sha.toLowerCase()) ? 1 : 0))
      case 'flush':
        this.#model.flushScripts()
        return OK
      default:
        return failure(`unknown subcommand '${what}'. Try SCRIPT HELP.`)
    }
  }

  #blockingMove([from, to, fromEnd, toEnd, timeout]: string[]): Reply | undefined {
    const refusal = this.#model.refusal('blmove')
    if (refusal) return refusal
    const move = { from: from!, to: to!, fromEnd: endOf(fromEnd), toEnd: endOf(toEnd) }
    const timeoutMs = waitMsOf(timeout)
    // In a transaction nobody can wait.
    if (this.#isExecuting) return this.#model.run(['lmove', move.from, move.to, move.fromEnd, move.toEnd])
    return this.#take(move, timeoutMs)
  }

  #blockingPop([from, ...rest]: string[]): Reply | undefined {
    if (rest.length > 1) throw new Error('the model of Redis waits for one list with BLPOP: teach it more')
    const refusal = this.#model.refusal('blpop')
    if (refusal) return refusal
    const timeoutMs = waitMsOf(rest[0])
    if (!this.#isExecuting) return this.#take({ from: from!, fromEnd: 'LEFT' }, timeoutMs)
    const item = this.#model.run(['lpop', from!])
    return item === null ? { nullArray: true } : typeof item === 'string' ? [from!, item] : item
  }

  #take(taking: Taking, timeoutMs: number): Reply | undefined {
    const taken = this.#model.takeOrWait(this, taking, timeoutMs)
    if (taken !== 'waits') return taken
    this.#isWaiting = true
    return undefined
  }
}

/** @throws CommandFault */
function waitMsOf(timeout: string | undefined): number {
  const seconds = Number(timeout)
  if (timeout === '' || Number.isNaN(seconds))
    throw new CommandFault('timeout is not a float or out of range')
  if (seconds < 0) throw new CommandFault('timeout is negative')
  return Math.ceil(seconds * 1_000)
}
