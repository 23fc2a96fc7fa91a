// Holds waits: runs in a worker thread and owns, for each wait, the deadline, the resend schedule and the listening
// for its decision. An order comes in from the main thread; the record in Redis is armed; only then does the first
// push leave, because a fast phone can answer before a later subscription is in place. Whoever ends the wait (an
// app, the deadline, the PBX), Redis decides once, and this room reports that decision. It sends no push itself:
// it tells the main thread when one is due.
import type { Log } from '../base/log.ts'
import { assertNever, messageOf } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import type { Device, DeviceStore } from '../redis/devices/devices.ts'
import { wakeKey } from '../redis/keys.ts'
import { type JoinNews, readWakeNews, type WakeNews } from '../redis/wakes/wakeNews.ts'
import type { EndReason, Handed, PushState, WakeStore } from '../redis/wakes/wakes.ts'
import { createAnswerKeeper } from './answerKeeper.ts'
import { createCatchUp } from './catchUp.ts'
import { createPushSchedule, sentText, type Wait } from './pushSchedule.ts'
import type { FromWaitWorker, ToWaitWorker, WaitOrder } from './waitMessages.ts'
import { nak, outcomeOf, type WakeOutcome } from './wake.ts'

export interface WaitRoomOptions {
  wakes: Pick<WakeStore, 'begin' | 'end' | 'leave' | 'leaveRecord' | 'look'>
  devices: Pick<DeviceStore, 'list' | 'learned'>
  inbox: string
  roundtripWaitMs: number
  resendIntervalMs: number
  /** False while the subscription delivers nothing: a wait would hear no confirmation. */
  canHear: () => boolean
  send: (message: FromWaitWorker) => void
  clock: Clock
  log: Log
}

/** Some megabytes. Beyond it the eldest are given up: they leave when a request joins them (`hearJoined`). */
const ABANDONED_MAX = 10_000

export type WaitRoom = ReturnType<typeof openWaitRoom>

export function openWaitRoom(options: WaitRoomOptions) {
  const { wakes, clock, log } = options
  const waits = new Map<number, Wait>()
  const looks = createCatchUp<Wait>({ ask: look, log })
  // Waits that ended while Redis did not answer. Redis may still carry out our earlier command, and then its record names
  // a wait that nobody holds: a PBX that asks again would join that wait, and no phone would be pushed. So such a wait
  // leaves the record, by a command that Redis gets after the earlier ones, on the same connection.
  const abandoned = createCatchUp<Wait>({
    ask: wait => wakes.leave(wait.order, wait.waiter, handedBy(wait)),
    itemsMax: ABANDONED_MAX,
    log,
  })
  const schedule = createPushSchedule({
    ...options,
    onDeadline: wait => {
      for (const learned of schedule.silent(wait)) learn(wait.order, learned)
      void decide(wait, reasonAtDeadline(wait))
    },
  })
  const learn = createAnswerKeeper({ devices: options.devices, clock: options.clock, log })

  /** What the wait that pushes next must know. */
  const handedBy = (wait: Wait): Handed => ({ pushed: wait.pushed, sent: sentText(wait, clock()) })

  async function hold(order: WaitOrder): Promise<void> {
    const waiter = { inbox: options.inbox, id: order.id }
    const endsAtMs = order.arrivedAtMs + (order.waitMs ?? options.roundtripWaitMs)
    const pushed = order.attempts ?? 0
    const wait: Wait = {
      order,
      waiter,
      isLead: false,
      isArmed: false,
      secret: '',
      devices: [],
      endsAtMs,
      pushed,
    }
    waits.set(order.id, wait)
    if (!options.canHear()) return settle(wait, nak('busy'))
    try {
      if (order.isResumed) await resume(wait)
      else if (!(await isDecided(wait))) await begin(wait)
    } catch (thrown) {
      log.warn({ callId: order.callId, reason: messageOf(thrown) }, 'redis unavailable: wait not begun')
      settle(wait, nak('busy'))
      abandoned.add(wait)
    }
  }

  /** The process that pushed for this wait is dead; the wake may already have its outcome. */
  async function isDecided(wait: Wait): Promise<boolean> {
    if (!wait.order.attemptsBefore) return false
    const found = await wakes.look(wait.order, wait.waiter)
    if (found.state === 'waiting' || found.state === 'unknown') return false
    settle(wait, outcomeOf(found))
    return true
  }

  async function begin(wait: Wait): Promise<void> {
    const { order, waiter } = wait
    const begun = await wakes.begin(order, waiter, wait.endsAtMs - clock())
    // The wait is over already: the PBX left, or the wake that this wait joined was decided while Redis was asked.
    if (!waits.has(order.id)) return
    if (begun.how === 'full') {
      options.send({ kind: 'joined', id: order.id, isFull: true })
      return settle(wait, nak('busy'))
    }
    wait.secret = begun.secret
    if (begun.how !== 'begun') options.send({ kind: 'joined', id: order.id })
    // A wait that joined ends with the wait that was first. A slow reply of Redis must not move the deadline of either.
    wait.endsAtMs = Math.min(wait.endsAtMs, clock() + begun.leftMs)
    if (begun.how === 'leads') wait.pushed = pushedBefore(wait)
    wait.isLead ||= begun.how !== 'joined'
    const reachable = begun.devices.filter(each => !each.isDnd)
    if (reachable.length === 0 && begun.how === 'begun')
      return decide(wait, begun.devices.length === 0 ? 'no-device' : 'unavailable')
    arm(wait, reachable)
  }

  /** The worker that held this wait crashed. Messages may have been lost, so ask before waiting on. */
  async function resume(wait: Wait): Promise<void> {
    const [devices, found] = await Promise.all([
      options.devices.list(wait.order.account),
      wakes.look(wait.order, wait.waiter),
    ])
    if (!waits.has(wait.order.id)) return
    // The request came while no worker listened, or its worker crashed before the wake had a record.
    if (found.state === 'unknown') return begin(wait)
    if (found.state !== 'waiting') return settle(wait, outcomeOf(found))
    wait.secret = found.secret
    wait.isLead = found.isFirst
    arm(
      wait,
      devices.filter(each => !each.isDnd),
    )
  }

  function arm(wait: Wait, devices: Device[]): void {
    wait.devices = devices
    wait.isArmed = true
    if (wait.isLead) schedule.lead(wait)
    else schedule.waitForDeadline(wait)
    if (wait.isToLook) looks.add(wait)
  }

  const reasonAtDeadline = (wait: Wait): EndReason =>
    wait.devices.length > 0 &&
    wait.devices.every(each => wait.refused?.has(each.id) || wait.out?.has(each.id))
      ? 'push-refused'
      : 'timeout'

  /** Ends the wake, unless another process or the app has decided it already. In both cases this wait gets the decision. */
  async function decide(wait: Wait, reason: EndReason): Promise<void> {
    try {
      const { decision } = await wakes.end(wait.order, reason, wait.waiter)
      settle(wait, outcomeOf(decision))
    } catch (thrown) {
      log.warn(
        { callId: wait.order.callId, reason: messageOf(thrown) },
        'redis unavailable: wait ends undecided',
      )
      settle(wait, nak('busy'))
      abandoned.add(wait)
    }
  }

  /** The PBX dropped its request. With nobody left to answer the wake is over, and the phones are told. */
  async function leave(wait: Wait): Promise<void> {
    forget(wait)
    let left: 'ended' | 'left' | 'decided' = 'ended'
    try {
      left = await wakes.leave(wait.order, wait.waiter, handedBy(wait))
    } catch (thrown) {
      log.warn(
        { callId: wait.order.callId, reason: messageOf(thrown) },
        'redis unavailable: caller gone unrecorded',
      )
      abandoned.add(wait)
    }
    report(wait, nak('caller-gone'), left === 'left' ? [] : wait.devices)
  }

  function hear(text: string): void {
    const news = readWakeNews(text)
    if (news.event === 'joined') return hearJoined(news)
    const wait = waits.get(news.id)
    if (!wait) return
    // Anybody who may publish could write such a line, but nobody can forge the record so.
    if (!news.isProven(wait.secret)) return lookAgain(wait)
    obeyNews(wait, news)
  }

  function obeyNews(wait: Wait, news: WakeNews): void {
    switch (news.event) {
      case 'confirmed': {
        const pushes = hearAnswer(wait, news)
        return settle(wait, { status: 'ACK', reason: 'confirmed', deviceId: news.device }, pushes)
      }
      case 'ended':
        return settle(wait, outcomeOf({ state: 'ended', reason: news.reason as EndReason }))
      case 'unavailable': {
        hearAnswer(wait, news)
        wait.unavailable ??= new Set()
        wait.unavailable.add(news.device)
        if (wait.isLead && allAre(wait, wait.unavailable, wait.out)) void decide(wait, 'unavailable')
        return
      }
      case 'lead':
        // A second message says nothing new, and another push would come at once.
        if (wait.isLead) return
        wait.pushed = news.pushed === 'unsure' ? pushedBefore(wait) : news.pushed
        wait.sentBefore = news.sent
        return schedule.lead(wait)
      default:
        return assertNever(news.event)
    }
  }

  /** The device's time to answer is one more of its history. @returns how many pushes it was sent. */
  function hearAnswer(wait: Wait, { device, saysPushAtMs }: WakeNews): number | undefined {
    const answered = wait.isLead ? schedule.answered(wait, device, saysPushAtMs) : undefined
    if (answered) learn(wait.order, answered)
    return answered?.pushes
  }

  /** A request joined the wait of this number. If that is not held here the record is wrong, and the wait leaves. */
  function hearJoined({ lead, record }: JoinNews): void {
    const wait = waits.get(lead)
    if (wait && wakeKey(wait.order) === record) return
    wakes
      .leaveRecord(record, { inbox: options.inbox, id: lead })
      .catch(thrown =>
        log.warn({ reason: messageOf(thrown) }, 'redis unavailable: a wait nobody holds stays'),
      )
  }

  function hearPushFailures(wait: Wait, out: string[], refused: string[]): void {
    wait.refused = new Set(refused)
    if (out.length === 0) return
    wait.out ??= new Set()
    for (const id of out) wait.out.add(id)
    if (allAre(wait, wait.out)) void decide(wait, 'push-refused')
    else if (allAre(wait, wait.out, wait.unavailable)) void decide(wait, 'unavailable')
  }

  const allAre = (wait: Wait, ...sets: (Set<string> | undefined)[]): boolean =>
    wait.devices.every(device => sets.some(set => set?.has(device.id)))

  /** @param pushes that the device which confirmed was sent, where that is known. */
  function settle(wait: Wait, outcome: WakeOutcome, pushes?: number): void {
    if (!waits.has(wait.order.id)) return
    forget(wait)
    const cancelled = outcome.status === 'ACK' && wait.isLead ? othersThan(outcome.deviceId, wait) : []
    report(wait, outcome, cancelled, pushes)
  }

  /** The phones that may ring although another one has the call. */
  const othersThan = (winner: string | undefined, { devices, out, unavailable }: Wait): Device[] =>
    devices.filter(({ id }) => id !== winner && !out?.has(id) && !unavailable?.has(id))

  function forget(wait: Wait): void {
    waits.delete(wait.order.id)
    looks.drop(wait)
    clearTimeout(wait.timer)
  }

  function report(wait: Wait, outcome: WakeOutcome, cancelled: Device[], pushes?: number): void {
    const { firstPushAtMs, devices, secret } = wait
    const isPushed = firstPushAtMs !== undefined
    const device = devices.find(each => each.id === outcome.deviceId) ?? devices[0]
    options.send({
      kind: 'over',
      id: wait.order.id,
      outcome,
      cancelled,
      ...(cancelled.length > 0 ? { secret } : {}),
      ...(isPushed && device ? { platform: device.platform } : {}),
      ...(isPushed && outcome.status === 'ACK' ? { roundTripMs: clock() - firstPushAtMs } : {}),
      ...(pushes === undefined ? {} : { pushes }),
    })
  }

  /** A message may have been missed, or forged. */
  function lookAgain(wait: Wait): void {
    if (wait.isArmed) looks.add(wait)
    else wait.isToLook = true
  }

  async function look(wait: Wait): Promise<void> {
    const found = await wakes.look(wait.order, wait.waiter)
    if (found.state !== 'waiting') return settle(wait, outcomeOf(found))
    if (found.isFirst !== wait.isLead && waits.has(wait.order.id)) changeLead(wait)
  }

  /** Whether this wait leads may have changed: the one that led was taken for dead, or this one was. */
  function changeLead(wait: Wait): void {
    if (wait.isLead) {
      wait.isLead = false
      return schedule.waitForDeadline(wait)
    }
    wait.pushed = pushedBefore(wait)
    schedule.lead(wait)
  }

  /** The attempts that a dead process has sent, as far as they are known. */
  const pushedBefore = ({ order }: Wait): PushState => order.attemptsBefore || 'unsure'

  return {
    /** Obeys one message of the main thread; 'open' and 'close' are the thread's own business. */
    obey(message: Exclude<ToWaitWorker, { kind: 'open' | 'close' }>): void {
      if (message.kind === 'wait') return void hold(message)
      const wait = waits.get(message.id)
      if (!wait) return
      if (message.kind === 'leave') void leave(wait)
      else hearPushFailures(wait, message.out, message.refused)
    },

    hear,

    /** The subscription was interrupted: decisions may have been missed, so each wait looks at its record. */
    catchUp(): void {
      for (const wait of waits.values()) lookAgain(wait)
    },
  }
}
