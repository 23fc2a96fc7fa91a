// What will happen in one world, drawn from its seed before it begins: who is there, which calls are made and what is
// said to them, and what goes wrong when. A plan is plain data, so that a failing one can be made smaller by leaving
// things out. Victims are drawn as numbers and found when the time comes, among those that can suffer it then.
import { type Random, seededRandom } from '../../chaos/random.ts'
import { SOUND } from '../../switch/people.ts'
import { drawFaults, drawFrontFaults, type PlannedFault } from './faultKinds.ts'
import { drawExtras, type Extras } from './planExtras.ts'
import { drawAccountCalls, drawWakes, type WakePlan } from './wakePlan.ts'

/** A message to a call's channel, some time after the call's channel told that it began or that it ended. */
export interface PlannedControl {
  commandId: string
  after: 'call-start' | 'hangup-event'
  afterMs: number
  message: Record<string, string>
}

export interface PlannedCall {
  dialId: string
  atMs: number
  list: string
  job: Record<string, string | number>
  /** The very same job is pushed again so much later: somebody's retry. */
  copiesAfterMs: number[]
  controls: PlannedControl[]
}

export interface Plan {
  seed: number
  /** Traffic and faults go on for so long; then everything is healed and the last calls end. */
  seconds: number
  switches: number
  /** At each switch. */
  agents: number
  calls: PlannedCall[]
  extras: Extras
  wakes: WakePlan
  faults: PlannedFault[]
}

/** Everybody is up and connected by then. */
export const LEAD_IN_MS = 2_000

export const SECONDS = 30

/** When all faults are over, since the world began. */
export const healedAtMs = ({ seconds }: Plan): number => LEAD_IN_MS + seconds * 1_000

/** Of the calls that are ordered on a switch's own channel. */
export const orderedDialIdsOf = ({ extras }: Plan): string[] =>
  extras.orders.flatMap(({ message }) => message.dial_id ?? [])

export function drawPlan(seed: number): Plan {
  const shape = seededRandom(seed, 'shape')
  const switches = shape.weighted([
    [1, 3],
    [2, 2],
  ] as const)
  const agents = shape.whole(2, 3)
  const count = shape.whole(8, 22)
  const ground = { fromMs: LEAD_IN_MS, untilMs: SECONDS * 1_000 - 2_000 }
  const calls = drawCalls(seededRandom(seed, 'calls'), count)
  const wakes = drawWakes(seed, ground)
  const between = { fromMs: LEAD_IN_MS + 500, untilMs: SECONDS * 1_000 }
  const idsOfAll = (list: readonly PlannedCall[]) => list.map(({ dialId }) => dialId)
  return {
    seed,
    seconds: SECONDS,
    switches,
    agents,
    calls: [...calls, ...drawAccountCalls(seed, wakes, ground, count)],
    wakes,
    extras: drawExtras(seededRandom(seed, 'extras'), {
      fromMs: LEAD_IN_MS,
      untilMs: SECONDS * 1_000,
      dialIds: idsOfAll(calls),
      bots: idsOfAll(calls.filter(({ job }) => job.type === 'bot-call')),
    }),
    faults: [
      ...drawFaults(seededRandom(seed, 'faults'), between),
      ...(wakes.fronts > 0 ? drawFrontFaults(seededRandom(seed, 'front faults'), between) : []),
    ].sort((one, other) => one.atMs - other.atMs),
  }
}

/** Who is called answers as a rule. */
const CALLER_WEIGHTS = [
  ['101', 10],
  ['102', 20],
  ['103', 25],
  ['104', 30],
  ['105', 5],
  ['486', 6],
  ['603', 3],
  ['480', 4],
] as const
const CALLEE_WEIGHTS = [...CALLER_WEIGHTS, ['104', 20] as const] as const

function drawCalls(random: Random, count: number): PlannedCall[] {
  const untilMs = SECONDS * 1_000 - 2_000
  return Array.from({ length: count }, (_, index) => {
    const dialId = `call-${index + 1}`
    const isBot = random.chance(0.2)
    const job = isBot ? drawBot(random, dialId, index) : drawAsp(random, dialId, index)
    const controls = Array.from({ length: random.whole(0, 6) }, (_, at) =>
      drawControl(random, `${dialId}/${at + 1}`, index * 10 + at),
    )
    return {
      dialId,
      atMs: random.between(LEAD_IN_MS, untilMs),
      list: isBot ? 'talkiq-bot.calls' : 'talkiq-asp.calls',
      job,
      copiesAfterMs: random.chance(0.08) ? [random.between(0, 3_000)] : [],
      controls,
    }
  })
}

/** A number that nobody else has; its end says what the phone does. */
const numberOf = (serial: number, does: string): string => `1555${String(serial).padStart(5, '0')}${does}`

const idsOf = (dialId: string, random: Random) => ({
  dial_id: dialId,
  org_id: 'org',
  user_id: `user-${random.whole(1, 9)}`,
})

function drawAsp(random: Random, dialId: string, index: number): PlannedCall['job'] {
  return {
    type: 'asp-call',
    ...idsOf(dialId, random),
    call_provider: 'acme',
    caller_number: numberOf(2 * index, random.weighted(CALLER_WEIGHTS)),
    callee_number: numberOf(2 * index + 1, random.weighted(CALLEE_WEIGHTS)),
    caller_id_lega: '15550000002',
    caller_id_legb: '15550000001',
  }
}

function drawBot(random: Random, dialId: string, index: number): PlannedCall['job'] {
  return {
    type: 'bot-call',
    ...idsOf(dialId, random),
    phone_number: numberOf(2 * index, random.weighted(CALLER_WEIGHTS)),
    caller_id: '15550000009',
  }
}

/** What is said to a call, and how often. */
const CONTROL_WEIGHTS = [
  ['barge', 10],
  ['whisper', 8],
  ['threeway', 6],
  ['mute', 6],
  ['play', 10],
  ['play-now', 4],
  ['stop-playback', 16],
  ['start-background', 4],
  ['stop-background', 4],
  ['hangup', 8],
] as const

function drawControl(random: Random, commandId: string, serial: number): PlannedControl {
  // The moment at which a call ends is the one at which a message is easily lost.
  const isAfterthought = random.chance(0.15)
  return {
    commandId,
    after: isAfterthought ? 'hangup-event' : 'call-start',
    afterMs: isAfterthought ? random.between(0, 30) : random.next() ** 2 * 12_000,
    message: drawMessage(random, serial),
  }
}

function drawMessage(random: Random, serial: number): Record<string, string> {
  const type = random.weighted(CONTROL_WEIGHTS)
  switch (type) {
    case 'barge':
      return {
        type,
        phone_number: `1777${String(serial).padStart(5, '0')}${random.weighted(CALLER_WEIGHTS)}`,
        caller_id: '15550000008',
      }
    case 'play':
    case 'play-now':
    case 'start-background':
    case 'stop-background':
      return { type, path: random.chance(0.9) ? SOUND : '/no/such.wav' }
    default:
      return { type }
  }
}
