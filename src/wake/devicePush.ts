// Sends the pushes of a wake to one device each: signs the token by which the app confirms, puts the payload together,
// hands it to the sender, and forgets a device whose token is gone. When to push whom is decided by the wait worker.
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type Clock, toSeconds, toWholeSeconds } from '../base/units.ts'
import type { PushOutcome, PushPayload, PushTarget } from '../push/push.ts'
import type { Device, DeviceStore } from '../redis/devices/devices.ts'
import { wakeNameOf } from '../redis/wakes/uniqueKeys.ts'
import { VERDICT_GRACE_MS, type WakeStore } from '../redis/wakes/wakes.ts'
import type { PushDue } from './waitMessages.ts'
import { callUuidOf, type IncomingCall } from './wake.ts'
import type { WakeEvents } from './wakeEvents.ts'

/** Sends one push and retries passing faults until `signal` aborts. Never rejects. `superseded` ends the retries
 *  alone: what is under way then still comes to its answer. */
export type Push = (
  target: PushTarget,
  payload: PushPayload,
  signal: AbortSignal,
  superseded?: AbortSignal,
) => Promise<PushOutcome>

/** What a confirmation token says. Times are whole seconds since the epoch. */
export interface ConfirmationClaims {
  account: string
  callId: string
  deviceId: string
  /** The wake's name: a token confirms no later wake of the same call id. Without one it confirms any. */
  wake?: number
  issuedAtSeconds: number
  expiresAtSeconds: number
}

export interface DevicePushOptions {
  push: Push
  sign: (claims: ConfirmationClaims) => Promise<string>
  devices: Pick<DeviceStore, 'forget'>
  notePushing: WakeStore['pushing']
  appApiUrl: string
  events: WakeEvents
  /** The wake's place in its trace, for the app to go on with; only while traces are made. */
  traceparentOf?: (call: IncomingCall) => string | undefined
  clock: Clock
  log: Log
}

/** The request that the phones are pushed for. */
interface PushedWait {
  call: IncomingCall
  /** When its tokens were first signed, seconds since the epoch: each resend signs the same ones again. */
  issuedAtSeconds: number
}

/** One device's push. `signal` ends it; `superseded` ends its retries alone. */
interface OnePush {
  device: Device
  uniqueKey: string
  signal: AbortSignal
  superseded: AbortSignal
}

export function openDevicePush(options: DevicePushOptions) {
  const { events, clock, log } = options

  /** Sends one attempt's push to one device, and forgets a device whose token is gone. Never rejects. */
  async function pushTo(
    { call, issuedAtSeconds }: PushedWait,
    { attempt, endsAtMs, secret }: PushDue,
    { device, uniqueKey, signal, superseded }: OnePush,
  ): Promise<PushOutcome> {
    let token: string
    try {
      token = await options.sign({
        account: call.account,
        callId: call.callId,
        deviceId: device.id,
        wake: wakeNameOf(secret),
        issuedAtSeconds,
        expiresAtSeconds: toWholeSeconds(endsAtMs + VERDICT_GRACE_MS),
      })
    } catch (thrown) {
      // The pods' shared key lives in Redis. The next attempt asks again.
      return { kind: 'retry-later', afterMs: 0, reason: messageOf(thrown) }
    }
    const traceparent = options.traceparentOf?.(call)
    const payload: PushPayload = {
      type: 'call',
      unique_key: uniqueKey,
      phonenumber: call.phonenumber,
      caller_id: call.callerId,
      response_api: `${options.appApiUrl}/api/call-response/?token=${token}`,
      message_start_time: toSeconds(clock()),
      attempt,
      call_id: call.callId,
      vg_cid: call.callId,
      token,
      expires_at: toSeconds(endsAtMs),
      call_uuid: callUuidOf(call.callId),
      ...(traceparent === undefined ? {} : { traceparent }),
    }
    const sentAtMs = clock()
    // A push that is sent once has no later attempt that could replace its retries.
    const isOnce = device.pushProfile === 'once'
    const outcome = await options.push(device, payload, signal, isOnce ? undefined : superseded)
    events.pushed(call, { device, attempt, outcome, tookMs: clock() - sentAtMs })
    if (outcome.kind === 'token-gone') await forget(call, device, outcome.sinceMs)
    return outcome
  }

  async function forget(call: IncomingCall, device: Device, sinceMs: number): Promise<void> {
    const { account } = call
    try {
      if (await options.devices.forget(account, device.token, sinceMs)) events.deviceForgotten(call, device)
    } catch (thrown) {
      // The next push to it says so again.
      log.warn({ account, reason: messageOf(thrown) }, 'device with a gone token could not be forgotten')
    }
  }

  /** Notes which of the devices registered by SIP, in one command for all: their next REGISTER confirms the wake. */
  async function noteSipPhones(call: IncomingCall, { devices, secret, endsAtMs }: PushDue): Promise<void> {
    const phones = devices.filter(each => each.keptUntilMs !== undefined).map(each => each.id)
    if (phones.length === 0) return
    try {
      await options.notePushing(call, { secret, devices: phones, endsAtMs })
    } catch (thrown) {
      // The resend notes them again.
      log.warn({ callId: call.callId, reason: messageOf(thrown) }, 'a REGISTER will not confirm this push')
    }
  }

  return { pushTo, noteSipPhones }
}
