// The pace of one switch, which all of its agents keep together: each turn is given out once, evenly spaced, by Redis'
// time, as the agents' clocks differ. Who waits for a turn, and for what, is not known here.
import { MS_PER_MINUTE, MS_PER_SECOND } from '../../base/units.ts'
import type { RedisConnection } from '../connect.ts'
import { paceKey } from '../keys.ts'
import { bindScript, reachable } from '../scripts.ts'
import paceTurnLua from './paceTurn.lua' with { type: 'text' }

const MICROSECONDS_PER_MS = 1_000

/** Each agent waits for a few turns at once: longer queues come from a clock that was set back. */
const AHEAD_MAX_MS = MS_PER_MINUTE

/** Longer than any turn is ahead. */
const EXPIRY_MS = 2 * MS_PER_MINUTE

export type Pace = ReturnType<typeof openPace>

/** @throws RedisUnavailable from its method. */
export function openPace(redis: RedisConnection) {
  // A phone waits for it.
  const script = bindScript(redis, 'paceTurn', paceTurnLua, { isUrgent: true })
  return {
    /** Takes the next turn of a switch. @returns milliseconds until it begins. */
    turn: async (
      coreUuid: string,
      { sessions, perSecond }: { sessions: number; perSecond: number },
    ): Promise<number> =>
      Number(
        await script(
          [paceKey(coreUuid)],
          [
            Math.ceil((sessions / perSecond) * MS_PER_SECOND * MICROSECONDS_PER_MS),
            AHEAD_MAX_MS * MICROSECONDS_PER_MS,
            EXPIRY_MS,
          ],
        ),
      ),

    /** For those who look. @returns milliseconds until a turn taken now would begin. */
    async ahead(coreUuid: string): Promise<number> {
      const [free, [seconds, microseconds]] = await reachable(
        Promise.all([redis.get(paceKey(coreUuid)), redis.time()]),
      )
      const aheadMs =
        (Number(free ?? 0) - Number(microseconds)) / MICROSECONDS_PER_MS - Number(seconds) * MS_PER_SECOND
      return aheadMs > AHEAD_MAX_MS ? 0 : Math.max(0, aheadMs)
    },
  }
}
