// The bodies of the public routes, field by field, with the wire's names on the left and ours on the keys. Limits
// that are not the contract's own are vialer-middleware's.
import { canonicalAccount } from '../../base/account.ts'
import type { Platform } from '../../push/push.ts'
import { CALL_END_REASONS } from '../../wake/callNews.ts'
import { PUSH_PRIORITIES, type SaidPriority } from '../../wake/wake.ts'
import { type Check, flag, line, number, oneOf, optional, pattern, required, shown } from '../form.ts'
import { shownNumber } from './shownNumber.ts'

const accountName = pattern(
  /^[A-Za-z0-9_.+~-]{1,64}(@[A-Za-z0-9.-]{1,255})?$/,
  '1 to 64 letters, digits or _ . + ~ -, optionally with @domain',
)
export const account: Check<string> = {
  ...accountName,
  read(given) {
    const name = accountName.read(given)
    return name === undefined ? undefined : canonicalAccount(name)
  },
}
/** A PBX's ids and SIP Call-IDs (RFC 3261, `callid`). Some PBXs put blanks in theirs. */
const callId = pattern(/^[\x20-\x7e]{1,255}$/, 'at most 255 printable ASCII characters')
const pushToken = pattern(/^[\x21-\x7e]{1,4096}$/, 'at most 4096 printable characters without blanks')
const deviceId = pattern(/^[A-Za-z0-9_.:-]{1,128}$/, '1 to 128 letters, digits or _ . : -')
const appId = pattern(/^[A-Za-z0-9_.-]{1,255}$/, 'an app id: at most 255 letters, digits or _ . -')
const shortText = line(255)
export const shownLine = shown(255)
const reason = shown(1_000)

/** A Contact. Its push parameters are read later: when they can't be used, the answer is `none`. */
const contact = pattern(/^[\x20-\x7e\x80-\uffff]{1,16384}$/, 'at most 16384 printable characters')
/** RFC 3261, 20.19. */
const seconds: Check<number> = {
  expects: 'whole seconds, at most 4294967295',
  read(given) {
    const digits = typeof given === 'number' ? String(given) : given
    if (typeof digits !== 'string' || !/^\d{1,10}$/.test(digits)) return undefined
    const value = Number(digits)
    return value <= 4_294_967_295 ? value : undefined
  },
}

/** 32 bytes in hex as long as there have been tokens; Apple says that they may grow. */
const appleToken = pattern(/^(?:[0-9a-f]{2}){32,100}$/i, "PushKit's token in hex, 64 to 200 digits")

/** What apps send for a token that they do not have, or as their language prints its value instead of it. */
const NO_TOKEN = /^(?:undefined|null|nil|none|nan|true|false|0|-|error|unknown)$|^(?:[({<[]|optional\()/i
const googleToken: Check<string> = {
  ...pushToken,
  expects: "FCM's token: at most 4096 printable characters without blanks",
  read(given) {
    const token = pushToken.read(given)
    return token === undefined || NO_TOKEN.test(token) ? undefined : token
  },
}

export const incomingCallForm = {
  account: required('sip_user_id', account),
  phonenumber: required('phonenumber', shownNumber),
  callerId: optional('caller_id', shownLine, ''),
  callId: optional('call_id', callId),
}

export const callEndedForm = {
  callId: required('call_id', callId),
  reason: required('reason', oneOf(CALL_END_REASONS)),
}

export const registeredForm = {
  account: required('sip_user_id', account),
  contact: required('contact', contact),
  expiresSeconds: optional('expires', seconds),
  userAgent: optional('user_agent', shownLine),
}

/** A phone's ringing does not hang on it: what is neither is counted, not refused. */
const pushPriority: Check<SaidPriority> = {
  expects: 'high or normal',
  read: given =>
    PUSH_PRIORITIES.find(each => typeof given === 'string' && given.toLowerCase() === each) ?? 'unreadable',
}

export const callResponseForm = {
  uniqueKey: optional('unique_key', shortText),
  messageStartTime: optional('message_start_time', number),
  account: optional('sip_user_id', account),
  isAvailable: optional('available', flag, true),
  deviceId: optional('device_id', deviceId),
  pushPriority: optional('push_priority', pushPriority),
}

const deviceForm = {
  account: required('sip_user_id', account),
  app: required('app', appId),
  name: optional('name', shownLine),
  osVersion: optional('os_version', shownLine),
  clientVersion: optional('client_version', shownLine),
  isSandbox: optional('sandbox', flag, false),
  remoteLoggingId: optional('remote_logging_id', shownLine),
  /** Only `once` has a meaning; apps send other words, too. */
  pushProfile: optional('push_profile', shownLine),
  isDnd: optional('dnd', flag, false),
  deviceId: optional('device_id', deviceId),
}

/** By the kind of its push token. */
export const deviceForms = {
  apns: {
    ...deviceForm,
    token: required('token', appleToken),
    alertToken: optional('alert_token', appleToken),
  },
  gcm: { ...deviceForm, token: required('token', googleToken) },
  android: { ...deviceForm, token: required('token', googleToken) },
} satisfies Record<Platform, unknown>

/** Takes any token: also one that an earlier version accepted can be signed off. */
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
  /** The call that it is about, by either name. */
  uniqueKey: optional('unique_key', shownLine),
  callId: optional('call_id', shownLine),
}
