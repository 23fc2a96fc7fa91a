// Where a wake's threads meet, on the main thread: a PBX request is handed to a wait worker; the worker says when
// to push, and `devicePush.ts` signs the tokens and sends the pushes; the worker says how it ended, and the held request
// gets its answer. The desk holds no timers and decides nothing.

import { createBatch } from '../base/batch.ts'
import { toSeconds } from '../base/units.ts'
import { isFinalRefusal } from '../push/finalRefusals.ts'
import { PLATFORMS, type Platform, type PushOutcome, type PushPayload } from '../push/push.ts'
import type { Device } from '../redis/devices/devices.ts'
import type { WakeId } from '../redis/keys.ts'
import type { WakeStore } from '../redis/wakes/wakes.ts'
import { habitOf, readHistory } from './answerHistory.ts'
import { type DevicePushOptions, openDevicePush } from './devicePush.ts'
import type { PushDue, WaitOver } from './waitMessages.ts'
import type { WaitLimit, WaitPool } from './waitPool.ts'
import type { IncomingCall, WakeOutcome } from './wake.ts'

export interface WakeDeskOptions extends DevicePushOptions {
  uniqueKeyOf: WakeStore['uniqueKeyOf']
}

export interface HeldOutcome extends WakeOutcome {
  callId: string
  waitedMs: number
}

/** One PBX request that waits for its answer. Thousands wait at once, so it keeps nothing that can be had again. */
interface Held {
  call: IncomingCall
  arrivedAtMs: number
  resolve: (outcome: HeldOutcome) => void
  /** When its tokens were first signed, seconds since the epoch: each resend signs the same ones again. */
  issuedAtSeconds: number
  /** Pushes under way or retried. Without one there is nothing to abort. */
  pushes: number
  /** Aborts them all when the wait is over. */
  pushing?: AbortController
  /** By device: ends the retries of its newest attempt when the next one begins. In an outage each would otherwise go on
   *  beside all later ones, and a vendor that comes back would hear of the call many times. */
  newest?: Map<string, AbortController>
  /** Ids of the devices whose last answered push was refused. */
  refused?: Set<string>
  /** Of the newest push; 0 before the first. */
  attempts: number
  /** For operators: whom the newest attempt pushes, and the vendors' answer to it, a phone that was reached first. */
  platforms?: readonly Platform[]
  answer?: string
  usualMs?: number
  /** Told of each attempt when its pushes leave. */
  onPush?: ((attempt: number) => void) | undefined
  /** Set where the request came by another door than a PBX's. */
  waitMs?: number
}

/** A held request as operators see it. */
export interface HeldRequest {
  call: IncomingCall
  heldForMs: number
  attempts: number
  platforms: readonly Platform[]
  /** `accepted`, or why not; empty: no vendor has answered yet. */
  answer: string
  /** What it may take, where it came by another door than a PBX's. */
  waitMs?: number
  /** The time within which its phone usually answers, the quickest of several. */
  usualMs?: number
}

/** How a request is held that comes by another door than a PBX's. */
export interface HoldOptions {
  /** When it was asked for, ms since the epoch. */
  arrivedAtMs: number
  waitMs: number
  /** How many attempts another process sent for this wake before it died. */
  attemptsBefore: number
  onPush: (attempt: number) => void
}

/** A request that has its answer; log, metrics and timeline are told next. */
interface Answered {
  call: IncomingCall
  over: WaitOver
  waitedMs: number
  atMs: number
}

/** A wake whose phones are told to stop. */
interface CancelledWake extends WakeId {
  secret: string
}

/** No further push of this call can reach the device. */
const isFinal = (outcome: PushOutcome): boolean =>
  outcome.kind === 'token-gone' || (outcome.kind === 'refused' && isFinalRefusal(outcome.reason))

/** In a vendor's own word where it has one. */
const answerOf = (outcome: PushOutcome): string => ('reason' in outcome ? outcome.reason : outcome.kind)

/** A cancel push is worth little once the phone has given up by itself. */
const CANCEL_TIMEOUT_MS = 5_000

export type WakeDesk = ReturnType<typeof openWakeDesk>

export function openWakeDesk(options: WakeDeskOptions) {
  const { events, clock } = options
  const { pushTo, noteSipPhones } = openDevicePush(options)
  const held = new Map<number, Held>()

  /** Keeps `wait.refused` right. @returns whether that changed it. */
  function noteRefusal(wait: Held, deviceId: string, outcome: PushOutcome): boolean {
    if (outcome.kind === 'accepted') return wait.refused?.delete(deviceId) ?? false
    if (outcome.kind !== 'refused' || wait.refused?.has(deviceId)) return false
    wait.refused ??= new Set()
    wait.refused.add(deviceId)
    return true
  }

  function noteUsual(wait: Held, devices: readonly Device[]): void {
    const usual = devices.flatMap(each => habitOf(readHistory(each.answers))?.usualMs ?? [])
    if (usual.length > 0) wait.usualMs = Math.min(...usual)
  }

  /** Ends the retries of a device's push before. @returns what ends those of the next one. */
  function supersede({ newest }: Held, deviceId: string): AbortSignal {
    newest?.get(deviceId)?.abort()
    const attempt = new AbortController()
    newest?.set(deviceId, attempt)
    return attempt.signal
  }

  /** All pushes have their answer, and nothing is left to abort. */
  function letGo(wait: Held): void {
    delete wait.pushing
    delete wait.newest
  }

  /** Android is told that the call is over. Apple has no such push: a VoIP push must ring. */
  function cancel({ secret, ...wake }: CancelledWake, devices: Device[], reason: string): void {
    const { callId } = wake
    for (const device of devices) {
      if (device.platform === 'apns' || device.isDnd) continue
      const uniqueKey = options.uniqueKeyOf(wake, secret, device.id)
      const payload: PushPayload = { type: 'cancel', unique_key: uniqueKey, call_id: callId, reason }
      void options.push(device, payload, AbortSignal.timeout(CANCEL_TIMEOUT_MS))
    }
  }

  const tell = createBatch<Answered>('turn', all => {
    for (const { call, over, waitedMs, atMs } of all) {
      const { outcome, platform, roundTripMs, pushes, cancelled, secret = '' } = over
      const { account, callId } = call
      events.callAnswered(call, { outcome, waitedMs, atMs, platform, roundTripMs, pushes })
      const reason = outcome.status === 'ACK' ? 'answered_elsewhere' : outcome.reason
      cancel({ account, callId, secret }, cancelled, reason)
    }
  })

  return {
    cancel,

    /** Holds one PBX request until its outcome. @returns the setting by which no further wait can be held. */
    hold(
      pool: Pick<WaitPool, 'hold' | 'leave'>,
      call: IncomingCall,
      dropped: AbortSignal,
      how?: HoldOptions,
    ): Promise<HeldOutcome> | WaitLimit {
      const { arrivedAtMs = clock(), onPush, ...further } = how ?? {}
      const id = pool.hold({ account: call.account, callId: call.callId, arrivedAtMs, ...further })
      if (typeof id === 'string') {
        events.callRefused(call, id)
        return id
      }
      events.callArrived(call)
      const { promise, resolve } = Promise.withResolvers<HeldOutcome>()
      const issuedAtSeconds = Math.floor(toSeconds(arrivedAtMs))
      const wait: Held = { call, arrivedAtMs, resolve, issuedAtSeconds, pushes: 0, attempts: 0 }
      if (onPush) wait.onPush = onPush
      if (how) wait.waitMs = how.waitMs
      held.set(id, wait)
      // This listener is never removed: the signal is freed with its request, and removing would take longer than all else
      // here.
      const leave = () => {
        if (held.has(id)) pool.leave(id)
      }
      dropped.addEventListener('abort', leave, { once: true })
      if (dropped.aborted) leave()
      return promise
    },

    /** A worker says that a push is due. It hears of each failure at once: a slow device must not keep back that
     *  another one's token is gone. */
    async push(pool: Pick<WaitPool, 'pushFailed'>, due: PushDue): Promise<void> {
      const wait = held.get(due.id)
      if (!wait) return
      const isFirst = wait.attempts === 0
      wait.attempts = Math.max(wait.attempts, due.attempt)
      wait.platforms = PLATFORMS.filter(each => due.devices.some(device => device.platform === each))
      if (isFirst) noteUsual(wait, due.devices)
      wait.onPush?.(wait.attempts)
      const uniqueKeys = due.devices.map(({ id }) => options.uniqueKeyOf(wait.call, due.secret, id))
      events.pushing(wait.call, due, isFirst ? uniqueKeys : [])
      wait.newest ??= new Map()
      wait.pushing ??= new AbortController()
      const { signal } = wait.pushing
      wait.pushes += due.devices.length
      const isNoted = noteSipPhones(wait.call, due)
      await Promise.all(
        due.devices.map(async (device, index) => {
          const superseded = supersede(wait, device.id)
          // A phone that registered by SIP confirms by registering: the mark stands before its push leaves.
          if (device.keptUntilMs !== undefined) await isNoted
          const outcome = await pushTo(wait, due, {
            device,
            uniqueKey: uniqueKeys[index]!,
            signal,
            superseded,
          })
          wait.pushes--
          if (wait.pushes === 0) letGo(wait)
          if (wait.answer !== 'accepted' || outcome.kind === 'accepted') wait.answer = answerOf(outcome)
          const isRefusalNews = noteRefusal(wait, device.id, outcome)
          const out = isFinal(outcome) ? [device.id] : []
          if (isRefusalNews || out.length > 0)
            pool.pushFailed(due.id, { out, refused: [...(wait.refused ?? [])] })
        }),
      )
    },

    /** A worker says that this request shares another one's wait, or that too many do. */
    joined(id: number, isFull: boolean): void {
      const wait = held.get(id)
      if (!wait) return
      if (isFull) events.joinRefused(wait.call)
      else events.callJoined(wait.call)
    },

    /** The eldest held requests, for operators. */
    eldest(max: number): HeldRequest[] {
      const nowMs = clock()
      return [...held.values().take(max)].map(each => ({
        call: each.call,
        heldForMs: nowMs - each.arrivedAtMs,
        attempts: each.attempts,
        platforms: each.platforms ?? [],
        answer: each.answer ?? '',
        ...(each.waitMs === undefined ? {} : { waitMs: each.waitMs }),
        ...(each.usualMs === undefined ? {} : { usualMs: each.usualMs }),
      }))
    },

    /** A worker says how a wait ended. */
    over(over: WaitOver): void {
      const wait = held.get(over.id)
      if (!wait) return
      held.delete(over.id)
      wait.pushing?.abort()
      const { call } = wait
      const atMs = clock()
      const waitedMs = atMs - wait.arrivedAtMs
      const { status, reason, deviceId } = over.outcome
      wait.resolve({ status, reason, deviceId, callId: call.callId, waitedMs })
      // The PBX's answer leaves first: log, metrics and timeline would keep it back.
      tell({ call, over, waitedMs, atMs })
    },
  }
}
