// The kinds of faults, how often each comes, and how long it lasts. Several may be at work at once.
import type { Random } from '../../chaos/random.ts'

/** How often each comes, in parts of the whole. A line is between one agent and one place. */
const FAULT_WEIGHTS = {
  'agent killed': 10,
  'agent asleep': 10,
  'agent stands still': 3,
  'agent terminated': 9,
  'agent clock jumps': 2,
  'redis line cut': 8,
  'redis line silent': 5,
  'redis line silent there': 3,
  'redis line silent back': 4,
  'redis line slow': 4,
  'redis line in pieces': 2,
  'switch line cut': 6,
  'switch line silent': 4,
  'switch line silent there': 2,
  'switch line silent back': 2,
  'switch line slow': 3,
  'switch line in pieces': 2,
  'redis asleep': 5,
  'redis restarts': 5,
  'redis drops clients': 6,
  'redis full': 2,
  'switch killed': 4,
  'switch shut down': 3,
  'switch asleep': 3,
  'switch drops sockets': 5,
  'switch slow': 5,
  'switch forgets originates': 2,
  'switch forgets jobs': 2,
  'switch refuses': 2,
} as const

/** Of fronts, where there are some. */
const FRONT_WEIGHTS = {
  'front killed': 8,
  'front asleep': 8,
  'front stands still': 3,
  'front terminated': 8,
  'front clock jumps': 2,
  'wait worker crashes': 4,
  'front redis line cut': 7,
  'front redis line silent': 4,
  'front redis line silent there': 3,
  'front redis line silent back': 4,
  'front redis line slow': 4,
  'front redis line in pieces': 1,
} as const

export type FaultKind = keyof typeof FAULT_WEIGHTS | keyof typeof FRONT_WEIGHTS

export interface PlannedFault {
  kind: FaultKind
  atMs: number
  lengthMs: number
  /** 0–1: which of those that can suffer it. */
  target: number
  /** 0–1: whatever else its kind has to choose. */
  choice: number
}

const FAULTS_MIN = 5
const FAULTS_MAX = 12
const FRONT_FAULTS_MIN = 1
const FRONT_FAULTS_MAX = 6

/** Most are short, some last: squared. */
const LENGTH_MIN_MS = 50
const LENGTH_MAX_MS = 7_000

/** Two faults that meet find more than two apart: so many of a hundred follow closely upon the one before. */
const FOLLOWS_CHANCE = 0.5
const FOLLOWS_MAX_MS = 2_500

interface Between {
  fromMs: number
  untilMs: number
}

export const drawFaults = (random: Random, between: Between): PlannedFault[] =>
  draw(random, between, FAULT_WEIGHTS, random.whole(FAULTS_MIN, FAULTS_MAX))

export const drawFrontFaults = (random: Random, between: Between): PlannedFault[] =>
  draw(random, between, FRONT_WEIGHTS, random.whole(FRONT_FAULTS_MIN, FRONT_FAULTS_MAX))

function draw(
  random: Random,
  { fromMs, untilMs }: Between,
  weights: Partial<Record<FaultKind, number>>,
  count: number,
): PlannedFault[] {
  const rows = Object.entries(weights) as [FaultKind, number][]
  const faults: PlannedFault[] = []
  for (let left = count; left > 0; left--) {
    const before = random.chance(FOLLOWS_CHANCE) ? faults.at(-1) : undefined
    faults.push({
      kind: random.weighted(rows),
      atMs: before
        ? Math.min(untilMs, before.atMs + random.between(0, FOLLOWS_MAX_MS))
        : random.between(fromMs, untilMs),
      lengthMs: LENGTH_MIN_MS + random.next() ** 2 * (LENGTH_MAX_MS - LENGTH_MIN_MS),
      target: random.next(),
      choice: random.next(),
    })
  }
  return faults.sort((one, other) => one.atMs - other.atMs)
}
