// Finds out what became of calls while the link to the switch was down. Nothing is replayed by the switch, so each
// leg that may live is looked up; legs that answered or vanished meanwhile get their events now. An originate whose
// fate nobody knows is reported as that, and never sent again: a second one would ring a person twice.

import { MS_PER_SECOND } from '../../base/units.ts'
import { parseChannelUuid } from '../../esl/allow.ts'
import { assertAllowed } from '../../esl/assertAllowed.ts'
import { dumpChannel } from '../../esl/commands.ts'
import { isUnknownChannel } from '../../esl/outcome.ts'
import { type AgentContext, conclude, FAILED_FIELD, sayFailure, untilWritten } from '../agent/context.ts'
import { type Call, type Leg, legsOf } from '../call/call.ts'
import { advance, complete, endBarger } from './channelEvents.ts'
import { giveUp } from './lateRing.ts'

/** The switch restarted and took all its calls with it: FreeSWITCH's own word for that. */
const CAUSE_CRASH = 'CRASH'

/** A background originate makes its channel within milliseconds of being read; after this it made none. */
const CHANNEL_APPEARS_MS = MS_PER_SECOND

/** Until the switch has answered some of the lookups that wait. */
const LOOK_AGAIN_MS = 50

type Sight = 'gone' | 'ringing' | 'answered' | 'unknown'

/** The link is up again. @param coreUuid the switch as it is now: another one than before has lost every call. */
export async function reconcileAll(context: AgentContext, coreUuid: string): Promise<void> {
  await Promise.all(context.calls.all().map(call => reconcile(context, call, coreUuid)))
}

/** Brings one call's legs to what the switch has of them. */
export async function reconcile(context: AgentContext, call: Call, coreUuid: string): Promise<void> {
  // Not sent yet, its dialling sees by itself what has changed.
  if (call.isEnding || !call.isSent) return
  if (call.record.fields[FAILED_FIELD] !== undefined) return conclude(context, call)
  if (call.record.fields.core !== coreUuid) return vanish(context, call, CAUSE_CRASH)
  if (call.a.state === 'expected') await settleUnknown(context, call)
  // It was answered meanwhile, perhaps, and rings the callee.
  if (call.isEnding || call.a.state === 'expected') return
  const sights = await Promise.all(legsOf(call).map(leg => look(context, leg.channelUuid)))
  for (const [index, leg] of legsOf(call).entries()) apply(context, call, leg, sights[index]!)
  for (const barger of call.bargers.values()) {
    if (barger.state !== 'ended' && (await look(context, barger.bargeId)) === 'gone')
      endBarger(context, call, barger, CAUSE_LOST)
  }
  if (call.a.state === 'hungup') complete(context, call)
}

/** The switch has been away for so long that its calls are given up. What it still has of them ends by itself. */
export function loseAll(context: AgentContext): void {
  const calls = context.calls.all()
  if (calls.length > 0)
    context.log.error({ calls: calls.length }, 'the switch stays away: its calls are given up')
  for (const call of calls) if (!call.isEnding && call.isSent) vanish(context, call, CAUSE_AWAY)
}

/** Nobody reaches the switch any more: Q.850's word for it. */
const CAUSE_AWAY = 'NETWORK_OUT_OF_ORDER'

/** Gone while nobody looked: its real cause went with the event. */
const CAUSE_LOST = 'NORMAL_UNSPECIFIED'

function apply(context: AgentContext, call: Call, leg: Leg, sight: Sight): void {
  if (sight === 'ringing' || sight === 'answered') advance(context, call, leg, sight)
  // A callee that was never heard of may not have been rung at all.
  if (sight === 'gone' && leg.state !== 'expected') advance(context, call, leg, 'hungup', CAUSE_LOST)
}

/** An originate of which no channel was ever seen. */
export async function settleUnknown(context: AgentContext, call: Call): Promise<void> {
  let sight = await look(context, call.a.channelUuid)
  if (sight === 'gone') {
    await Bun.sleep(CHANNEL_APPEARS_MS)
    sight = await look(context, call.a.channelUuid)
  }
  if (sight === 'unknown' || call.isEnding || call.a.state !== 'expected') return
  if (sight === 'gone') return reportUnknown(context, call)
  advance(context, call, call.a, sight)
}

/** All of a call's legs are gone. */
function vanish(context: AgentContext, call: Call, cause: string): void {
  if (call.a.state === 'expected') return reportUnknown(context, call)
  for (const leg of legsOf(call)) if (leg.state !== 'expected') advance(context, call, leg, 'hungup', cause)
  for (const barger of call.bargers.values()) endBarger(context, call, barger, cause)
  complete(context, call)
}

/** Perhaps the phone rang, perhaps not. People must look at it: failure, and the dead-letter list. */
export function reportUnknown(context: AgentContext, call: Call): void {
  const cause = 'unknown outcome'
  context.log.error(
    { dialId: call.record.dialId },
    'nobody knows what became of an originate: not dialled again',
  )
  giveUp(context, call)
  sayFailure(context, call, cause)
  context.count('dials', `${call.job.kind} unknown`)
  context.count('deadLetters')
  if (call.list !== '') context.timeline.add(call.record.dialId, { what: 'dead-letter', cause })
  if (call.list !== '')
    call.tasks.run(() =>
      untilWritten(context, () => context.jobs.moveToDead(call.list, call.text, cause, context.clock())),
    )
  conclude(context, call)
}

async function look(context: AgentContext, channelUuid: string): Promise<Sight> {
  const command = dumpChannel(assertAllowed(parseChannelUuid(channelUuid)))
  let outcome = await context.link.api(command)
  // Nothing was sent: a thousand calls ask at the same moment. A leg that is not looked up would be never told of.
  while (outcome.kind === 'busy') {
    await Bun.sleep(LOOK_AGAIN_MS)
    outcome = await context.link.api(command)
  }
  if (outcome.kind === 'error') return isUnknownChannel(outcome.text) ? 'gone' : 'unknown'
  if (outcome.kind !== 'ok') return 'unknown'
  try {
    const channel = JSON.parse(outcome.text) as Record<string, unknown>
    return channel['Answer-State'] === 'answered' ? 'answered' : 'ringing'
  } catch {
    // A dump that is no JSON still says that the channel lives; its next event says the rest.
    return 'ringing'
  }
}
