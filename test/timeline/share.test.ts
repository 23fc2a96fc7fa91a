// Which calls get a timeline: all of them, until more come than could be kept for long enough.
import { expect, test } from 'bun:test'
import { createShare } from '../../src/timeline/share.ts'

const TIMELINES_MAX = 30_000
/** 300 seconds' worth of this many fill what is kept. */
const PER_SECOND = 100

function openShare() {
  const time = { nowMs: 1_000_000 }
  const share = createShare({ timelinesMax: TIMELINES_MAX, clock: () => time.nowMs })
  let next = 0
  /** Calls that come evenly. @returns how many of them are chosen in the last second. */
  const run = (perSecond: number, seconds: number) => {
    let chosen = 0
    for (let second = 0; second < seconds; second++) {
      chosen = 0
      for (let call = 0; call < perSecond; call++) {
        time.nowMs += 1_000 / perSecond
        share.count()
        if (share.has(`call-${next++}`)) chosen++
      }
    }
    return chosen
  }
  return { share, time, run }
}

test('every call has a timeline while what comes can be kept', () => {
  const { run } = openShare()
  expect(run(PER_SECOND / 2, 100)).toBe(PER_SECOND / 2)
})

test('a burst has timelines too', () => {
  const { run } = openShare()
  expect(run(1_000, 1)).toBe(1_000)
})

test('a flood that lasts leaves calls out, and about as many are chosen as can be kept', () => {
  const { run } = openShare()
  const chosen = run(5_000, 20)
  expect(chosen).toBeWithin(PER_SECOND * 0.5, PER_SECOND * 2)
})

test('after the flood every call has one again', () => {
  const { run } = openShare()
  run(5_000, 20)
  expect(run(PER_SECOND / 2, 60)).toBe(PER_SECOND / 2)
})

test('two processes under the same load choose the same calls', () => {
  const [one, other] = [openShare(), openShare()]
  one.run(5_000, 20)
  other.run(5_000, 20)
  const ids = Array.from({ length: 1_000 }, (_, index) => `both-${index}`)
  expect(ids.filter(one.share.has)).toEqual(ids.filter(other.share.has))
})
