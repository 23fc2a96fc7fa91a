// Holds waits: runs in a worker thread and owns, for each wait, the deadline, the resend schedule and the listening
// for its decision. An order comes in from the main thread; the record in Redis is armed; only then does the first
// push leave, because a fast phone can answer before a later subscription is in place. Whoever ends the wait (an
// app, the deadline, the PBX), Redis decides once, and this room reports that decision. It sends no push itself:
// it tells the main thread when one is due.
import type { Log } from '../base/log.ts'
import { assertNever, messageOf } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import type { Device, DeviceStore } from '../redis/devices/devices.ts'
import { type EndReason, readWakeNews, type Waiter, type WakeStore } from '../redis/wakes/wakes.ts'
import type { FromWaitWorker, ToWaitWorker, WaitOrder } from './waitMessages.ts'
import { nak, outcomeOf, type WakeOutcome } from './wake.ts'

export interface WaitRoomOptions {
  wakes: Pick<WakeStore, 'begin' | 'end' | 'leave' | 'decision'>
  devices: Pick<DeviceStore, 'list'>
  inbox: string
  roundtripWaitMs: number
  resendIntervalMs: number
  /** False while the subscription delivers nothing: a wait would hear no confirmation. */
  canHear: () => boolean
  send: (message: FromWaitWorker) => void
  clock: Clock
  log: Log
}

/** One held request. It leaves the room's map the moment it has an outcome. */
interface Wait {
  readonly order: WaitOrder
  readonly waiter: Waiter
  /** Sends the pushes; when several requests share one wake, the first of them does. */
  isLead: boolean
  devices: Device[]
  endsAtMs: number
  firstPushAtMs?: number
  /** For the next resend, and after the last one for the deadline. */
  timer?: Timer
  /** Ids of devices that said no, that have no token any more, whose last push was refused. */
  unavailable?: Set<string>
  gone?: Set<string>
  refused?: Set<string>
}

export type WaitRoom = ReturnType<typeof openWaitRoom>

export function openWaitRoom(options: WaitRoomOptions) {
  const { wakes, clock, log, resendIntervalMs } = options
  const waits = new Map<number, Wait>()

  async function hold(order: WaitOrder): Promise<void> {
    const waiter = { inbox: options.inbox, id: order.id }
    const endsAtMs = order.arrivedAtMs + options.roundtripWaitMs
    const wait: Wait = { order, waiter, isLead: false, devices: [], endsAtMs }
    waits.set(order.id, wait)
    if (!options.canHear()) return settle(wait, nak('busy'))
    try {
      if (order.isResumed) await resume(wait)
      else await begin(wait)
    } catch (thrown) {
      log.warn({ callId: order.callId, reason: messageOf(thrown) }, 'redis unavailable: wait not begun')
      settle(wait, nak('busy'))
    }
  }

  async function begin(wait: Wait): Promise<void> {
    const { order, waiter } = wait
    const begun = await wakes.begin(order, waiter, wait.endsAtMs - clock())
    // Already over: the PBX left, or the wake that we joined was decided while we asked.
    if (!waits.has(order.id)) return
    wait.devices = begun.devices
    wait.isLead = begun.isNew
    if (!begun.isNew) options.send({ kind: 'joined', id: order.id })
    // A joined wait ends with the first. A slow reply must not move the deadline of either.
    wait.endsAtMs = Math.min(wait.endsAtMs, clock() + begun.leftMs)
    if (begun.devices.length === 0 && begun.isNew) return decide(wait, 'no-device')
    arm(wait)
  }

  /** The worker that held this wait crashed. Messages may have been lost, so ask before waiting on. */
  async function resume(wait: Wait): Promise<void> {
    const [devices, decision] = await Promise.all([
      options.devices.list(wait.order.account),
      wakes.decision(wait.order),
    ])
    if (!waits.has(wait.order.id)) return
    // It came while nobody listened, or crashed with its worker before it had a record.
    if (decision?.state === 'unknown') return begin(wait)
    if (decision) return settle(wait, outcomeOf(decision))
    wait.devices = devices
    wait.isLead = true
    arm(wait)
  }

  function arm(wait: Wait): void {
    if (wait.isLead) push(wait)
    else waitForDeadline(wait)
  }

  function waitForDeadline(wait: Wait): void {
    clearTimeout(wait.timer)
    wait.timer = setTimeout(endAtDeadline, wait.endsAtMs - clock(), wait)
  }

  const endAtDeadline = (wait: Wait): void => void decide(wait, reasonAtDeadline(wait))

  function push(wait: Wait): void {
    const nowMs = clock()
    const attempt = Math.max(1, Math.round((nowMs - beganAtMsOf(wait)) / resendIntervalMs) + 1)
    wait.firstPushAtMs ??= nowMs
    const devices = wait.devices.filter(each => !wait.gone?.has(each.id) && !wait.unavailable?.has(each.id))
    options.send({ kind: 'push', id: wait.order.id, attempt, devices, endsAtMs: wait.endsAtMs })
    resendAfter(wait, attempt)
  }

  /** Attempts are counted from the wait's begin, so that a successor goes on where the first pusher stopped. */
  function resendAfter(wait: Wait, attempt: number): void {
    const nextAtMs = beganAtMsOf(wait) + attempt * resendIntervalMs
    // Not in the last interval: the app would answer after the end.
    if (nextAtMs >= wait.endsAtMs - resendIntervalMs) return waitForDeadline(wait)
    clearTimeout(wait.timer)
    wait.timer = setTimeout(push, nextAtMs - clock(), wait)
  }

  const beganAtMsOf = (wait: Wait): number => wait.endsAtMs - options.roundtripWaitMs

  const reasonAtDeadline = (wait: Wait): EndReason =>
    wait.devices.length > 0 &&
    wait.devices.every(each => wait.refused?.has(each.id) || wait.gone?.has(each.id))
      ? 'push-refused'
      : 'timeout'

  /** Ends the wake, unless somebody was first; either way this wait gets what then holds. */
  async function decide(wait: Wait, reason: EndReason): Promise<void> {
    try {
      settle(wait, outcomeOf(await wakes.end(wait.order, reason, wait.waiter)))
    } catch (thrown) {
      log.warn(
        { callId: wait.order.callId, reason: messageOf(thrown) },
        'redis unavailable: wait ends undecided',
      )
      settle(wait, nak('busy'))
    }
  }

  /** The PBX dropped its request. With nobody left to answer the wake is over, and the phones are told. */
  async function leave(wait: Wait): Promise<void> {
    forget(wait)
    let left: 'ended' | 'left' | 'decided' = 'ended'
    try {
      left = await wakes.leave(wait.order, wait.waiter)
    } catch (thrown) {
      log.warn(
        { callId: wait.order.callId, reason: messageOf(thrown) },
        'redis unavailable: caller gone unrecorded',
      )
    }
    report(wait, nak('caller-gone'), left === 'left' ? [] : wait.devices)
  }

  function hear(text: string): void {
    const message = readWakeNews(text)
    const wait = waits.get(message.id)
    if (!wait) return
    switch (message.event) {
      case 'confirmed':
        return settle(wait, { status: 'ACK', reason: 'confirmed', deviceId: message.device })
      case 'ended':
        return settle(wait, outcomeOf({ state: 'ended', reason: message.reason as EndReason }))
      case 'unavailable': {
        wait.unavailable ??= new Set()
        wait.unavailable.add(message.device)
        if (wait.isLead && allAre(wait, wait.unavailable, wait.gone)) void decide(wait, 'unavailable')
        return
      }
      case 'lead': {
        wait.isLead = true
        // The one that left has sent the attempt that is now under way.
        return resendAfter(wait, Math.floor((clock() - beganAtMsOf(wait)) / resendIntervalMs) + 1)
      }
      default:
        return assertNever(message.event)
    }
  }

  function hearPushFailures(wait: Wait, gone: string[], refused: string[]): void {
    wait.refused = new Set(refused)
    if (gone.length === 0) return
    wait.gone ??= new Set()
    for (const id of gone) wait.gone.add(id)
    if (allAre(wait, wait.gone)) void decide(wait, 'push-refused')
    else if (allAre(wait, wait.gone, wait.unavailable)) void decide(wait, 'unavailable')
  }

  const allAre = (wait: Wait, ...sets: (Set<string> | undefined)[]): boolean =>
    wait.devices.every(device => sets.some(set => set?.has(device.id)))

  function settle(wait: Wait, outcome: WakeOutcome): void {
    if (!waits.has(wait.order.id)) return
    forget(wait)
    report(wait, outcome, [])
  }

  function forget(wait: Wait): void {
    waits.delete(wait.order.id)
    clearTimeout(wait.timer)
  }

  function report(wait: Wait, outcome: WakeOutcome, cancelled: Device[]): void {
    const { firstPushAtMs, devices } = wait
    const isPushed = firstPushAtMs !== undefined
    const device = devices.find(each => each.id === outcome.deviceId) ?? devices[0]
    options.send({
      kind: 'over',
      id: wait.order.id,
      outcome,
      cancelled,
      ...(isPushed && device ? { platform: device.platform } : {}),
      ...(isPushed && outcome.status === 'ACK' ? { roundTripMs: clock() - firstPushAtMs } : {}),
    })
  }

  return {
    /** Obeys one message of the main thread; 'open' and 'close' are the thread's own business. */
    obey(message: Exclude<ToWaitWorker, { kind: 'open' | 'close' }>): void {
      if (message.kind === 'wait') return void hold(message)
      const wait = waits.get(message.id)
      if (!wait) return
      if (message.kind === 'leave') void leave(wait)
      else hearPushFailures(wait, message.gone, message.refused)
    },

    hear,

    /** The subscription was interrupted: decisions may have been missed, so each wait looks at its record. */
    async catchUp(): Promise<void> {
      await Promise.all(
        [...waits.values()].map(async wait => {
          try {
            const decision = await wakes.decision(wait.order)
            if (decision) settle(wait, outcomeOf(decision))
          } catch (thrown) {
            log.debug({ reason: messageOf(thrown) }, 'redis went away again; the next reconnect looks again')
          }
        }),
      )
    },
  }
}
