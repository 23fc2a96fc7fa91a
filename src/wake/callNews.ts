// News about a call that comes in from outside while, or after, somebody waits: the app's answer and the PBX's
// word that the call is over. Both are one atomic step in Redis, which tells the waits wherever they are held.

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import type { Device, DeviceStore } from '../redis/devices/devices.ts'
import type { KeptTimelines } from '../redis/timelines/timelines.ts'
import { readUniqueKey } from '../redis/wakes/uniqueKeys.ts'
import type { Answered, AppSays, Credential, WakeStore } from '../redis/wakes/wakes.ts'
import type { Statistics } from './appStatistics.ts'
import type { SaidPriority } from './wake.ts'
import type { WakeDesk } from './wakeDesk.ts'
import type { WakeEvents } from './wakeEvents.ts'

/** Why a PBX says that a call is over. */
export const CALL_END_REASONS = ['caller_hangup', 'answered_elsewhere'] as const
export type CallEndReason = (typeof CALL_END_REASONS)[number]

/** What an app says. */
export interface AppAnswer extends AppSays {
  priority?: SaidPriority | undefined
  /** The app's own place in the trace that its push named. */
  traceparent?: string
}

export interface CallNewsOptions {
  wakes: Pick<WakeStore, 'answer' | 'end' | 'accountsOf' | 'isKnown' | 'ofUniqueKey'>
  /** The calls of which timelines tell. */
  kept: Pick<KeptTimelines, 'isOf'>
  devices: Pick<DeviceStore, 'list'>
  cancel: WakeDesk['cancel']
  events: WakeEvents
  clock: Clock
  log: Log
}

export type CallNews = ReturnType<typeof openCallNews>

/** @throws RedisUnavailable from both methods. */
export function openCallNews({ wakes, kept, devices, cancel, events, clock, log }: CallNewsOptions) {
  /** The call that an app of the account means, while it waits and for as long as its timeline is kept. */
  async function callOf(account: string, name: string): Promise<string | undefined> {
    const uniqueKey = readUniqueKey(name)
    if (uniqueKey !== undefined) {
      const found = await wakes.ofUniqueKey(uniqueKey)
      if (found) return found.wake.account === account ? found.wake.callId : undefined
    }
    const isKnown = (await wakes.isKnown({ account, callId: name })) || (await kept.isOf(account, name))
    return isKnown ? name : undefined
  }

  return {
    /** The app's answer. A repeated answer gets the first one's verdict. Claims that no key proves answer nothing. */
    async answered(
      credential: Credential,
      { isAvailable, pushAtMs, priority, traceparent }: AppAnswer,
    ): Promise<Answered> {
      const atMs = clock()
      const answered = await wakes.answer(credential, { isAvailable, pushAtMs })
      // Nothing has been answered yet: what else the app shows decides.
      if (credential.by === 'claims' && !answered.by) return answered
      events.appAnswered(answered, {
        isAvailable,
        atMs,
        priority,
        ...(traceparent === undefined ? {} : { traceparent }),
      })
      return answered
    },

    /** The app says why it did not take a call, which it names by its push's `unique_key`, or by the call's id. Told of a
     *  wake of that account alone: else any app could write into the timelines of all. */
    async explained({
      account,
      name,
      reason,
    }: {
      account: string
      name: string
      reason: string
    }): Promise<void> {
      const callId = await callOf(account, name)
      events.appExplained({ account, callId: callId ?? name, reason }, { isKnown: callId !== undefined })
    },

    /** The app reports how a call went. */
    async reported({
      account,
      name,
      report,
    }: {
      account: string
      name: string
      report: Statistics
    }): Promise<void> {
      const callId = await callOf(account, name)
      if (callId !== undefined) events.appReported({ account, callId, report })
    },

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
