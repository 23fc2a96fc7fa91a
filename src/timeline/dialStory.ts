// The sentences of a dialled call: the job, the legs, control messages, and which agent owned the call.
import { assertNever } from '../base/result.ts'
import type { DialEntry } from './entry.ts'
import { capital, causeWords, lapse } from './phrases.ts'
import { legName, type Scene } from './scene.ts'
import { ENDINGS } from './wakeStory.ts'

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

function leftOutTold(
  { side, unsafe, older }: Extract<DialEntry, { what: 'contacts-left-out' }>,
  scene: Scene,
): string {
  const why = [
    ...(unsafe > 0 ? [`${unsafe} by which the switch could dial something else than a phone`] : []),
    ...(older > 0 ? [`${older} older than the eight newest`] : []),
  ]
  return `Contacts of ${legName(side, scene)} that are not called: ${why.join(', and ')}.`
}

/** One entry in words. */
export function ofDial(entry: DialEntry, scene: Scene): string {
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
    case 'contacts-left-out':
      return leftOutTold(entry, scene)
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
