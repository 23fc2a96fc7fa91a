// Ends a blocking pop before its time: whoever stops must not wait for it. Redis knows a connection by a number; on a Cluster
// each node by one of its own, so both commands travel with one that names the key.
import type { RedisConnection } from './connect.ts'
import { reachable } from './scripts.ts'

/** By which Redis knows a connection that waits for a list; on a Cluster, the node that holds the list does.
 *  @returns undefined when this Redis or our rights there do not tell. @throws RedisUnavailable */
export async function waiterOf(blocking: RedisConnection, list: string): Promise<number | undefined> {
  const [, id] = (await reachable(blocking.pipeline().exists(list).client('ID').exec())) ?? []
  return id && !id[0] ? Number(id[1]) : undefined
}

/** Ends a wait for this list at once, as if its time were over. Without effect when nothing waits there, or when our rights
 *  at Redis are too few: the wait ends by itself then. @throws RedisUnavailable */
export async function endWait(redis: RedisConnection, list: string, waiter: number): Promise<void> {
  await reachable(redis.pipeline().exists(list).client('UNBLOCK', waiter).exec())
}
