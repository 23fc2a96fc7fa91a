// What the legs of a bridge note about each other in their variables and caller profiles: how the attempt went, who
// is shown to whom, why the other one left. The order is that of the recordings.

import type { Channel } from './channel.ts'

/** Before the second leg is rung nothing has been achieved. */
export function noteAttempt(a: Channel): void {
  a.variables.set('originate_disposition', 'failure')
  a.variables.set('DIALSTATUS', 'INVALIDARGS')
}

/** The second leg exists. */
export function noteSecondLeg(a: Channel, b: Channel): void {
  a.variables.set('originate_signal_bond', b.uuid)
  a.variables.set('originated_legs', `${b.uuid};${b.profile.calleeIdName};${b.profile.calleeIdNumber}`)
}

const DIAL_STATUS: Record<string, string> = {
  USER_BUSY: 'BUSY',
  NO_ANSWER: 'NOANSWER',
  ORIGINATOR_CANCEL: 'CANCEL',
  DESTINATION_OUT_OF_ORDER: 'INVALIDARGS',
  CALL_REJECTED: 'DONTCALL',
}

/** How ringing the second leg ended, `SUCCESS` or a cause. */
export function noteOutcome(a: Channel, b: Channel | undefined, outcome: string): void {
  const isSuccess = outcome === 'SUCCESS'
  a.variables.set('originate_disposition', outcome)
  a.variables.set('DIALSTATUS', DIAL_STATUS[outcome] ?? outcome)
  if (b) a.variables.set('originate_causes', `${b.uuid};${isSuccess ? 'NONE' : outcome}`)
  if (!isSuccess) a.variables.set('originate_failed_cause', outcome)
}

/** The refusal of the second leg is told to the first. */
export function noteRefusal(a: Channel, b: Channel, cause: string): void {
  const status = b.variables.text('sip_invite_failure_status')
  const wasRefused = b.variables.text('sip_hangup_disposition') === 'recv_refuse'
  if (wasRefused && status) {
    const phrase = b.variables.text('sip_invite_failure_phrase')
    a.variables.set('sip_invite_failure_status', status)
    a.variables.set('sip_invite_failure_phrase', phrase)
    a.variables.set('sip_hangup_phrase', phrase)
  }
  a.variables.set('last_bridge_hangup_cause', cause)
  if (wasRefused) a.variables.set('last_bridge_proto_specific_hangup_cause', `sip:${status}`)
}

/** The other leg has hung up. */
export function noteOtherEnding(leg: Channel, other: Channel): void {
  const { cause, by } = other.ending!
  if (by === 'phone') leg.variables.set('sip_hangup_phrase', 'OK')
  leg.variables.set('last_bridge_hangup_cause', cause)
  if (by === 'phone') leg.variables.set('last_bridge_proto_specific_hangup_cause', 'sip:200')
}

/** Each is written down as the other's partner. */
export function nameEachOther(a: Channel, b: Channel): void {
  b.variables.set('call_uuid', a.uuid)
  for (const [leg, other] of [
    [a, b],
    [b, a],
  ] as const) {
    leg.variables.setAll([
      ['bridge_to', other.uuid],
      ['last_bridge_to', other.uuid],
      ['bridge_channel', other.name],
      ['bridge_uuid', other.uuid],
      ['signal_bond', other.uuid],
    ])
  }
}

/** What a phone's display was last told. */
export function tellDisplay(leg: Channel, { name, number }: { name: string; number: string }): void {
  leg.variables.set('last_sent_callee_id_name', name || number)
  leg.variables.set('last_sent_callee_id_number', number)
}

/** The first leg shows whom it reaches. */
export function showCallee(a: Channel, b: Channel): void {
  a.profile.calleeIdName = b.profile.calleeIdName
  a.profile.calleeIdNumber = b.profile.calleeIdNumber
}

/** An outbound leg that takes part in a call stops showing who called it and shows itself as the caller: the caller
 *  id of an originated leg is another one after its answer. */
export function flipCallerId(leg: Channel): void {
  const { profile } = leg
  leg.variables.set('pre_transfer_caller_id_name', profile.callerIdName)
  leg.variables.set('pre_transfer_caller_id_number', profile.callerIdNumber)
  leg.variables.set('channel_cid_flipped', 'yes')
  leg.profile = {
    ...profile,
    callerIdName: profile.calleeIdName,
    callerIdNumber: profile.calleeIdNumber,
    calleeIdName: profile.callerIdName,
    calleeIdNumber: profile.callerIdNumber,
  }
}

/** A leg whose bridge is over is a call of its own again, and says why the bridge ended. */
export function standAlone(leg: Channel, bridgeHangupCause: string): void {
  leg.variables.set('bridge_hangup_cause', bridgeHangupCause)
  ownCall(leg)
}

export function ownCall(leg: Channel): void {
  leg.callUuid = leg.uuid
  leg.variables.set('call_uuid', leg.uuid)
}
