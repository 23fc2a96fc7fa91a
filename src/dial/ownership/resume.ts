// Goes on with a call that Redis says is ours: because its owner died and we moved it to us, because its owner handed it
// over, or because we moved it and never learned that we had. The call is read back from its record, its channel is
// heard, what was left unanswered is answered, and the switch is asked what became of it.
import { bargersOf } from '../../redis/calls/bargers.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import { tellBug } from '../agent/bugs.ts'
import type { AgentContext } from '../agent/context.ts'
import {
  type Barger,
  type Call,
  createCall,
  isRung,
  type LegState,
  legsOf,
  PLAYING_FIELD,
  recallPlaces,
} from '../call/call.ts'
import { contest } from '../call/holding.ts'
import { answerLeftOver, hear, listen } from '../control/hear.ts'
import { reconcile } from '../follow/reconcile.ts'
import { parseJob } from '../job/job.ts'
import type { Collected } from './successor.ts'

/** @param collected what was said while its owner changed. Undefined: nobody else hears the channel.
 *  @returns undefined when the record can't be read back: a bug, or another version's. */
export function resume(context: AgentContext, record: CallRecord, collected?: Collected): Call | undefined {
  const call = recall(context, record)
  if (!call) {
    collected?.release()
    return undefined
  }
  context.calls.add(call)
  answerLeftOver(context, call)
  if (collected) contest(call)
  // Without an await between: no message is lost.
  listen(context, call)
  collected?.release()
  for (const text of collected?.texts ?? []) hear(context, call, text)
  // Not waited for: a switch that answers slowly must not keep other calls from their new owner.
  reconcile(context, call, context.link.coreUuid ?? '')
    .then(() => context.waker.goOn(call))
    .catch(thrown => context.log.error({ dialId: record.dialId, err: thrown }, 'reconciling a call failed'))
  return call
}

/** Records that are remembered so; beyond, one is reported again. */
const UNREADABLE_MAX = 1_000

/** A call as its record tells it. One that can't be read stays under our name until it expires; it is told of once, though
 *  each look at what is ours finds it. */
export function recall(context: AgentContext, record: CallRecord): Call | undefined {
  const { fields, dialId } = record
  const job = parseJob(fields.job ?? '')
  if (!job.ok) {
    const { unreadable } = context
    const name = `${dialId} ${record.fence}`
    if (unreadable.has(name)) return undefined
    if (unreadable.size >= UNREADABLE_MAX) unreadable.clear()
    unreadable.add(name)
    tellBug(context, 'takeover', new Error('a call in Redis can not be read back'), { dialId })
    return undefined
  }
  const { list = '', switch: switchName = '' } = fields
  const call = createCall(job.value, { text: fields.job!, list, switchName }, thrown =>
    tellBug(context, 'task', thrown, { dialId }),
  )
  call.record = record
  // Only the switch knows whether the former owner had sent the originate; while the caller's phones are still to be woken
  // it had not.
  call.isSent = isRung(call, call.a.side)
  call.isPlaying = fields[PLAYING_FIELD] === '1'
  for (const leg of legsOf(call)) recallPlaces(call, leg)
  for (const leg of legsOf(call))
    leg.state = (fields[`state.${leg.side}`] as LegState | undefined) ?? 'expected'
  for (const barger of bargersOf(fields)) call.bargers.set(barger.bargeId, barger as Barger)
  return call
}

/** In the timeline, and in the trace that the former owner began. */
export function noteTakeover(
  context: AgentContext,
  { dialId, fields: { traceparent } }: CallRecord,
  how: { from: string; isHandedOver: boolean },
): void {
  const about = traceparent === undefined ? {} : { traceparent }
  context.timeline.add(dialId, { what: 'taken-over', ...how }, about)
}
