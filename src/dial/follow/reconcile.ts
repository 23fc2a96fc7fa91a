// Finds out what became of calls while the link to the switch was down. Nothing is replayed by the switch, so each
// leg that may live is looked up; legs that answered or vanished meanwhile get their events now. An originate whose
// fate nobody knows is reported as that, and never sent again: a second one would ring a person twice.

import { MS_PER_SECOND } from '../../base/units.ts'
import { listChannels } from '../../esl/commands.ts'
import type { AgentContext } from '../agent/context.ts'
import { ABSENT_FIELD, type Call, isLive, isRung, type Leg, legsOf } from '../call/call.ts'
import { conclude, concludeWithFailure, FAILED_FIELD, untilWritten } from '../call/publish.ts'
import { accountOf } from '../job/job.ts'
import { sayBridgeSeen } from './bridges.ts'
import { ANSWERED_FIELD, advance, complete, endBarger } from './channelEvents.ts'
import { giveUp } from './lateRing.ts'
import { CAUSE_ABSENT, letCallerGo } from './letCallerGo.ts'
import { type Seen, seeChannel, seeLeg } from './seeChannel.ts'

/** The switch restarted and took all its calls with it: FreeSWITCH's own word for that. */
const CAUSE_CRASH = 'CRASH'

/** A background originate makes its channel within milliseconds of being read; after this it made none. */
const CHANNEL_APPEARS_MS = MS_PER_SECOND

/** The link is up again. @param coreUuid the switch as it is now: another one than before has lost every call. */
export async function reconcileAll(context: AgentContext, coreUuid: string): Promise<void> {
  await Promise.all(
    context.calls.all().map(async call => {
      await reconcile(context, call, coreUuid)
      // A callee whose phones woke while the line was gone is still to be rung.
      if (call.isSent && !call.isEnding) context.waker.goOn(call)
    }),
  )
}

/** Brings one call's legs to what the switch has of them. */
export async function reconcile(context: AgentContext, call: Call, coreUuid: string): Promise<void> {
  // Not sent yet, its dialling sees by itself what has changed.
  if (call.isEnding || !call.isSent) return
  if (call.record.fields[FAILED_FIELD] !== undefined) return conclude(context, call)
  if (call.record.fields.core !== coreUuid) return vanish(context, call, CAUSE_CRASH)
  if (call.a.state === 'expected') await settleUnknown(context, call)
  // The caller may have answered meanwhile, and the switch may be ringing the callee.
  if (call.isEnding || call.a.state === 'expected') return
  const isAnswered = wasAnswered(call)
  // The order to ring a callee who was woken may have left a moment ago.
  if (isWokenCallee(call) && call.b?.state === 'expected') await Bun.sleep(CHANNEL_APPEARS_MS)
  const sights = await Promise.all(legsOf(call).map(leg => seeLeg(context, leg)))
  const wasCalleeAnswered = call.b?.state === 'answered' || call.b?.state === 'hungup'
  for (const [index, leg] of legsOf(call).entries())
    apply(context, call, leg, { ...sights[index]!, isAnswered })
  if (sights[0]!.sight === 'answered') await sayBridgeSeen(context, call, sights[0]!)
  for (const barger of call.bargers.values()) {
    if (barger.state !== 'ended' && (await seeChannel(context, barger.bargeId)).sight === 'gone')
      endBarger(context, call, barger, CAUSE_LOST)
  }
  const isForlorn = isWokenCallee(call) && !wasCalleeAnswered && sights[0]!.bridgedTo === undefined
  if (call.record.fields[ABSENT_FIELD] || (isForlorn && call.b?.state === 'hungup'))
    letCallerGo(context, call)
  if (call.a.state === 'hungup') complete(context, call)
}

/** A callee who is an account, and was told to ring: until they answer the caller is parked. */
const isWokenCallee = (call: Call): boolean => accountOf(call.job, '1') !== undefined && isRung(call, '1')

/** The switch has been away for so long that its calls are given up. What it still has of them ends by itself. */
export function loseAll(context: AgentContext): void {
  const calls = context.calls.all()
  if (calls.length > 0)
    context.log.error({ calls: calls.length }, 'the switch stays away: its calls are given up')
  for (const call of calls) if (!call.isEnding && call.isSent) vanish(context, call, CAUSE_AWAY)
}

/** Nobody reaches the switch any more: Q.850's word for it. */
const CAUSE_AWAY = 'NETWORK_OUT_OF_ORDER'

/** For a leg that ended while no agent saw the switch: the event with its real cause is lost. */
const CAUSE_LOST = 'NORMAL_UNSPECIFIED'

function apply(
  context: AgentContext,
  call: Call,
  leg: Leg,
  { sight, isAnswered }: Seen & { isAnswered: boolean },
): void {
  if (sight === 'ringing' || sight === 'answered') return advance(context, call, leg, sight)
  if (sight === 'unknown') return
  // The switch dials the callee as soon as the caller has answered; otherwise one that was never heard of may not have
  // been rung at all.
  const hasBeen = leg.state !== 'expected' || (leg === call.b && isAnswered && isRung(call, leg.side))
  if (hasBeen) advance(context, call, leg, 'hungup', lostCauseOf(call, leg, CAUSE_LOST))
}

/** A callee who was woken and never seen to ring: as far as anybody knows the order to ring them never left, and the phone
 *  was not reached. */
const lostCauseOf = (call: Call, leg: Leg, cause: string): string =>
  leg === call.b && leg.state === 'expected' && isWokenCallee(call) ? CAUSE_ABSENT : cause

const wasAnswered = ({ record }: Call): boolean => record.fields[ANSWERED_FIELD] === '1'

/** An originate of which no channel was ever seen. */
export async function settleUnknown(context: AgentContext, call: Call): Promise<void> {
  let { sight } = await seeLeg(context, call.a)
  if (sight === 'gone') {
    await Bun.sleep(CHANNEL_APPEARS_MS)
    sight = (await seeLeg(context, call.a)).sight
  }
  if (sight === 'unknown' || call.isEnding || call.a.state !== 'expected') return
  if (sight === 'gone') return reportUnknown(context, call)
  advance(context, call, call.a, sight)
}

/** All of a call's legs are gone. */
function vanish(context: AgentContext, call: Call, cause: string): void {
  if (call.a.state === 'expected') return reportUnknown(context, call)
  const isAnswered = wasAnswered(call)
  const legs = legsOf(call).filter(leg => leg.state !== 'expected' || (isAnswered && isRung(call, leg.side)))
  for (const leg of legs) advance(context, call, leg, 'hungup', lostCauseOf(call, leg, cause))
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
  context.count('dials', `${call.job.kind} unknown`)
  context.count('deadLetters')
  if (call.list !== '') {
    context.timeline.add(call.record.dialId, { what: 'dead-letter', cause })
    const letter = () => context.jobs.moveToDead(call.list, call.text, cause, context.clock())
    call.tasks.run(async () => {
      if (call.ownership === 'held') await untilWritten(context, letter)
    })
  }
  concludeWithFailure(context, call, cause)
}

/** Compares all calls with the switch now and then: after a lost event a call would otherwise stay for ever. */
export async function compareWithSwitch(context: AgentContext): Promise<void> {
  const isUp = (call: Call) => call.isSent && !call.isEnding && legsOf(call).some(isLive)
  const calls = context.calls.all().filter(isUp)
  if (calls.length === 0 || !context.link.isReady) return
  const outcome = await context.link.api(listChannels())
  if (outcome.kind !== 'ok') return
  const shown = new Set(uuidsOf(outcome.text))
  // What the switch shows lags by a moment, and a call may have ended since: each is looked up before anything is said.
  const missed = calls.filter(
    call => isUp(call) && legsOf(call).some(leg => isLive(leg) && !shown.has(leg.channelUuid)),
  )
  await Promise.all(missed.map(call => reconcile(context, call, context.link.coreUuid ?? '')))
}

function uuidsOf(json: string): string[] {
  try {
    const { rows = [] } = JSON.parse(json) as { rows?: { uuid: string }[] }
    return rows.map(row => row.uuid)
  } catch {
    // Nothing is taken for shown: each call is then looked up at the switch by itself.
    return []
  }
}
