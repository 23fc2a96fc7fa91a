// News about a call that comes in from outside while, or after, somebody waits: the app's answer and the PBX's
// word that the call is over. Both are one atomic step in Redis, which tells the waits wherever they are held.

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import type { Device, DeviceStore } from '../redis/devices/devices.ts'
import type { Answered, Credential, WakeStore } from '../redis/wakes/wakes.ts'
import type { WakeDesk } from './wakeDesk.ts'
import type { WakeEvents } from './wakeEvents.ts'

/** Why a PBX says that a call is over. */
export const CALL_END_REASONS = ['caller_hangup', 'answered_elsewhere'] as const
export type CallEndReason = (typeof CALL_END_REASONS)[number]

/** What an app says. */
export interface AppAnswer {
  isAvailable: boolean
  /** The app's own place in the trace that its push named. */
  traceparent?: string
}

export interface CallNewsOptions {
  wakes: Pick<WakeStore, 'answer' | 'end' | 'accountsOf'>
  devices: Pick<DeviceStore, 'list'>
  cancel: WakeDesk['cancel']
  events: WakeEvents
  clock: Clock
  log: Log
}

export type CallNews = ReturnType<typeof openCallNews>

/** @throws RedisUnavailable from both methods. */
export function openCallNews({ wakes, devices, cancel, events, clock, log }: CallNewsOptions) {
  return {
    /** The app's answer. A repeated answer gets the first one's verdict. */
    async answered(credential: Credential, { isAvailable, traceparent }: AppAnswer): Promise<Answered> {
      const atMs = clock()
      const answered = await wakes.answer(credential, isAvailable)
      events.appAnswered(answered, {
        isAvailable,
        atMs,
        ...(traceparent === undefined ? {} : { traceparent }),
      })
      return answered
    },

    /** The app says why it did not take a call. */
    explained: events.appExplained,

    /** The call is over: its waits end, later apps hear so, Android phones are told to stop.
     *  @returns false when nothing is known of the call. */
    async ended(callId: string, reason: CallEndReason): Promise<boolean> {
      const accounts = await wakes.accountsOf(callId)
      events.callEnded(callId, reason)
      const ended = await Promise.all(
        accounts.map(async account => ({ account, ...(await wakes.end({ account, callId }, reason)) })),
      )
      for (const { account, secret, decision } of ended) {
        // Of a confirmed wake the one phone rings; the others were told when it confirmed.
        const rings = ({ id }: Device) => decision.state !== 'confirmed' || id === decision.device
        devices.list(account).then(
          found => cancel({ account, callId, secret }, found.filter(rings), reason),
          thrown => log.warn({ callId, reason: messageOf(thrown) }, 'phones not told that the call is over'),
        )
      }
      return accounts.length > 0
    },
  }
}
