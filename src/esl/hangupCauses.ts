// FreeSWITCH's hangup causes: checked where a command names one, made into labels for metrics, and explained to people. The
// list is closed, because `uuid_kill` takes a word that it does not know for NORMAL_CLEARING and says nothing. The
// causes themselves stand in `causeTable.ts`.
import { fail, ok } from '../base/result.ts'
import type { Parsed } from './allow.ts'
import { CAUSES, type HangupClass } from './causeTable.ts'

export type HangupCause = keyof typeof CAUSES

/** Upper case, as events bring it. Causes of events need no parsing: they only go out again as text. */
export function parseHangupCause(value: unknown): Parsed<HangupCause> {
  return isCause(value) ? ok(value) : fail('must be a hangup cause of FreeSWITCH, like NORMAL_CLEARING')
}

/** Labels for a metric: a word that FreeSWITCH does not have becomes `OTHER`, so that the labels stay a closed set. */
export function labelsOfCause(word: string): { cause: string; class: HangupClass } {
  return isCause(word) ? { cause: word, class: CAUSES[word].class } : { cause: 'OTHER', class: 'other' }
}

/** A sentence or two in plain words. @returns undefined for a word that is no cause of FreeSWITCH. */
export const explainCause = (cause: string): string | undefined =>
  isCause(cause) ? CAUSES[cause].means : undefined

/** Causes with which a call ends as people mean it to. */
export const isOrdinaryEnd = (cause: string): boolean => cause === 'NORMAL_CLEARING'

const isCause = (value: unknown): value is HangupCause =>
  typeof value === 'string' && Object.hasOwn(CAUSES, value)
