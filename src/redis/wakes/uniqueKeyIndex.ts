// What a phone's unique key names, by the index key that stands beside its wake's record. The script that begins a wake
// writes it for as long as the record lives; where a timeline tells of the wake, it stays for as long as that is kept.
import type { RedisConnection } from '../connect.ts'
import { uniqueKeyKey, type WakeId, wakeIdOf } from '../keys.ts'
import { reachable } from '../scripts.ts'

/** The wake and the device that a unique key names, whether or not the wake is over. @throws RedisUnavailable. */
export async function wakeOfUniqueKey(
  redis: RedisConnection,
  uniqueKey: string,
): Promise<{ wake: WakeId; device: string } | undefined> {
  const kept = await reachable(redis.get(uniqueKeyKey(uniqueKey)))
  if (kept === null) return undefined
  const blank = kept.indexOf(' ')
  return { wake: wakeIdOf(kept.slice(0, blank)), device: kept.slice(blank + 1) }
}
