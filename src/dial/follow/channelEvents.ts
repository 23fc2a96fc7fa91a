// Follows the switch's events of our calls and says what they mean on the calls' channels. Legs only go forward, so
// an event that comes twice, or after it was already found out otherwise, says nothing a second time; and what was
// missed (an answer during an outage) is said first.

import { assertNever } from '../../base/result.ts'
import { toSeconds } from '../../base/units.ts'
import { assertAllowed, parseChannelUuid } from '../../esl/allow.ts'
import { hangUpChannel, stopPlayback } from '../../esl/commands.ts'
import type { SwitchEvent } from '../../esl/event.ts'
import { CALL_HEADERS } from '../../esl/originate.ts'
import { bargerFields } from '../../redis/calls/bargers.ts'
import type { AgentContext } from '../agent/context.ts'
import {
  type Barger,
  type Call,
  CLAIM_FIELD,
  chosenFields,
  isLive,
  isRung,
  type Leg,
  type LegState,
  legsOf,
} from '../call/call.ts'
import { answerEvent, bargeEvent, callStart, channelCreateEvent, hangupEvent } from '../call/events.ts'
import type { Saying } from '../call/holding.ts'
import { closePlaces, countsForSide, livingChannelsOf } from '../call/leg.ts'
import { conclude, say } from '../call/publish.ts'
import { BRIDGED_FIELD, noteUnbridge, sayBridge } from './bridges.ts'
import { endLateRing } from './lateRing.ts'

/** Follows one event of the switch; events of other agents' calls are ignored. */
export function follow(context: AgentContext, event: SwitchEvent): void {
  const name = event.name
  if (!name.startsWith('CHANNEL_')) return
  if (name === 'CHANNEL_BRIDGE') return sayBridge(context, event)
  if (name === 'CHANNEL_HANGUP') endSoundAfter(context, event.header('Unique-ID') ?? '')
  const found = context.calls.findChannel(event.header('Unique-ID') ?? '')
  if (endLateRing(context, event, found?.call) || !found) return
  const { call } = found
  // Our originate was not sent yet, or the event is late: it is about another claim of the same dial id, whose channels
  // have the same names.
  if (!call.isSent || isOfAnotherClaim(call, event)) return
  if ('barger' in found) return followBarger(context, call, found.barger, event)
  const { leg } = found
  if (leg === call.a) context.refusals.follow(call, event)
  const channelUuid = event.header('Unique-ID') ?? ''
  switch (name) {
    case 'CHANNEL_CREATE':
      if (countsForSide(leg, channelUuid, 'ringing')) advance(context, call, leg, 'ringing')
      return
    case 'CHANNEL_ANSWER':
      if (countsForSide(leg, channelUuid, 'answered')) advance(context, call, leg, 'answered')
      return
    case 'CHANNEL_PARK':
      if (leg === call.a) context.waker.parked(call)
      return
    case 'CHANNEL_UNBRIDGE':
      return noteUnbridge(context, call)
    case 'CHANNEL_HANGUP':
      if (!isSidesEnd(context, call, leg, channelUuid)) return
      advance(context, call, leg, 'hungup', event.header('Hangup-Cause'))
      return leaveTransferred(context, call, leg, event.header('Hangup-Cause'))
    case 'CHANNEL_HANGUP_COMPLETE':
      if (!isSidesEnd(context, call, leg, channelUuid)) return
      advance(context, call, leg, 'hungup', event.header('Hangup-Cause'))
      if (leg === call.a) complete(context, call)
      else concludeWhenAllGone(context, call)
      return
  }
}

function isOfAnotherClaim({ record }: Call, event: SwitchEvent): boolean {
  const claim = event.header(CALL_HEADERS.claim)
  const ours = record.fields[CLAIM_FIELD]
  return claim !== undefined && ours !== undefined && claim !== ours
}

/** One of a leg's channels has ended. @returns whether the side has. */
function isSidesEnd(context: AgentContext, call: Call, leg: Leg, channelUuid: string): boolean {
  const before = leg.channelUuid
  const isEnd = countsForSide(leg, channelUuid, 'hungup')
  if (leg.channelUuid !== before) say(context, call, { fields: chosenFields(call, leg) })
  return isEnd
}

/** FreeSWITCH's word for "no cause given" (Q.850, 31). */
const CAUSE_UNKNOWN = 'NORMAL_UNSPECIFIED'

const RANKS: Record<LegState, number> = { expected: 0, ringing: 1, answered: 2, hungup: 3 }

/** In the record: the caller has answered, and so the switch has dialled the callee, whoever saw that. */
export const ANSWERED_FIELD = 'answered'

/** In the record, before the side: when the leg's state began, milliseconds of the epoch. */
const SINCE_PREFIX = 'since.'

/** Brings a leg to a state and publishes that; a state before it that was never published comes first. */
export function advance(
  context: AgentContext,
  call: Call,
  leg: Leg,
  to: LegState,
  cause: string = CAUSE_UNKNOWN,
): void {
  if (RANKS[to] <= RANKS[leg.state]) return
  if (leg.state === 'expected' && to !== 'ringing' && isRung(call, leg.side)) {
    advance(context, call, leg, 'ringing')
    // Nobody saw it begin to ring.
    leg.ringingAtMs = undefined
  }
  const wasAnswered = leg.state === 'answered'
  leg.state = to
  const { side } = leg
  if (to === 'hungup') context.timeline.add(call.record.dialId, { what: 'hangup', side, cause, wasAnswered })
  else if (to !== 'expected') context.timeline.add(call.record.dialId, { what: 'leg', side, state: to })
  const fields: Record<string, string> = { [`state.${side}`]: to }
  // For those who look: how long it rings, how long they talk.
  call.record.fields[SINCE_PREFIX + side] = fields[SINCE_PREFIX + side] = String(Math.round(context.clock()))
  switch (to) {
    case 'expected':
      return
    case 'ringing':
      leg.ringingAtMs = context.clock()
      if (leg !== call.a) return say(context, call, { fields })
      say(context, call, { event: callStart(call.record.dialId), history: 'start', fields })
      if (call.job.kind !== 'asp-call') sayChannelCreated(context, call)
      return
    case 'answered':
      if (leg.ringingAtMs !== undefined)
        context.observe('ring', leg === call.a ? 'a' : 'b', toSeconds(context.clock() - leg.ringingAtMs))
      Object.assign(fields, chosenFields(call, leg))
      if (leg === call.a) {
        context.count('dials', `${call.job.kind} answered`)
        fields[ANSWERED_FIELD] = '1'
        call.record.fields[ANSWERED_FIELD] = '1'
      }
      say(context, call, { event: answerEvent(side), active: { side, isActive: true }, fields })
      // The bridge follows within milliseconds.
      if (leg === call.b) call.joinedAtMs = performance.now()
      if (leg === call.a) context.waker.answered(call)
      return
    case 'hungup':
      context.count('hangups', cause)
      if (leg === call.a && !wasAnswered) context.count('dials', `${call.job.kind} unanswered`)
      context.log.info({ dialId: call.record.dialId, side, cause }, 'leg ended')
      // The caller is gone, so the callee's phones need not be woken.
      if (leg === call.a) context.waker.cancel(call)
      return sayEnd(context, call, {
        event: hangupEvent(side, cause),
        active: { side, isActive: false },
        fields,
      })
    default:
      return assertNever(to)
  }
}

/** With these a phone's REFER ends its own leg: the other side lives on elsewhere, by the switch's dialplan, and is no
 *  longer ours. */
const TRANSFERS = new Set(['BLIND_TRANSFER', 'ATTENDED_TRANSFER'])

function leaveTransferred(context: AgentContext, call: Call, leg: Leg, cause = ''): void {
  if (!TRANSFERS.has(cause)) return
  for (const other of legsOf(call))
    if (other !== leg && isLive(other)) advance(context, call, other, 'hungup', cause)
  complete(context, call)
}

/** One side leaves while a file plays to both: the switch would keep the other until the file has ended, and then end or
 *  park it. */
function endSoundAfter(context: AgentContext, channelUuid: string): void {
  for (const call of context.calls.all()) {
    if (!call.isPlaying) continue
    const isSide = legsOf(call).some(leg => leg.channelUuid === channelUuid)
    if (!isSide && call.record.fields[BRIDGED_FIELD] !== channelUuid) continue
    for (const leg of legsOf(call))
      if (leg.channelUuid !== channelUuid && isLive(leg)) {
        call.isPlaying = false
        void context.link.api(stopPlayback(assertAllowed(parseChannelUuid(leg.channelUuid))))
      }
  }
}

/** The end of the last who was there, side or barger, waits for the switch to be done with the call, which is a matter of
 *  milliseconds: whoever hears it may use the dial id again. */
function sayEnd(context: AgentContext, call: Call, end: Saying): void {
  if (call.isEnding) return say(context, call, end)
  if (call.lastWord) say(context, call, call.lastWord)
  call.lastWord = undefined
  if (call.a.state !== 'hungup' || !isQuiet(call)) return say(context, call, end)
  call.lastWord = end
  setTimeout(() => conclude(context, call), LAST_EVENT_MS)
}

/** A switch that is slow to report a call's end keeps nobody waiting for it longer than this. */
const LAST_EVENT_MS = 500

/** Bots need to know the switch: it is where they are bridged. redswitch said it on both channels. */
function sayChannelCreated(context: AgentContext, call: Call): void {
  const { core = '' } = call.record.fields
  const event = channelCreateEvent(core)
  say(context, call, { event })
  if (core !== '') say(context, call, { event, channel: core })
}

/** The A-leg is gone for good. The switch ends B and the bargers with it; what it left alone we end. */
export function complete(context: AgentContext, call: Call): void {
  call.isComplete = true
  if (isLive(call.b) && closePlaces(call.b!)) advance(context, call, call.b!, 'hungup')
  const left = [
    ...(isLive(call.b) ? livingChannelsOf(call.b!) : []),
    ...[...call.bargers.values()].filter(each => each.state !== 'ended').map(each => each.bargeId),
  ]
  if (left.length === 0) return conclude(context, call)
  for (const uuid of left)
    void context.link.api(hangUpChannel(assertAllowed(parseChannelUuid(uuid)), 'NORMAL_CLEARING'))
  // Their own ends conclude the call; a channel that the switch never mentions again must not keep it for ever.
  setTimeout(() => {
    for (const barger of call.bargers.values()) endBarger(context, call, barger, CAUSE_UNKNOWN)
    if (isLive(call.b)) advance(context, call, call.b!, 'hungup')
    conclude(context, call)
  }, STRAGGLER_MS).unref()
}

/** The switch ends a barger within 50 ms of its call (measured); a slow one gets this. */
const STRAGGLER_MS = 2_000

function concludeWhenAllGone(context: AgentContext, call: Call): void {
  if (call.isComplete && isQuiet(call)) conclude(context, call)
}

/** Nobody but the caller is there. */
const isQuiet = ({ b, bargers }: Call): boolean =>
  !isLive(b) && [...bargers.values()].every(barger => barger.state === 'ended')

function followBarger(context: AgentContext, call: Call, barger: Barger, event: SwitchEvent): void {
  switch (event.name) {
    case 'CHANNEL_CREATE':
      if (barger.state !== 'expected') return
      barger.state = 'ringing'
      barger.sinceMs = context.clock()
      noteBarger(context, call, barger)
      return say(context, call, {
        event: bargeEvent(barger.bargeId, 'ringing'),
        fields: bargerFields(barger),
      })
    case 'CHANNEL_ANSWER':
      if (barger.state === 'answered' || barger.state === 'ended') return
      barger.state = 'answered'
      barger.sinceMs = context.clock()
      noteBarger(context, call, barger)
      return say(context, call, {
        event: bargeEvent(barger.bargeId, 'answered'),
        fields: bargerFields(barger),
      })
    case 'CHANNEL_HANGUP':
      endBarger(context, call, barger, event.header('Hangup-Cause') ?? CAUSE_UNKNOWN)
      return concludeWhenAllGone(context, call)
  }
}

/** A barger is gone; the call goes on. */
export function endBarger(context: AgentContext, call: Call, barger: Barger, cause: string): void {
  if (barger.state === 'ended') return
  barger.state = 'ended'
  noteBarger(context, call, barger, cause)
  sayEnd(context, call, {
    event: bargeEvent(barger.bargeId, 'ended', cause),
    fields: bargerFields(barger),
  })
}

function noteBarger(context: AgentContext, call: Call, { bargeId, state }: Barger, cause?: string): void {
  if (state === 'expected') return
  const told = { what: 'barger', barger: bargeId, state } as const
  context.timeline.add(call.record.dialId, cause === undefined ? told : { ...told, cause })
}
