// Waits that ended while Redis did not answer. It may do later what it was asked, and then the record says that
// somebody waits who does not: the PBX asks again, joins a wait that nobody holds, and no phone is pushed. So each of
// them leaves its record, as soon as Redis hears that.
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'

export interface AbandonedWaitsOptions<Wait> {
  /** Takes a wait out of its record. Rejects when Redis can't be asked. */
  leave: (wait: Wait) => Promise<unknown>
  log: Log
}

/** Some megabytes. Of those beyond, the eldest are left to whoever joins them (`joined` in `waitRoom.ts`). */
const ABANDONED_MAX = 10_000

export function createAbandonedWaits<Wait>({ leave, log }: AbandonedWaitsOptions<Wait>) {
  const waits = new Set<Wait>()

  async function tryToLeave(wait: Wait): Promise<void> {
    try {
      await leave(wait)
      waits.delete(wait)
    } catch (thrown) {
      log.debug({ reason: messageOf(thrown) }, 'redis still away: a wait is left at the next reconnect')
    }
  }

  return {
    /** What is asked now stands behind what Redis was asked before, on the same connection. */
    add(wait: Wait): void {
      const [eldest] = waits
      if (waits.size >= ABANDONED_MAX && eldest !== undefined) waits.delete(eldest)
      waits.add(wait)
      void tryToLeave(wait)
    },

    /** Redis is back: what broke with the connection is tried again. */
    async tryAgain(): Promise<void> {
      await Promise.all([...waits].map(tryToLeave))
    },
  }
}
