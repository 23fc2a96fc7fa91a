// The phones of the push budget's measurement: how long each takes to answer a push, and which pushes reach it. Everything
// follows from a seed, so that both schedules meet the very same phones in the very same calls.

/** A kind of phone. Times in ms. */
export interface PhoneKind {
  name: string
  /** The median of a phone's answers lies between these two: phones of a kind differ. */
  medianFromMs: number
  medianToMs: number
  /** How widely the answers of one phone spread, as the standard deviation of their logarithm. */
  spread: number
  /** The part of all pushes that never reach it. */
  lossPart: number
}

export const KINDS: readonly PhoneKind[] = [
  { name: 'fast', medianFromMs: 300, medianToMs: 700, spread: 0.35, lossPart: 0 },
  { name: 'slow', medianFromMs: 800, medianToMs: 1_600, spread: 0.25, lossPart: 0 },
  { name: 'lossy', medianFromMs: 300, medianToMs: 1_000, spread: 0.35, lossPart: 0.25 },
  { name: 'lossy and slow', medianFromMs: 800, medianToMs: 1_600, spread: 0.25, lossPart: 0.25 },
  { name: 'slow, 2 % lost', medianFromMs: 800, medianToMs: 1_600, spread: 0.25, lossPart: 0.02 },
]

/** One phone, in all its calls. */
export interface Phone {
  kind: PhoneKind
  /** It tells which push it answers (`message_start_time`). */
  saysPush: boolean
  /** What becomes of one push. @returns ms until its answer; undefined: it does not arrive. */
  answerMs(wake: number, push: number): number | undefined
}

export function createPhone(kind: PhoneKind, seed: number, saysPush: boolean): Phone {
  const draw = (...place: number[]): number => uniform(seed, ...place)
  const medianMs = kind.medianFromMs * (kind.medianToMs / kind.medianFromMs) ** draw(0)
  return {
    kind,
    saysPush,
    answerMs(wake, push) {
      if (draw(1, wake, push) < kind.lossPart) return undefined
      return medianMs * Math.exp(kind.spread * normal(draw(2, wake, push), draw(3, wake, push)))
    },
  }
}

/** A number from 0 to 1 that follows from the numbers given (the finaliser of MurmurHash3, once for each). */
function uniform(...numbers: number[]): number {
  let hash = 0x9e3779b9
  for (const number of numbers) {
    hash = Math.imul(hash ^ number, 0x85ebca6b)
    hash ^= hash >>> 13
    hash = Math.imul(hash + 0x6d2b79f5, 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return (hash >>> 0) / 2 ** 32
}

/** Box and Muller's transform. */
const normal = (one: number, other: number): number =>
  Math.sqrt(-2 * Math.log(1 - one)) * Math.cos(2 * Math.PI * other)
