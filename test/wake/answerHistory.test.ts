// What is learned of a phone's answers: within which time it usually answers, whether its resends may be put off, and which
// push an answer was for. Histories are short, forget, and are read from whatever stands in a record.
import { describe, expect, test } from 'bun:test'
import {
  type AnswerHistory,
  habitOf,
  readHistory,
  timeAnswer,
  withAnswer,
  withSilence,
  writeHistory,
} from '../../src/wake/answerHistory.ts'

const answersOf = (count: number, delayMs: number, before?: AnswerHistory, isMiss = false) =>
  Array.from({ length: count }).reduce<AnswerHistory | undefined>(
    history => withAnswer(history, { delayMs, isMiss }),
    before,
  )

describe('within which time a phone usually answers', () => {
  test('is not known before it has answered 16 times', () => {
    expect(habitOf(undefined)).toBeUndefined()
    expect(habitOf(answersOf(15, 800))).toBeUndefined()
    expect(habitOf(answersOf(16, 800))).toEqual({ usualMs: 900, reliance: 'cautious' })
  })

  test('is the upper end of the span that holds 95 of 100 answers', () => {
    expect(habitOf(answersOf(1, 5_000, answersOf(39, 800)))?.usualMs).toBe(900)
    expect(habitOf(answersOf(4, 5_000, answersOf(36, 800)))?.usualMs).toBe(5_400)
    expect(habitOf(answersOf(40, 0))?.usualMs).toBe(300)
    expect(habitOf(answersOf(40, 500_000))?.usualMs).toBeGreaterThan(120_000)
  })

  test('is known anew some dozens of answers after the phone has changed', () => {
    expect(habitOf(answersOf(200, 3_000, answersOf(500, 500)))?.usualMs).toBe(3_800)
    expect(habitOf(answersOf(200, 500, answersOf(500, 3_000)))?.usualMs).toBe(650)
  })
})

describe('a phone', () => {
  test('is relied on when no resend was needed for long, and not after one that was', () => {
    const steady = answersOf(40, 800)
    expect(habitOf(steady)?.reliance).toBe('steady')
    expect(habitOf(answersOf(1, 800, steady, true))?.reliance).toBe('cautious')
    expect(habitOf(answersOf(3, 800, steady, true))?.reliance).toBe('lossy')
    expect(habitOf(withSilence(steady!))?.reliance).toBe('cautious')
  })

  test('is relied on again when the resend that was needed is forgotten', () => {
    const missed = answersOf(1, 800, answersOf(40, 800), true)
    expect(habitOf(answersOf(60, 800, missed))?.reliance).toBe('cautious')
    expect(habitOf(answersOf(300, 800, missed))?.reliance).toBe('steady')
  })
})

describe('an answer', () => {
  const at = { pushes: 3, firstPushAtMs: 10_003, lastPushAtMs: 12_003, answeredAtMs: 12_503 }
  const only = { ...at, pushes: 1, lastPushAtMs: 10_003 }
  const fast = answersOf(20, 500)
  const slow = answersOf(20, 2_500)

  for (const [what, pushes, history, expected] of [
    ['to the only push is for it', only, fast, [2_500, false]],
    ['is for the first push where nothing is known', at, undefined, [2_500, false]],
    ['of a fast phone is for the newest push', at, fast, [500, true]],
    ['of a slow phone is for the first push', at, slow, [2_500, false]],
    ['is for the push that the app names: the first', { ...at, saysPushAtMs: 10_020 }, fast, [2_500, false]],
    ['is for the push that the app names: the last', { ...at, saysPushAtMs: 12_420 }, slow, [500, true]],
    ['is for the push that the app names: one between', { ...at, saysPushAtMs: 11_003 }, slow, [1_500, true]],
    [
      'is for the first of two that the app names, however late it left',
      { ...at, pushes: 2, saysPushAtMs: 11_803 },
      fast,
      [2_500, false],
    ],
    ['that names a push of no wait', { ...at, saysPushAtMs: 0 }, fast, [500, true]],
    ['that names one of an earlier wait', { ...at, saysPushAtMs: 9_003 }, fast, [500, true]],
    ['that names one of the future', { ...at, saysPushAtMs: 9e15 }, slow, [2_500, false]],
    ['that names one by whole seconds', { ...at, saysPushAtMs: 12_000 }, slow, [2_500, false]],
    [
      'before its push, by a clock that was set, took no time',
      { ...only, answeredAtMs: 9_000 },
      fast,
      [0, false],
    ],
  ] as const)
    test(what, () => {
      const [delayMs, isMiss] = expected
      expect(timeAnswer(pushes, history)).toEqual({ delayMs, isMiss })
    })
})

describe('a history', () => {
  test('is the same when it is written and read, and stays short', () => {
    let history: AnswerHistory | undefined
    for (let index = 0; index < 5_000; index++) {
      history = withAnswer(history, { delayMs: (index * 7_919) % 130_000, isMiss: index % 3 === 0 })
      const text = writeHistory(history)
      expect(text.length).toBeLessThan(80)
      expect(habitOf(readHistory(text))).toEqual(habitOf(history))
    }
  })

  test.each(['', 'x', '1', ',', '1,', '-1,2', '1,2,x', '1e9,2', `0${',1'.repeat(40)}`, '{"a":1}'])(
    'that is none (%p) is taken for none',
    text => expect(readHistory(text)).toBeUndefined(),
  )

  test('that an older or newer version wrote with fewer or more spans goes on', () => {
    expect(writeHistory(withAnswer(readHistory('0,5,6'), { delayMs: 1_000, isMiss: false }))).toBe(
      '0,5,6,0,0,1',
    )
  })
})
