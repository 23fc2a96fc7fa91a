// The record of each wake in Redis: who waits for it and where, and what became of it. Each step is one script, so
// confirmation, timeout and hang-up can race and exactly one of them decides. The record outlives the wait by the
// grace in which late apps still get their verdict. Nothing here waits or sends pushes.

import { COMMAND_TIMEOUT_MS, type RedisConnection } from '../connect.ts'
import { type Device, readDevice } from '../devices/devices.ts'
import { devicesKey, type WakeId, wakeKey, wokenAccountsKey } from '../keys.ts'
import { isAnybodyListening } from '../listeners.ts'
import { bindScript, isCluster, reachable } from '../scripts.ts'
import wakeAnswerLua from './wakeAnswer.lua' with { type: 'text' }
import wakeBeginLua from './wakeBegin.lua' with { type: 'text' }
import wakeEndLua from './wakeEnd.lua' with { type: 'text' }
import wakeHeardLua from './wakeHeard.lua' with { type: 'text' }
import wakeLeaveLua from './wakeLeave.lua' with { type: 'text' }
import wakeLookLua from './wakeLook.lua' with { type: 'text' }

/** How long after the wait's end an app may still ask: two minutes. The token lives as long. */
export const VERDICT_GRACE_MS = 120_000

/** What an app that answers is told. All but `proceed` mean: don't ring. */
export type Verdict = 'proceed' | 'expired' | 'ended' | 'answered_elsewhere' | 'unknown'

/** Why a wake ended without a confirmation, as the record keeps it. */
export type EndReason =
  | 'no-device'
  | 'unavailable'
  | 'timeout'
  | 'push-refused'
  | 'caller-gone'
  | 'caller_hangup'
  | 'answered_elsewhere'

/** A wake's decided state. `unknown`: the record has expired or Redis lost it. */
export type WakeDecision =
  | { state: 'confirmed'; device: string }
  | { state: 'ended'; reason: EndReason }
  | { state: 'unknown' }

/** One waiting PBX request: its worker's inbox and its number there. */
export interface Waiter {
  inbox: string
  id: number
}

/** What an inbox hears of one of its waits. `reason` and `device` are empty where there is none. */
export interface WakeNews {
  /** The waiter's number. */
  id: number
  event: 'confirmed' | 'ended' | 'unavailable' | 'lead'
  reason: EndReason | 'confirmed' | ''
  device: string
}

/** A wake as it was begun. */
export interface BegunWake {
  /** False: it joined the one that waits. */
  isNew: boolean
  /** Time until the deadline that counts. */
  leftMs: number
  /** The account's devices: whom to push. */
  devices: Device[]
}

export type WakeStore = ReturnType<typeof openWakes>

/** @throws RedisUnavailable from every method. */
export function openWakes(redis: RedisConnection) {
  // A PBX waits for its NAK.
  const begin = bindScript(redis, 'wakeBegin', wakeBeginLua, {
    keyCounts: [2, 3],
    timeoutMs: COMMAND_TIMEOUT_MS,
  })
  // A PBX waits for it.
  const answer = bindScript(redis, 'wakeAnswer', wakeAnswerLua, { isUrgent: true })
  const end = bindScript(redis, 'wakeEnd', wakeEndLua, { timeoutMs: COMMAND_TIMEOUT_MS })
  const leave = bindScript(redis, 'wakeLeave', wakeLeaveLua)
  const isSplit = isCluster(redis)
  const heard = bindScript(redis, 'wakeHeard', wakeHeardLua)
  const look = bindScript(redis, 'wakeLook', wakeLookLua)
  // In a Cluster PUBLISH counts the listeners of one node only, so nothing follows from a zero alone.
  const unheardIsDead = isSplit ? '0' : '1'

  /** The PBX may have its ACK already: only the app waits for this, which must not ring for a process that is dead. */
  async function settleUnheard(wake: WakeId, device: string, answered: string): Promise<Verdict> {
    const waiters = answered.slice(UNHEARD.length).split('\n')
    const inboxes = waiters.map(waiter => waiter.slice(0, waiter.lastIndexOf(' ')))
    const isListening = await isAnybodyListening(redis, [...new Set(inboxes)])
    return (await heard([wakeKey(wake)], [device, isListening ? '1' : '0'])) as Verdict
  }

  return {
    /** Begins a wake, or joins the one that waits, and finds the devices: one round trip for both. */
    async begin(wake: WakeId, waiter: Waiter, waitMs: number): Promise<BegunWake> {
      const keys = [wakeKey(wake), wokenAccountsKey(wake.callId)]
      const args = [nameOf(waiter), Math.max(1, Math.ceil(waitMs)), VERDICT_GRACE_MS, wake.account]
      const devices = devicesKey(wake.account)
      // In a Cluster they live on another node.
      const [begun, apart] = await Promise.all([
        begin(isSplit ? keys : [...keys, devices], args),
        isSplit ? reachable(redis.hvals(devices)) : [],
      ])
      const [how, leftMs, found] = begun as [string, number, string[]]
      return { isNew: how === 'begun', leftMs, devices: [...found, ...apart].map(readDevice) }
    },

    /** An app's answer. The first confirmation wins, whichever pods the others reach. */
    async answer(wake: WakeId, device: string, isAvailable: boolean): Promise<Verdict> {
      const args = [device, isAvailable ? '1' : '0', VERDICT_GRACE_MS, unheardIsDead]
      const verdict = (await answer([wakeKey(wake)], args)) as string
      return verdict.startsWith(UNHEARD) ? settleUnheard(wake, device, verdict) : (verdict as Verdict)
    },

    /** Ends a waiting wake. @returns what holds now, which is somebody else's outcome when they were first. */
    async end(wake: WakeId, reason: EndReason, asking?: Waiter): Promise<WakeDecision> {
      return readDecision(await end([wakeKey(wake)], [reason, asking ? nameOf(asking) : '']))
    },

    /** A PBX request was dropped. `ended`: it was the last one, the wake is over. */
    async leave(wake: WakeId, waiter: Waiter): Promise<'ended' | 'left' | 'decided'> {
      return (await leave([wakeKey(wake)], [nameOf(waiter)])) as 'ended' | 'left' | 'decided'
    },

    /** What was decided, without deciding; undefined while it waits. For waits that may have missed a message. */
    async decision(wake: WakeId): Promise<WakeDecision | undefined> {
      const found = (await look([wakeKey(wake)], [])) as string[]
      return found[0] === 'waiting' ? undefined : readDecision(found)
    },

    /** The accounts that a call woke: the PBX names ended calls by their id alone. */
    async accountsOf(callId: string): Promise<string[]> {
      return reachable(redis.smembers(wokenAccountsKey(callId)))
    },
  }
}

/** What the scripts publish: `<number> <event> <reason> <device>`. A device's id may have blanks. */
export function readWakeNews(text: string): WakeNews {
  const [id, event, reason, ...device] = text.split(' ')
  return {
    id: Number(id),
    event: event as WakeNews['event'],
    reason: reason as WakeNews['reason'],
    device: device.join(' '),
  }
}

const UNHEARD = 'unheard '

const nameOf = (waiter: Waiter): string => `${waiter.inbox} ${waiter.id}`

function readDecision(reply: unknown): WakeDecision {
  const [state, reason, device] = reply as [string, string, string]
  if (state === 'confirmed') return { state, device }
  if (state === 'ended') return { state, reason: reason as EndReason }
  return { state: 'unknown' }
}
