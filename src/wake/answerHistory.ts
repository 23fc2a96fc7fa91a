// How long a device usually takes to answer a push, from its own answers: a count for each span of time, and how often its
// first push was not enough. The counts are halved at a limit, so that a phone which has changed is known anew after some
// dozens of answers. A history is a short text in the device's record; each step makes a new one, and nothing is kept here.

import { MS_PER_SECOND } from '../base/units.ts'

/** Upper ends of the spans, in ms, each some 1.4 times the one before. What took longer counts in a last span. */
const SPANS_MS = [
  300, 450, 650, 900, 1_300, 1_900, 2_700, 3_800, 5_400, 7_600, 11_000, 15_000, 22_000, 30_000, 43_000,
  60_000, 86_000, 120_000,
] as const

/** Stands for the last span: longer than any wait. */
const BEYOND_MS = 170_000

/** A history of fewer answers is not used. */
const ANSWERS_MIN = 16
/** When a history has so many answers its counts are halved. */
const ANSWERS_MAX = 64
/** A phone is relied on after so many; halved counts are seldom fewer. */
const STEADY_ANSWERS = 24
/** The part of its answers within which a phone "usually" answers. */
const USUAL_PART = 0.95
/** What one resend that was needed counts. Halved to nothing after some 160 answers, when the answers beside it are long
 *  forgotten: a push is lost seldom, and a lost call costs more than many pushes. */
const MISS_WEIGHT = 16
/** A phone for which more resends than this part were needed is lossy. */
const LOSSY_PART = 1 / 32

export interface AnswerHistory {
  /** `MISS_WEIGHT` for each wake in which the first push was not enough. */
  misses: number
  /** Answers, by span. */
  counts: readonly number[]
}

/** How far a device's resends may be put off. `steady`: its first push has always been enough, for as long as is
 *  remembered. `cautious`: nearly always. `lossy`: not at all. */
export type Reliance = 'steady' | 'cautious' | 'lossy'

export interface Habit {
  /** The time within which it usually answers. */
  usualMs: number
  reliance: Reliance
}

/** An answer to a push. */
export interface AnswerTime {
  delayMs: number
  /** A later push than the first one woke it. */
  isMiss: boolean
}

/** @returns undefined: there is none, or it can't be read. */
export function readHistory(text: string | undefined): AnswerHistory | undefined {
  if (text === undefined || !/^\d{1,6}(,\d{1,6}){1,19}$/.test(text)) return undefined
  const [misses = 0, ...counts] = text.split(',').map(Number)
  return { misses, counts }
}

/** Spans without answers at the end are left out. */
export const writeHistory = ({ misses, counts }: AnswerHistory): string =>
  [misses, ...counts.slice(0, counts.findLastIndex(count => count > 0) + 1)].join(',')

/** What the history says. @returns undefined: too little. */
export function habitOf(history: AnswerHistory | undefined): Habit | undefined {
  if (!history) return undefined
  const answers = sum(history.counts)
  if (answers < ANSWERS_MIN) return undefined
  return { usualMs: usualMsOf(history.counts, answers), reliance: relianceOf(history.misses, answers) }
}

function usualMsOf(counts: readonly number[], answers: number): number {
  let within = 0
  const span = counts.findIndex(count => {
    within += count
    return within >= answers * USUAL_PART
  })
  return SPANS_MS[span] ?? BEYOND_MS
}

function relianceOf(misses: number, answers: number): Reliance {
  if (misses > MISS_WEIGHT * LOSSY_PART * answers) return 'lossy'
  return misses === 0 && answers >= STEADY_ANSWERS ? 'steady' : 'cautious'
}

/** An answer, and what is known of the pushes before it. Times in ms since the epoch. */
export interface AnsweredPushes {
  answeredAtMs: number
  pushes: number
  firstPushAtMs: number
  lastPushAtMs: number
  /** When the push was sent that the app says it answers; undefined: it does not say. */
  saysPushAtMs?: number | undefined
}

/** A push is put together a little after it was due, and bears the later time; the difference is less than this. Where a
 *  device was pushed more than twice, an answer within this span of the first push was for the first push. */
const SENT_WITHIN_MS = 250

/** Which push an answer was for, and how long it took. Where the app does not say which, the first and the newest push are
 *  weighed by the phone's history: the one after which it more often took that long counts, and the newest when equal. */
export function timeAnswer(answered: AnsweredPushes, history: AnswerHistory | undefined): AnswerTime {
  const { answeredAtMs, pushes, firstPushAtMs, lastPushAtMs } = answered
  const since = (pushAtMs: number, isMiss: boolean): AnswerTime => ({
    delayMs: Math.max(0, answeredAtMs - pushAtMs),
    isMiss,
  })
  const [first, last] = [since(firstPushAtMs, false), since(lastPushAtMs, true)]
  if (pushes < 2) return first
  const saysAtMs = readSaid(answered)
  if (saysAtMs === undefined) {
    const countOf = ({ delayMs }: AnswerTime): number => history?.counts[spanOf(delayMs)] ?? 0
    return countOf(last) > 0 && countOf(last) >= countOf(first) ? last : first
  }
  if (saysAtMs >= lastPushAtMs) return last
  return pushes === 2 || saysAtMs <= firstPushAtMs + SENT_WITHIN_MS ? first : since(saysAtMs, true)
}

/** @returns undefined: it is no time of a push of this wait, or the app has rounded it to seconds. */
function readSaid({ saysPushAtMs, firstPushAtMs, answeredAtMs }: AnsweredPushes): number | undefined {
  const isOfThisWait =
    saysPushAtMs !== undefined && saysPushAtMs >= firstPushAtMs && saysPushAtMs <= answeredAtMs
  return isOfThisWait && saysPushAtMs % MS_PER_SECOND !== 0 ? saysPushAtMs : undefined
}

const spanOf = (delayMs: number): number => {
  const span = SPANS_MS.findIndex(endMs => delayMs <= endMs)
  return span < 0 ? SPANS_MS.length : span
}

/** The history with one more answer. */
export function withAnswer(
  history: AnswerHistory | undefined,
  { delayMs, isMiss }: AnswerTime,
): AnswerHistory {
  const counts = Array.from({ length: SPANS_MS.length + 1 }, (_, span) => history?.counts[span] ?? 0)
  const span = spanOf(delayMs)
  counts[span] = counts[span]! + 1
  const misses = (history?.misses ?? 0) + (isMiss ? MISS_WEIGHT : 0)
  return sum(counts) < ANSWERS_MAX ? { misses, counts } : halved({ misses, counts })
}

/** The history after a wake in which the phone did not answer although resends were put off for it: they may have been
 *  needed. */
export const withSilence = ({ misses, counts }: AnswerHistory): AnswerHistory => ({
  misses: misses + MISS_WEIGHT,
  counts,
})

const halved = ({ misses, counts }: AnswerHistory): AnswerHistory => ({
  misses: Math.floor(misses / 2),
  counts: counts.map(count => Math.floor(count / 2)),
})

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
