// The phones of the suite, all behind one address: the place where the switch's gateway sends its calls. A number is
// given out with what its phone will do when it rings; every other number does not exist. The calls themselves are
// phoneLeg.ts's.
import type { udp } from 'bun'
import { PhoneLeg } from './phoneLeg.ts'
import {
  headerOf,
  isAuthorized,
  type Login,
  methodOf,
  numberOf,
  parseSip,
  responseTo,
  type SipMessage,
  sipText,
} from './sip.ts'

/** What a phone does when it rings. `rings`: until the test decides. `early-media`: 183 with sound, then the same.
 *  `silent`: not a word, as if its network were gone. */
export type Plan =
  | { kind: 'answers' }
  | { kind: 'rings' }
  | { kind: 'early-media' }
  | { kind: 'refuses'; status: number }
  | { kind: 'silent' }

export interface PhoneOptions {
  plan?: Plan
  /** The tone that it plays while it talks. */
  hertz?: number
  /** Asks who calls, with this status, and lets only this login in; a wrong one gets 403. */
  challenge?: Login & { status: 401 | 407 }
}

export interface Phone {
  readonly number: string
  /** The same phone as a SIP URI, past the gateway. */
  readonly uri: string
  /** The next call that rings it, past or future; each is handed out once. @throws after five seconds. */
  rung(): Promise<PhoneLeg>
  /** How often it was rung. */
  readonly timesRung: number
}

export type Phones = Awaited<ReturnType<typeof openPhones>>

/** As the switch's rings take: a loaded machine may need a moment. */
const RUNG_WITHIN_MS = 5_000

/** Numbers look like the United States' own fictitious ones. */
const FIRST_NUMBER = 15_550_100_000

interface Entry extends PhoneOptions {
  legs: PhoneLeg[]
  handedOut: number
  waiting: ((leg: PhoneLeg) => void)[]
}

/** Opens the address. @throws when something else listens there. */
export async function openPhones(address: { host: string; port: number }) {
  const entries = new Map<string, Entry>()
  const legs = new Map<string, PhoneLeg>()
  let nextNumber = FIRST_NUMBER

  const socket: udp.Socket<'buffer'> = await Bun.udpSocket({
    hostname: address.host,
    port: address.port,
    socket: {
      data: (_socket, bytes, port, host) => {
        const message = parseSip(bytes.toString('utf8'))
        if (message) take(message, text => send(text, port, host))
      },
      // The same refusal, told later.
      error: () => undefined,
    },
  })

  function send(text: string, port: number, host: string): void {
    try {
      socket.send(text, port, host)
    } catch {
      // Its port is closed: what matters is sent again, until it is answered.
    }
  }

  function take(message: SipMessage, send: (text: string) => void): void {
    const method = methodOf(message)
    const leg = legs.get(headerOf(message, 'call-id') ?? '')
    if (method === undefined) return leg?.takeResponse(message)
    if (leg) return leg.take(message, method)
    if (method === 'INVITE') return ring(message, send)
    if (method === 'ACK') return
    // OPTIONS is the gateway's ping; anything else belongs to a call that we don't know.
    const status = method === 'OPTIONS' ? 200 : 481
    send(sipText(responseTo(message, { status, toTag: 'none' })))
  }

  function ring(invite: SipMessage, send: (text: string) => void): void {
    const refuse = (status: number, further: [string, string][] = []) =>
      send(sipText(responseTo(invite, { status, toTag: 'none', further })))
    const entry = entries.get(numberOf(invite))
    if (!entry) return refuse(404)
    const { challenge, plan = { kind: 'answers' } } = entry
    const authorization = headerOf(invite, 'authorization') ?? headerOf(invite, 'proxy-authorization')
    if (challenge && authorization !== undefined && !isAuthorized(authorization, 'INVITE', challenge))
      return refuse(403)
    if (challenge && authorization === undefined) {
      const name = challenge.status === 407 ? 'Proxy-Authenticate' : 'WWW-Authenticate'
      const nonce = crypto.randomUUID()
      return refuse(challenge.status, [[name, `Digest realm="phones", nonce="${nonce}", algorithm=MD5`]])
    }
    if (plan.kind === 'silent') return
    const leg = new PhoneLeg({ invite, address, hertz: entry.hertz, send })
    legs.set(headerOf(invite, 'call-id') ?? '', leg)
    entry.legs.push(leg)
    follow(leg, plan)
    entry.waiting.shift()?.(leg)
  }

  return {
    address,

    /** Gives a phone a number of its own. */
    add(options: PhoneOptions = {}): Phone {
      const number = String(nextNumber++)
      const entry: Entry = { ...options, legs: [], handedOut: 0, waiting: [] }
      entries.set(number, entry)
      return {
        number,
        uri: `sip:${number}@${address.host}:${address.port}`,
        get timesRung() {
          return entry.legs.length
        },
        rung() {
          const leg = entry.legs[entry.handedOut++]
          if (leg) return Promise.resolve(leg)
          return new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`${number} never rang`)), RUNG_WITHIN_MS)
            entry.waiting.push(found => {
              clearTimeout(timer)
              resolve(found)
            })
          })
        },
      }
    },

    /** A number that nobody has. */
    unknownNumber: (): string => String(nextNumber++),

    /** Calls that have not ended for their phone. */
    liveLegs: (): PhoneLeg[] => [...legs.values()].filter(leg => leg.isLive),

    async close(): Promise<void> {
      await Promise.all([...legs.values()].map(leg => leg.close()))
      socket.close()
    },
  }
}

/** Has a phone that was rung do what was planned. */
export function follow(leg: PhoneLeg, plan: Exclude<Plan, { kind: 'silent' }>): void {
  switch (plan.kind) {
    case 'answers':
      leg.ring()
      return void leg.answer()
    case 'rings':
      return leg.ring()
    case 'early-media':
      return void leg.playEarly()
    case 'refuses':
      return leg.refuse(plan.status)
  }
}
