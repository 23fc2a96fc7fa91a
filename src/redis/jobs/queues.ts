// How much waits in the job lists, and what lies on their dead-letter lists: for those who look, and take nothing.
import { messageOf } from '../../base/result.ts'
import type { RedisConnection } from '../connect.ts'
import { AGENTS_KEY, deadLetterKey, inFlightKey } from '../keys.ts'
import { reachable } from '../scripts.ts'

/** One job list. */
export interface QueueDepth {
  list: string
  waiting: number
  dead: number
  /** The job that is taken next, which has waited longest. */
  next?: string
  /** The newest dead letters, as they were written: `{ reason, at, job }`. */
  newestDead: string[]
  eldestDead?: string
  /** Its key, or that of its dead letters, holds something else: nobody can take a job from it. */
  isNoList?: boolean
}

/** Dead letters that are looked at; there may be thousands. */
const DEAD_SHOWN = 5

/** The jobs of a list, the one that is taken next first, and how many there are; none where the key holds something else.
 *  @throws RedisUnavailable */
export async function waitingJobsOf(
  redis: RedisConnection,
  list: string,
  max: number,
): Promise<{ jobs: string[]; total: number }> {
  if ((await reachable(redis.type(list))) !== 'list') return { jobs: [], total: 0 }
  const [jobs, total] = await reachable(Promise.all([redis.lrange(list, 0, max - 1), redis.llen(list)]))
  return { jobs, total }
}

export type Queues = ReturnType<typeof openQueues>

/** @throws RedisUnavailable from its method. */
export function openQueues(redis: RedisConnection, lists: readonly string[]) {
  return {
    depths: (): Promise<QueueDepth[]> => reachable(Promise.all(lists.map(list => depthOf(redis, list)))),

    /** By list: how many jobs the agents have taken and not yet dialled. */
    async inFlight(): Promise<Map<string, number>> {
      const agents = await reachable(redis.smembers(AGENTS_KEY))
      const counts = await reachable(
        Promise.all(
          lists.map(list => Promise.all(agents.map(agent => redis.llen(inFlightKey(list, agent))))),
        ),
      )
      return new Map(lists.map((list, at) => [list, counts[at]!.reduce((sum, count) => sum + count, 0)]))
    },
  }
}

async function depthOf(redis: RedisConnection, list: string): Promise<QueueDepth> {
  try {
    const [waiting, next, dead, newestDead, eldestDead] = await Promise.all([
      redis.llen(list),
      redis.lindex(list, 0),
      redis.llen(deadLetterKey(list)),
      redis.lrange(deadLetterKey(list), 0, DEAD_SHOWN - 1),
      redis.lindex(deadLetterKey(list), -1),
    ])
    return {
      list,
      waiting,
      dead,
      newestDead,
      ...(next === null ? {} : { next }),
      ...(eldestDead === null ? {} : { eldestDead }),
    }
  } catch (thrown) {
    if (!messageOf(thrown).includes(WRONG_TYPE)) throw thrown
    return { list, waiting: 0, dead: 0, newestDead: [], isNoList: true }
  }
}

/** How Redis begins its word on a key that holds something else. */
const WRONG_TYPE = 'WRONGTYPE'
