// What the sentence of one entry needs of all the others: how many legs the call has, whether several accounts are rung.
import type { Entry, KeptEntry, WakeEntry } from './entry.ts'

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

/** A leg as the person on duty knows it. */
export function legName(side: string, { isTwoLegged }: Pick<Scene, 'isTwoLegged'>): string {
  if (side === '0') return isTwoLegged ? "the caller's phone (A-leg, side 0)" : 'the phone (side 0)'
  return side === '1' && isTwoLegged ? "the callee's phone (B-leg, side 1)" : `the phone (side ${side})`
}
