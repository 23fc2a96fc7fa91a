// The record of each wake in Redis: who waits for it and where, and what became of it. Each step is one script, so
// confirmation, timeout and hang-up can race and exactly one of them decides. The record outlives the wait by the
// grace in which late apps still get their verdict. Nothing here waits or sends pushes.

import type { RedisConnection } from './connect.ts'
import { type WakeId, wakeKey, wokenAccountsKey } from './keys.ts'
import wakeAnswerLua from './scripts/wakeAnswer.lua' with { type: 'text' }
import wakeBeginLua from './scripts/wakeBegin.lua' with { type: 'text' }
import wakeEndLua from './scripts/wakeEnd.lua' with { type: 'text' }
import wakeLeaveLua from './scripts/wakeLeave.lua' with { type: 'text' }
import { bindScript, isCluster, reachable } from './scripts.ts'

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

export type WakeStore = ReturnType<typeof openWakes>

/** @throws RedisUnavailable from every method. */
export function openWakes(redis: RedisConnection) {
  const begin = bindScript(redis, 'wakeBegin', wakeBeginLua, { keyCounts: [2] })
  const answer = bindScript(redis, 'wakeAnswer', wakeAnswerLua)
  const end = bindScript(redis, 'wakeEnd', wakeEndLua)
  const leave = bindScript(redis, 'wakeLeave', wakeLeaveLua)
  // In a Cluster PUBLISH counts the listeners of one node only, so nothing follows from a zero.
  const unheardIsDead = isCluster(redis) ? '0' : '1'

  return {
    /** Begins a wake, or joins the one that waits. `leftMs` is the time until the deadline that counts. */
    async begin(wake: WakeId, waiter: Waiter, waitMs: number): Promise<{ isNew: boolean; leftMs: number }> {
      const [how, leftMs] = (await begin(
        [wakeKey(wake), wokenAccountsKey(wake.callId)],
        [nameOf(waiter), Math.max(1, Math.ceil(waitMs)), VERDICT_GRACE_MS, wake.account],
      )) as [string, number]
      return { isNew: how === 'begun', leftMs }
    },

    /** An app's answer. The first confirmation wins, whichever pods the others reach. */
    async answer(wake: WakeId, device: string, isAvailable: boolean): Promise<Verdict> {
      const args = [device, isAvailable ? '1' : '0', VERDICT_GRACE_MS, unheardIsDead]
      return (await answer([wakeKey(wake)], args)) as Verdict
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
      const found = await reachable(redis.hmget(wakeKey(wake), 'state', 'reason', 'device'))
      return found[0] === 'waiting' ? undefined : readDecision(found.map(each => each ?? ''))
    },

    /** The accounts that a call woke: the PBX names ended calls by their id alone. */
    async accountsOf(callId: string): Promise<string[]> {
      return reachable(redis.smembers(wokenAccountsKey(callId)))
    },
  }
}

const nameOf = (waiter: Waiter): string => `${waiter.inbox} ${waiter.id}`

function readDecision(reply: unknown): WakeDecision {
  const [state, reason, device] = reply as [string, string, string]
  if (state === 'confirmed') return { state, device }
  if (state === 'ended') return { state, reason: reason as EndReason }
  return { state: 'unknown' }
}
