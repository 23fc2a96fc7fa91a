// A phone app that sleeps, as a phone does: it registers over TCP and says in its Contact how it is pushed (RFC 8599),
// then its connection is closed, and its registrar keeps a binding that leads nowhere. Woken, it connects and registers
// again, and is rung on that connection. Who wakes it is the test's business.
import { PhoneLeg } from './phoneLeg.ts'
import { follow, type Plan } from './phones.ts'
import { headerOf, methodOf, responseTo, type SipMessage, sipText, statusOf } from './sip.ts'
import { openSipConnection, type SipConnection } from './sipStream.ts'

export interface SleepingPhoneOptions {
  account: string
  registrar: { host: string; port: number }
  /** Of its Contact's URI: `pn-provider=…;pn-param=…;pn-prid=…`; empty: it is never pushed. */
  parameters: string
  /** What it does when it rings; `silent` belongs to phones that are reached. */
  plan?: Exclude<Plan, { kind: 'silent' }>
  /** The tone that it plays while it talks. */
  hertz?: number
}

/** As long as a busy machine may take to answer a REGISTER or to ring. */
const WITHIN_MS = 15_000

const EXPIRES_SECONDS = 600

export class SleepingPhone {
  readonly #options: SleepingPhoneOptions
  readonly #callId = crypto.randomUUID()
  readonly #legs = new Map<string, PhoneLeg>()
  readonly #answers = new Map<string, (response: SipMessage) => void>()
  readonly #rung = Promise.withResolvers<PhoneLeg>()
  /** Contacts at its registrar: the stale ones and the fresh one. */
  readonly #contacts = new Set<string>()
  #connection: SipConnection | undefined
  #sequence = 0

  constructor(options: SleepingPhoneOptions) {
    this.#options = options
  }

  get timesRung(): number {
    return this.#legs.size
  }

  /** Wakes up, if it sleeps, and registers. Resolves with the registrar's 200. @throws on any other answer. */
  async register(): Promise<void> {
    const { account, registrar, parameters } = this.#options
    this.#connection ??= await openSipConnection(registrar, message => this.#take(message))
    const at = `sip:${account}@${registrar.host}:${this.#connection.port};transport=tcp`
    const contact = parameters === '' ? at : `${at};${parameters}`
    this.#contacts.add(contact)
    await this.#registerAs(contact, EXPIRES_SECONDS)
  }

  /** Its connection is gone; its bindings stay. */
  sleep(): void {
    this.#connection?.close()
    this.#connection = undefined
  }

  /** Resolves with the first call that rings it, past or future. @throws when none does. */
  async rung(): Promise<PhoneLeg> {
    const limit = setTimeout(
      () => this.#rung.reject(new Error(`${this.#options.account} never rang`)),
      WITHIN_MS,
    )
    return this.#rung.promise.finally(() => clearTimeout(limit))
  }

  /** Leaves nothing behind at its registrar. */
  async leave(): Promise<void> {
    await Promise.all([...this.#legs.values()].map(leg => leg.close()))
    this.#connection ??= await openSipConnection(this.#options.registrar, message => this.#take(message))
    for (const contact of this.#contacts) await this.#registerAs(contact, 0)
    this.#contacts.clear()
    this.sleep()
  }

  async #registerAs(contact: string, expiresSeconds: number): Promise<void> {
    const { account, registrar } = this.#options
    const connection = this.#connection!
    const cseq = `${++this.#sequence} REGISTER`
    const { promise, resolve, reject } = Promise.withResolvers<SipMessage>()
    this.#answers.set(cseq, resolve)
    const limit = setTimeout(() => reject(new Error('the registrar does not answer')), WITHIN_MS)
    const headers: [string, string][] = [
      ['Via', `SIP/2.0/TCP ${registrar.host}:${connection.port};rport;branch=z9hG4bK${crypto.randomUUID()}`],
      ['Max-Forwards', '70'],
      ['From', `<sip:${account}@${registrar.host}>;tag=${this.#sequence}`],
      ['To', `<sip:${account}@${registrar.host}>`],
      ['Call-ID', this.#callId],
      ['CSeq', cseq],
      ['Contact', `<${contact}>`],
      ['Expires', String(expiresSeconds)],
    ]
    const start = `REGISTER sip:${registrar.host}:${registrar.port} SIP/2.0`
    connection.send(sipText({ start, headers, body: '' }))
    const status = statusOf(await promise.finally(() => clearTimeout(limit)))
    if (status !== 200) throw new Error(`the registrar answers ${status}`)
  }

  #take(message: SipMessage): void {
    const method = methodOf(message)
    const callId = headerOf(message, 'call-id') ?? ''
    const leg = this.#legs.get(callId)
    if (method === undefined) {
      if (callId !== this.#callId) return leg?.takeResponse(message)
      if (statusOf(message) >= 200) this.#answers.get(headerOf(message, 'cseq') ?? '')?.(message)
      return
    }
    if (leg) return leg.take(message, method)
    if (method === 'INVITE') return this.#ring(message, callId)
    if (method !== 'ACK') this.#connection?.send(sipText(responseTo(message, { status: 481, toTag: 'none' })))
  }

  #ring(invite: SipMessage, callId: string): void {
    const { registrar, hertz, plan = { kind: 'answers' } } = this.#options
    const connection = this.#connection!
    const leg = new PhoneLeg({
      invite,
      address: { host: registrar.host, port: connection.port, isTcp: true },
      hertz,
      send: text => connection.send(text),
    })
    this.#legs.set(callId, leg)
    follow(leg, plan)
    this.#rung.resolve(leg)
  }
}
