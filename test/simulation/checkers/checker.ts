// What a checker is: one promise, and who breaks it. A checker reads a run's evidence and nothing else, so it can't be
// wrong in the same way as what it judges.
import { isFailureOfJob } from '../../harness/countEvents.ts'
import type { Evidence, PublishedLine, RecordLine } from '../world/evidence.ts'
import { orderedDialIdsOf } from '../world/plan.ts'

/** Somebody for whom a promise was not kept. */
export interface Offender {
  /** A dial id, a key, a process: what the story is told about. */
  about: string
  why: string
}

export interface Checker {
  /** The promise, in a few words. */
  promise: string
  offenders: (evidence: Evidence) => Offender[]
}

/** A checker of each call, by its dial id: also of those that were ordered on a switch's own channel. */
export const ofEachCall = (
  promise: string,
  judge: (call: JudgedCall, evidence: Evidence) => string[],
): Checker => ({
  promise,
  offenders: evidence =>
    [
      ...evidence.jobs.map(({ call, takenAtMs }) => ({
        dialId: call.dialId,
        jobs: takenAtMs.length,
        isOrdered: false,
      })),
      ...orderedDialIdsOf(evidence.plan).map(dialId => ({ dialId, jobs: 1, isOrdered: true })),
    ].flatMap(({ dialId, jobs, isOrdered }) => {
      const call = {
        dialId,
        jobs,
        isOrdered,
        told: evidence.told.get(dialId) ?? [],
        records: evidence.recordsOf.get(dialId) ?? [],
      }
      return judge(call, evidence).map(why => ({ about: dialId, why }))
    }),
})

/** One dial id, with all that was told and recorded of it. */
export interface JudgedCall {
  dialId: string
  /** How often its job was pushed: more than once where somebody asked again. */
  jobs: number
  /** By a message on a switch's own channel, where it is answered: nobody may have heard it. */
  isOrdered: boolean
  /** What was published on its channel, in order. */
  told: readonly PublishedLine[]
  /** What the switches recorded of its legs, in order. */
  records: readonly RecordLine[]
}

export const isEvent = (line: PublishedLine, type: string, side?: string): boolean =>
  line.message.type === type && (side === undefined || line.message.side === side)

/** The end of a job that is not attempted, or of which nothing is known: no answer to a message. */
export const isFailure = ({ message }: PublishedLine): boolean => isFailureOfJob(message)

export const ringsOf = ({ records }: JudgedCall, side: string): RecordLine[] =>
  records.filter(({ record }) => record.kind === 'ring' && record.side === side)

export const SIDES = ['0', '1'] as const
