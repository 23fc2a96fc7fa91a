// When a wait pushes which of its devices, and when it ends. One timer a wait: it stands for the device that is due first,
// and after the last push for the deadline. When a device is due is reckoned by `pushBudget.ts`. No push is sent here: the
// main thread is told when one is due, and the room when the deadline has come.
import type { Clock } from '../base/units.ts'
import type { Device } from '../redis/devices/devices.ts'
import type { PushState, Waiter } from '../redis/wakes/wakes.ts'
import {
  type AnswerHistory,
  type Habit,
  habitOf,
  readHistory,
  timeAnswer,
  withAnswer,
  withSilence,
} from './answerHistory.ts'
import { fixedPushes, nextPushAtMs, putsOff, type SentPushes, type WaitSpan } from './pushBudget.ts'
import type { FromWaitWorker, WaitOrder } from './waitMessages.ts'

/** One held request. It leaves the room's map the moment it has an outcome. */
export interface Wait {
  readonly order: WaitOrder
  readonly waiter: Waiter
  /** Sends the pushes; when several requests share one wake, the first of them does. */
  isLead: boolean
  /** The wake's record is known. Before that there is no device to push, and no message can be checked. */
  isArmed: boolean
  /** The wake's; empty until it is armed. */
  secret: string
  /** The devices that are pushed. */
  devices: Device[]
  endsAtMs: number
  firstPushAtMs?: number
  /** Attempts sent, by this wait or by those that it took over from; `unsure` when one of them is dead. */
  pushed: PushState
  /** What the wait before this one sent to which device, as it said when it left (`sentText`). */
  sentBefore?: string
  /** What each of `devices` was sent, in their order; only of a wait that pushes. */
  sent?: SentPushes[]
  /** For the next resend, and after the last one for the deadline. */
  timer?: Timer
  /** A look at the record is due as soon as the record is known. */
  isToLook?: true
  /** Ids of devices that said no, that no push can reach any more, whose last push was refused. */
  unavailable?: Set<string>
  out?: Set<string>
  refused?: Set<string>
}

export interface PushScheduleOptions {
  roundtripWaitMs: number
  resendIntervalMs: number
  send: (message: FromWaitWorker) => void
  onDeadline: (wait: Wait) => void
  clock: Clock
}

/** A device's new history, to be kept. */
export interface Learned {
  device: Device
  answers: AnswerHistory
}

export function createPushSchedule(options: PushScheduleOptions) {
  const { clock, resendIntervalMs } = options

  const spanOf = ({ endsAtMs, order }: Wait): WaitSpan => ({
    beganAtMs: endsAtMs - (order.waitMs ?? options.roundtripWaitMs),
    endsAtMs,
    resendIntervalMs,
  })

  function waitForDeadline(wait: Wait): void {
    clearTimeout(wait.timer)
    wait.timer = setTimeout(options.onDeadline, wait.endsAtMs - clock(), wait)
  }

  /** What the devices were sent before this wait led. */
  function sentBefore(wait: Wait): SentPushes[] {
    const nowMs = clock()
    const { beganAtMs } = spanOf(wait)
    const said = readSentText(wait.sentBefore, nowMs)
    const count = wait.pushed === 'unsure' ? 0 : wait.pushed
    // Where the wait before this one told its number of attempts alone, its last push is taken to be as late as it can be.
    const lastAtMs = Math.min(nowMs, Math.max(beganAtMs, beganAtMs + (count - 1) * resendIntervalMs))
    return wait.devices.map(({ id }) => said.get(id) ?? { count, firstAtMs: beganAtMs, lastAtMs })
  }

  const isReachable = (wait: Wait, { id }: Device): boolean =>
    !wait.out?.has(id) && !wait.unavailable?.has(id)

  function dueAtMs(wait: Wait, device: Device, sent: SentPushes): number | undefined {
    if (!isReachable(wait, device) || device.pushProfile === 'once') return undefined
    return nextPushAtMs(spanOf(wait), sent, habitOf(readHistory(device.answers)))
  }

  /** Pushes those that are due by now (a timer may be a little early); or all, when the pushes are this wait's from now on. */
  function push(wait: Wait, areAllDue: boolean): void {
    const nowMs = clock()
    const { sent = [] } = wait
    wait.firstPushAtMs ??= nowMs
    /** Devices with the same attempt share a message, unless their own history says when they are due. */
    const together = new Map<number, Device[]>()
    for (const [index, device] of wait.devices.entries()) {
      const before = sent[index]!
      const isResend = before.count > 0
      if (areAllDue) {
        if (!isReachable(wait, device) || (isResend && device.pushProfile === 'once')) continue
      } else if ((dueAtMs(wait, device, before) ?? Number.POSITIVE_INFINITY) > nowMs) continue
      const attempt = attemptAfter(before, nowMs, wait)
      const isFirst = !isResend && wait.pushed !== 'unsure'
      sent[index] = { count: attempt, firstAtMs: isFirst ? nowMs : before.firstAtMs, lastAtMs: nowMs }
      const habit = isResend && !areAllDue ? habitOf(readHistory(device.answers)) : undefined
      if (putsOff(habit)) tell(wait, attempt, [device], { habit, afterMs: nowMs - before.lastAtMs })
      else together.set(attempt, [...(together.get(attempt) ?? []), device])
    }
    for (const [attempt, devices] of together) tell(wait, attempt, devices)
    wait.pushed = sent.reduce((most, { count }) => Math.max(most, count), 0)
    waitForNext(wait)
  }

  function attemptAfter({ count }: SentPushes, nowMs: number, wait: Wait): number {
    // The wait before this one is dead. It may have sent one attempt at once, and one for each interval since.
    if (wait.pushed === 'unsure') return Math.ceil((nowMs - spanOf(wait).beganAtMs) / resendIntervalMs) + 1
    return count + 1
  }

  function tell(
    wait: Wait,
    attempt: number,
    devices: Device[],
    budget?: { habit: Habit; afterMs: number },
  ): void {
    const { order, secret, endsAtMs } = wait
    options.send({
      kind: 'push',
      id: order.id,
      attempt,
      devices,
      endsAtMs,
      secret,
      ...(budget ? { usualMs: budget.habit.usualMs, afterMs: budget.afterMs } : {}),
    })
  }

  /** The timer stands for the device that is due first. */
  function waitForNext(wait: Wait): void {
    const { sent = [] } = wait
    const due = wait.devices.flatMap((device, index) => dueAtMs(wait, device, sent[index]!) ?? [])
    if (due.length === 0) return waitForDeadline(wait)
    clearTimeout(wait.timer)
    wait.timer = setTimeout(push, Math.min(...due) - clock(), wait, false)
  }

  return {
    waitForDeadline,

    /** From now on this wait sends the pushes. Its first one leaves at once, unless it goes on with the pushes of another
     *  wait. */
    lead(wait: Wait): void {
      wait.isLead = true
      if (!wait.isArmed) return
      wait.sent = sentBefore(wait)
      // The last push that a crashed worker asked for may never have been sent.
      if (wait.pushed === 'unsure' || wait.pushed === 0 || wait.order.isResumed) push(wait, true)
      else waitForNext(wait)
    },

    /** A device answered now. @param saysPushAtMs of the push that it says it answers.
     *  @returns undefined: this wait has not pushed it. */
    answered(
      wait: Wait,
      deviceId: string,
      saysPushAtMs?: number,
    ): (Learned & { pushes: number }) | undefined {
      const index = wait.devices.findIndex(({ id }) => id === deviceId)
      const device = wait.devices[index]
      const sent = wait.sent?.[index]
      if (!device || !sent || sent.count === 0) return undefined
      const history = readHistory(device.answers)
      const { firstAtMs, lastAtMs, count } = sent
      const answer = timeAnswer(
        {
          answeredAtMs: clock(),
          pushes: count,
          firstPushAtMs: firstAtMs,
          lastPushAtMs: lastAtMs,
          saysPushAtMs,
        },
        history,
      )
      return { device, answers: withAnswer(history, answer), pushes: count }
    },

    /** The deadline has come: of the devices that stayed silent, those that would have had more pushes by the fixed
     *  schedule. */
    silent(wait: Wait): Learned[] {
      const expected = fixedPushes(spanOf(wait))
      return wait.devices.flatMap((device, index) => {
        const history = readHistory(device.answers)
        const count = wait.sent?.[index]?.count ?? 0
        const isHeldBack = count > 0 && count < expected && device.pushProfile !== 'once'
        if (!history || !isHeldBack || !isReachable(wait, device) || !putsOff(habitOf(history))) return []
        return [{ device, answers: withSilence(history) }]
      })
    },
  }
}

/** What a wait that leaves tells the one that pushes from now on: of each device how many pushes it was sent, and how
 *  long ago the first and the last of them were. No device's id has a blank. */
export const sentText = ({ devices, sent }: Wait, nowMs: number): string =>
  devices
    .flatMap(({ id }, index) => {
      const { count = 0, firstAtMs = 0, lastAtMs = 0 } = sent?.[index] ?? {}
      return count === 0
        ? []
        : [`${id}=${count}:${Math.round(nowMs - firstAtMs)}:${Math.round(nowMs - lastAtMs)}`]
    })
    .join(' ')

function readSentText(text: string | undefined, nowMs: number): Map<string, SentPushes> {
  const found = [...(text ?? '').matchAll(/(\S+)=(\d+):(\d+):(\d+)(?= |$)/g)]
  return new Map(
    found.map(([, id = '', count, firstAgoMs, lastAgoMs]) => [
      id,
      { count: Number(count), firstAtMs: nowMs - Number(firstAgoMs), lastAtMs: nowMs - Number(lastAgoMs) },
    ]),
  )
}
