// The vocabulary of a wake: a PBX is about to ring a phone app that sleeps, so the app is pushed awake and the
// PBX's request held until the app confirms. Shared by the main thread and the wait workers; no I/O here.
import type { EndReason, WakeDecision } from '../redis/wakes/wakes.ts'

/** What a PBX posts about one incoming call. */
export interface IncomingCall {
  /** The account whose phones shall wake: `sip_user_id` on the wire. */
  account: string
  phonenumber: string
  callerId: string
  /** The PBX's own id of the call, or a UUID of ours. */
  callId: string
  /** The PBX's trace, as its request's header says it (W3C Trace Context). */
  traceparent?: string
  /** No PBX asks: an agent does, for a side of a dialled call. */
  isJob?: true
}

/** Why the PBX got its answer; header `x-hookswitch-reason`. */
export type WakeReason =
  | 'confirmed'
  | 'no-device'
  | 'unavailable'
  | 'timeout'
  | 'push-refused'
  | 'caller-gone'
  | 'busy'

/** The PBX's answer. `deviceId` is the device that confirmed. */
export interface WakeOutcome {
  status: 'ACK' | 'NAK'
  reason: WakeReason
  deviceId?: string
}

/** With which priority an app says that its push arrived. We send all with `high`; Google lowers it. */
export const PUSH_PRIORITIES = ['high', 'normal'] as const
/** `unreadable`: it said something else. */
export type SaidPriority = (typeof PUSH_PRIORITIES)[number] | 'unreadable'

/** A fixed namespace of our own, so that every pod derives the same UUID (RFC 9562, 5.5). */
const CALL_UUID_NAMESPACE = '6f0b7c52-6a55-4c4e-9d0a-3b1f2f7f4d1e'

/** CallKit's id of the call: the same for every resend and every device, or a phone shows two calls. */
export const callUuidOf = (callId: string): string => Bun.randomUUIDv5(callId, CALL_UUID_NAMESPACE)

/** The PBX's answer to what Redis decided. */
export function outcomeOf(decision: WakeDecision): WakeOutcome {
  switch (decision.state) {
    case 'confirmed':
      return { status: 'ACK', reason: 'confirmed', deviceId: decision.device }
    case 'ended':
      return nak(reasonOf(decision.reason))
    // Redis has lost the record, so no app can have been told to proceed.
    case 'unknown':
      return nak('busy')
  }
}

export const nak = (reason: WakeReason): WakeOutcome => ({ status: 'NAK', reason })

/** The PBX that reports its own call's end (`caller_hangup`, `answered_elsewhere`) hears that its caller is gone. */
function reasonOf(reason: EndReason): WakeReason {
  return reason === 'caller_hangup' || reason === 'answered_elsewhere' ? 'caller-gone' : reason
}
