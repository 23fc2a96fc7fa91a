// All promises, and the judgement of one run.
import type { Evidence } from '../world/evidence.ts'
import { callsEnd } from './callsEnd.ts'
import type { Checker, Offender } from './checker.ts'
import { eventsInOrder, eventsTrue } from './eventsInOrder.ts'
import { eventsOnce } from './eventsOnce.ts'
import { jobsEnd } from './jobsEnd.ts'
import { messagesAnswered } from './messagesAnswered.ts'
import { nobodyThrows, nothingLeft } from './nothingLeft.ts'
import { ownersAct } from './ownersAct.ts'
import { ringsOnce } from './ringsOnce.ts'
import { wakes } from './wakes.ts'

export const CHECKERS: readonly Checker[] = [
  ...ringsOnce,
  ...jobsEnd,
  callsEnd,
  eventsOnce,
  eventsInOrder,
  eventsTrue,
  messagesAnswered,
  ownersAct,
  ...wakes,
  nobodyThrows,
  nothingLeft,
]

export interface Finding {
  promise: string
  offenders: Offender[]
}

/** @returns the promises that were broken, the gravest first. */
export const judge = (evidence: Evidence): Finding[] =>
  CHECKERS.map(({ promise, offenders }) => ({ promise, offenders: offenders(evidence) })).filter(
    ({ offenders }) => offenders.length > 0,
  )
