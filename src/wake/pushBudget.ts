// When a device is due for its next push: arithmetic alone, of one device in one wait. A device without a history, and one
// that loses pushes, keeps the fixed schedule: a push in each interval of the wait but the last. Of the others a resend
// waits until the device is overdue by its own history.
import type { Habit } from './answerHistory.ts'

/** One wait. Times in ms since the epoch. */
export interface WaitSpan {
  beganAtMs: number
  endsAtMs: number
  /** The least time between two pushes to a device. */
  resendIntervalMs: number
}

/** What a device was sent in a wait. */
export interface SentPushes {
  count: number
  firstAtMs: number
  lastAtMs: number
}

/** A phone is overdue when the time within which it usually answers is over, and a quarter of it. */
const OVERDUE_FACTOR = 1.25

/** When the device is pushed again. @returns undefined: not any more in this wait. */
export function nextPushAtMs(span: WaitSpan, sent: SentPushes, habit: Habit | undefined): number | undefined {
  const { endsAtMs, resendIntervalMs } = span
  const atMs = putsOff(habit) ? overdueAtMs(span, sent, habit) : nextIntervalAtMs(span, sent)
  // Not in the last interval: the app would answer after the end.
  return atMs < endsAtMs - resendIntervalMs ? atMs : undefined
}

/** Whether the device's own history says when it is pushed again. */
export const putsOff = (habit: Habit | undefined): habit is Habit =>
  habit !== undefined && habit.reliance !== 'lossy'

/** How many pushes the fixed schedule sends in an unanswered wait: one in each interval but the last. */
export function fixedPushes({ beganAtMs, endsAtMs, resendIntervalMs }: WaitSpan): number {
  return Math.max(1, Math.ceil((endsAtMs - beganAtMs) / resendIntervalMs - 1))
}

/** Counted from the wait's begin, in intervals: who takes over the pushes goes on where the one before stopped. */
function nextIntervalAtMs(
  { beganAtMs, resendIntervalMs }: WaitSpan,
  { count, lastAtMs }: SentPushes,
): number {
  const intervals = Math.round((lastAtMs - beganAtMs) / resendIntervalMs)
  return beganAtMs + Math.max(count, intervals + 1) * resendIntervalMs
}

function overdueAtMs(span: WaitSpan, { count, lastAtMs }: SentPushes, habit: Habit): number {
  const { resendIntervalMs } = span
  const overdueMs = lastAtMs + Math.max(resendIntervalMs, habit.usualMs * OVERDUE_FACTOR)
  // So early that a phone which stays silent gets as many pushes as by the fixed schedule; a steady one gets two.
  const left = (habit.reliance === 'steady' ? Math.min(2, fixedPushes(span)) : fixedPushes(span)) - count
  const latestMs = span.endsAtMs - left * resendIntervalMs - 1
  return left > 0 ? Math.max(lastAtMs + resendIntervalMs, Math.min(overdueMs, latestMs)) : overdueMs
}
