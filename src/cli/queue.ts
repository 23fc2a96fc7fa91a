// Queues a job as a backend does, and says what will become of it: that it waits for agents, or that there are none.
// Where it is asked for, the call is followed from its first event on.

import type { Backend } from '../backend/backend.ts'
import { stamped } from '../backend/queueJob.ts'
import type { Clock } from '../base/units.ts'
import { DONE, type Ending } from './ending.ts'
import type { Order } from './order.ts'
import type { Terminal } from './terminal.ts'
import { startWatch } from './watch.ts'

/** @param list the Redis list of the job's kind. */
export async function queue(
  backend: Backend,
  order: Extract<Order, { kind: 'job' }>,
  list: string,
  terminal: Terminal,
  clock: Clock,
): Promise<Ending> {
  const { job, isJson } = order
  const dialId = job.dial_id
  // Listen before the job is queued: an agent may publish the first event a millisecond later.
  const watch = order.isWatched
    ? await startWatch(
        backend,
        { dialId, isFollowing: false, isJson, isOurs: true, isHeldBack: true },
        terminal,
        clock,
      )
    : undefined
  const waiting = await backend.queueJob(list, JSON.stringify(stamped(job, clock)))
  if (!isJson) terminal.out(`queued ${job.type} ${dialId} on ${list}`)
  else if (!watch) terminal.out(JSON.stringify({ dial_id: dialId, list, waiting }))
  if (waiting > 1) terminal.err(`Jobs that wait before it: ${waiting - 1}.`)
  watch?.tell()
  await warnOfAgents(backend, terminal)
  if (watch) return await watch.ended
  if (!isJson) terminal.err(`Follow it: ${terminal.program} watch ${dialId}`)
  return DONE
}

async function warnOfAgents(backend: Backend, terminal: Terminal): Promise<void> {
  const agents = (await backend.agents()).filter(each => each.card)
  if (agents.length === 0) terminal.err('No agent is running: the job waits for one (npm start).')
  else if (agents.every(each => each.card?.coreUuid === ''))
    terminal.err('No agent is connected to its switch: the job waits until one is.')
}
