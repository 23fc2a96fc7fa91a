// One connection to one switch: modesl's Connection, with our frame reader in place of its parser. Commands go out and
// are matched to their replies by modesl; events pass it by and are read lazily. The connection ends once, on the
// socket's end, an error, a reply that does not come or bytes that are no event socket, and everything that waits is
// settled then. It knows no login and no channel (switchConnection.ts, channelConnection.ts), no jobs and no retries.
//
// What is not modesl's, and why: its parser throws on a caller's name with a `%`, copies quadratically and recurses
// once for each frame; it writes a command in pieces; its callbacks are forgotten when the socket ends, and wait for
// ever when no reply comes.
import type { Socket } from 'node:net'
import modesl, { type ReplyCallback } from 'modesl'
import { messageOf } from '../base/result.ts'
import { type EslPacket, wireOf } from './command.ts'
import { eventOf, type SwitchEvent } from './event.ts'
import { type EslFrame, FrameReader, headLine } from './frames.ts'
import type { ConnectionLimits } from './limits.ts'
import { type CommandOutcome, outcomeOf } from './outcome.ts'
import { ReplyFrame } from './reply.ts'
import { textOf } from './text.ts'

/** Why a connection ended. `refused` is the only one that a person must mend: password or access list. */
export type LinkLoss =
  | { kind: 'connect-failed'; detail: string }
  | { kind: 'connect-timeout' }
  | { kind: 'socket-closed'; detail: string }
  | { kind: 'refused'; detail: string }
  | { kind: 'handshake-timeout' }
  | { kind: 'handshake-failed'; detail: string }
  | { kind: 'command-timeout' }
  | { kind: 'silent' }
  | { kind: 'disconnect-notice'; detail: string }
  | { kind: 'protocol-error'; detail: string }

export interface ConnectionHooks {
  /** In the switch's order, never before the connection is ready. */
  onEvent(event: SwitchEvent): void
  /** Exactly once, after every waiting command was settled with `lost`. Not called after `close`. */
  onLost(loss: LinkLoss): void
}

/** modesl's own arguments: where to connect to, or the socket of a connection that the switch made. */
export type Way = [host: string, port: number, password: string] | [accepted: Socket]

type FrameListener = (...frame: unknown[]) => void

type Settle = (outcome: CommandOutcome) => void

interface Waiting {
  settle: Settle
  timer: ReturnType<typeof setTimeout> | undefined
}

/** A dead peer is noticed by the heartbeat first; this is for hosts that vanish while nothing is subscribed. */
const KEEP_ALIVE_MS = 30_000
/** Details come from the other side: they are cut before they reach a log. */
const DETAIL_CHARACTERS_MAX = 200

export abstract class EslConnection extends modesl.Connection {
  readonly #limits: ConnectionLimits
  readonly #hooks: ConnectionHooks
  readonly #socket: Socket
  readonly #reader: FrameReader
  /** Commands without a reply, oldest first, over both of modesl's queues. */
  readonly #waiting = new Set<Waiting>()
  #state: 'connecting' | 'greeting' | 'ready' | 'ended' = 'connecting'
  /** Runs until the socket is connected, then until the connection is ready. */
  #timer: ReturnType<typeof setTimeout> | undefined
  /** By their names. Declared alone: modesl listens from inside its constructor, before our fields exist. */
  declare private heard: Record<string, FrameListener> | undefined
  /** Counts received chunks, so that a watcher sees whether anything came since it last looked. */
  chunksReceived = 0

  /** The hooks are called later, never from in here. */
  protected constructor(way: Way, limits: ConnectionLimits, hooks: ConnectionHooks) {
    super(...way)
    this.#limits = limits
    this.#hooks = hooks
    // modesl forgets its socket at the end of the stream.
    this.#socket = this.socket!
    this.#reader = new FrameReader(frame => this.#onFrame(frame), limits)
    this.#socket.on('close', this.#onClose)
    this.once('esl::end', () => this.end({ kind: 'socket-closed', detail: 'end of stream' }))
    this.on('esl::event::auth::request', () => this.auth())
    if (this._inbound) {
      this.#timer = setTimeout(() => this.end({ kind: 'connect-timeout' }), limits.connectTimeoutMs)
    } else this._onConnect()
  }

  // modesl's own emitter keeps a tree of objects for each name that somebody listens to: 1.4 kB a connection, of which there may
  // be one for each ringing phone. Here each name has one listener.
  override on(name: string, listener: FrameListener): this {
    this.heard ??= {}
    this.heard[name] = listener
    return this
  }

  /** As `on`: what is heard once here happens once. */
  override once(name: string, listener: FrameListener): this {
    return this.on(name, listener)
  }

  override emit(name: string, ...frame: unknown[]): boolean {
    const listener = this.heard?.[name]
    listener?.(...frame)
    return listener !== undefined
  }

  override removeAllListeners(): this {
    this.heard = undefined
    return this
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  get waitingReplies(): number {
    return this.#waiting.size
  }

  /** Sends one command and settles with its reply. The bytes are with the kernel when this returns, unless earlier
   *  ones still wait. After a time-out the order of the replies is unknown, so the connection ends with it.
   *  @param lossOnTimeout what the end is then called.
   *  @throws when the packet would be more than one command: a bug in a builder. */
  ask(
    packet: EslPacket,
    timeoutMs: number,
    settle: Settle,
    lossOnTimeout: LinkLoss = { kind: 'command-timeout' },
  ): void {
    if (this.#state !== 'ready') return settle({ kind: 'lost' })
    if (this.#waiting.size >= this.#limits.waitingCommandsMax) return settle({ kind: 'busy' })
    this.#send(packet, settle, { timeoutMs, lossOnTimeout })
  }

  /** Ends it for the owner's reasons: waiting commands are `lost`, `onLost` is not called. */
  close(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    clearTimeout(this.#timer)
    this.#reader.stop()
    this.#socket.off('data', this.#onData)
    this.#socket.off('close', this.#onClose)
    this.#socket.destroy()
    this.cmdCallbackQueue = []
    this.apiCallbackQueue = []
    this.removeAllListeners()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const { settle, timer } of waiting) {
      clearTimeout(timer)
      settle({ kind: 'lost' })
    }
  }

  protected end(loss: LinkLoss): void {
    if (this.#state === 'ended') return
    this.close()
    this.#hooks.onLost(loss)
  }

  /** As `ask`, before the connection is ready; all of the handshake has one time limit. */
  protected askInHandshake(packet: EslPacket, settle: Settle): void {
    if (this.#state === 'ended') return settle({ kind: 'lost' })
    this.#send(packet, settle)
  }

  /** The end of the handshake: from now on commands are taken and events are told. */
  protected becomeReady(): void {
    clearTimeout(this.#timer)
    this.#state = 'ready'
  }

  #send(packet: EslPacket, settle: Settle, limit?: { timeoutMs: number; lossOnTimeout: LinkLoss }): void {
    const unsentBytes = this.#socket.writableLength + Buffer.byteLength(wireOf(packet))
    if (unsentBytes > this.#limits.unsentBytesMax) return settle({ kind: 'busy' })
    const waiting: Waiting = { settle, timer: undefined }
    this.#waiting.add(waiting)
    if (limit) {
      waiting.timer = setTimeout(() => {
        this.#waiting.delete(waiting)
        settle({ kind: 'timeout' })
        this.end(limit.lossOnTimeout)
      }, limit.timeoutMs)
    }
    const onReply: ReplyCallback = reply => {
      this.#waiting.delete(waiting)
      clearTimeout(waiting.timer)
      settle(outcomeOf(reply.getHeader('Reply-Text') ?? reply.getBody()))
    }
    const { line, headers = {} } = packet
    if (line.startsWith('api ')) this.api(line.slice('api '.length), onReply)
    else this.sendRecv(line, headers, onReply)
  }

  /** A chunk is ours to keep: Bun hands out fresh memory each time. */
  readonly #onData = (chunk: Buffer): void => {
    this.chunksReceived += 1
    const fault = this.#reader.push(chunk)
    if (fault) this.end({ kind: 'protocol-error', detail: fault.kind })
  }

  readonly #onClose = (): void => this.end({ kind: 'socket-closed', detail: 'closed' })

  #onFrame(frame: EslFrame): void {
    switch (frame.contentType) {
      case 'command/reply':
        return this.#onReply(frame, this.cmdCallbackQueue)
      case 'api/response':
        return this.#onReply(frame, this.apiCallbackQueue)
      case 'auth/request':
        return this.#dispatch(frame)
      case 'text/disconnect-notice':
        // The channel is gone, and the switch keeps the socket open for as long as it was asked to (`linger`).
        if (headLine(frame.head, 'Content-Disposition') === 'linger') return
        return this.end({ kind: 'disconnect-notice', detail: detailOf(textOf(frame.body)) })
      case 'text/rude-rejection':
        return this.end({ kind: 'refused', detail: detailOf(textOf(frame.body)) })
      default: {
        // Anything else (log lines, say) was not asked for and concerns nobody.
        const event = this.#state === 'ready' ? eventOf(frame) : undefined
        if (event) this.#hooks.onEvent(event)
      }
    }
  }

  #onReply(frame: EslFrame, queue: readonly ReplyCallback[]): void {
    if (queue.length > 0) return this.#dispatch(frame)
    this.end({ kind: 'protocol-error', detail: 'a reply that nobody asked for' })
  }

  #dispatch(frame: EslFrame): void {
    const eventName = headLine(frame.head, 'Event-Name')
    this._onEvent(new ReplyFrame(frame), { 'Content-Type': frame.contentType, 'Event-Name': eventName })
  }

  /** A peer that asks for a password where none is due. A connection that logs in overrides it. */
  override auth(): void {
    this.end({ kind: 'protocol-error', detail: 'asks for a password' })
  }

  /** One packet in one write: modesl's own takes a system call for each line, and throws after the socket's end.
   *  @throws when a line would end the command or name the event socket's module. */
  override send(line: string, headers?: Readonly<Record<string, string>> | null): void {
    // No field of ours is touched: modesl sends `connect` from inside its constructor.
    this.socket?.write(wireOf({ line, headers: headers ?? {} }))
  }

  override _onConnect(): void {
    // For an accepted socket modesl calls this from inside its constructor, before our fields exist; ours calls it again.
    if (!(#reader in this) || this.#state === 'ended') return
    clearTimeout(this.#timer)
    this.#state = 'greeting'
    this.#timer = setTimeout(() => this.end({ kind: 'handshake-timeout' }), this.#limits.handshakeTimeoutMs)
    this.#socket.setNoDelay(true)
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS)
    // modesl's parser would listen here.
    this.#socket.on('data', this.#onData)
    this.connecting = false
    this.emit('esl::connect')
  }

  override _onError(error: Error): void {
    const kind = this.#state === 'connecting' ? 'connect-failed' : 'socket-closed'
    this.end({ kind, detail: messageOf(error) })
  }
}

/** The start of a text that the other side sent, for a log. */
export const detailOf = (text: string): string => text.trim().slice(0, DETAIL_CHARACTERS_MAX)
