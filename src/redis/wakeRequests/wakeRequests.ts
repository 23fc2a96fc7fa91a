// Wakes that agents ask for, and fronts carry out: a list from which the fronts take, in competition, and a record of each
// request until some minutes after its end. An agent that dies leaves the record to its successor, a front that dies leaves
// it to another front. All of it lies on one Cluster slot. What a wake is, and what becomes of it, is not known here.
import type { RedisConnection } from '../connect.ts'
import { WAKE_REQUESTS_KEY, wakeFrontChannel, wakeRequestKey } from '../keys.ts'
import { isAnybodyListening } from '../listeners.ts'
import { bindScript, isCluster, reachable } from '../scripts.ts'
import { endWait, waiterOf } from '../waiters.ts'
import wakeAskLua from './wakeAsk.lua' with { type: 'text' }
import wakeAskAgainLua from './wakeAskAgain.lua' with { type: 'text' }
import wakeCancelLua from './wakeCancel.lua' with { type: 'text' }
import wakeTakeLua from './wakeTake.lua' with { type: 'text' }
import wakeTellLua from './wakeTell.lua' with { type: 'text' }

/** For a successor of the agent that asked, which goes on some seconds later. */
const KEPT_MS = 5 * 60 * 1_000

/** `asked`: no push has left yet. */
export type WakeRequestState = 'asked' | 'pushed' | 'confirmed' | 'failed' | 'cancelled'

export interface WakeRequestStanding {
  state: WakeRequestState
  /** Of `failed`. */
  reason: string
  /** The front that has it; undefined: none says so. */
  front: string | undefined
  leftMs: number
}

/** A request that a front has taken. */
export interface TakenWake {
  /** As it was asked for. */
  call: string
  /** What the wake may take in all, and what of it is left. */
  waitMs: number
  leftMs: number
  /** Sent by a front that is dead. */
  attempts: number
}

/** What an asker's channel brings. */
export interface WakeRequestNews {
  id: string
  state: WakeRequestState
  reason: string
}

export type WakeRequestStore = ReturnType<typeof openWakeRequests>

/** @throws RedisUnavailable from every method. */
export function openWakeRequests(redis: RedisConnection) {
  // A phone waits for it.
  const askScript = bindScript(redis, 'wakeAsk', wakeAskLua, { keyCounts: [2], isUrgent: true })
  const askAgainScript = bindScript(redis, 'wakeAskAgain', wakeAskAgainLua, { keyCounts: [2] })
  const takeScript = bindScript(redis, 'wakeTake', wakeTakeLua, { isUrgent: true })
  const tellScript = bindScript(redis, 'wakeTell', wakeTellLua, { isUrgent: true })
  const cancelScript = bindScript(redis, 'wakeCancel', wakeCancelLua, { keyCounts: [2] })

  return {
    /** Asks for a wake, or how one stands that was asked for under this id before. What becomes of it is published on the
     *  channel of whoever asked last. */
    async ask(
      id: string,
      { call, channel, waitMs }: { call: string; channel: string; waitMs: number },
    ): Promise<WakeRequestStanding> {
      const [state, reason, , front, leftMs] = (await askScript(
        [wakeRequestKey(id), WAKE_REQUESTS_KEY],
        [id, call, channel, waitMs, KEPT_MS],
      )) as [WakeRequestState, string, string, string, number]
      return { state, reason, front: front === '' ? undefined : front, leftMs: Number(leftMs) }
    },

    /** @param front the one that had it and is dead. @returns whether it is in the list again. */
    askAgain: async (id: string, front = ''): Promise<boolean> =>
      (await askAgainScript([wakeRequestKey(id), WAKE_REQUESTS_KEY], [id, front])) === 1,

    cancel: async (id: string): Promise<void> =>
      void (await cancelScript([wakeRequestKey(id), WAKE_REQUESTS_KEY], [id, wakeFrontChannel('')])),

    /** Whether that front lives: it listens as long as it does. */
    async isFrontAlive(front: string): Promise<boolean> {
      const channel = wakeFrontChannel(front)
      if (isCluster(redis)) return isAnybodyListening(redis, [channel])
      const [, count] = (await reachable(redis.pubsub('NUMSUB', channel))) as [string, number]
      return Number(count) > 0
    },

    /** Waits for a request, on a connection that nobody else uses meanwhile. An id that a front pops and does not take is
     *  kept nowhere: the agent that asked sees that no front has the request, and asks again.
     *  @returns its id, or null after `timeoutSeconds` without one. */
    async next(blocking: RedisConnection, timeoutSeconds: number): Promise<string | null> {
      const popped = await reachable(blocking.blpop(WAKE_REQUESTS_KEY, timeoutSeconds))
      return popped?.[1] ?? null
    },

    /** By what Redis knows a connection that waits for requests; undefined: it does not tell. */
    waiterOf: (blocking: RedisConnection): Promise<number | undefined> =>
      waiterOf(blocking, WAKE_REQUESTS_KEY),

    /** Ends such a wait, as if its time were over. */
    endWait: (waiter: number): Promise<void> => endWait(redis, WAKE_REQUESTS_KEY, waiter),

    /** @returns undefined when it is over meanwhile. */
    async take(id: string, front: string): Promise<TakenWake | undefined> {
      const [call, waitMs, leftMs, attempts] = (await takeScript([wakeRequestKey(id)], [front])) as string[]
      if (call === undefined) return undefined
      return { call, waitMs: Number(waitMs), leftMs: Number(leftMs), attempts: Number(attempts) }
    },

    /** Says how it stands to whoever asked. Safe to repeat. */
    tell: async ({ id, state, reason }: WakeRequestNews, attempts = 0): Promise<void> =>
      void (await tellScript([wakeRequestKey(id)], [id, state, reason, attempts])),
  }
}

/** What `wakeTell.lua` publishes: `<id> <state> <reason>`. */
export function readWakeRequestNews(text: string): WakeRequestNews {
  const [id = '', state, reason = ''] = text.split(' ')
  return { id, state: state as WakeRequestState, reason }
}
