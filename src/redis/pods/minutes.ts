// Counts of all pods by the minute, for plots of the last hour: one HASH a minute, to which each pod adds in lots.
// What is counted is the operators' room's business; here are names and numbers only.
import type { RedisConnection } from '../connect.ts'
import { minuteKey } from '../keys.ts'
import { reachable } from '../scripts.ts'

/** The page shows one hour; the second one is for clocks that are wrong. */
const MINUTE_EXPIRY_SECONDS = 2 * 60 * 60

export type MinuteStore = ReturnType<typeof openMinutes>

/** @throws RedisUnavailable from every method. */
export function openMinutes(redis: RedisConnection) {
  return {
    /** Adds a lot to one minute (since the epoch): all of it or nothing, but for an answer that comes too late. */
    async add(minute: number, counts: ReadonlyMap<string, number>): Promise<void> {
      const key = minuteKey(minute)
      const lot = redis.multi()
      for (const [name, times] of counts) lot.hincrby(key, name, times)
      lot.expire(key, MINUTE_EXPIRY_SECONDS)
      await reachable(lot.exec())
    },

    /** One minute's counts by name; empty when nothing happened. */
    async read(minute: number): Promise<Record<string, number>> {
      const found = await reachable(redis.hgetall(minuteKey(minute)))
      return Object.fromEntries(Object.entries(found).map(([name, times]) => [name, Number(times)]))
    },
  }
}
