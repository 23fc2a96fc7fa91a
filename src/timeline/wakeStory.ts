// The sentences of a wake: what the PBX asked, which phones were pushed, what the vendors and the apps answered.
import { assertNever } from '../base/result.ts'
import { toSeconds } from '../base/units.ts'
import type { Verdict } from '../redis/wakes/wakes.ts'
import type { FoundDevice, WakeEnding, WakeEntry } from './entry.ts'
import { article, lapse } from './phrases.ts'
import { explainRefusal, phoneName, vendorName } from './pushRefusals.ts'
import type { Scene } from './scene.ts'

/** Says of a ring group's entry whose it is. */
export const whose = ({ account }: { account: string }, { isRingGroup }: Scene): string =>
  isRingGroup ? ` (Account ${account}.)` : ''

/** One entry in words. */
export function ofWake(entry: WakeEntry): string {
  switch (entry.what) {
    case 'request':
      if (entry.isJob)
        return `A front is asked to wake the phones of account ${entry.account}: they will be called from ${entry.phonenumber}.`
      return `The PBX asks to wake the phones of account ${entry.account}: a call from ${entry.phonenumber}.`
    case 'request-refused':
      return entry.limit === 'WAITS_PER_ACCOUNT'
        ? 'The request was turned away with 503: too many calls of this account are waiting in this process (WAITS_PER_ACCOUNT).'
        : 'The request was turned away with 503: too many calls are waiting in this process (WAITS_MAX).'
    case 'join-refused':
      return 'The same call is being woken already, and as many requests as may share that wait do: this one is not held.'
    case 'joined':
      return 'The same call is being woken already: this request shares its wait, and no further push is sent.'
    case 'push-sent':
      return pushSent(entry)
    case 'push-answered':
      return pushAnswered(entry)
    case 'device-forgotten':
      return `The ${phoneName(entry.platform)} is taken off the account: its push token is gone. Its app must register again.`
    case 'app-answered':
      return appAnswered(entry)
    case 'registered':
      return registered(entry)
    case 'app-explained':
      return `The app says why it did not take the call: ${entry.reason || 'no reason given'}.`
    case 'app-reported':
      return `The app reports of the call: ${entry.said}.`
    case 'call-ended':
      return entry.reason === 'answered_elsewhere'
        ? 'The PBX says that the call was answered elsewhere.'
        : 'The PBX says that the caller has hung up.'
    case 'outcome':
      return `${entry.isJob ? 'The agent' : 'The PBX'} is told ${entry.status} after ${lapse(entry.waitedMs)}: ${endingWords(entry)}`
    default:
      return assertNever(entry)
  }
}

function pushSent(entry: Extract<WakeEntry, { what: 'push-sent' }>): string {
  const { attempt, devices, device, platform, afterMs, usualMs } = entry
  const phones = devices === 1 ? 'the phone' : `${devices} phones`
  if (attempt === 1) return `A push is sent to ${phones}.`
  if (!device || !platform || afterMs === undefined || usualMs === undefined)
    return `No confirmation yet: the push is sent again to ${phones} (attempt ${attempt}).`
  const came = `No confirmation yet from the ${phoneName(platform)} (${device}): its ${ordinal(attempt)} push came after ${tenths(afterMs)}`
  return afterMs >= usualMs
    ? `${came} because this phone usually answers within ${tenths(usualMs)}.`
    : `${came}, although this phone usually answers within ${tenths(usualMs)}, so that it still gets as many pushes as others.`
}

const ORDINALS = ['second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth']
/** From 2 on. */
const ordinal = (number: number): string => ORDINALS[number - 2] ?? `${number}th`

/** `0.9 s` */
const tenths = (ms: number): string => `${toSeconds(ms).toFixed(1)} s`

/** The devices that the first push goes to. */
export function devicesFound({ found = [], devices }: Extract<WakeEntry, { what: 'push-sent' }>): string {
  const names = found.map(
    each => `${article(phoneName(each.platform))} (${each.device}${registration(each)})`,
  )
  const more = devices > found.length ? ` and ${devices - found.length} more` : ''
  return `${devices} ${devices === 1 ? 'device is' : 'devices are'} registered: ${names.join(', ')}${more}.`
}

const registration = ({ from, expiresAtMs }: FoundDevice): string =>
  from === undefined || expiresAtMs === undefined
    ? ''
    : `, registered from ${from}, expires ${new Date(expiresAtMs).toISOString().slice(0, 19)}Z`

function registered({ device, from, verdict, afterMs }: Extract<WakeEntry, { what: 'registered' }>): string {
  if (verdict === 'proceed')
    return `Confirmed by REGISTER after ${lapse(afterMs)}: ${device} registered at ${from}.`
  return `${device} registered at ${from} ${lapse(afterMs)} after its push, which changed nothing: ${WITHOUT_EFFECT[verdict]}.`
}

const WITHOUT_EFFECT: Record<Exclude<Verdict, 'proceed'>, string> = {
  expired: 'the wait was over',
  ended: 'the caller had hung up',
  answered_elsewhere: 'another phone had confirmed',
  unknown: 'nothing is known of the wake any more',
}

function pushAnswered(entry: Extract<WakeEntry, { what: 'push-answered' }>): string {
  const vendor = vendorName(entry.platform)
  const took = `after ${lapse(entry.tookMs)}`
  const { reason = '' } = entry
  const meaning = explainRefusal(reason)
  switch (entry.outcome) {
    case 'accepted':
      if (entry.isLogged)
        return `The push to the ${phoneName(entry.platform)} was written to the log: no APPS_FILE says how to reach ${vendor}.`
      return `${vendor} accepted the push to the ${phoneName(entry.platform)} ${took}.`
    case 'token-gone':
      return `${vendor} says ${took} that the push token of the ${phoneName(entry.platform)} is gone: the app was removed, or registered anew.`
    case 'retry-later':
      return `${vendor} did not take the push to the ${phoneName(entry.platform)} while the wait ran: ${reason}${meaning ? ` (${meaning.replace(/\.$/, '')})` : ''}.`
    case 'refused':
      return `${vendor} refused the push to the ${phoneName(entry.platform)} ${took}: ${reason}.${meaning ? ` That means: ${meaning}` : ''}`
    default:
      return assertNever(entry.outcome)
  }
}

function appAnswered(entry: Extract<WakeEntry, { what: 'app-answered' }>): string {
  return `${answerWords(entry)}${entry.isLowered ? LOWERED : ''}`
}

const LOWERED =
  ' Its push arrived with normal priority, it says, although it was sent with high: the vendor lowers those of apps whose pushes show nothing.'

function answerWords({ isAvailable, verdict }: Extract<WakeEntry, { what: 'app-answered' }>): string {
  const said = isAvailable ? 'The app confirms that it is awake' : 'The app says that it is not available'
  switch (verdict) {
    case 'proceed':
      return isAvailable
        ? `${said}, and is told to expect the call.`
        : `${said} (in a call already, or told not to disturb).`
    case 'expired':
      return `${said}, but too late: the wait had ended. It is told that the call has expired.`
    case 'ended':
      return isAvailable ? `${said}, but the call is over: it is told so.` : `${said}.`
    case 'answered_elsewhere':
      return `${said}; another phone was first, and it is told so.`
    case 'unknown':
      return `${said}, but nothing is known of the call any more.`
    default:
      return assertNever(verdict)
  }
}

function endingWords(entry: Extract<WakeEntry, { what: 'outcome' }>): string {
  if (entry.reason !== 'confirmed') return ENDINGS[entry.reason]
  const trip = entry.roundTripMs === undefined ? '' : `, ${lapse(entry.roundTripMs)} after the first push`
  return `the app confirmed${trip}. The phone can ring.`
}

/** Why a wake ended without a confirmation. */
export const ENDINGS: Record<Exclude<WakeEnding, 'confirmed'>, string> = {
  'no-device': 'no device is registered for this account. The app must log in first.',
  unavailable: 'the app answered that it is not available.',
  timeout: 'no app confirmed in time.',
  'push-refused': 'no push could be delivered to any device of the account.',
  'caller-gone': 'the caller is gone, or the call was answered elsewhere.',
  caller_hangup: 'the caller has hung up.',
  answered_elsewhere: 'the call was answered elsewhere.',
  busy: 'the request could not be held, because Redis did not answer or too many requests of the call wait already.',
}
