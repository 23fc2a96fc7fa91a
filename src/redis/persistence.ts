// Device registrations live in Redis alone, so a Redis that keeps nothing across a restart silently unregisters
// every phone. This looks once, at start, and says so; it changes nothing.
import { messageOf } from '../base/result.ts'
import type { RedisConnection } from './connect.ts'

/** Whether what we write survives a restart. `unknown`: managed services hide these settings. */
export type Persistence = { kind: 'kept' } | { kind: 'lost' } | { kind: 'unknown'; reason: string }

/** Asks `INFO persistence`; a replica or a Cluster node answers for itself. Never throws. */
export async function readPersistence(redis: RedisConnection): Promise<Persistence> {
  try {
    const info = String(await redis.call('INFO', 'persistence'))
    return /^aof_enabled:1/m.test(info) ? { kind: 'kept' } : { kind: 'lost' }
  } catch (thrown) {
    return { kind: 'unknown', reason: messageOf(thrown) }
  }
}
