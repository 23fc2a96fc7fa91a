// How many calls one agent may begin in a second: a bucket that fills evenly and holds one second's worth.
import { type Clock, MS_PER_SECOND, toSeconds } from '../../base/units.ts'

export interface Allowance {
  /** Milliseconds until the next call may begin; 0 = now. */
  waitMs(): number
  /** A call begins. */
  spend(): void
  /** Resolves when a call may begin, and counts it. */
  turn(): Promise<void>
}

/** @param perSecond 0 = no limit. */
export function createAllowance(perSecond: number, clock: Clock): Allowance {
  let tokens = perSecond
  let filledAtMs = clock()
  const fill = () => {
    const nowMs = clock()
    tokens = Math.min(perSecond, tokens + toSeconds(nowMs - filledAtMs) * perSecond)
    filledAtMs = nowMs
  }
  const waitMs = (): number => {
    if (perSecond === 0) return 0
    fill()
    return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / perSecond) * MS_PER_SECOND)
  }
  return {
    waitMs,
    spend() {
      tokens -= 1
    },
    async turn() {
      for (let ms = waitMs(); ms > 0; ms = waitMs()) await Bun.sleep(ms)
      tokens -= 1
    },
  }
}
