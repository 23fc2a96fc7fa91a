// Says what happens to a call, and ends it. Everything that is said goes through Redis under the call's fence and in the
// call's own order, together with what changes by it; so an agent that lost the call says nothing more, and finds that
// out here.

import { messageOf } from '../../base/result.ts'
import type { CallStep, CallStore } from '../../redis/calls/calls.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import type { AgentContext } from '../agent/context.ts'
import { answeredSides, type Call, isCall, recordOf } from './call.ts'
import { type CallEvent, callFailure } from './events.ts'
import type { Holding, Saying } from './holding.ts'
import { leave } from './leave.ts'

/** Between two tries while Redis is away. Calls go on meanwhile; what is said about them waits, in order. */
const RETRY_MS = 200

/** More events than any real call has while it waits for Redis. */
const SAYINGS_MAX = 2_000

/** Publishes one event of a call and writes what changes with it, after everything said before. Events go into the
 *  user's history; what is said on another channel is not the user's. */
export function say(context: AgentContext, call: Call, saying: Saying): void {
  if (call.tasks.size >= SAYINGS_MAX) {
    context.log.error(
      { dialId: call.record.dialId },
      'too much to say about one call while Redis is away: dropped',
    )
    return
  }
  call.tasks.run(async () => void (await sayNow(context, call, withHistory(saying))))
}

const withHistory = (saying: Saying): Saying =>
  saying.event && saying.channel === undefined ? { ...saying, history: saying.history ?? 'add' } : saying

/** Publishes and writes from within the call's order; an answer to a message, which no history keeps.
 *  @returns false when the call is another agent's by now: nothing was said. */
export async function sayNow(context: AgentContext, holding: Holding, saying: Saying): Promise<boolean> {
  const { event, ...rest } = saying
  const { record } = holding
  if (holding.ownership === 'over') return sayLate(context, holding, saying)
  record.steps += 1
  const step: CallStep = {
    ...rest,
    number: record.steps,
    ...(event === undefined ? {} : { event: JSON.stringify(event) }),
  }
  const store = storeOf(context, holding)
  let tries = 0
  let isSaid = false
  await untilWritten(context, async () => {
    // We listen before we publish: a backend that answers `call-start` with a control message must find a listener.
    await holding.listening?.confirmed
    // This step was sent before and its answer was lost. Only Redis can tell whether it was done, even if another agent
    // owns the call now.
    if (holding.ownership === 'left' && tries === 0) return
    tries += 1
    let outcome = await store.step(record, step)
    // Redis came back without its data. But if this agent was declared dead, the call may be over long ago.
    if (outcome === 'lost' && (await context.isAlive())) {
      await restore(context, holding, step.number - 1)
      outcome = await store.step(record, step)
    }
    isSaid = outcome === 'done'
    if (outcome !== 'done') return leave(context, holding)
    if (event) context.count('events', event.type)
  })
  return isSaid
}

/** Redis has lost what we hold: it is written again as we know it. @throws RedisUnavailable */
export async function restore(
  context: AgentContext,
  holding: Holding,
  steps = holding.record.steps,
): Promise<void> {
  context.log.warn({ dialId: holding.record.dialId }, 'redis has lost this call: written again')
  const [record, sides] = isCall(holding) ? [recordOf(holding), answeredSides(holding)] : [holding.record, []]
  await storeOf(context, holding).restore(context.agent, { ...record, steps }, sides)
}

export const storeOf = (context: AgentContext, holding: Holding): CallStore =>
  isCall(holding) ? context.store : context.switchChannels

/** A message that came while its call was being released still gets its answer. It is no step of the call, which Redis
 *  does not know any more: written as one, it would bring the call back to life. */
async function sayLate(
  context: AgentContext,
  { record }: Holding,
  { event, channel = record.dialId, answers }: Saying,
): Promise<boolean> {
  // An event after the call's last one is not of this call.
  if (event && answers !== undefined) await sayOn(context, channel, event, answers)
  return true
}

/** Publishes on a channel for which we hold no call. @param name what is published under one name is published once,
 *  whichever agent does it. */
export async function sayOn(
  context: AgentContext,
  channel: string,
  event: CallEvent,
  name: string = crypto.randomUUID(),
): Promise<void> {
  await untilWritten(context, () => context.store.publishOnce(name, channel, JSON.stringify(event)))
}

/** Repeats a write until Redis has taken it. Our writes are safe to repeat: at worst a reader hears one twice. */
export async function untilWritten<Written>(
  context: AgentContext,
  write: () => Promise<Written>,
): Promise<Written> {
  for (;;) {
    try {
      return await write()
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown
      context.log.debug({ reason: messageOf(thrown) }, 'redis away: said again soon')
      await Bun.sleep(RETRY_MS)
    }
  }
}

/** Resolves when it is known whether the call is ours to act for. */
export async function isOurs(context: AgentContext, holding: Holding): Promise<boolean> {
  while (!isLeft(holding) && !(await context.mayAct())) {
    if (context.isDeclaredDead()) return false
    await Bun.sleep(RETRY_MS)
  }
  return !isLeft(holding)
}

/** Whether the call is ours no more: after each await another agent may own it. */
export const isLeft = ({ ownership }: Holding): boolean => ownership === 'left'

/** Ends a call that never began, or of which nobody knows what became of it. The failure is noted in the record: an agent
 *  that takes the call over before it is released must not say it again. */
export function concludeWithFailure(context: AgentContext, call: Call, cause: string): void {
  if (call.isEnding) return
  context.timeline.add(call.record.dialId, { what: 'failure', cause })
  call.lastWord = { event: callFailure(cause), fields: { [FAILED_FIELD]: cause } }
  conclude(context, call)
}

export const FAILED_FIELD = 'failed'

/** The call is over. Its job leaves the in-flight list; then one step publishes the last event and frees the dial id,
 *  because whoever hears that event may use the dial id again. */
export function conclude(context: AgentContext, call: Call): void {
  if (call.isEnding) return
  call.isEnding = true
  call.tasks.run(async () => {
    // Another agent owns the call, or nobody since we were declared dead: the agent that finds it in Redis publishes what
    // we could not.
    if (isLeft(call)) return
    // The job first: a job in flight without a call in Redis counts as never dialled.
    await untilWritten(context, () => settleJob(context, call))
    const { lastWord } = call
    if (lastWord && !(await sayNow(context, call, { ...withHistory(lastWord), isLast: true }))) return
    await untilWritten(context, () => context.store.release(context.agent, call.record))
    if (isLeft(call)) return
    call.ownership = 'over'
    context.timeline.add(call.record.dialId, { what: 'over' })
    await leave(context, call)
  })
}

/** The job leaves the in-flight list: its call stands in Redis, or is over. */
export async function settleJob(context: AgentContext, call: Call): Promise<void> {
  // Only once: later, another job with exactly the same text may be in flight.
  if (call.list === '' || call.isJobSettled) return
  await context.jobs.done(call.list, call.text)
  call.isJobSettled = true
}
