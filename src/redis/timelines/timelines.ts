// The timelines in Redis: a list for each call, an index of each account's calls, and one list of all timelines, by
// which the oldest make room. Entries are text here; what stands in them is the timeline room's business. Whatever
// is written twice, because an answer was lost, is told apart by those who read.
import type { RedisConnection } from '../connect.ts'
import { TIMELINES_KEY, timelineKey, timelinesOfKey, uniqueKeyKey } from '../keys.ts'
import { bindScript, isCluster, reachable } from '../scripts.ts'
import { wakeOfUniqueKey } from '../wakes/uniqueKeyIndex.ts'
import timelineAppendLua from './timelineAppend.lua' with { type: 'text' }

/** One timeline keeps this many entries: how it began, and how it ended. A call that people make has 20 to 50. */
export const ENTRIES_MAX = 200
export const FIRST_ENTRIES_MAX = 50

/** An account's index names this many calls, the newest. */
export const CALLS_OF_ACCOUNT_MAX = 100

/** People ask about a call on the same day. */
export const TIMELINE_EXPIRY_SECONDS = 24 * 60 * 60

/** Timelines written by one command: less than a millisecond of Redis's time, in which it serves nobody else. */
export const TIMELINES_A_WRITE_MAX = 64

/** A unique key whose timeline made room names its wake for so long yet: longer than any wake's record lives. */
const UNIQUE_KEY_REST_SECONDS = 10 * 60

/** What is new of one timeline. */
export interface TimelineLot {
  id: string
  /** Each is one entry's JSON, oldest first; at most `ENTRIES_MAX`. */
  entries: string[]
  /** Entries that were left out already, behind the first ones. */
  leftOut: number
  /** The account whose index shall name it. */
  account?: string
  /** Phones' unique keys by which it is found too. */
  uniqueKeys?: string[]
  /** Of its first entry, ms since the epoch. */
  atMs: number
}

/** What is known of one timeline. */
export interface StoredTimeline {
  entries: string[]
  leftOut: number
}

export type TimelineStore = ReturnType<typeof openTimelines>

/** @param timelinesMax timelines kept in all. @throws RedisUnavailable from every method. */
export function openTimelines(redis: RedisConnection, { timelinesMax }: { timelinesMax: number }) {
  const appendScript = bindScript(redis, 'timelineAppend', timelineAppendLua)
  // In a Cluster each timeline has a slot of its own.
  const isSplit = isCluster(redis)
  const limits = [
    isSplit ? '0' : '1',
    FIRST_ENTRIES_MAX,
    ENTRIES_MAX,
    TIMELINE_EXPIRY_SECONDS,
    timelineKey(''),
    timelinesOfKey(''),
    CALLS_OF_ACCOUNT_MAX,
    timelinesMax,
  ]
  const ofKeys = [uniqueKeyKey(''), UNIQUE_KEY_REST_SECONDS]

  /** What the script does outside a Cluster: the accounts' indexes. */
  async function index({ id, account, atMs }: TimelineLot): Promise<void> {
    if (account === undefined) return
    const key = timelinesOfKey(account)
    const writes = [
      redis.zadd(key, atMs, id),
      redis.zremrangebyrank(key, 0, -1 - CALLS_OF_ACCOUNT_MAX),
      redis.expire(key, TIMELINE_EXPIRY_SECONDS),
    ]
    await reachable(Promise.all(writes))
  }

  async function keepKeys(uniqueKeys: readonly string[], seconds: number): Promise<void> {
    await reachable(Promise.all(uniqueKeys.map(each => redis.expire(uniqueKeyKey(each), seconds))))
  }

  async function forget(id: string): Promise<void> {
    const first = await reachable(redis.lrange(timelineKey(id), 0, FIRST_ENTRIES_MAX - 1))
    const named = first.filter(isOfKeys).flatMap(each => each.slice(1).split(' '))
    await keepKeys(named, UNIQUE_KEY_REST_SECONDS)
    await reachable(redis.unlink(timelineKey(id)))
  }

  /** The same: the oldest timelines make room. */
  async function makeRoom(lots: TimelineLot[], nowMs: number): Promise<void> {
    const begun = lots.flatMap(lot => [nowMs, lot.id])
    await reachable(redis.zadd(TIMELINES_KEY, ...begun))
    await reachable(redis.expire(TIMELINES_KEY, TIMELINE_EXPIRY_SECONDS))
    const surplus = (await reachable(redis.zcard(TIMELINES_KEY))) - timelinesMax
    if (surplus <= 0) return
    const popped = await reachable(redis.zpopmin(TIMELINES_KEY, surplus))
    const ids = popped.filter((_, at) => at % 2 === 0)
    await Promise.all(ids.map(forget))
  }

  return {
    /** Writes what is new of at most `TIMELINES_A_WRITE_MAX` timelines. Ids and accounts have no blanks in them. */
    async append(lots: TimelineLot[], nowMs: number): Promise<void> {
      if (!isSplit) {
        await appendScript([TIMELINES_KEY], [...limits, nowMs, lots.map(textOf).join('\n'), ...ofKeys])
        return
      }
      const begun = await Promise.all(
        lots.map(lot => appendScript([timelineKey(lot.id)], [...limits, nowMs, textOf(lot), ...ofKeys])),
      )
      const isNew = lots.filter((_, at) => begun[at] === 1)
      await Promise.all([
        ...lots.map(index),
        ...lots.map(lot => keepKeys(lot.uniqueKeys ?? [], TIMELINE_EXPIRY_SECONDS)),
        ...(isNew.length > 0 ? [makeRoom(isNew, nowMs)] : []),
      ])
    },
  }
}

/** As the script reads it. One text for all of a write: each argument of its own would cost more than what it says. */
const textOf = ({ id, account, atMs, leftOut, entries, uniqueKeys = [] }: TimelineLot): string =>
  [
    `${leftOut} ${atMs} ${id}${account === undefined ? '' : ` ${account}`}`,
    ...(uniqueKeys.length > 0 ? [`=${uniqueKeys.join(' ')}`] : []),
    ...entries,
  ].join('\n')

/** Beside the entries stand the unique keys of the phones that the call woke. */
const isOfKeys = (text: string): boolean => text.startsWith('=')

/** What is kept, for those who only look. */
export type KeptTimelines = ReturnType<typeof openKeptTimelines>

/** @throws RedisUnavailable from every method. */
export function openKeptTimelines(redis: RedisConnection) {
  return {
    /** No entries: nothing is known of it. */
    async read(id: string): Promise<StoredTimeline> {
      const entries = await reachable(redis.lrange(timelineKey(id), 0, -1))
      const mark = LEFT_OUT.exec(entries[FIRST_ENTRIES_MAX] ?? entries.at(-1) ?? '')
      const told = entries.filter(each => each !== mark?.[0] && !isOfKeys(each))
      return { entries: told, leftOut: Number(mark?.[1] ?? 0) }
    },

    /** The call that a phone's unique key belongs to. */
    async ofUniqueKey(uniqueKey: string): Promise<string | undefined> {
      return (await wakeOfUniqueKey(redis, uniqueKey))?.wake.callId
    },

    /** Whether it is among the account's newest calls. */
    async isOf(account: string, id: string): Promise<boolean> {
      return (await reachable(redis.zscore(timelinesOfKey(account), id))) !== null
    },

    /** The account's calls, newest first. Their timelines may be gone. */
    async callsOf(account: string): Promise<{ id: string; atMs: number }[]> {
      const flat = await reachable(redis.zrevrange(timelinesOfKey(account), 0, -1, 'WITHSCORES'))
      return flat.flatMap((id, at) => (at % 2 === 0 ? [{ id, atMs: Number(flat[at + 1]) }] : []))
    },
  }
}

/** As the script writes it behind the first entries. */
const LEFT_OUT = /^\{"leftOut":(\d+)\}$/
