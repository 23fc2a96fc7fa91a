// Round trips of wakes as counts in fixed classes, so that the counts of many pods add up and percentiles can be read
// from their sum. Classes are a fifth apart: a percentile is at most some 10 % beside the true one.

/** The first class ends here; nothing wakes faster. */
const FIRST_ENDS_MS = 5
const RATIO = 1.2
/** The last class begins at 6 minutes, three times the longest wait that the settings allow. */
export const CLASSES = 64

/** The class of a round trip. */
export function classOf(roundTripMs: number): number {
  if (roundTripMs <= FIRST_ENDS_MS) return 0
  return Math.min(CLASSES - 1, Math.ceil(Math.log(roundTripMs / FIRST_ENDS_MS) / Math.log(RATIO)))
}

/** The round trip, in milliseconds, that `share` (0 to 1) of those counted do not exceed: by nearest rank, those of one
 *  class being spread over it evenly. @returns null when there are none. */
export function percentileOf(counts: ReadonlyMap<number, number>, share: number): number | null {
  const classes = [...counts].sort(([a], [b]) => a - b)
  const total = classes.reduce((sum, [, times]) => sum + times, 0)
  if (total === 0) return null
  const rank = Math.max(1, Math.ceil(share * total))
  let below = 0
  for (const [index, times] of classes) {
    if (below + times >= rank) {
      const [fromMs, toMs] = boundsOf(index)
      return fromMs + (toMs - fromMs) * ((rank - below - 0.5) / times)
    }
    below += times
  }
  return boundsOf(classes.at(-1)![0])[1]
}

function boundsOf(index: number): [fromMs: number, toMs: number] {
  const toMs = FIRST_ENDS_MS * RATIO ** index
  return [index === 0 ? 0 : toMs / RATIO, toMs]
}
