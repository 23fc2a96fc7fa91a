// Queues a job as a backend does: on the list of its kind, with the time at which it was queued. Whoever may ask twice
// for one job is answered as the first time, and the job stands in the list once.
import { createHash } from 'node:crypto'
import { type Clock, toSeconds } from '../base/units.ts'
import type { JobQueued } from '../redis/jobs/jobRequests.ts'
import type { Backend } from './backend.ts'
import type { WireMessage } from './sendCommand.ts'

/** The settings' names of the lists, by the kind of their jobs. */
export interface JobLists {
  jobListAsp: string
  jobListBot: string
  jobListLoad: string
}

/** Where jobs of a kind are queued. */
export function jobListOf(kind: string, lists: JobLists): string {
  if (kind === 'asp-call') return lists.jobListAsp
  return kind === 'bot-call' ? lists.jobListBot : lists.jobListLoad
}

/** With a time, so that a job which nobody takes for JOB_MAX_AGE does not ring somebody much later. */
export const stamped = (job: WireMessage, clock: Clock): WireMessage => ({
  ...job,
  queued_at: job.queued_at ?? toSeconds(clock()),
})

export interface JobPlacing {
  /** The job with the wire's field names, without undefined fields. A job without a dial id gets one. */
  job: WireMessage
  /** The caller's own name for the request. */
  key: string | undefined
  lists: JobLists
  clock: Clock
  newDialId: () => string
}

export type JobPlaced = JobQueued & { list: string }

/** Queues a job that was read already. Two requests with one dial id, or one key, and the same content are one; without
 *  either they are two. @throws RedisUnavailable: it may have been queued, and can be asked for again. */
export async function placeJob(backend: Backend, placing: JobPlacing): Promise<JobPlaced> {
  const { job, key, lists, clock, newDialId } = placing
  const list = jobListOf(job.type, lists)
  const others = [lists.jobListAsp, lists.jobListBot, lists.jobListLoad].filter(each => each !== list)
  const dialId = job.dial_id === undefined ? newDialId() : String(job.dial_id)
  const queued = await backend.queueOnce({
    list,
    // The settings may name one list twice.
    otherLists: [others[0] ?? list, others[1] ?? list],
    dialId,
    job: JSON.stringify(stamped({ ...job, dial_id: dialId }, clock)),
    fingerprint: fingerprintOf(job),
    key: key === undefined ? undefined : createHash('sha256').update(key).digest('hex'),
  })
  return { ...queued, list }
}

/** What two requests for the same job have in common: everything but their time and their trace. */
function fingerprintOf({ queued_at: _when, traceparent: _trace, ...content }: WireMessage): string {
  const sorted = Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex')
}
