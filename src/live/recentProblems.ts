// What did not end well lately in this process: wakes without a phone, calls that were not made, calls that had to
// be taken over. A few of the newest, for the page; the log and the timeline have all of them.

import type { Clock } from '../base/units.ts'
import type { RecentProblem } from '../redis/pods/pods.ts'

/** Of each process; the page shows as many of all of them. */
export const LATELY_MAX = 20

const TEXT_LENGTH_MAX = 160

/** Ends of a wake that somebody wished, as the PBX hears them: no fault of the service, of a vendor or of a phone.
 *  `unavailable`: the person, or all of the account's phones, said no. */
const WISHES: ReadonlySet<string> = new Set(['caller-gone', 'unavailable'])

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

/** Whether the caller or the called person wanted the wake to end so: that says nothing of how well phones wake. */
export const isPeoplesWish = (reason: string): boolean => WISHES.has(reason)

/** Whether an operator may want to look into this end of a wake. */
export const isWakeFault = (reason: string): boolean => reason !== 'confirmed' && !isPeoplesWish(reason)
