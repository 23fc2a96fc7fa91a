// What an examination finds, as a value: the doctor's word for one fact about this machine or a service that it leans
// on, and what to do about it. The rooms that know a vendor make findings; `doctor/` and `cli/` show them.
import { toSeconds } from './units.ts'

/** `problem`: calls fail or will be lost. `warning`: works, and a person should know. */
export type FindingLevel = 'ok' | 'warning' | 'problem'

export interface Finding {
  level: FindingLevel
  /** Names the check, the same in every version: a script may go by it. */
  check: string
  /** What was found, a sentence without secrets. */
  what: string
  /** What to do, a sentence; empty when all is well. */
  todo: string
}

export const fine = (check: string, what: string): Finding => finding('ok', check, what, '')

export const warning = (check: string, what: string, todo: string): Finding =>
  finding('warning', check, what, todo)

export const problem = (check: string, what: string, todo: string): Finding =>
  finding('problem', check, what, todo)

const finding = (level: FindingLevel, check: string, what: string, todo: string): Finding => ({
  level,
  check,
  what: sentence(what),
  todo: todo === '' ? '' : sentence(todo),
})

/** Ends a sentence with one full stop, also when it ends with quoted words that have one. */
const sentence = (text: string): string => text.replace(/([.?!])?\.*$/, (_, end?: string) => end ?? '.')

/** A difference below this can come from the network or a busy machine. */
const CLOCK_WARNING_MS = 2_000

/** From here on tokens are refused as not yet good or expired already, and jobs as too old. */
const CLOCK_PROBLEM_MS = 30_000

/** An HTTP date cuts the second off: on average the server's clock is half a second further. */
export const HTTP_DATE_CUT_MS = 500

/** A server's clock compared with ours. */
export interface ClockDifference {
  whose: string
  /** Theirs minus ours; positive: ours is behind. */
  offsetMs: number
}

/** A finding about a clock says which and by how much, so that several about ours can be told as one. */
export type ClockFinding = Finding & { clock: ClockDifference }

/** Compares another's clock with ours. */
export function compareClocks(whose: string, offsetMs: number): ClockFinding {
  return { ...judgeClock(whose, offsetMs), clock: { whose, offsetMs } }
}

function judgeClock(whose: string, offsetMs: number): Finding {
  const sizeMs = Math.abs(offsetMs)
  if (sizeMs < CLOCK_WARNING_MS) return fine('clock', `The clock agrees with ${whose}.`)
  const what = `The clock of this machine is ${Math.round(toSeconds(sizeMs))} s ${offsetMs > 0 ? 'behind' : 'ahead of'} ${whose}.`
  const todo =
    'Let NTP (chrony, systemd-timesyncd) set both clocks: the age of jobs and the tokens of Apple, Google and apps go by them.'
  return sizeMs < CLOCK_PROBLEM_MS ? warning('clock', what, todo) : problem('clock', what, todo)
}
