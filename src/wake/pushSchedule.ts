// When a wait pushes, and when it ends. Attempts are counted from the wait's begin, in intervals. So a wait that takes
// over the pushes, after a crash or from a PBX request that left, goes on where the one before stopped. No push is sent
// here: the main thread is told when one is due, and the room when the deadline has come.
import type { Clock } from '../base/units.ts'
import type { Device } from '../redis/devices/devices.ts'
import type { PushState, Waiter } from '../redis/wakes/wakes.ts'
import type { FromWaitWorker, WaitOrder } from './waitMessages.ts'

/** One held request. It leaves the room's map the moment it has an outcome. */
export interface Wait {
  readonly order: WaitOrder
  readonly waiter: Waiter
  /** Sends the pushes; when several requests share one wake, the first of them does. */
  isLead: boolean
  /** Its record is known: before that there is nothing to push, and no message can be proven. */
  isArmed: boolean
  /** The wake's; empty until it is armed. */
  secret: string
  /** The devices that are pushed. */
  devices: Device[]
  endsAtMs: number
  firstPushAtMs?: number
  /** Attempts sent, by this wait or by those that it took over from; `unsure` when one of them is dead. */
  pushed: PushState
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

export function createPushSchedule(options: PushScheduleOptions) {
  const { clock, resendIntervalMs } = options
  const beganAtMsOf = ({ endsAtMs, order }: Wait): number =>
    endsAtMs - (order.waitMs ?? options.roundtripWaitMs)

  function waitForDeadline(wait: Wait): void {
    clearTimeout(wait.timer)
    wait.timer = setTimeout(options.onDeadline, wait.endsAtMs - clock(), wait)
  }

  function push(wait: Wait): void {
    const nowMs = clock()
    const attempt = attemptAt(nowMs, wait)
    const isResend = wait.pushed !== 'unsure' && wait.pushed > 0
    wait.firstPushAtMs ??= nowMs
    wait.pushed = attempt
    const devices = wait.devices.filter(
      each =>
        !wait.out?.has(each.id) &&
        !wait.unavailable?.has(each.id) &&
        !(isResend && each.pushProfile === 'once'),
    )
    const { secret, endsAtMs } = wait
    if (devices.length > 0)
      options.send({ kind: 'push', id: wait.order.id, attempt, devices, endsAtMs, secret })
    resendAfter(wait, attempt)
  }

  function attemptAt(nowMs: number, wait: Wait): number {
    // However late a busy machine came to it.
    if (wait.pushed === 0) return 1
    const intervals = (nowMs - beganAtMsOf(wait)) / resendIntervalMs
    // The wait before this one is dead, and may have sent the attempt of this interval already.
    if (wait.pushed === 'unsure') return Math.ceil(intervals) + 1
    // A timer may be a little early or late.
    return Math.max(wait.pushed + 1, Math.round(intervals) + 1)
  }

  function resendAfter(wait: Wait, attempt: number): void {
    const intervals = Math.round((clock() - beganAtMsOf(wait)) / resendIntervalMs)
    const nextAtMs = beganAtMsOf(wait) + Math.max(attempt, intervals + 1) * resendIntervalMs
    // Not in the last interval: the app would answer after the end.
    if (nextAtMs >= wait.endsAtMs - resendIntervalMs) return waitForDeadline(wait)
    clearTimeout(wait.timer)
    wait.timer = setTimeout(push, nextAtMs - clock(), wait)
  }

  return {
    waitForDeadline,

    /** The pushes are this wait's, from now on: the first one at once, unless it goes on with another's. */
    lead(wait: Wait): void {
      wait.isLead = true
      if (!wait.isArmed) return
      // What a crashed worker asked for last may have been lost with it.
      if (wait.pushed === 'unsure' || wait.pushed === 0 || wait.order.isResumed) push(wait)
      else resendAfter(wait, wait.pushed)
    },
  }
}
