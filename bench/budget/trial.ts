// One phone's calls, one after the other, against the schedule that wait workers run: its pushes go to the phone, its
// answers and silences are told to the schedule, and what that learns is kept for the next call, or not: without a
// history the schedule is the fixed one.
import type { Device } from '../../src/redis/devices/devices.ts'
import { writeHistory } from '../../src/wake/answerHistory.ts'
import { createPushSchedule, type Learned, type Wait } from '../../src/wake/pushSchedule.ts'
import type { Phone } from './phones.ts'
import type { VirtualTime } from './virtualTime.ts'

export interface TrialPlan {
  waitMs: number
  resendIntervalMs: number
  /** Calls of each phone. */
  wakes: number
  keepsHistory: boolean
}

export interface TrialFigures {
  wakes: number
  /** Each answered wake's time from its first push. */
  answeredMs: number[]
  /** Pushes of answered wakes, and of the others. */
  pushesAnswered: number
  pushesSilent: number
}

/** Between two calls. */
const PAUSE_MS = 60_000

export function runTrial(time: VirtualTime, phone: Phone, plan: TrialPlan): TrialFigures {
  const figures: TrialFigures = { wakes: plan.wakes, answeredMs: [], pushesAnswered: 0, pushesSilent: 0 }
  const device: Device = {
    id: 'phone',
    platform: 'android',
    app: 'com.example.phone',
    token: 'token',
    isSandbox: false,
    registeredAtMs: 0,
    lastSeenMs: 0,
  }
  const keep = (learned: Learned | undefined) => {
    if (learned && plan.keepsHistory) device.answers = writeHistory(learned.answers)
  }
  for (let wake = 0; wake < plan.wakes; wake++) {
    time.pass(PAUSE_MS)
    const beganAtMs = time.clock()
    let pushes = 0
    let isOver = false
    const schedule = createPushSchedule({
      roundtripWaitMs: plan.waitMs,
      resendIntervalMs: plan.resendIntervalMs,
      clock: time.clock,
      send: message => {
        if (message.kind !== 'push') return
        const pushAtMs = time.clock()
        const answerMs = phone.answerMs(wake, pushes++)
        if (answerMs !== undefined) setTimeout(answer, answerMs, pushAtMs)
      },
      onDeadline: silent => {
        isOver = true
        figures.pushesSilent += pushes
        for (const learned of schedule.silent(silent)) keep(learned)
      },
    })
    const wait: Wait = {
      order: { kind: 'wait', id: wake, account: '1', callId: 'c', arrivedAtMs: beganAtMs, isResumed: false },
      waiter: { inbox: 'inbox', id: wake },
      isLead: false,
      isArmed: true,
      secret: '',
      devices: [device],
      endsAtMs: beganAtMs + plan.waitMs,
      pushed: 0,
    }

    function answer(pushAtMs: number): void {
      if (isOver) return
      isOver = true
      clearTimeout(wait.timer)
      figures.pushesAnswered += pushes
      figures.answeredMs.push(time.clock() - beganAtMs)
      keep(schedule.answered(wait, device.id, phone.saysPush ? pushAtMs : undefined))
    }

    schedule.lead(wait)
    time.runAll()
  }
  return figures
}
