// What did not end well lately in this process: wakes without a phone, calls that were not made, calls that had to
// be taken over. A few of the newest, for the page; the log and the timeline have all of them.

import type { Clock } from '../base/units.ts'
import type { RecentProblem } from '../redis/pods/pods.ts'

/** Of each process; the page shows as many of all of them. */
export const LATELY_MAX = 20

const TEXT_LENGTH_MAX = 160

export type Lately = ReturnType<typeof keepRecentProblems>

export function keepRecentProblems(clock: Clock) {
  const entries = new Map<string, RecentProblem>()
  return {
    /** Notes one. Of one id the newest alone is kept, because both legs of a call tell of one end. */
    note(kind: RecentProblem['kind'], id: string, text: string): void {
      entries.delete(id)
      entries.set(id, { atMs: clock(), kind, id, text: text.slice(0, TEXT_LENGTH_MAX) })
      if (entries.size > LATELY_MAX) entries.delete(entries.keys().next().value!)
    },

    /** The newest last. */
    all: (): RecentProblem[] => [...entries.values()],
  }
}
