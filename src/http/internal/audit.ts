// Writes down who has ordered what by the internal API: a log line for each order before it is given, and an entry in
// the timeline of each call that it concerned. What became of an order stands in the timeline too, by its agent.
import type { Log } from '../../base/log.ts'
import type { Clock } from '../../base/units.ts'
import type { Recorder } from '../../timeline/recorder.ts'
import type { CallerOf } from './caller.ts'

export interface Order {
  /** A command, or the kind of a job. */
  event: string
  /** The calls that it is about, as far as they are known before. */
  dialIds: readonly string[]
  /** For an order on a switch's own channel. */
  coreUuid?: string
  commandId?: string
}

/** @returns what enters the order in the timelines, once it is certain which calls there are. */
export type Audit = (request: Request, order: Order) => (dialIds?: readonly string[]) => void

export interface AuditOptions {
  callerOf: CallerOf
  timeline: Pick<Recorder, 'add'>
  clock: Clock
  log: Log
}

export function createAudit({ callerOf, timeline, clock, log }: AuditOptions): Audit {
  return (request, { event, dialIds, coreUuid, commandId }) => {
    const { client, credential } = callerOf(request)
    const whose = credential.kind === 'admin' ? { tokenName: credential.name } : {}
    const which = commandId === undefined ? {} : { commandId }
    const where = coreUuid === undefined ? {} : { coreUuid }
    log.info(
      { event, dialId: dialIds.join(' '), client, ...whose, ...which, ...where },
      'ordered by the internal API',
    )
    const atMs = clock()
    return (entered = dialIds) => {
      for (const dialId of entered)
        timeline.add(dialId, { what: 'ordered', event, client, ...whose, ...which }, { atMs })
    }
  }
}
