// Queues jobs for callers who may ask twice, because an answer was lost or because two pods got the same request: a
// note in Redis beside the job's list says what was queued, and one script reads it, pushes and writes it. So that the
// script works in a Cluster too, the note stands on its list's slot. What a job means is not known here.
import type { RedisConnection } from '../connect.ts'
import { askedKey, callKey, queuedKey } from '../keys.ts'
import { bindScript, isCluster, reachable } from '../scripts.ts'
import jobQueueLua from './jobQueue.lua' with { type: 'text' }

/** Longer than HTTP clients repeat a request; short enough that a backend can soon dial the same dial id again. */
const QUEUED_EXPIRY_MS = 10 * 60 * 1_000

/** Whoever names a request by a key of its own means to try again for longer. */
const ASKED_EXPIRY_MS = 60 * 60 * 1_000

/** An agent that has popped a job claims its dial id within milliseconds, or seconds when Redis fails over. */
const BECOMES_CALL_MS = 10_000

/** Jobs of a list that are looked through for one, the newest first; a longer list is a backlog of minutes. */
const LOOKED_THROUGH_MAX = 10_000

const OTHER_LISTS = 2

export interface JobRequest {
  /** The list that the job goes to, and the lists of the other kinds. */
  list: string
  otherLists: readonly [string, string]
  dialId: string
  job: string
  /** Says whether two requests ask for the same. */
  fingerprint: string
  /** The caller's own name for the request (`Idempotency-Key`). */
  key: string | undefined
}

/** `repeated`: an earlier request asked for the same; nothing was queued now. `key-reused`: it asked for something else
 *  under this key. `queued-before`: another job of that dial id waits. `alive`: a call of it lives. */
export type JobQueued =
  | { kind: 'queued' | 'repeated'; dialId: string; waiting: number }
  | { kind: 'key-reused' | 'queued-before' | 'alive'; dialId: string }

export type JobRequests = ReturnType<typeof openJobRequests>

/** @throws RedisUnavailable from its method. */
export function openJobRequests(redis: RedisConnection) {
  const script = bindScript(redis, 'jobQueue', jobQueueLua, { keyCounts: [3, 4 + 2 * OTHER_LISTS] })
  const isSplit = isCluster(redis)

  /** In a Cluster the call stands on another slot than its list, so it is looked for before; and the lists of other
   *  kinds are not looked at. Whoever slips through gets `duplicate dial_id` from the agent. */
  const isSeen = async (dialId: string): Promise<boolean> =>
    isSplit && (await reachable(redis.exists(callKey(dialId)))) === 1

  return {
    /** Puts a job at the end of its list, unless it was asked for before, or its dial id is in use. */
    async queue({ list, otherLists, dialId, job, fingerprint, key }: JobRequest): Promise<JobQueued> {
      const noted = queuedKey(list, dialId)
      const keys = [list, noted, key === undefined ? noted : askedKey(list, key)]
      if (!isSplit)
        keys.push(callKey(dialId), ...otherLists.flatMap(other => [other, queuedKey(other, dialId)]))
      const limits = [QUEUED_EXPIRY_MS, ASKED_EXPIRY_MS, BECOMES_CALL_MS, LOOKED_THROUGH_MAX]
      const args = [fingerprint, dialId, job, ...limits, (await isSeen(dialId)) ? '1' : '']
      const [kind, found, waiting] = (await script(keys, args)) as [JobQueued['kind'], string, number]
      if (kind === 'queued' || kind === 'repeated') return { kind, dialId: found, waiting }
      return { kind, dialId: found }
    },
  }
}
