// Hangup causes by class: few enough to draw, and each a different person's business. The causes themselves are
// explained elsewhere; here each is only put into its class.
import { type HangupCause, parseHangupCause } from './hangupCauses.ts'

/** `normal`: as people mean it. `busy`, `no-answer`, `rejected`, `cancelled`: people, too. `number`: it does not exist
 *  or is not reachable. `gateway`: the provider or our credentials there. `congestion`: too much at once. `network`: no
 *  way, or lost on it. `media`: no codec or no sound. `switch`: FreeSWITCH itself. `other`: the rest. */
export const HANGUP_CLASSES = [
  'normal',
  'busy',
  'no-answer',
  'rejected',
  'cancelled',
  'number',
  'gateway',
  'congestion',
  'network',
  'media',
  'switch',
  'other',
] as const
export type HangupClass = (typeof HANGUP_CLASSES)[number]

const MEMBERS: Partial<Record<HangupClass, readonly HangupCause[]>> = {
  normal: [
    'NORMAL_CLEARING',
    'MANAGER_REQUEST',
    'BLIND_TRANSFER',
    'ATTENDED_TRANSFER',
    'PICKED_OFF',
    'LOSE_RACE',
    'BOWOUT',
    'ALLOTTED_TIMEOUT',
  ],
  busy: ['USER_BUSY', 'BUSY_EVERYWHERE'],
  'no-answer': ['NO_ANSWER', 'NO_PICKUP', 'PROGRESS_TIMEOUT'],
  rejected: ['CALL_REJECTED', 'DECLINE', 'UNWANTED', 'REJECT_ALL', 'INCOMING_CALL_BARRED'],
  cancelled: ['ORIGINATOR_CANCEL'],
  number: [
    'UNALLOCATED_NUMBER',
    'INVALID_NUMBER_FORMAT',
    'NUMBER_CHANGED',
    'DOES_NOT_EXIST_ANYWHERE',
    'USER_NOT_REGISTERED',
    'SUBSCRIBER_ABSENT',
    'NO_USER_RESPONSE',
    'INVALID_URL',
  ],
  gateway: [
    'INVALID_GATEWAY',
    'GATEWAY_DOWN',
    'INVALID_PROFILE',
    'USER_CHALLENGE',
    'OUTGOING_CALL_BARRED',
    'BEARERCAPABILITY_NOTAUTH',
    'FACILITY_NOT_SUBSCRIBED',
    'NO_IDENTITY',
    'BAD_IDENTITY_INFO',
    'UNSUPPORTED_CERTIFICATE',
    'INVALID_IDENTITY',
    'STALE_DATE',
  ],
  congestion: [
    'NORMAL_CIRCUIT_CONGESTION',
    'SWITCH_CONGESTION',
    'REQUESTED_CHAN_UNAVAIL',
    'CHANNEL_UNACCEPTABLE',
    'PRE_EMPTED',
  ],
  network: [
    'NO_ROUTE_DESTINATION',
    'NO_ROUTE_TRANSIT_NET',
    'EXCHANGE_ROUTING_ERROR',
    'DESTINATION_OUT_OF_ORDER',
    'NETWORK_OUT_OF_ORDER',
    'NORMAL_TEMPORARY_FAILURE',
    'SERVICE_UNAVAILABLE',
    'RECOVERY_ON_TIMER_EXPIRE',
    'INTERWORKING',
  ],
  media: [
    'INCOMPATIBLE_DESTINATION',
    'NOT_ACCEPTABLE',
    'BEARERCAPABILITY_NOTIMPL',
    'BEARERCAPABILITY_NOTAVAIL',
    'MEDIA_TIMEOUT',
    'SRTP_READ_ERROR',
  ],
  switch: ['CRASH', 'SYSTEM_SHUTDOWN'],
}

const CLASS_OF = new Map<HangupCause, HangupClass>(
  HANGUP_CLASSES.flatMap(name => (MEMBERS[name] ?? []).map(cause => [cause, name] as const)),
)

/** Labels for a metric: a word that FreeSWITCH does not have becomes `OTHER`, so that there is never an end of them. */
export function labelsOfCause(word: string): { cause: string; class: HangupClass } {
  const cause = parseHangupCause(word)
  if (!cause.ok) return { cause: 'OTHER', class: 'other' }
  return { cause: cause.value, class: CLASS_OF.get(cause.value) ?? 'other' }
}
