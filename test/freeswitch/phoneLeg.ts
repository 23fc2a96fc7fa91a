// One call at one phone, from the INVITE that rang it to its end (RFC 3261, the called side). Messages come in from
// the exchange's socket and go out through it; the sound has a socket of its own. It does what it is told: when to
// answer or refuse is decided by the phone's plan or by the test.
import { KEYPAD_PAYLOAD, type Media, openMedia } from './media.ts'
import { headerOf, responseTo, rtpTargetOf, type SipMessage, sdpOf, sipText, statusOf } from './sip.ts'

/** How a call ended for the phone: the switch hung up, we did, it stopped ringing unanswered, we refused. */
export type LegEnd = 'hung-up' | 'own' | 'cancelled' | 'refused'

export interface PhoneLegOptions {
  invite: SipMessage
  /** Of this phone, for its Contact and its SDP; by UDP if nothing else is said. */
  address: { host: string; port: number; isTcp?: true }
  hertz: number | undefined
  send: (text: string) => void
}

/** Retransmission until acknowledged (T1 of RFC 3261). A datagram on loopback is lost only under great load. */
const RETRANSMIT_MS = 500

export class PhoneLeg {
  readonly #options: PhoneLegOptions
  readonly #media: Promise<Media>
  readonly #tag = crypto.randomUUID().slice(0, 8)
  readonly #ended = Promise.withResolvers<LegEnd>()
  readonly #acknowledged = Promise.withResolvers<void>()
  #lastResponse = ''
  #retransmit: ReturnType<typeof setInterval> | undefined
  #state: 'ringing' | 'answered' | 'ended' = 'ringing'
  /** The last CSeq number that we sent in this dialog. */
  #sequence = 0

  constructor(options: PhoneLegOptions) {
    this.#options = options
    this.#media = openMedia(options.address.host, options.hertz)
    this.#respond(100)
  }

  /** Resolves when the call is over for this phone. */
  get ended(): Promise<LegEnd> {
    return this.#ended.promise
  }

  /** Resolves when the switch has acknowledged the answer. */
  get acknowledged(): Promise<void> {
    return this.#acknowledged.promise
  }

  get isLive(): boolean {
    return this.#state !== 'ended'
  }

  /** A header of the INVITE. */
  header(name: string): string | undefined {
    return headerOf(this.#options.invite, name)
  }

  /** What the phone would show as the caller. */
  get callerId(): string {
    return /sips?:([^@>]*)@/.exec(this.header('From') ?? '')?.[1] ?? ''
  }

  ring(): void {
    this.#respond(180)
  }

  /** Sound before the answer: an announcement, a network's own ring-back. */
  async playEarly(): Promise<void> {
    const media = await this.#media
    this.#respond(183, await this.#sdp())
    this.#listen(media)
  }

  async answer(): Promise<void> {
    const media = await this.#media
    const sdp = await this.#sdp()
    if (this.#state !== 'ringing') return
    this.#state = 'answered'
    this.#listen(media)
    this.#respond(200, sdp)
    this.#repeat()
    await this.acknowledged
  }

  refuse(status: number): void {
    if (this.#state !== 'ringing') return
    this.#respond(status)
    this.#repeat()
    this.#end('refused')
  }

  hangUp(): void {
    if (this.#state !== 'answered') return
    this.#sequence += 1
    const { invite, address } = this.#options
    const contact = /<([^>]+)>/.exec(this.header('Contact') ?? '')?.[1] ?? ''
    const headers: [string, string][] = [
      [
        'Via',
        `SIP/2.0/${address.isTcp ? 'TCP' : 'UDP'} ${address.host}:${address.port};rport;branch=z9hG4bK${crypto.randomUUID()}`,
      ],
      ...routesOf(invite),
      ['Max-Forwards', '70'],
      ['From', `${headerOf(invite, 'to')};tag=${this.#tag}`],
      ['To', headerOf(invite, 'from') ?? ''],
      ['Call-ID', headerOf(invite, 'call-id') ?? ''],
      ['CSeq', `${this.#sequence} BYE`],
    ]
    const bye = sipText({ start: `BYE ${contact} SIP/2.0`, headers, body: '' })
    this.#options.send(bye)
    this.#retransmit = setInterval(() => this.#options.send(bye), RETRANSMIT_MS)
    this.#end('own')
  }

  /** What the phone hears from now on for so long. */
  async hear(lengthMs: number): Promise<Float32Array> {
    return (await this.#media).hear(lengthMs)
  }

  async press(digits: string): Promise<void> {
    await (await this.#media).press(digits)
  }

  /** A request of this call. The exchange hands over the first INVITE with the constructor. */
  take(request: SipMessage, method: string): void {
    switch (method) {
      case 'INVITE':
        return this.#takeInvite(request)
      case 'ACK':
        this.#stopRepeating()
        return this.#acknowledged.resolve()
      case 'CANCEL':
        this.#options.send(sipText(responseTo(request, { status: 200, toTag: this.#tag })))
        if (this.#state !== 'ringing') return
        this.#respond(487)
        this.#repeat()
        return this.#end('cancelled')
      case 'BYE':
        this.#options.send(sipText(responseTo(request, { status: 200, toTag: this.#tag })))
        this.#stopRepeating()
        return this.#end('hung-up')
      default:
        this.#options.send(sipText(responseTo(request, { status: 200, toTag: this.#tag })))
    }
  }

  /** A response to what we sent: to a BYE, because that is all we send. */
  takeResponse(response: SipMessage): void {
    if (statusOf(response) >= 200) this.#stopRepeating()
  }

  /** For the end of a test: no timer and no socket is left, whatever state the call was in. */
  async close(): Promise<void> {
    this.#stopRepeating()
    this.#end('own')
    await this.#media
  }

  #takeInvite(request: SipMessage): void {
    const isRepeated = headerOf(request, 'cseq') === this.header('cseq')
    if (isRepeated) return this.#options.send(this.#lastResponse)
    // Within the call: the switch asks for what it has already.
    void this.#sdp().then(body =>
      this.#options.send(
        sipText(
          responseTo(request, { status: 200, toTag: this.#tag, further: this.#contactHeaders(), body }),
        ),
      ),
    )
  }

  #respond(status: number, sdp?: string): void {
    const further = status > 100 && status < 300 ? this.#contactHeaders(sdp) : []
    const response = responseTo(this.#options.invite, {
      status,
      toTag: this.#tag,
      further,
      ...(sdp === undefined ? {} : { body: sdp }),
    })
    this.#lastResponse = sipText(response)
    this.#options.send(this.#lastResponse)
  }

  #contactHeaders(sdp?: string): [string, string][] {
    const { host, port, isTcp } = this.#options.address
    const type: [string, string][] = sdp === undefined ? [] : [['Content-Type', 'application/sdp']]
    return [['Contact', `<sip:phone@${host}:${port}${isTcp ? ';transport=tcp' : ''}>`], ...type]
  }

  async #sdp(): Promise<string> {
    return sdpOf(this.#options.address.host, (await this.#media).port, KEYPAD_PAYLOAD)
  }

  #listen(media: Media): void {
    const target = rtpTargetOf(this.#options.invite.body)
    if (target) media.sendTo(target.host, target.port)
  }

  #repeat(): void {
    this.#stopRepeating()
    this.#retransmit = setInterval(() => this.#options.send(this.#lastResponse), RETRANSMIT_MS)
  }

  #stopRepeating(): void {
    clearInterval(this.#retransmit)
  }

  #end(end: LegEnd): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    void this.#media.then(media => media.close())
    this.#ended.resolve(end)
  }
}

/** The proxies in between, in the order of the INVITE (RFC 3261, 12.1.1). */
const routesOf = (invite: SipMessage): [string, string][] =>
  invite.headers
    .filter(([name]) => name.toLowerCase() === 'record-route')
    .map(([, value]) => ['Route', value])
