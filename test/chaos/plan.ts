// What a run will do, drawn from its seed before it begins: how much traffic, and which fault comes when. Targets are
// drawn as numbers and resolved when the time comes, among those that can suffer the fault then.
import { seededRandom } from './random.ts'

/** How often each fault comes, in parts of the whole. */
const FAULT_WEIGHTS = {
  'agent killed': 12,
  'agent paused': 10,
  'agent terminated': 8,
  'front killed': 6,
  'front paused': 6,
  'front terminated': 5,
  'redis killed': 4,
  'redis paused': 5,
  'redis drops clients': 5,
  'redis drops subscribers': 5,
  'switch killed': 4,
  'switch shut down': 3,
  'switch silent': 4,
  'switch drops sockets': 6,
  'switch slow': 5,
  'switch forgets': 2,
  'redis line cut': 7,
  'redis line stalled': 5,
  'switch line cut': 5,
  'switch line stalled': 4,
} as const

export type FaultKind = keyof typeof FAULT_WEIGHTS
export const FAULT_KINDS = Object.keys(FAULT_WEIGHTS) as FaultKind[]

export interface PlannedFault {
  kind: FaultKind
  /** Since the traffic began. A fault that finds nobody to suffer it waits. */
  atMs: number
  /** 0–1: which of those that can suffer it. */
  target: number
  /** 0–1: how long it lasts, within what its kind allows. */
  length: number
}

export interface ChaosPlan {
  seed: number
  seconds: number
  agents: number
  fronts: number
  jobsPerSecond: number
  controlsPerSecond: number
  wakesPerSecond: number
  /** Jobs that name an account whose phone sleeps, and callers at the dialplan's socket: so many of each. */
  sleepersPerSecond: number
  faults: PlannedFault[]
  /** For a line of news while it runs. */
  say: (line: string) => void
}

/** Nothing goes wrong while the first calls come up. */
const LEAD_IN_MS = 3_000

/** @param of `faults` are spread over `seconds`, each kind by its weight. */
export function drawPlan(of: Pick<ChaosPlan, 'seed' | 'seconds' | 'say'> & { faults: number }): ChaosPlan {
  const random = seededRandom(of.seed, 'faults')
  const kinds = random.shuffle(spread(of.faults))
  const stepMs = (of.seconds * 1_000 - LEAD_IN_MS) / of.faults
  const faults = kinds.map((kind, index) => ({
    kind,
    atMs: LEAD_IN_MS + (index + random.next()) * stepMs,
    target: random.next(),
    length: random.next(),
  }))
  return {
    seed: of.seed,
    seconds: of.seconds,
    agents: 3,
    fronts: 2,
    jobsPerSecond: 10,
    controlsPerSecond: 30,
    wakesPerSecond: 8,
    sleepersPerSecond: 2,
    faults,
    say: of.say,
  }
}

/** So many faults in the proportion of their weights; every kind at least once when there is room. */
function spread(count: number): FaultKind[] {
  const total = Object.values(FAULT_WEIGHTS).reduce((sum, weight) => sum + weight, 0)
  const kinds = FAULT_KINDS.flatMap(kind =>
    Array<FaultKind>(Math.max(1, Math.round((count * FAULT_WEIGHTS[kind]) / total))).fill(kind),
  )
  while (kinds.length < count) kinds.push(FAULT_KINDS[kinds.length % FAULT_KINDS.length]!)
  // The rarest stand at the end of neither: dropped are the most frequent ones.
  while (kinds.length > count) kinds.shift()
  return kinds
}
