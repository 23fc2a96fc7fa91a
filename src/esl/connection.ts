// One connection to one switch, from the greeting to its end: authenticates, sets the filters, subscribes, then passes
// commands out and replies and events in. It ends once and is never reused; link.ts makes the next one. It does not
// know background jobs, heartbeats or retries.
import { asWireText } from './command.ts'
import { eventOf, type SwitchEvent } from './event.ts'
import { type EslFrame, FrameReader, headLine } from './frames.ts'
import type { LinkLimits } from './limits.ts'
import { type CommandOutcome, outcomeOf } from './outcome.ts'
import { ReplyQueue } from './replies.ts'
import { type EslSocket, openSocket, type SocketClosed } from './socket.ts'
import { textOf } from './text.ts'

/** Why a connection ended. `refused` is the only one that a person must mend: password or access list. */
export type LinkLoss =
  | SocketClosed
  | { kind: 'refused'; detail: string }
  | { kind: 'handshake-timeout' }
  | { kind: 'handshake-failed'; detail: string }
  | { kind: 'command-timeout' }
  | { kind: 'silent' }
  | { kind: 'disconnect-notice'; detail: string }
  | { kind: 'protocol-error'; detail: string }

/** One server-side filter: `filter <header> <value>`. A value that starts with `/` is a regular expression. Positive
 *  filters are ORed. FreeSWITCH answers +OK to a malformed one, which then matches nothing. */
export interface EventFilter {
  header: string
  value: string
}

export interface ConnectionSettings {
  host: string
  port: number
  password: string
  events: readonly string[]
  filters: readonly EventFilter[]
}

export interface ConnectionHooks {
  onReady(coreUuid: string): void
  /** In the switch's order, never before `onReady`. */
  onEvent(event: SwitchEvent): void
  /** Exactly once, after every waiting command was settled with `lost`. Not called after `close`. */
  onLost(loss: LinkLoss): void
}

/** Details come from the other side: they are cut before they reach a log. */
const DETAIL_CHARACTERS_MAX = 200
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export class EslConnection {
  readonly #settings: ConnectionSettings
  readonly #limits: LinkLimits
  readonly #hooks: ConnectionHooks
  readonly #replies = new ReplyQueue()
  readonly #reader: FrameReader
  readonly #socket: EslSocket
  #handshakeTimer: ReturnType<typeof setTimeout> | undefined
  #state: 'connecting' | 'greeted' | 'ready' | 'ended' = 'connecting'
  /** Counts received chunks, so that a watcher sees whether anything came since it last looked. */
  chunksReceived = 0

  /** Starts to connect. The hooks are called later, never from in here. */
  constructor(settings: ConnectionSettings, limits: LinkLimits, hooks: ConnectionHooks) {
    this.#settings = settings
    this.#limits = limits
    this.#hooks = hooks
    this.#reader = new FrameReader(frame => this.#onFrame(frame), {
      headBytesMax: limits.headBytesMax,
      bodyBytesMax: limits.bodyBytesMax,
    })
    this.#socket = openSocket(
      {
        host: settings.host,
        port: settings.port,
        connectTimeoutMs: limits.connectTimeoutMs,
        unsentBytesMax: limits.unsentBytesMax,
      },
      {
        onConnect: () => {
          this.#handshakeTimer = setTimeout(
            () => this.#end({ kind: 'handshake-timeout' }),
            limits.handshakeTimeoutMs,
          )
        },
        onData: chunk => this.#onData(chunk),
        onClosed: reason => this.#end(reason),
      },
    )
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  get waitingReplies(): number {
    return this.#replies.length
  }

  /** Sends one whole command (with its blank line) and settles with its reply. The bytes are on the socket when this
   *  returns. After a time-out the order of the replies is unknown, so the connection ends with it.
   *  @param lossOnTimeout what the end is then called. */
  send(
    wire: string,
    timeoutMs: number,
    settle: (outcome: CommandOutcome) => void,
    lossOnTimeout: LinkLoss = { kind: 'command-timeout' },
  ): void {
    if (this.#state !== 'ready') return settle({ kind: 'lost' })
    if (this.#replies.length >= this.#limits.waitingCommandsMax) return settle({ kind: 'busy' })
    if (!this.#socket.write(wire)) return settle({ kind: 'busy' })
    this.#replies.add(settle, timeoutMs, () => this.#end(lossOnTimeout))
  }

  /** Ends it for the owner's reasons: waiting commands are `lost`, `onLost` is not called. */
  close(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    clearTimeout(this.#handshakeTimer)
    this.#reader.stop()
    this.#socket.close()
    this.#replies.settleAll({ kind: 'lost' })
  }

  #end(loss: LinkLoss): void {
    if (this.#state === 'ended') return
    this.close()
    this.#hooks.onLost(loss)
  }

  #onData(chunk: Buffer): void {
    this.chunksReceived += 1
    const fault = this.#reader.push(chunk)
    if (fault) this.#end({ kind: 'protocol-error', detail: fault.kind })
  }

  #onFrame(frame: EslFrame): void {
    switch (frame.contentType) {
      case 'command/reply':
        return this.#onReply(headLine(frame.head, 'Reply-Text') ?? '')
      case 'api/response':
        return this.#onReply(textOf(frame.body))
      case 'auth/request':
        return this.#authenticate()
      case 'text/disconnect-notice':
        return this.#end({ kind: 'disconnect-notice', detail: detailOf(textOf(frame.body)) })
      case 'text/rude-rejection':
        return this.#end({ kind: 'refused', detail: detailOf(textOf(frame.body)) })
      default: {
        // Anything else (log lines, say) was not asked for and concerns nobody.
        const event = this.#state === 'ready' ? eventOf(frame) : undefined
        if (event) this.#hooks.onEvent(event)
      }
    }
  }

  #onReply(text: string): void {
    if (this.#replies.settleFirst(outcomeOf(text))) return
    this.#end({ kind: 'protocol-error', detail: 'a reply that nobody asked for' })
  }

  #authenticate(): void {
    if (this.#state !== 'connecting') return this.#end({ kind: 'protocol-error', detail: 'greeted twice' })
    this.#state = 'greeted'
    this.#ask(`auth ${this.#settings.password}`, answer => {
      if (answer.kind === 'ok') this.#subscribe()
      else this.#end({ kind: 'refused', detail: detailOf(answer.text) })
    })
  }

  // Filters stand before the subscription, so that not one foreign event slips in between. All of it goes out in one
  // burst: the replies come in order.
  #subscribe(): void {
    let coreUuid = ''
    for (const filter of this.#settings.filters) {
      this.#ask(`filter ${filter.header} ${filter.value}`, answer => this.#insist(answer, 'filter'))
    }
    this.#ask('api global_getvar core_uuid', answer => {
      coreUuid = answer.text
      if (!UUID.test(coreUuid)) this.#end({ kind: 'handshake-failed', detail: 'no core_uuid' })
    })
    this.#ask(`event plain ${this.#settings.events.join(' ')}`, answer => {
      if (!this.#insist(answer, 'event')) return
      clearTimeout(this.#handshakeTimer)
      this.#state = 'ready'
      this.#hooks.onReady(coreUuid)
    })
  }

  #ask(command: string, onAnswer: (answer: { kind: 'ok' | 'error'; text: string }) => void): void {
    if (this.#state === 'ended') return
    if (!this.#socket.write(`${asWireText(command)}\n\n`)) {
      return this.#end({ kind: 'handshake-failed', detail: 'the switch does not read' })
    }
    this.#replies.add(outcome => {
      if (outcome.kind === 'ok' || outcome.kind === 'error') onAnswer(outcome)
    })
  }

  #insist(answer: { kind: 'ok' | 'error'; text: string }, what: string): boolean {
    if (answer.kind === 'error') {
      this.#end({ kind: 'handshake-failed', detail: detailOf(`${what}: ${answer.text}`) })
    }
    return answer.kind === 'ok'
  }
}

const detailOf = (text: string): string => text.trim().slice(0, DETAIL_CHARACTERS_MAX)
