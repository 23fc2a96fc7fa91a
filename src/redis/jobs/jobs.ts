// Job lists: a backend pushes, agents compete. A job moves atomically from its list into the taker's in-flight list
// and leaves that only when its call stands in Redis, when it was answered with a failure, or when it goes back.
// So a job is never held in memory alone. What stands in a job is not looked at here, but for passwords where it is kept.
// A job is bytes, and its text here has one character for each of them: that is how it is found in a list again.
import { bytesOfText, meaningOf, textOfBytes } from '../../base/bytes.ts'
import { withoutSecretsIn } from '../../base/masking.ts'
import { MS_PER_MINUTE, MS_PER_SECOND } from '../../base/units.ts'
import type { RedisConnection } from '../connect.ts'
import { deadLetterKey, inFlightKey, putBackKey } from '../keys.ts'
import { bindScript, reachable } from '../scripts.ts'
import { endWait, waiterOf } from '../waiters.ts'
import deadLetterLua from './deadLetter.lua' with { type: 'text' }
import jobPutBackLua from './jobPutBack.lua' with { type: 'text' }

/** Jobs that can't be dialled are kept for people to read, the newest of them. */
const DEAD_LETTERS_MAX = 10_000

/** Dead letters hold phone numbers; an operator who has not looked within a month will not look any more. */
export const DEAD_LETTER_DAYS = 30

const DEAD_LETTER_SECONDS = DEAD_LETTER_DAYS * 24 * 60 * 60

/** Letters let go in one step, which stops Redis for well under a millisecond. */
const LET_GO_MAX = 500

/** Longer than an agent goes on sending one step again while it lives. */
const PUT_BACK_EXPIRY_MS = 10 * MS_PER_MINUTE

export type JobQueue = ReturnType<typeof openJobs>

/** @throws RedisUnavailable from every method. */
export function openJobs(redis: RedisConnection, agent: string) {
  const deadLetterScript = bindScript(redis, 'deadLetter', deadLetterLua)
  const putBackScript = bindScript(redis, 'jobPutBack', jobPutBackLua, { keyCounts: [3] })

  async function keepLetters(list: string, letter: string, nowMs: number): Promise<void> {
    const before = new Date(nowMs - DEAD_LETTER_SECONDS * MS_PER_SECOND).toISOString()
    await deadLetterScript(
      [deadLetterKey(list)],
      [letter, DEAD_LETTERS_MAX, before, DEAD_LETTER_SECONDS, LET_GO_MAX],
    )
  }

  return {
    /** Waits for the next job of a list, on a connection that nobody else uses meanwhile.
     *  @returns null after `timeoutSeconds` without one. */
    async take(blocking: RedisConnection, list: string, timeoutSeconds: number): Promise<string | null> {
      const inFlight = inFlightKey(list, agent)
      const job = await reachable(blocking.blmoveBuffer(list, inFlight, 'LEFT', 'RIGHT', timeoutSeconds))
      return job && textOfBytes(job)
    },

    waiterOf,

    endWait: (list: string, waiter: number): Promise<void> => endWait(redis, list, waiter),

    /** The job is dealt with. */
    async done(list: string, job: string, holder = agent): Promise<void> {
      await reachable(redis.lrem(inFlightKey(list, holder), 1, bytesOfText(job)))
    },

    /** The job can't be taken now: somebody else shall, and first of all jobs. `holder`: a dead agent's. `name`: what is sent
     *  again under one name is done once. */
    async putBack(
      list: string,
      job: string,
      { holder = agent, name = crypto.randomUUID() }: { holder?: string; name?: string } = {},
    ): Promise<void> {
      const keys = [list, inFlightKey(list, holder), putBackKey(list, name)]
      await putBackScript(keys, [bytesOfText(job), PUT_BACK_EXPIRY_MS])
    },

    /** Keeps a job that can't be dialled, with its reason and without its passwords. Kept before it leaves the in-flight
     *  list: a crash between the two shows it twice rather than not at all. */
    async moveToDead(list: string, job: string, reason: string, nowMs: number): Promise<void> {
      const at = new Date(nowMs).toISOString()
      await keepLetters(list, JSON.stringify({ reason, at, job: withoutSecretsIn(meaningOf(job)) }), nowMs)
      await reachable(redis.lrem(inFlightKey(list, agent), 1, bytesOfText(job)))
    },

    /** Lets dead letters go that are older than `DEAD_LETTER_DAYS`. */
    expireDead: (list: string, nowMs: number): Promise<void> => keepLetters(list, '', nowMs),

    /** Jobs in flight under an agent's name: those it holds, and those whose reply it never got. */
    async inFlight(list: string, holder = agent): Promise<string[]> {
      const jobs = await reachable(redis.lrangeBuffer(inFlightKey(list, holder), 0, -1))
      return jobs.map(textOfBytes)
    },
  }
}
