// How many sessions the agents of one switch begin in a second, all together: each waits for its turn, and the turns are
// given out by Redis. What the switch says it takes is the most, unless the setting says less.

import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import type { Pace } from '../../redis/jobs/pace.ts'

export interface Allowance {
  /** Nobody of this agent waits for a turn: another job may be taken. */
  isFree(): boolean
  /** Resolves when so many sessions may begin. */
  turn(sessions: number): Promise<void>
  /** The switch has said how many it takes in a second; undefined: it did not. */
  limitTo(perSecond: number | undefined): void
}

export interface AllowanceOptions {
  /** 0 = no limit, whatever the switch says. */
  perSecond: number
  pace: Pace
  /** By which all agents of a switch know it. */
  coreUuid: () => string
  /** The last that waited has had its turn. */
  onFree: () => void
  log: Log
}

export function createAllowance({ perSecond, pace, coreUuid, onFree, log }: AllowanceOptions): Allowance {
  let limit = perSecond
  let waiting = 0
  return {
    isFree: () => waiting === 0,
    async turn(sessions) {
      if (perSecond === 0) return
      waiting += 1
      try {
        const waitMs = await pace.turn(coreUuid(), { sessions, perSecond: limit })
        if (waitMs > 0) await Bun.sleep(waitMs)
      } catch (thrown) {
        if (!(thrown instanceof RedisUnavailable)) throw thrown
        // Nothing is dialled without Redis: what comes next says so.
        log.debug({ reason: messageOf(thrown) }, 'redis away: no turn')
      } finally {
        waiting -= 1
        if (waiting === 0) onFree()
      }
    },
    limitTo(said) {
      limit = said !== undefined && said > 0 ? Math.min(perSecond, said) : perSecond
    },
  }
}
