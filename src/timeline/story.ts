// Turns a timeline's entries into sentences, when somebody reads them. They are for the person on duty: what
// happened, what it means, where to look. What it all comes to stands in `summary.ts`.
import { assertNever } from '../base/result.ts'
import { MS_PER_SECOND, toSeconds } from '../base/units.ts'
import { explainCause } from '../esl/hangupCauses.ts'
import type { Verdict } from '../redis/wakes/wakes.ts'
import type { DialEntry, Entry, FoundDevice, KeptEntry, WakeEnding, WakeEntry } from './entry.ts'
import { explainRefusal, phoneName, vendorName } from './pushRefusals.ts'

/** One line of a timeline. `fields` are the entry's own. */
export interface Told {
  atMs: number
  by: string
  what: string
  text: string
  fields: Record<string, unknown>
}

/** What an entry's sentence needs of the others. */
export interface Scene {
  /** A call of two legs names them by what they are to each other. */
  isTwoLegged: boolean
  /** A ring group's entries each name their account. */
  isRingGroup: boolean
  /** Why the callee's phone ended unanswered: the switch ends the caller's with the same cause. */
  calleeCause: string | undefined
}

/** @param entries in order. */
export function tell(entries: readonly KeptEntry[]): Told[] {
  const scene = sceneOf(entries)
  return entries.flatMap(entry => {
    const { atMs, by, n: _, what, ...fields } = entry
    const told: Told = { atMs, by, what, text: sentence(entry, scene), fields }
    if (entry.what !== 'push-sent' || !entry.found) return [told]
    // The first push is kept together with the devices it goes to, and told apart from them.
    const { found: __, ...push } = fields as Partial<typeof entry>
    const text = `${devicesFound(entry)}${whose(entry, scene)}`
    return [
      { ...told, what: 'devices-found', text },
      { ...told, fields: push },
    ]
  })
}

export function sceneOf(entries: readonly KeptEntry[]): Scene {
  const accounts = new Set(
    entries.flatMap(each => (isOfWake(each) && 'account' in each ? [each.account] : [])),
  )
  const isTwoLegged = entries.some(each => each.what === 'job-taken' && each.kind === 'asp-call')
  const unanswered = entries.find(each => each.what === 'hangup' && each.side === '1' && !each.wasAnswered)
  const calleeCause = isTwoLegged && unanswered?.what === 'hangup' ? unanswered.cause : undefined
  return { isTwoLegged, isRingGroup: accounts.size > 1, calleeCause }
}

/** Entries that the wake half writes. */
export const isOfWake = (entry: Entry): entry is WakeEntry => Object.hasOwn(WAKE_KINDS, entry.what)

const WAKE_KINDS: Record<WakeEntry['what'], true> = {
  request: true,
  'request-refused': true,
  joined: true,
  'join-refused': true,
  'push-sent': true,
  'push-answered': true,
  'device-forgotten': true,
  'app-answered': true,
  registered: true,
  'app-explained': true,
  'app-reported': true,
  'call-ended': true,
  outcome: true,
}

function sentence(entry: Entry, scene: Scene): string {
  if (!isOfWake(entry)) return ofDial(entry, scene)
  const isNamed = 'account' in entry && entry.what !== 'request'
  return `${ofWake(entry)}${isNamed ? whose(entry, scene) : ''}`
}

const whose = ({ account }: { account: string }, { isRingGroup }: Scene): string =>
  isRingGroup ? ` (Account ${account}.)` : ''

function ofWake(entry: WakeEntry): string {
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
    case 'push-sent': {
      const phones = entry.devices === 1 ? 'the phone' : `${entry.devices} phones`
      return entry.attempt === 1
        ? `A push is sent to ${phones}.`
        : `No confirmation yet: the push is sent again to ${phones} (attempt ${entry.attempt}).`
    }
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

function devicesFound({ found = [], devices }: Extract<WakeEntry, { what: 'push-sent' }>): string {
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

const article = (noun: string): string => `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`

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

function appAnswered({ isAvailable, verdict }: Extract<WakeEntry, { what: 'app-answered' }>): string {
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
const ENDINGS: Record<Exclude<WakeEnding, 'confirmed'>, string> = {
  'no-device': 'no device is registered for this account. The app must log in first.',
  unavailable: 'the app answered that it is not available.',
  timeout: 'no app confirmed in time.',
  'push-refused': 'no push could be delivered to any device of the account.',
  'caller-gone': 'the caller is gone, or the call was answered elsewhere.',
  caller_hangup: 'the caller has hung up.',
  answered_elsewhere: 'the call was answered elsewhere.',
  busy: 'the request could not be held, because Redis did not answer or too many requests of the call wait already.',
}

function wakeTold({ side, state, reason }: Extract<DialEntry, { what: 'wake' }>, scene: Scene): string {
  const whose = legName(side, scene)
  switch (state) {
    case 'pushed':
      return `A push is on its way to ${whose}.`
    case 'confirmed':
      return `${capital(whose)} is awake.`
    case 'failed':
      return reason === 'no-contact'
        ? `${capital(whose)} can't be called: no contact of theirs at this switch is a phone's address.`
        : `${capital(whose)} did not wake: ${ENDINGS[reason as keyof typeof ENDINGS] ?? `${reason ?? 'no reason is known'}.`}`
    default:
      return assertNever(state)
  }
}

function ofDial(entry: DialEntry, scene: Scene): string {
  switch (entry.what) {
    case 'job-taken': {
      const whom =
        entry.calleeNumber === undefined
          ? `to call ${entry.callerNumber}`
          : `to call ${entry.callerNumber}, then ${entry.calleeNumber}`
      const queued =
        entry.queuedForMs === undefined ? '' : `, ${lapse(entry.queuedForMs)} after it was queued`
      const from = entry.list === '' ? "from the switch's channel" : `from ${entry.list}`
      return `The agent takes the job (${entry.kind}) ${from}${queued}: ${whom}, for account ${entry.account}, on the switch ${entry.switch}.`
    }
    case 'job-refused':
      return `${entry.isOther ? 'Another job of this id' : 'The job'} is refused: ${causeWords(entry.cause)}${entry.isDeadLettered ? ' It is kept on the dead-letter list.' : ''}`
    case 'job-returned':
      return entry.from === undefined
        ? 'The job cannot be dialled just now: it goes back to the head of its list, for any agent to take.'
        : `The agent ${entry.from} has died before it dialled the job: it goes back to the head of its list.`
    case 'originate':
      return `The dial id is claimed, and the switch is told to call ${legName(entry.side, scene)}${entry.gateway ? ` through the gateway ${entry.gateway}` : ''}.`
    case 'wake':
      return wakeTold(entry, scene)
    case 'rings-account': {
      const phones =
        entry.phones === 1 ? 'one phone' : `${entry.phones} phones, of which the first to answer counts`
      return `The switch is told to call ${legName(entry.side, scene)}: ${phones}.`
    }
    case 'originate-answered':
      return originateAnswered(entry)
    case 'leg':
      return entry.state === 'ringing'
        ? `${capital(legName(entry.side, scene))} is being called.`
        : `${capital(legName(entry.side, scene))} is answered.`
    case 'hangup':
      if (entry.side === '0' && entry.wasAnswered && entry.cause === scene.calleeCause)
        return `${capital(legName(entry.side, scene))} is let go with the callee's cause, ${entry.cause}.`
      return `${capital(legName(entry.side, scene))} ${entry.wasAnswered ? 'hangs up' : 'ends without an answer'}: ${causeWords(entry.cause)}`
    case 'bridge':
      return entry.with === undefined
        ? 'The two phones are connected and hear each other.'
        : `The call is connected to ${entry.with}.`
    case 'barger':
      return barger(entry)
    case 'ordered': {
      const whose = entry.tokenName === undefined ? '' : ` with the token ${entry.tokenName}`
      return `The internal API is asked for ${entry.event}, from ${entry.client}${whose}.`
    }
    case 'control':
      return `A control message asks: ${entry.event || 'something unreadable'}.`
    case 'control-answered': {
      const took = entry.tookMs === undefined ? '' : ` after ${lapse(entry.tookMs)}`
      const event = entry.event || 'The message'
      return entry.isObeyed
        ? `${capital(event)}: done, and acknowledged${took}.`
        : `${capital(event)}: not done${took}, because ${entry.cause ?? 'of an unknown reason'}.`
    }
    case 'switch-lost':
      return 'The connection to the switch is lost. The call may go on there; what happens meanwhile is found out later.'
    case 'switch-back':
      return 'The connection to the switch is back; the call is compared with what the switch has of it.'
    case 'taken-over':
      return entry.isHandedOver
        ? `The agent ${entry.from} stops and hands the call over; this one goes on with it.`
        : `The agent ${entry.from} has died; this one takes the call over and goes on with it.`
    case 'handed-over':
      return `This agent stops, and ${entry.to} has the call from now on.`
    case 'left-alone':
      return 'This agent finds that another one owns the call now, and leaves it alone.'
    case 'failure':
      return `The call fails: ${causeWords(entry.cause)}`
    case 'dead-letter':
      return `The job is kept on the dead-letter list (${entry.cause}): somebody should look at it.`
    case 'rang-late':
      return 'The switch carried the order out after all, long after the call was given up: the phone is hung up.'
    case 'over':
      return 'The call is over; its dial id is free.'
    default:
      return assertNever(entry)
  }
}

function originateAnswered({
  outcome,
  text = '',
}: Extract<DialEntry, { what: 'originate-answered' }>): string {
  switch (outcome) {
    case 'ok':
      return 'The switch accepted the order.'
    case 'error':
      return `The switch refused the order: ${text}`
    case 'timeout':
      return 'The switch did not say in time whether it took the order; it is asked what became of it.'
    case 'lost':
      return 'The connection to the switch broke behind the order: whether it was carried out is found out later.'
    case 'busy':
      return 'Too many orders wait for the switch; nothing was sent.'
    default:
      return assertNever(outcome)
  }
}

function barger({ barger: id, state, cause }: Extract<DialEntry, { what: 'barger' }>): string {
  if (state === 'ringing') return `The barger's phone (${id}) is being called.`
  if (state === 'answered') return `The barger (${id}) listens.`
  return `The barger (${id}) is gone${cause === undefined ? '.' : `: ${causeWords(cause)}`}`
}

/** A leg as the person on duty knows it. */
export function legName(side: string, { isTwoLegged }: Pick<Scene, 'isTwoLegged'>): string {
  if (side === '0') return isTwoLegged ? "the caller's phone (A-leg, side 0)" : 'the phone (side 0)'
  return side === '1' && isTwoLegged ? "the callee's phone (B-leg, side 1)" : `the phone (side ${side})`
}

/** A cause, explained: FreeSWITCH's words, and our own failures. */
export function causeWords(cause: string): string {
  const meaning = explainCause(cause) ?? (Object.hasOwn(OWN_CAUSES, cause) ? OWN_CAUSES[cause] : undefined)
  return meaning === undefined ? `${cause}.` : `${cause}: ${meaning}`
}

/** Failures that agents themselves say. */
const OWN_CAUSES: Record<string, string> = {
  'unknown outcome':
    'the agent or the switch died at the wrong moment, so nobody can say whether the phone rang. It is not dialled again.',
  'duplicate dial_id': 'a call of this dial id lives already; the job was not dialled.',
  expired:
    'the job had waited longer than JOB_MAX_AGE in its list. Were there agents, and were they connected?',
  'load tests need RED_MODE=load-test': 'this service does not take load tests.',
}

/** `420 ms`, `4.20 s` */
export const lapse = (ms: number): string =>
  ms < MS_PER_SECOND ? `${Math.round(ms)} ms` : `${toSeconds(ms).toFixed(2)} s`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
