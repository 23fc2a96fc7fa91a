// Somebody who calls: one call over UDP from the INVITE to its end (RFC 3261, the calling side), with a tone of its own.
// It dials, and hears what becomes of that; when to leave is the test's business.
import type { udp } from 'bun'
import { KEYPAD_PAYLOAD, type Media, openMedia } from './media.ts'
import {
  headerOf,
  methodOf,
  parseSip,
  responseTo,
  rtpTargetOf,
  type SipMessage,
  sdpOf,
  sipText,
  statusOf,
} from './sip.ts'

export interface CallTo {
  /** Where the INVITE goes. */
  proxy: { host: string; port: number }
  number: string
  hertz: number
}

/** A datagram on loopback is lost only under great load (T1 of RFC 3261). */
const RETRANSMIT_MS = 500

/** Longer than any wait of a test. */
const WITHIN_MS = 25_000

export class Caller {
  readonly #to: CallTo
  readonly #socket: udp.Socket<'buffer'>
  readonly #media: Media
  readonly #callId = crypto.randomUUID()
  readonly #tag = crypto.randomUUID().slice(0, 8)
  readonly #branch = `z9hG4bK${crypto.randomUUID()}`
  readonly #rings = Promise.withResolvers<void>()
  readonly #final = Promise.withResolvers<number>()
  readonly #ended = Promise.withResolvers<void>()
  #retransmit: ReturnType<typeof setInterval> | undefined
  /** The 2xx that made the dialog. */
  #answer: SipMessage | undefined

  private constructor(to: CallTo, socket: udp.Socket<'buffer'>, media: Media) {
    this.#to = to
    this.#socket = socket
    this.#media = media
  }

  /** Calls. Resolves when the INVITE is on its way. */
  static async call(to: CallTo): Promise<Caller> {
    const { host } = to.proxy
    let caller: Caller | undefined
    const socket: udp.Socket<'buffer'> = await Bun.udpSocket({
      hostname: host,
      socket: {
        data: (_socket, bytes) => {
          const message = parseSip(bytes.toString('latin1'))
          if (message && caller) caller.#take(message)
        },
        error: () => undefined,
      },
    })
    caller = new Caller(to, socket, await openMedia(host, to.hertz))
    caller.#send(caller.#request('INVITE', sdpOf(host, caller.#media.port, KEYPAD_PAYLOAD)))
    return caller
  }

  /** Resolves when it hears that the call rings, not how it ends. */
  get rings(): Promise<void> {
    return within('the caller hears ringing', this.#rings.promise)
  }

  /** How the INVITE was answered in the end. */
  get finalStatus(): Promise<number> {
    return within('a final answer to the caller', this.#final.promise)
  }

  /** Resolves when the other side has hung up. */
  get ended(): Promise<void> {
    return within('the other side hangs up', this.#ended.promise)
  }

  hear(lengthMs: number): Promise<Float32Array> {
    return this.#media.hear(lengthMs)
  }

  /** Leaves: before the answer by CANCEL, after it by BYE. Resolves with how the INVITE was answered. */
  async leave(): Promise<number> {
    if (this.#answer) this.#send(this.#request('BYE'))
    else this.#send(this.#request('CANCEL'))
    return this.finalStatus
  }

  close(): void {
    clearInterval(this.#retransmit)
    this.#media.close()
    this.#socket.close()
  }

  #take(message: SipMessage): void {
    const method = methodOf(message)
    if (method === undefined) return this.#takeResponse(message)
    this.#write(sipText(responseTo(message, { status: 200, toTag: this.#tag })))
    if (method === 'BYE') this.#ended.resolve()
  }

  #takeResponse(response: SipMessage): void {
    const status = statusOf(response)
    if (!/ INVITE$/.test(headerOf(response, 'cseq') ?? '')) return void clearInterval(this.#retransmit)
    clearInterval(this.#retransmit)
    const target = rtpTargetOf(response.body)
    if (target) this.#media.sendTo(target.host, target.port)
    if (status === 180 || status === 183) return this.#rings.resolve()
    if (status < 200) return
    if (status < 300) this.#answer ??= response
    this.#write(this.#ack(response, status < 300))
    this.#final.resolve(status)
  }

  /** Again and again, until something comes back. */
  #send(text: string): void {
    clearInterval(this.#retransmit)
    this.#write(text)
    this.#retransmit = setInterval(() => this.#write(text), RETRANSMIT_MS)
  }

  #write(text: string): void {
    try {
      this.#socket.send(text, this.#to.proxy.port, this.#to.proxy.host)
    } catch {
      // Its port is closed: what matters is sent again, until it is answered.
    }
  }

  #ack(response: SipMessage, isInDialog: boolean): string {
    // Of a refusal it belongs to the INVITE's transaction (RFC 3261, 17.1.1.3).
    const branch = isInDialog ? `z9hG4bK${crypto.randomUUID()}` : this.#branch
    return this.#text('ACK', { branch, to: headerOf(response, 'to') ?? '' })
  }

  #request(method: 'INVITE' | 'CANCEL' | 'BYE', body = ''): string {
    const branch = method === 'BYE' ? `z9hG4bK${crypto.randomUUID()}` : this.#branch
    return this.#text(method, { branch, to: (this.#answer && headerOf(this.#answer, 'to')) ?? '', body })
  }

  #text(
    method: 'INVITE' | 'CANCEL' | 'BYE' | 'ACK',
    { branch, to, body = '' }: { branch: string; to: string; body?: string },
  ): string {
    const { proxy, number } = this.#to
    const here = `${proxy.host}:${this.#socket.port}`
    const address = `sip:${number}@${proxy.host}:${proxy.port}`
    const answer = method === 'ACK' || method === 'BYE' ? this.#answer : undefined
    const target = (answer && /<([^>]+)>/.exec(headerOf(answer, 'contact') ?? '')?.[1]) ?? address
    // The proxies in between, nearest first (RFC 3261, 12.1.2).
    const routes = (answer?.headers ?? [])
      .filter(([name]) => name.toLowerCase() === 'record-route')
      .map(([, value]): [string, string] => ['Route', value])
      .toReversed()
    const headers: [string, string][] = [
      ['Via', `SIP/2.0/UDP ${here};rport;branch=${branch}`],
      ...routes,
      ['Max-Forwards', '70'],
      ['From', `"Ann Lee" <sip:4930123456@${proxy.host}>;tag=${this.#tag}`],
      ['To', to === '' ? `<${address}>` : to],
      ['Call-ID', this.#callId],
      ['CSeq', `${method === 'BYE' ? 2 : 1} ${method}`],
      ['Contact', `<sip:caller@${here}>`],
      ...(body === '' ? [] : [['Content-Type', 'application/sdp'] as [string, string]]),
    ]
    return sipText({ start: `${method} ${target} SIP/2.0`, headers, body })
  }
}

async function within<Value>(what: string, promise: Promise<Value>): Promise<Value> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const limit = setTimeout(() => reject(new Error(`never came: ${what}`)), WITHIN_MS)
  return Promise.race([promise, tooLate]).finally(() => clearTimeout(limit))
}
