// Which calls get a timeline when more come than could be kept long enough for anybody to ask: then writing them would
// only cost the calls their speed. The choice goes by the call's id, so that pods which see the same load choose the
// same calls. It looks at no entry's content.
import { type Clock, MS_PER_SECOND, toSeconds } from '../base/units.ts'

/** A timeline that newer ones would replace sooner than this is not written: nobody asks so fast. */
const KEPT_AT_LEAST_SECONDS = 300

/** This part of all that are kept may begin at once before any is left out. */
const BURST_PART = 0.1

/** How often the share is reckoned anew. */
const PERIOD_MS = MS_PER_SECOND

const HASHES = 2 ** 32

export interface Share {
  /** A call begins, as far as this process sees. */
  count(): void
  /** Whether this call is among those that get a timeline. */
  has(id: string): boolean
}

/** @param timelinesMax timelines kept in all. */
export function createShare({ timelinesMax, clock }: { timelinesMax: number; clock: Clock }): Share {
  const perSecond = timelinesMax / KEPT_AT_LEAST_SECONDS
  const burstMax = timelinesMax * BURST_PART
  let left = burstMax
  let calls = 0
  let share = 1
  let reckonedAtMs = clock()

  function reckon(elapsedMs: number): void {
    const seconds = toSeconds(elapsedMs)
    const written = calls * share
    left = Math.min(burstMax, Math.max(0, left - written + perSecond * seconds))
    const expected = calls / seconds
    share = left >= expected ? 1 : Math.min(1, perSecond / expected)
    calls = 0
  }

  return {
    count() {
      calls += 1
      const elapsedMs = clock() - reckonedAtMs
      // A flood does not wait for the period's end.
      if (elapsedMs < PERIOD_MS && (share < 1 || calls < left)) return
      reckon(Math.max(1, elapsedMs))
      reckonedAtMs += elapsedMs
    },

    has: id => share === 1 || Bun.hash.xxHash32(id) < share * HASHES,
  }
}
