// Follows the switch's events of our calls and says what they mean on the calls' channels. Legs only go forward, so
// an event that comes twice, or after it was already found out otherwise, says nothing a second time; and what was
// missed (an answer during an outage) is said first.

import { assertNever } from '../../base/result.ts'
import { toSeconds } from '../../base/units.ts'
import { parseChannelUuid } from '../../esl/allow.ts'
import { valid } from '../../esl/assertAllowed.ts'
import { hangUpChannel } from '../../esl/commands.ts'
import type { SwitchEvent } from '../../esl/event.ts'
import { conclude, type Desk, say } from '../agent/context.ts'
import { type Barger, bargerFields, type Call, isLive, type Leg, type LegState } from '../call/call.ts'
import {
  answerEvent,
  bargeEvent,
  bridgeEvent,
  callStart,
  channelCreateEvent,
  hangupEvent,
} from '../call/events.ts'
import { endLateRing } from './lateRing.ts'

/** One event of the switch; those of other agents' calls are none of ours. */
export function follow(desk: Desk, event: SwitchEvent): void {
  const name = event.name
  if (!name.startsWith('CHANNEL_')) return
  const found = desk.calls.findChannel(event.header('Unique-ID') ?? '')
  if (endLateRing(desk, event, found?.call) || !found) return
  const { call } = found
  if ('barger' in found) return followBarger(desk, call, found.barger, event)
  const { leg } = found
  switch (name) {
    case 'CHANNEL_CREATE':
      return advance(desk, call, leg, 'ringing')
    case 'CHANNEL_ANSWER':
      return advance(desk, call, leg, 'answered')
    case 'CHANNEL_BRIDGE':
      return sayBridge(desk, call, event)
    case 'CHANNEL_HANGUP':
      return advance(desk, call, leg, 'hungup', event.header('Hangup-Cause'))
    case 'CHANNEL_HANGUP_COMPLETE':
      advance(desk, call, leg, 'hungup', event.header('Hangup-Cause'))
      if (leg === call.a) complete(desk, call)
      else concludeWhenAllGone(desk, call)
      return
  }
}

/** FreeSWITCH's word for "no cause given" (Q.850, 31). */
const CAUSE_UNKNOWN = 'NORMAL_UNSPECIFIED'

const RANKS: Record<LegState, number> = { expected: 0, ringing: 1, answered: 2, hungup: 3 }

/** Brings a leg to a state and says so, and what came before it if nobody did. */
export function advance(desk: Desk, call: Call, leg: Leg, to: LegState, cause: string = CAUSE_UNKNOWN): void {
  if (RANKS[to] <= RANKS[leg.state]) return
  if (leg.state === 'expected' && to !== 'ringing') {
    advance(desk, call, leg, 'ringing')
    // Nobody saw it begin to ring.
    leg.ringingAtMs = undefined
  }
  const wasAnswered = leg.state === 'answered'
  leg.state = to
  const { side } = leg
  if (to === 'hungup') desk.timeline.add(call.record.dialId, { what: 'hangup', side, cause, wasAnswered })
  else if (to !== 'expected') desk.timeline.add(call.record.dialId, { what: 'leg', side, state: to })
  const fields = { [`state.${side}`]: to }
  switch (to) {
    case 'expected':
      return
    case 'ringing':
      leg.ringingAtMs = desk.clock()
      if (leg !== call.a) return say(desk, call, { fields })
      say(desk, call, { event: callStart(call.record.dialId), history: 'start', fields })
      if (call.job.kind !== 'asp-call') sayChannelCreated(desk, call)
      return
    case 'answered':
      if (leg.ringingAtMs !== undefined)
        desk.observe('ring', leg === call.a ? 'a' : 'b', toSeconds(desk.clock() - leg.ringingAtMs))
      if (leg === call.a) desk.count('dials', `${call.job.kind} answered`)
      return say(desk, call, { event: answerEvent(side), active: { side, isActive: true }, fields })
    case 'hungup':
      desk.count('hangups', cause)
      if (leg === call.a && !wasAnswered) desk.count('dials', `${call.job.kind} unanswered`)
      desk.log.info({ dialId: call.record.dialId, side, cause }, 'leg ended')
      return say(desk, call, { event: hangupEvent(side, cause), active: { side, isActive: false }, fields })
    default:
      return assertNever(to)
  }
}

/** Bots need to know the switch: it is where they are bridged. redswitch said it on both channels. */
function sayChannelCreated(desk: Desk, call: Call): void {
  const { core = '' } = call.record.fields
  const event = channelCreateEvent(core)
  say(desk, call, { event })
  if (core !== '') say(desk, call, { event, channel: core })
}

/** A bridge of parked calls is told on the switch's channel and on the call's own. An asp-call's needs no telling. */
function sayBridge(desk: Desk, call: Call, event: SwitchEvent): void {
  if (call.job.kind === 'asp-call') return desk.timeline.add(call.record.dialId, { what: 'bridge' })
  const { core = '' } = call.record.fields
  const channelUuid2 = event.header('Bridge-B-Unique-ID') ?? event.header('Other-Leg-Unique-ID') ?? ''
  const bridge = bridgeEvent({
    coreUuid: core,
    channelUuid1: event.header('Bridge-A-Unique-ID') ?? call.a.channelUuid,
    channelUuid2,
  })
  const other = desk.calls.findChannel(channelUuid2)?.call.record.dialId ?? channelUuid2
  desk.timeline.add(call.record.dialId, { what: 'bridge', with: other })
  say(desk, call, { event: bridge })
  if (core !== '') say(desk, call, { event: bridge, channel: core })
}

/** The A-leg is gone for good. The switch ends B and the bargers with it; what it left alone we end. */
export function complete(desk: Desk, call: Call): void {
  call.isComplete = true
  const left = [
    ...(isLive(call.b) ? [call.b!.channelUuid] : []),
    ...[...call.bargers.values()].filter(each => each.state !== 'ended').map(each => each.bargeId),
  ]
  if (left.length === 0) return conclude(desk, call)
  for (const uuid of left) void desk.link.api(hangUpChannel(valid(parseChannelUuid(uuid)), 'NORMAL_CLEARING'))
  // Their own ends conclude the call; a channel that the switch never mentions again must not keep it for ever.
  setTimeout(() => {
    for (const barger of call.bargers.values()) endBarger(desk, call, barger, CAUSE_UNKNOWN)
    if (isLive(call.b)) advance(desk, call, call.b!, 'hungup')
    conclude(desk, call)
  }, STRAGGLER_MS).unref()
}

/** The switch ends a barger within 50 ms of its call (measured); a slow one gets this. */
const STRAGGLER_MS = 2_000

function concludeWhenAllGone(desk: Desk, call: Call): void {
  const isQuiet = !isLive(call.b) && [...call.bargers.values()].every(each => each.state === 'ended')
  if (call.isComplete && isQuiet) conclude(desk, call)
}

function followBarger(desk: Desk, call: Call, barger: Barger, event: SwitchEvent): void {
  switch (event.name) {
    case 'CHANNEL_CREATE':
      if (barger.state !== 'expected') return
      barger.state = 'ringing'
      noteBarger(desk, call, barger)
      return say(desk, call, { event: bargeEvent(barger.bargeId, 'ringing'), fields: bargerFields(barger) })
    case 'CHANNEL_ANSWER':
      if (barger.state === 'answered' || barger.state === 'ended') return
      barger.state = 'answered'
      noteBarger(desk, call, barger)
      return say(desk, call, { event: bargeEvent(barger.bargeId, 'answered'), fields: bargerFields(barger) })
    case 'CHANNEL_HANGUP':
      endBarger(desk, call, barger, event.header('Hangup-Cause') ?? CAUSE_UNKNOWN)
      return concludeWhenAllGone(desk, call)
  }
}

/** A barger is gone; the call goes on. */
export function endBarger(desk: Desk, call: Call, barger: Barger, cause: string): void {
  if (barger.state === 'ended') return
  barger.state = 'ended'
  noteBarger(desk, call, barger, cause)
  say(desk, call, { event: bargeEvent(barger.bargeId, 'ended', cause), fields: bargerFields(barger) })
}

function noteBarger(desk: Desk, call: Call, { bargeId, state }: Barger, cause?: string): void {
  if (state === 'expected') return
  const told = { what: 'barger', barger: bargeId, state } as const
  desk.timeline.add(call.record.dialId, cause === undefined ? told : { ...told, cause })
}
