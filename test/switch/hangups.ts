// How a leg ends: by its phone, by a command, by a refusal or by time. Fires HANGUP, winds up what the leg was busy
// with in the recorded order, fires HANGUP_COMPLETE and forgets it. What a bridge does about its other leg is in
// bridges.ts, reached through the leg itself.

import { account, q850Of } from './accounting.ts'
import { fireExecuteComplete } from './applications.ts'
import { type Channel, type Ending, STATE_NUMBERS } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import type { Exchange } from './exchange.ts'
import { type Refusal, refusalWith } from './phones.ts'
import { refusalAddress, setDetails, soundStatistics } from './sipDetails.ts'

/** Ends a leg, ringing or answered. What follows comes after the reply to the command that asked for it.
 *  @returns false when the leg is ending already. */
export function hangup(exchange: Exchange, leg: Channel, ending: Ending): boolean {
  if (!beginEnding(leg, ending)) return false
  exchange.timers.soon(() => {
    announceHangup(exchange, leg)
    exchange.timers.tick(() => windUp(exchange, leg))
  })
  return true
}

/** Ends every leg at once, as a shutdown does: all are announced before anything is wound up. */
export function hangupAll(exchange: Exchange, ending: Ending): void {
  const legs = [...exchange.channels.values()].filter(leg => beginEnding(leg, ending))
  for (const leg of legs) {
    const other = leg.bridge?.isTalking ? leg.bridge.other(leg) : undefined
    if (other?.hangupCause) {
      leg.variables.set('last_bridge_hangup_cause', other.hangupCause)
      leg.variables.set('last_bridge_role', 'originatee')
    }
    announceHangup(exchange, leg)
  }
  exchange.timers.tick(() => {
    for (const leg of legs) windUp(exchange, leg)
  })
}

/** The phone puts the receiver down: a refusal while it rings, a BYE afterwards. */
export function hangupByPhone(exchange: Exchange, leg: Channel, cause: string | undefined): void {
  if (leg.profile.times.answered > 0)
    hangup(exchange, leg, { cause: cause ?? 'NORMAL_CLEARING', by: 'phone' })
  else if (leg.profile.logicalDirection === 'inbound')
    hangup(exchange, leg, { cause: cause ?? 'ORIGINATOR_CANCEL', by: 'phone' })
  else refuse(exchange, leg, refusalWith(cause ?? 'CALL_REJECTED'), true)
}

/** A ringing leg is refused. @param isFromPhone false when nobody was there to refuse. */
export function refuse(exchange: Exchange, leg: Channel, refusal: Refusal, isFromPhone: boolean): void {
  if (!beginEnding(leg, { cause: refusal.cause, by: 'phone' })) return
  setDetails(exchange, leg, () => refusalAddress(leg, isFromPhone))
  leg.profile.networkAddress = isFromPhone ? '127.0.0.1' : ''
  leg.variables.setAll([
    ['sip_hangup_disposition', 'recv_refuse'],
    ['sip_invite_failure_status', String(refusal.sipStatus)],
    ['sip_invite_failure_phrase', refusal.phrase],
    ['sip_term_status', String(refusal.sipStatus)],
    ['proto_specific_hangup_cause', `sip:${refusal.sipStatus}`],
    ['sip_term_cause', q850Of(refusal.cause)],
  ])
  announceHangup(exchange, leg)
  exchange.timers.tick(() => windUp(exchange, leg))
}

/** Nobody answered in time. Then the job's result and HANGUP_COMPLETE come in either order. */
export function timeOut(exchange: Exchange, leg: Channel, cause: string): void {
  if (!beginEnding(leg, { cause, by: 'switch' })) return
  announceHangup(exchange, leg)
  if (!leg.bridge && !exchange.chance()) tellFailure(leg)
  exchange.timers.tick(() => windUp(exchange, leg))
}

/** Fires HANGUP. The leg's own state stays that of what it was doing; only its number says that it ends. */
function announceHangup(exchange: Exchange, leg: Channel): void {
  const { cause, by } = leg.ending!
  const wasAnswered = leg.profile.times.answered > 0
  if (exchange.misbehaviour.jobsFirst && !wasAnswered && !leg.bridge) tellFailure(leg)
  if (by === 'phone' && wasAnswered) {
    leg.variables.setAll([
      ['sip_term_status', '200'],
      ['proto_specific_hangup_cause', 'sip:200'],
      ['sip_term_cause', '16'],
    ])
  }
  const { bridge } = leg
  if (bridge?.isTalking && !bridge.other(leg).hangupCause) {
    leg.variables.set('last_bridge_role', bridge.a === leg ? 'originator' : 'originatee')
  }
  leg.hangupCause = cause
  leg.stateNumber = STATE_NUMBERS.CS_HANGUP
  leg.answerState = 'hangup'
  fireChannelEvent(exchange, 'CHANNEL_HANGUP', leg)
  if (by === 'phone' && wasAnswered) leg.variables.set('sip_hangup_disposition', 'recv_bye')
  if (!leg.isForeign) {
    const { destination, dialId } = leg
    exchange.plant.records.add({ kind: 'hangup', destination, channelUuid: leg.uuid, dialId, cause, by })
  }
}

/** Ends a leg because of another one: announced here and now. @returns false when it is ending already. */
export function hangupWith(exchange: Exchange, leg: Channel, cause: string): boolean {
  if (!beginEnding(leg, { cause, by: 'switch' })) return false
  announceHangup(exchange, leg)
  return true
}

/** Everything between HANGUP and HANGUP_COMPLETE that concerns this leg alone: sound, taps, its supervisors. */
export function letGo(leg: Channel): void {
  leg.playQueue.length = 0
  leg.playback?.end('break')
  for (const bug of [...leg.bugs]) bug.end()
  leg.eavesdropping?.detach()
  leg.tellMediaWaiters()
}

/** Fires HANGUP_COMPLETE and forgets the leg: from now on no command finds it.
 *  @param change what another thread changes on the leg between its accounting and the event. */
export function completeHangup(exchange: Exchange, leg: Channel, change: () => void = () => {}): void {
  leg.enter('CS_REPORTING')
  leg.callState = 'HANGUP'
  leg.profile.times.hangup = exchange.nowMicros()
  account(exchange, leg)
  const wasAnswered = leg.profile.times.answered > 0
  if (!leg.variables.get('sip_hangup_disposition')) {
    leg.variables.set('sip_hangup_disposition', wasAnswered ? 'send_bye' : 'send_cancel')
    if (!wasAnswered) {
      leg.variables.set('sip_invite_failure_status', '487')
      leg.variables.set('sip_invite_failure_phrase', 'CANCEL')
    }
  }
  if (wasAnswered) setDetails(exchange, leg, () => soundStatistics)
  change()
  fireChannelEvent(exchange, 'CHANNEL_HANGUP_COMPLETE', leg, { first: ['Hangup-Cause', leg.hangupCause!] })
  exchange.forget(leg)
}

function beginEnding(leg: Channel, ending: Ending): boolean {
  if (leg.isEnding) return false
  leg.ending = ending
  leg.stopWaiting()
  return true
}

function windUp(exchange: Exchange, leg: Channel): void {
  // The other leg's end may have taken this one along.
  if (exchange.find(leg.uuid) !== leg) return
  if (leg.bridge) return leg.bridge.windUp(leg)
  letGo(leg)
  const { application } = leg
  leg.application = undefined
  // A leg that a bridge has parked again runs no application any more.
  if (application) fireExecuteComplete(exchange, leg, application)
  completeHangup(exchange, leg)
  if (leg.profile.times.answered === 0) tellFailure(leg)
}

function tellFailure(leg: Channel): void {
  const { outcome } = leg
  leg.outcome = undefined
  outcome?.failed(leg.ending!.cause)
}
