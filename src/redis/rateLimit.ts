// Counts requests by client and route in Redis, so that many pods hold one limit together. The counting is
// rate-limiter-flexible's; a Redis that can't be asked lets requests pass, because what follows will fail anyway
// and say so better.
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { RedisConnection } from './connect.ts'
import { RATE_PREFIX } from './keys.ts'

const WINDOW_SECONDS = 60

/** @returns milliseconds to wait when the limit is reached, 0 when the request may pass. Never throws. */
export type RateLimit = (route: string, client: string) => Promise<number>

/** @param perMinute requests for each client and route; 0 turns the limit off. */
export function openRateLimit(redis: RedisConnection, perMinute: number): RateLimit {
  if (perMinute === 0) return async () => 0
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: RATE_PREFIX,
    points: perMinute,
    duration: WINDOW_SECONDS,
    // Past the limit, further requests of this window are refused without asking Redis.
    inMemoryBlockOnConsumed: perMinute + 1,
  })
  return async (route, client) => {
    try {
      await limiter.consume(`${route}:${client}`)
      return 0
    } catch (thrown) {
      return thrown instanceof RateLimiterRes ? Math.max(1, thrown.msBeforeNext) : 0
    }
  }
}
