// The bodies of the public routes, field by field, with the wire's names on the left and ours on the keys. Limits
// that are not the contract's own are vialer-middleware's.
import { CALL_END_REASONS } from '../../wake/callNews.ts'
import { type Check, flag, line, number, oneOf, optional, pattern, required } from '../form.ts'

export const account = pattern(
  /^[A-Za-z0-9_.+~-]{1,64}(@[A-Za-z0-9.-]{1,255})?$/,
  '1 to 64 letters, digits or _ . + ~ -, optionally with @domain',
)
const dialable = pattern(
  /^([0-9+().x -]{1,32}|anonymous)$/i,
  'at most 32 digits, blanks or + ( ) - . x, or anonymous',
)
const phonenumber: Check<string> = {
  ...dialable,
  // PBXs that don't encode their forms send the plus of +49… as it stands, and a form reads that as a blank.
  read: given => dialable.read(typeof given === 'string' ? given.replace(/^ (?=\d)/, '+') : given),
}
/** SIP Call-IDs and PBX ids: printable ASCII (RFC 3261, `callid`), without blanks. */
const callId = pattern(/^[\x21-\x7e]{1,255}$/, 'at most 255 printable characters without blanks')
const pushToken = pattern(/^[\x21-\x7e]{1,4096}$/, 'at most 4096 printable characters without blanks')
const deviceId = pattern(/^[A-Za-z0-9_.:-]{1,128}$/, '1 to 128 letters, digits or _ . : -')
const appId = pattern(/^[A-Za-z0-9_.-]{1,255}$/, 'an app id: at most 255 letters, digits or _ . -')
const shortText = line(255)
const reason = line(1_000)

export const incomingCallForm = {
  account: required('sip_user_id', account),
  phonenumber: required('phonenumber', phonenumber),
  callerId: optional('caller_id', shortText, ''),
  callId: optional('call_id', callId),
}

export const callEndedForm = {
  callId: required('call_id', callId),
  reason: required('reason', oneOf(CALL_END_REASONS)),
}

export const callResponseForm = {
  uniqueKey: required('unique_key', shortText),
  messageStartTime: required('message_start_time', number),
  isAvailable: optional('available', flag, true),
  deviceId: optional('device_id', deviceId),
}

export const deviceForm = {
  account: required('sip_user_id', account),
  token: required('token', pushToken),
  app: required('app', appId),
  name: optional('name', shortText),
  osVersion: optional('os_version', shortText),
  clientVersion: optional('client_version', shortText),
  isSandbox: optional('sandbox', flag, false),
  remoteLoggingId: optional('remote_logging_id', shortText),
  deviceId: optional('device_id', deviceId),
}

export const deviceRemovalForm = {
  account: required('sip_user_id', account),
  token: required('token', pushToken),
  app: required('app', appId),
}

export const checkInForm = {
  account: required('sip_user_id', account),
  deviceId: optional('device_id', deviceId),
}

export const hangupReasonForm = {
  account: required('sip_user_id', account),
  uniqueKey: required('unique_key', shortText),
  reason: optional('reason', reason, ''),
}

export const logMetricsForm = {
  account: optional('sip_user_id', account),
}
