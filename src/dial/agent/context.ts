// What the parts of an agent share: its link to the switch, its stores, its calls, and the two things that every
// part does with a call: say something about it, and end it. The order of what is said is kept for each call.

import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import type { Clock } from '../../base/units.ts'
import type { SwitchLink } from '../../esl/link.ts'
import type { CallStep, CallStore } from '../../redis/calls/calls.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import type { JobQueue } from '../../redis/jobs/jobs.ts'
import type { Subscriber, Subscription } from '../../redis/subscriber.ts'
import type { Recorder } from '../../timeline/recorder.ts'
import type { Traces } from '../../timeline/traced.ts'
import { answeredSides, type Call, recordOf } from '../call/call.ts'
import { type CallEvent, callFailure } from '../call/events.ts'
import type { CallRegistry } from '../call/registry.ts'
import type { Count, Observe } from './countNames.ts'
import type { AgentSettings } from './messages.ts'

export interface AgentContext {
  readonly agent: string
  readonly settings: AgentSettings
  readonly link: SwitchLink
  readonly store: CallStore
  readonly jobs: JobQueue
  /** Hears the channels of calls, of the switch and of this agent. */
  readonly channels: Subscriber
  readonly calls: CallRegistry
  /** Channels of calls that were given up, with their dial ids: see `lateRing.ts`. */
  readonly givenUp: Map<string, string>
  /** What is under way and is no call of ours (any more): an agent that stops lets it end first. */
  readonly unfinished: Set<Promise<unknown>>
  readonly count: Count
  readonly observe: Observe
  /** Notes what happens to a call, by its dial id; costs nobody a wait. */
  readonly timeline: Pick<Recorder, 'add'>
  /** Only while traces are made. */
  readonly traces: Traces | undefined
  readonly clock: Clock
  readonly log: Log
  /** Whether we may act for our calls: false once another agent has been told to (see `liveness.ts`). */
  mayAct(): Promise<boolean>
  /** A message on a call's channel. */
  onMessage(call: Call, message: string): void
  /** A call has ended: there is room for another. */
  onRoom(): void
}

/** What is said about a call besides what changes with it. */
export type Saying = Omit<CallStep, 'event' | 'number'> & { event?: CallEvent }

/** Between two tries while Redis is away. Calls go on meanwhile; what is said about them waits, in order. */
const RETRY_MS = 200

/** A call that waits for Redis with this much to say is a flood, not a call. */
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
  const history = saying.event && saying.channel === undefined ? { history: saying.history ?? 'add' } : {}
  call.tasks.run(async () => void (await sayNow(context, call, { ...saying, ...history })))
}

/** Publishes and writes from within the call's order; an answer to a message, which no history keeps.
 *  @returns false when the call is another agent's by now: nothing was said. */
export async function sayNow(
  context: AgentContext,
  call: Call,
  { event, ...rest }: Saying,
): Promise<boolean> {
  const { record } = call
  if (call.isReleased) return sayLate(context, call, event, rest.channel)
  record.steps += 1
  const step: CallStep = {
    ...rest,
    number: record.steps,
    ...(event === undefined ? {} : { event: JSON.stringify(event) }),
  }
  let tries = 0
  let isSaid = false
  await untilWritten(context, async () => {
    // Heard before said: whoever reacts to `call-start` with a control message finds us listening.
    await call.listening?.confirmed
    // Sent before, and the answer was lost: only Redis can tell whether it was done, though the call is another's now.
    if (call.isFenced && tries === 0) return
    tries += 1
    let outcome = await context.store.step(record, step)
    // Redis came back without its data. Not so if it is us who were given up: then the call may be long over.
    if (outcome === 'lost' && (await context.mayAct())) {
      context.log.warn({ dialId: record.dialId }, 'redis has lost this call: written again')
      await context.store.restore(
        context.agent,
        { ...recordOf(call), steps: step.number - 1 },
        answeredSides(call),
      )
      outcome = await context.store.step(record, step)
    }
    isSaid = outcome === 'done'
    if (outcome !== 'done') return fence(context, call)
    if (event) context.count('events', event.type)
  })
  return isSaid
}

/** A message that came while its call was being released still gets its answer. It is no step of the call, which Redis
 *  does not know any more: written as one, it would bring the call back to life. */
async function sayLate(
  context: AgentContext,
  call: Call,
  event: CallEvent | undefined,
  channel: string = call.record.dialId,
): Promise<boolean> {
  if (call.isFenced) return false
  if (event) await sayOn(context, channel, event)
  return true
}

/** Another agent owns the call. We say and do nothing more about it, and listen only until its channel tells that the
 *  other one listens: what came before is ours to answer, with a failure. */
export function fence(context: AgentContext, call: Call): void {
  if (call.isFenced) return
  call.isFenced = true
  context.log.warn({ dialId: call.record.dialId }, 'another agent owns this call now: left to it')
  context.timeline.add(call.record.dialId, { what: 'left-alone' })
  // Redis may be slow to take us off the channel, and who publishes until then counts on us.
  setTimeout(() => letGo(context, call, { isHeardToTheEnd: true }), FENCED_LISTENING_MS)
}

/** What a sleeper still has to hear waits in its own socket; the other's marker is there already or comes soon. */
const FENCED_LISTENING_MS = 1_000

/** Says something on a channel for which we hold no call. @param names what goes by one of these names there is said
 *  once, whoever says it. */
export async function sayOn(
  context: AgentContext,
  channel: string,
  event: CallEvent,
  names: readonly string[] = [crypto.randomUUID()],
): Promise<void> {
  await untilWritten(context, () => context.store.publishOnce(names, channel, JSON.stringify(event)))
}

/** Repeats a write until Redis has taken it. Our writes are safe to repeat: at worst a reader hears one twice. */
export async function untilWritten(context: AgentContext, write: () => Promise<void>): Promise<void> {
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

/** Says that the call never was, or is not known. Noted with the call: whoever takes it over before it is released must
 *  not say it again. */
export function sayFailure(context: AgentContext, call: Call, cause: string): void {
  context.timeline.add(call.record.dialId, { what: 'failure', cause })
  say(context, call, { event: callFailure(cause), fields: { [FAILED_FIELD]: cause } })
}

export const FAILED_FIELD = 'failed'

/** The call is over: after everything said, its dial id is free and its job done with. */
export function conclude(context: AgentContext, call: Call): void {
  if (call.isEnding) return
  call.isEnding = true
  call.tasks.run(async () => {
    // Another agent's, or nobody's since we were declared dead: what we could not say of its end is said by whoever
    // finds it in Redis. What its channel said before that still waits to be heard by us: see `fence`.
    if (call.isFenced) return
    // The job first: a job in flight without a call in Redis counts as never dialled.
    await untilWritten(context, () => settleJob(context, call))
    await untilWritten(context, () => context.store.release(context.agent, call.record))
    call.isReleased = true
    context.timeline.add(call.record.dialId, { what: 'over' })
    // While it is being handed over, the successor has to leave its channel before us.
    if (!call.handover) letGo(context, call, { isHeardToTheEnd: true })
  })
}

/** Out of our memory and off its channel, whoever owns it now. What the channel says until Redis has taken us off it is
 *  ours to answer (`isHeardToTheEnd`) only as long as nobody else's part has begun. */
export function letGo(context: AgentContext, call: Call, until: { isHeardToTheEnd?: boolean } = {}): void {
  // Let go before; by now the channel may be heard for a later call of the same dial id.
  if (context.calls.find(call.record.dialId) !== call) return
  context.calls.remove(call)
  const left = leaveChannel(context, call.listening, until)
  if (until.isHeardToTheEnd) void left.then(call.onLeft)
  else call.onLeft()
  letFinish(
    context,
    left.then(() => call.tasks.idle()),
  )
  context.onRoom()
}

/** Hears a call's channel from now on. */
export const hearCall = (context: AgentContext, call: Call): Subscription =>
  context.channels.listen(call.record.dialId, { onMessage: message => context.onMessage(call, message) })

/** Off a channel; without Redis nothing is heard there anyway. */
export async function leaveChannel(
  context: AgentContext,
  subscription: Subscription | undefined,
  until: { isHeardToTheEnd?: boolean } = {},
): Promise<void> {
  try {
    await subscription?.leave(until)
  } catch (thrown) {
    context.log.debug({ reason: messageOf(thrown) }, 'not unsubscribed: redis is away')
  }
}

/** Keeps the agent from ending before this has. */
export function letFinish(context: AgentContext, work: Promise<unknown>): void {
  context.unfinished.add(work)
  const remove = () => void context.unfinished.delete(work)
  work.then(remove, remove)
}

/** The subscription was interrupted, and stands again: what our calls' channels said meanwhile is lost, a marker too.
 *  A call that is another's by now is left at once: its new messages are the other's, and would be answered twice. */
export async function lookAfterGap(context: AgentContext): Promise<void> {
  await untilWritten(context, async () => {
    const calls = context.calls.all()
    const mayAct = await context.mayAct()
    // Declared dead, all of them are fenced by now; otherwise it is not known yet.
    if (!mayAct && calls.some(call => !call.isFenced)) throw new RedisUnavailable('our lease is not known')
    const standings = await Promise.all(calls.map(call => context.store.standing(call.record)))
    for (const [index, call] of calls.entries()) {
      // Ours, and the marker with which our part begins is perhaps among what was lost: all that follows is ours.
      if (standings[index] === 'held') {
        call.awaitedMarker = undefined
        call.early = []
      }
      // Of a call that Redis does not know, ours is just being claimed, and another's is over.
      const isLeft = standings[index] === 'fenced' || (standings[index] === 'lost' && call.isFenced)
      if (!isLeft) continue
      fence(context, call)
      letGo(context, call)
    }
  })
}

/** The job leaves the in-flight list: its call stands in Redis, or is over. */
export async function settleJob(context: AgentContext, call: Call): Promise<void> {
  // Once: another job of the very same text may be in flight by then.
  if (call.list === '' || call.isJobSettled) return
  await context.jobs.done(call.list, call.text)
  call.isJobSettled = true
}
