// The PBX of a world: asks fronts to wake the phones of calls, drops requests, asks again where a front went away, and says
// when a call is over.
import type { FrontLife } from './frontPlace.ts'
import type { PlannedAsk, PlannedWake } from './wakePlan.ts'
import { frontsUp, type World } from './world.ts'

/** One request of the PBX, from its own side. */
export interface PbxRequest {
  callId: string
  account: string
  /** Empty: none stood. */
  front: string
  askedAtMs: number
  /** When the front had it. */
  arrivedAtMs: number | undefined
  answer: { atMs: number; status: string; reason: string; deviceId: string | undefined } | undefined
  /** No further wait could be held. */
  isRefused: boolean
  /** The PBX dropped it. */
  leftAtMs: number | undefined
  /** The front died with it. */
  lostAtMs: number | undefined
}

/** The PBX's word that a call is over. */
export interface PbxEnd {
  callId: string
  sentAtMs: number
  reason: string
}

export interface Pbx {
  requests: PbxRequest[]
  ends: PbxEnd[]
}

const LATENCY_MIN_MS = 0.1
const LATENCY_MAX_MS = 2

/** A PBX whose request was lost or refused asks another front, a few times. */
const RETRIES_MAX = 3
const RETRY_MS = 150

export function startPbx(world: World): Pbx {
  const { machine, plan, history } = world
  const { schedule } = machine
  const process = machine.spawn('pbx')
  const latencyMs = () => process.random.between(LATENCY_MIN_MS, LATENCY_MAX_MS)
  const requests: PbxRequest[] = []
  const ends: PbxEnd[] = []
  const note = (what: string, fields: Record<string, unknown>) =>
    history.add('pbx', { kind: 'wake', what, fields })

  for (const wake of plan.wakes.wakes) {
    for (const planned of wake.asks)
      schedule.after(wake.atMs + planned.afterMs, process, () => ask(wake, planned, RETRIES_MAX))
    const { end } = wake
    if (end) schedule.after(wake.atMs + end.afterMs, process, () => tellEnd(wake, end))
  }

  function ask(wake: PlannedWake, planned: PlannedAsk, triesLeft: number): void {
    const { callId, account } = wake
    const life = frontAt(planned.target, triesLeft)
    const request: PbxRequest = {
      ...{ callId, account, front: life?.name ?? '', askedAtMs: schedule.nowMs, arrivedAtMs: undefined },
      ...{ answer: undefined, isRefused: false, leftAtMs: undefined, lostAtMs: undefined },
    }
    const again = () => {
      if (triesLeft > 0) schedule.after(RETRY_MS, process, () => ask(wake, planned, triesLeft - 1))
    }
    if (!life) return again()
    requests.push(request)
    note('asks', { callId, account, front: life.name })
    const isOver = () =>
      request.answer !== undefined || request.leftAtMs !== undefined || request.lostAtMs !== undefined
    const lose = () =>
      schedule.after(latencyMs(), process, () => {
        if (isOver()) return
        request.lostAtMs = schedule.nowMs
        note('lost its front', { callId, front: life.name })
        again()
      })
    life.process.onDeath.add(lose)
    const dropped = new AbortController()
    schedule.after(latencyMs(), life.process, () => {
      if (!life.rooms || life.rooms.isDraining()) return refuse()
      request.arrivedAtMs = schedule.nowMs
      const held = life.rooms.hold(
        { account, callId, phonenumber: '+31501234567', callerId: 'Alice' },
        dropped.signal,
      )
      if (typeof held === 'string') return refuse()
      void held.then(({ status, reason, deviceId }) =>
        schedule.after(latencyMs(), process, () => {
          if (isOver()) return
          request.answer = { atMs: schedule.nowMs, status, reason, deviceId }
          note('is answered', { callId, status, reason, deviceId })
        }),
      )
    })
    if (planned.leavesAfterMs !== undefined)
      schedule.after(planned.leavesAfterMs, process, () => {
        if (isOver()) return
        request.leftAtMs = schedule.nowMs
        note('leaves', { callId, front: life.name })
        schedule.after(latencyMs(), life.process, () => dropped.abort())
      })

    function refuse(): void {
      schedule.after(latencyMs(), process, () => {
        if (isOver()) return
        request.isRefused = true
        request.lostAtMs = schedule.nowMs
        again()
      })
    }
  }

  function tellEnd(wake: PlannedWake, end: NonNullable<PlannedWake['end']>): void {
    const { callId } = wake
    const life = frontAt(end.target, 0)
    if (!life) return
    ends.push({ callId, sentAtMs: schedule.nowMs, reason: end.reason })
    note('says the call is over', { callId, reason: end.reason })
    schedule.after(latencyMs(), life.process, () => {
      life.rooms?.news.ended(callId, end.reason).catch(() => undefined)
    })
  }

  /** Each try goes to the next one. */
  function frontAt(target: number, offset: number): FrontLife | undefined {
    const lives = frontsUp(world)
    return lives[(Math.floor(target * lives.length) + offset) % Math.max(1, lives.length)]
  }

  return { requests, ends }
}
