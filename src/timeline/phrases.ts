// Phrases that the sentences of a timeline share: a time that has passed, a cause and its meaning.
import { MS_PER_SECOND, toSeconds } from '../base/units.ts'
import { explainCause } from '../esl/hangupCauses.ts'

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

/** With a capital in front, to begin a sentence. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** A noun with its article. */
export const article = (noun: string): string => `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`
