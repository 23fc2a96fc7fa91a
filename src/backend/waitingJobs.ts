// The jobs that wait in their lists for an agent, for those who look: which they are, how long they wait, and who could
// take them. Nothing is taken. A job is whatever bytes a backend pushed, so all that is read of it may be missing.
import { MS_PER_SECOND } from '../base/units.ts'
import type { Backend, SeenAgent } from './backend.ts'
import { numbersOf } from './callView.ts'

export interface WaitingJob {
  /** Empty: the job names none. */
  dialId: string
  kind: string
  orgId: string
  userId: string
  /** The numbers of the first and the second leg, not masked; empty where there is none. */
  numbers: [string, string]
  list: string
  /** Place in the list; 1 is taken next. */
  place: number
  /** Jobs that wait in its list. */
  of: number
  /** null: the job carries no time. */
  queuedAtMs: number | null
}

/** So many jobs of each list are read. Longer lists are a backlog of minutes, in which single jobs matter to nobody. */
const READ_MAX = 10_000

/** All lists together, list by list, the next first. @throws RedisUnavailable */
export async function waitingJobs(backend: Backend, lists: readonly string[]): Promise<WaitingJob[]> {
  // The settings may name one list twice.
  const read = await Promise.all(
    [...new Set(lists)].map(async list => ({ list, ...(await backend.waiting(list, READ_MAX)) })),
  )
  return read.flatMap(({ list, jobs, total }) =>
    jobs.map((job, index) => ({ ...fieldsOf(job), list, place: index + 1, of: total })),
  )
}

/** The job of a dial id, and why nobody takes it. @throws RedisUnavailable */
export async function findWaiting(
  backend: Backend,
  lists: readonly string[],
  dialId: string,
): Promise<{ job: WaitingJob; whyNobody: string | undefined } | undefined> {
  const job = (await waitingJobs(backend, lists)).find(each => each.dialId === dialId)
  return job && { job, whyNobody: whyNobodyTakesJobs(await backend.agents()) }
}

/** Why no agent takes the jobs, as the end of a sentence; undefined when an agent can take them. */
export function whyNobodyTakesJobs(agents: readonly SeenAgent[]): string | undefined {
  const alive = agents.flatMap(({ card }) => (card && !card.isDraining ? [card] : []))
  if (alive.length === 0) return 'no agent is running to take'
  return alive.every(card => card.coreUuid === '') ? 'no agent is connected to its switch to take' : undefined
}

function fieldsOf(
  job: string,
): Pick<WaitingJob, 'dialId' | 'kind' | 'orgId' | 'userId' | 'numbers' | 'queuedAtMs'> {
  const read = objectIn(job)
  const text = (name: string): string =>
    ['string', 'number'].includes(typeof read[name]) ? String(read[name]) : ''
  const { queued_at: queuedAt } = read
  return {
    dialId: text('dial_id'),
    kind: text('type'),
    orgId: text('org_id'),
    userId: text('user_id'),
    numbers: numbersOf(job),
    queuedAtMs: typeof queuedAt === 'number' ? queuedAt * MS_PER_SECOND : null,
  }
}

function objectIn(job: string): Record<string, unknown> {
  try {
    const read: unknown = JSON.parse(job)
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {}
  } catch {
    // The agent that takes such a job tells of its fault; this list shows only that a job waits.
    return {}
  }
}
