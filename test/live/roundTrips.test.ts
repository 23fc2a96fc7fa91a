// Percentiles from counts in classes, beside those of the round trips themselves.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { classOf, percentileOf } from '../../src/live/roundTrips.ts'

const counted = (tripsMs: number[]): Map<number, number> => {
  const counts = new Map<number, number>()
  for (const ms of tripsMs) counts.set(classOf(ms), (counts.get(classOf(ms)) ?? 0) + 1)
  return counts
}

/** By nearest rank. */
const exact = (tripsMs: number[], share: number): number =>
  tripsMs.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * tripsMs.length)) - 1]!

test('there is no percentile of nothing', () => {
  expect(percentileOf(new Map(), 0.5)).toBeNull()
})

test('a percentile lies within a fifth of the true one, whatever the round trips', () => {
  // Up to 5 ms all is one class: nothing wakes so fast.
  const trip = fc.double({ min: 5, minExcluded: true, max: 120_000, noNaN: true })
  const trips = fc.array(trip, { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(trips, fc.constantFrom(0.5, 0.95, 0.99), (tripsMs, share) => {
      const found = percentileOf(counted(tripsMs), share)!
      const wanted = exact(tripsMs, share)
      expect(found / wanted).toBeGreaterThan(1 / 1.21)
      expect(found / wanted).toBeLessThan(1.21)
    }),
  )
})

test('the counts of several processes add up to the percentile of all', () => {
  const one = counted([100, 110, 120])
  const other = counted([4_000, 4_100, 4_200, 4_300])
  const both = new Map(one)
  for (const [index, times] of other) both.set(index, (both.get(index) ?? 0) + times)
  expect(percentileOf(both, 0.5)!).toBeGreaterThan(3_500)
  expect(percentileOf(both, 0.1)!).toBeLessThan(130)
})

test('what is shorter or longer than all classes is counted in the outermost', () => {
  expect(classOf(0)).toBe(0)
  expect(classOf(5)).toBe(0)
  expect(classOf(Number.MAX_SAFE_INTEGER)).toBe(classOf(10_000_000))
  expect(classOf(120_000)).toBeLessThan(classOf(10_000_000))
})
