// Takes jobs from their lists for one agent: one waiting pop for each list, in competition with all other agents.
// It takes none while the agent can't dial (switch away, calls at their most, too many a second, draining), and
// gives back at once what it got in that moment. What a job says is not looked at here.

import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { type Clock, MS_PER_MINUTE, MS_PER_SECOND } from '../../base/units.ts'
import type { RedisConnection } from '../../redis/connect.ts'
import type { JobQueue } from '../../redis/jobs/jobs.ts'
import type { Allowance } from './allowance.ts'

/** A job as it came, and where from. */
export interface TakenJob {
  list: string
  text: string
  takenAtMs: number
}

export interface IntakeOptions {
  lists: readonly string[]
  jobs: JobQueue
  /** Opens the connection that waits for one list; a waiting pop blocks its connection. */
  openBlocking: () => RedisConnection
  /** Whether a job could be dialled now. */
  canDial: () => boolean
  /** How many may be dialled in a second. */
  allowance: Allowance
  onJob: (job: TakenJob) => void
  /** Whether this agent is working on that job; what it isn't, it never got. */
  isKnown: (job: string) => boolean
  clock: Clock
  log: Log
}

export interface Intake {
  /** Looks again at `canDial`: the switch is back, a call has ended. */
  wake(): void
  /** Takes no further job. Resolves when none is on its way to us. */
  stop(): Promise<void>
}

/** A pop that waits for ever could not be stopped without breaking its connection. An idle agent asks once for each list
 *  and pop. */
const POP_SECONDS = 1.5

/** How often dead letters are looked through for old ones. */
const EXPIRY_LOOK_MS = 60 * MS_PER_MINUTE

/** After an error of Redis; its own reconnecting has a backoff too. */
const RETRY_MS = 250

/** Redis that stays away longer takes us for dead meanwhile, and others look after what is left. */
const LAST_TRIES_MAX = 40

export function startIntake(options: IntakeOptions): Intake {
  const { jobs, allowance, clock, log } = options
  const abort = new AbortController()
  let wakers: (() => void)[] = []

  /** Resolves when `wake` is called, or after `ms`. */
  const nudged = (ms: number) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      wakers.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })

  async function serve(list: string): Promise<void> {
    const blocking = options.openBlocking()
    let isInDoubt = true
    let lookedAtMs = Number.NEGATIVE_INFINITY
    while (!abort.signal.aborted) {
      try {
        // Popped while the connection broke: it stands in our in-flight list, and we don't know of it.
        if (isInDoubt) await giveBackStrays(list)
        isInDoubt = false
        const waitMs = options.canDial() ? allowance.waitMs() : MS_PER_SECOND
        if (waitMs > 0) {
          await nudged(waitMs)
          continue
        }
        if (clock() - lookedAtMs >= EXPIRY_LOOK_MS) {
          lookedAtMs = clock()
          await jobs.expireDead(list, lookedAtMs)
        }
        const text = await jobs.take(blocking, list, POP_SECONDS)
        if (text === null) continue
        if (abort.signal.aborted || !options.canDial()) await jobs.putBack(list, text)
        else {
          allowance.spend()
          options.onJob({ list, text, takenAtMs: clock() })
        }
      } catch (thrown) {
        isInDoubt = true
        log.debug({ list, reason: messageOf(thrown) }, 'no jobs from redis; trying again')
        await nudged(RETRY_MS)
      }
    }
    blocking.disconnect()
    // We may be leaving for good: what was popped while the connection broke would be looked for by nobody.
    for (let tries = 0; isInDoubt && tries < LAST_TRIES_MAX; tries++) {
      try {
        await giveBackStrays(list)
        isInDoubt = false
      } catch (thrown) {
        log.debug({ list, reason: messageOf(thrown) }, 'redis away: what was popped last is not known yet')
        await Bun.sleep(RETRY_MS)
      }
    }
  }

  async function giveBackStrays(list: string): Promise<void> {
    for (const text of await jobs.inFlight(list)) {
      if (options.isKnown(text)) continue
      log.warn({ list }, 'a job was popped and never arrived: given back')
      await jobs.putBack(list, text)
    }
  }

  const serving = Promise.all(options.lists.map(serve))

  function wake(): void {
    const nudges = wakers
    wakers = []
    for (const nudge of nudges) nudge()
  }

  return {
    wake,
    async stop() {
      abort.abort()
      wake()
      await serving
    },
  }
}
