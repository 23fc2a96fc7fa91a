// What PBXs and phones do in one world: accounts with their phones, calls for them that a PBX asks a front to wake, and calls
// that a backend has dialled to an account. What a phone does is drawn for each call, from the call's and the phone's names.
import { type Random, seededRandom } from '../../chaos/random.ts'
import type { PlannedCall } from './plan.ts'

export interface PlannedAccount {
  account: string
  phones: PlannedPhone[]
}

export interface PlannedPhone {
  id: string
  platform: 'android' | 'apns'
  /** Pushed once for each call. */
  isOnce: boolean
  /** It registers at the switches alone (RFC 8599), and confirms by that. */
  isSip: boolean
}

/** One request of a PBX. */
export interface PlannedAsk {
  afterMs: number
  /** 0–1: which front. */
  target: number
  /** The PBX drops its request after so long; undefined: it waits for the answer. */
  leavesAfterMs: number | undefined
}

export interface PlannedWake {
  callId: string
  account: string
  atMs: number
  /** The first, and those that the PBX sends besides: retries, and other legs of the call. */
  asks: PlannedAsk[]
  /** The PBX says that the call is over. */
  end: { afterMs: number; target: number; reason: 'caller_hangup' | 'answered_elsewhere' } | undefined
}

export interface WakePlan {
  fronts: number
  accounts: PlannedAccount[]
  wakes: PlannedWake[]
}

export const NO_WAKES: WakePlan = { fronts: 0, accounts: [], wakes: [] }

/** Of all worlds. Phones cost as much time as the rest. */
const WITH_FRONTS_CHANCE = 0.5

interface Ground {
  fromMs: number
  untilMs: number
}

export function drawWakes(seed: number, { fromMs, untilMs }: Ground): WakePlan {
  const random = seededRandom(seed, 'wakes')
  if (!random.chance(WITH_FRONTS_CHANCE)) return NO_WAKES
  const accounts = Array.from({ length: random.whole(3, 5) }, (_, index) =>
    drawAccount(random, `account${index + 1}x${random.pick(['104', '104', '103', '486'])}`),
  )
  return {
    fronts: 2,
    accounts,
    wakes: Array.from({ length: random.whole(5, 12) }, (_, index) => ({
      callId: `wake-${index + 1}`,
      account: random.pick(accounts).account,
      atMs: random.between(fromMs, untilMs),
      asks: drawAsks(random),
      end: random.chance(0.2)
        ? {
            afterMs: random.next() ** 2 * 5_000,
            target: random.next(),
            reason: random.pick(['caller_hangup', 'answered_elsewhere'] as const),
          }
        : undefined,
    })),
  }
}

function drawAccount(random: Random, account: string): PlannedAccount {
  const count = random.weighted([
    [1, 4],
    [2, 4],
    [3, 2],
    [0, 1],
  ] as const)
  return {
    account,
    phones: Array.from({ length: count }, (_, index) => ({
      id: `${account}-${index + 1}`,
      platform: random.chance(0.6) ? 'android' : 'apns',
      isOnce: random.chance(0.2),
      isSip: random.chance(0.2),
    })),
  }
}

function drawAsks(random: Random): PlannedAsk[] {
  const draw = (afterMs: number): PlannedAsk => ({
    afterMs,
    target: random.next(),
    leavesAfterMs: random.chance(0.25) ? random.next() ** 2 * 4_500 : undefined,
  })
  const further = random.weighted([
    [0, 5],
    [1, 3],
    [2, 2],
    [12, 0.3],
  ] as const)
  return [draw(0), ...Array.from({ length: further }, () => draw(random.next() ** 2 * 4_000))]
}

/** Calls that are dialled to accounts, numbered behind the others. */
export function drawAccountCalls(
  seed: number,
  { accounts }: WakePlan,
  { fromMs, untilMs }: Ground,
  already: number,
): PlannedCall[] {
  if (accounts.length === 0) return []
  const random = seededRandom(seed, 'account calls')
  return Array.from({ length: random.whole(2, 5) }, (_, at) => {
    const serial = already + at
    const dialId = `call-${serial + 1}`
    const ids = { dial_id: dialId, org_id: 'org', user_id: `user-${random.whole(1, 9)}` }
    const { account } = random.pick(accounts)
    const number = (which: number) => `1555${String(2 * serial + which).padStart(5, '0')}104`
    const beside = (name: string, which: number) => (random.chance(0.4) ? { [name]: number(which) } : {})
    const shown = { caller_id_lega: '15550000002', caller_id_legb: '15550000001' }
    const asp = { type: 'asp-call', ...ids, call_provider: 'acme', ...shown }
    const job: PlannedCall['job'] = random.weighted([
      [{ ...asp, caller_number: number(0), callee_account: account, ...beside('callee_number', 1) }, 5],
      [{ ...asp, caller_account: account, callee_number: number(1), ...beside('caller_number', 0) }, 3],
      [{ type: 'bot-call', ...ids, account, caller_id: '15550000009', ...beside('phone_number', 0) }, 2],
    ] as const)
    return {
      dialId,
      atMs: random.between(fromMs, untilMs),
      list: job.type === 'bot-call' ? 'talkiq-bot.calls' : 'talkiq-asp.calls',
      job,
      copiesAfterMs: [],
      controls: random.chance(0.4)
        ? [
            {
              commandId: `${dialId}/1`,
              after: 'call-start',
              afterMs: random.next() ** 2 * 8_000,
              message: { type: random.pick(['hangup', 'play-now', 'stop-playback']), path: '/no/such.wav' },
            },
          ]
        : [],
    }
  })
}

/** What the vendor says to a push. `hangs`: nothing, until it is given up. */
export type VendorMood = 'accepts' | 'slow' | 'later' | 'gone' | 'refuses' | 'hangs'

/** What one phone does about one call. Times count from the first push that it hears. */
export interface PhoneMood {
  vendor: VendorMood
  /** Undefined: it stays asleep. */
  answersAfterMs: number | undefined
  isAvailable: boolean
  /** It answers again so much later. */
  againAfterMs: number[]
  /** By what it is known. */
  by: 'token' | 'key'
  /** It holds a verdict stream. */
  isFollowing: boolean
}

export function moodOf(seed: number, callId: string, phone: string): PhoneMood {
  const random = seededRandom(seed, `phone ${phone} ${callId}`)
  const vendor = random.weighted<VendorMood>([
    ['accepts', 20],
    ['slow', 3],
    ['later', 2],
    ['gone', 0.5],
    ['refuses', 1.5],
    ['hangs', 1],
  ])
  // The moment at which a wake ends is the one at which an answer is easily lost.
  const answersAfterMs = random.weighted([
    [undefined, 3],
    [random.between(50, 1_500), 10],
    [random.between(1_500, 3_900), 4],
    [random.between(3_950, 4_050), 2],
    [random.between(4_100, 7_000), 1],
  ] as const)
  return {
    vendor,
    answersAfterMs,
    isAvailable: random.chance(0.85),
    againAfterMs: random.chance(0.3) ? [random.between(0, 2_500)] : [],
    by: random.chance(0.5) ? 'token' : 'key',
    isFollowing: random.chance(0.4),
  }
}
