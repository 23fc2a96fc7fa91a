// Counts requests by client and route in Redis, so that many pods hold one limit together. The counting is
// rate-limiter-flexible's; a Redis that can't be asked lets requests pass, because what follows will fail anyway
// and say so better. A client that is far from its limit does not wait for its count, and its requests are counted
// in lots: that spares every confirmation a round trip, and mostly a command.
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { Clock } from '../base/units.ts'
import type { RedisConnection } from './connect.ts'
import { RATE_PREFIX } from './keys.ts'

const WINDOW_SECONDS = 60

/** Up to this limit every request waits for its count: a few that two pods let pass at the same moment would be a
 *  good part of it. Above, requests pass at once in the first half of the limit, and pods can't miss the second. */
const EXACT_LIMIT_MAX = 60

/** For so long requests are gathered into one lot. As many more may pass at each pod as a client sends in this time:
 *  nothing against the half of its limit that is kept for that. */
const LOT_MS = 10

/** What is remembered of the clients' counts: some 100 bytes each. Beyond, all are forgotten, and counted anew. */
const CLIENTS_MAX = 10_000

/** @returns milliseconds to wait when the limit is reached, 0 when the request may pass. Never throws. */
export type RateLimit = (route: string, client: string) => Promise<number> | number

/** One client's count on one route, as this process knows it. */
interface Count {
  /** By all pods, when Redis last said so. */
  consumed: number
  /** Not yet sent to Redis: the lot that is being gathered. */
  gathered: number
  /** Sent to Redis and not answered. */
  underWay: number
  windowEndsAtMs: number
}

/** @param perMinute requests for each client and route; 0 turns the limit off. */
export function openRateLimit(redis: RedisConnection, perMinute: number, clock: Clock): RateLimit {
  if (perMinute === 0) return () => 0
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: RATE_PREFIX,
    points: perMinute,
    duration: WINDOW_SECONDS,
    // Past the limit, further requests of this window are refused without asking Redis.
    inMemoryBlockOnConsumed: perMinute + 1,
  })
  const farBelow = perMinute > EXACT_LIMIT_MAX ? perMinute / 2 : 0
  const counts = new Map<string, Count>()

  function countOf(key: string): Count {
    let count = counts.get(key)
    if (!count) {
      if (counts.size >= CLIENTS_MAX) counts.clear()
      count = { consumed: 0, gathered: 0, underWay: 0, windowEndsAtMs: 0 }
      counts.set(key, count)
    }
    if (count.windowEndsAtMs < clock()) count.consumed = 0
    return count
  }

  async function consume(key: string, count: Count, points: number): Promise<number> {
    const note = (consumed: number, leftMs: number) => {
      count.consumed = consumed
      count.windowEndsAtMs = clock() + leftMs
    }
    count.underWay += points
    try {
      const { consumedPoints, msBeforeNext } = await limiter.consume(key, points)
      note(consumedPoints, msBeforeNext)
      return 0
    } catch (thrown) {
      if (!(thrown instanceof RateLimiterRes)) return 0
      // Its own `consumedPoints` is 0 where it refused from memory.
      note(perMinute, thrown.msBeforeNext)
      return Math.max(1, thrown.msBeforeNext)
    } finally {
      count.underWay -= points
    }
  }

  function gather(key: string, count: Count): void {
    count.gathered += 1
    if (count.gathered === 1) setTimeout(consumeLot, LOT_MS, key, count)
  }

  function consumeLot(key: string, count: Count): void {
    const points = count.gathered
    count.gathered = 0
    void consume(key, count, points)
  }

  return (route, client) => {
    const key = `${route}:${client}`
    const count = countOf(key)
    if (count.consumed + count.underWay + count.gathered >= farBelow) return consume(key, count, 1)
    gather(key, count)
    return 0
  }
}
