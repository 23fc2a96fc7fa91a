// Job lists: a backend pushes, agents compete. A job moves atomically from its list into the taker's in-flight list
// and leaves that only when its call stands in Redis, when it was answered with a failure, or when it goes back.
// So a job is never held in memory alone. What stands in a job is not looked at here.
import type { RedisConnection } from '../connect.ts'
import { deadLetterKey, inFlightKey } from '../keys.ts'
import { bindScript, reachable } from '../scripts.ts'
import jobPutBackLua from './jobPutBack.lua' with { type: 'text' }

/** Jobs that can't be dialled are kept for people to read, the newest of them. */
const DEAD_LETTERS_MAX = 10_000

export type JobQueue = ReturnType<typeof openJobs>

/** @throws RedisUnavailable from every method. */
export function openJobs(redis: RedisConnection, agent: string) {
  const putBackScript = bindScript(redis, 'jobPutBack', jobPutBackLua, { keyCounts: [2] })

  return {
    /** Waits for the next job of a list, on a connection that nobody else uses meanwhile.
     *  @returns null after `timeoutSeconds` without one. */
    take: (blocking: RedisConnection, list: string, timeoutSeconds: number): Promise<string | null> =>
      reachable(blocking.blmove(list, inFlightKey(list, agent), 'LEFT', 'RIGHT', timeoutSeconds)),

    /** The job is dealt with. */
    async done(list: string, job: string, holder = agent): Promise<void> {
      await reachable(redis.lrem(inFlightKey(list, holder), 1, job))
    },

    /** The job can't be taken now: somebody else shall, and first of all jobs. `holder`: a dead agent's. */
    async putBack(list: string, job: string, holder = agent): Promise<void> {
      await putBackScript([list, inFlightKey(list, holder)], [job])
    },

    /** Keeps a job that can't be dialled, with its reason. Kept before it leaves the in-flight list: a crash
     *  between the two shows it twice rather than not at all. */
    async moveToDead(list: string, job: string, reason: string, nowMs: number): Promise<void> {
      const letter = JSON.stringify({ reason, at: new Date(nowMs).toISOString(), job })
      await reachable(redis.lpush(deadLetterKey(list), letter))
      await reachable(redis.ltrim(deadLetterKey(list), 0, DEAD_LETTERS_MAX - 1))
      await reachable(redis.lrem(inFlightKey(list, agent), 1, job))
    },

    /** Jobs in flight under an agent's name: those it holds, and those whose reply it never got. */
    inFlight: (list: string, holder = agent): Promise<string[]> =>
      reachable(redis.lrange(inFlightKey(list, holder), 0, -1)),
  }
}
