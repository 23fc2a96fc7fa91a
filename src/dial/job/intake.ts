// Takes jobs from their lists for one agent: one waiting pop for each list, in competition with all other agents.
// It takes none while the agent can't dial (switch away, calls at their most, too many a second, draining), and
// gives back at once what it got in that moment. What a job says is not looked at here.

import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { type Clock, MS_PER_MINUTE, MS_PER_SECOND } from '../../base/units.ts'
import { type RedisConnection, RedisUnavailable } from '../../redis/connect.ts'
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
  /** No job is taken while one waits for its turn. */
  allowance: Pick<Allowance, 'isFree'>
  onJob: (job: TakenJob) => void
  /** Whether this agent is working on that job. If not, the job was popped but the reply was lost. */
  isKnown: (job: string) => boolean
  /** Told when it changes: the lists from which no job can be taken until somebody mends that. */
  onRefused: (lists: string[]) => void
  clock: Clock
  log: Log
}

export interface Intake {
  /** Looks again at `canDial`: the switch is back, a call has ended. */
  wake(): void
  /** Takes no further job. Resolves when none is on its way to us, within three seconds. @returns false when one may still
   *  come to stand in our in-flight list, because Redis is away or was a moment ago: others must look after that. */
  stop(): Promise<boolean>
}

/** A pop must end by itself where Redis does not let us end it, and before a silent connection is left
 *  (`SILENT_AFTER_MS`). An idle agent asks once for each list and pop. */
const POP_SECONDS = 2

/** A pop that was sent just before may reach Redis after the command that ends it. */
const END_WAIT_AGAIN_MS = 50

/** How often dead letters are looked through for old ones. */
const EXPIRY_LOOK_MS = 60 * MS_PER_MINUTE

/** A pop that has not ended by then hangs on a connection that is dead. */
const POP_ENDS_MS = (POP_SECONDS + 0.5) * MS_PER_SECOND

/** After an error of Redis; its own reconnecting has a backoff too. */
const RETRY_MS = 250

/** When Redis stays away for longer, other agents declare us dead, and settle the jobs that we left. */
const LAST_TRIES_MAX = 40

/** Errors of Redis that only a person can mend. */
const REFUSED_RETRY_MS = MS_PER_SECOND

/** A pop whose connection broke may still be on its way, and is carried out when it arrives. */
const LATE_POP_MS = 20 * MS_PER_SECOND

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

  /** The lists that were refused, each with Redis' reason. */
  const refused = new Map<string, string>()

  function noteRefusal(list: string, reason: string | undefined): void {
    if (refused.get(list) === reason) return
    if (reason === undefined) {
      refused.delete(list)
      log.info({ list }, 'jobs can be taken from this list again')
    } else {
      refused.set(list, reason)
      log.warn({ list, reason }, 'no jobs can be taken from this list, until somebody mends that')
    }
    options.onRefused([...refused.keys()])
  }

  /** The lists for which a pop waits, with the id of its connection in Redis. */
  const waiters = new Map<string, number | undefined>()

  /** @returns at the end, whether nothing can be left in our in-flight list that we don't know of. */
  async function serve(list: string): Promise<boolean> {
    const blocking = options.openBlocking()
    let lookedAtMs = Number.NEGATIVE_INFINITY
    /** When to look for jobs that were popped and never arrived: they stand in our in-flight list, unknown to us. */
    let looksAtMs = [clock()]
    while (!abort.signal.aborted) {
      try {
        while (looksAtMs[0] !== undefined && looksAtMs[0] <= clock()) {
          await giveBackStrays(list)
          looksAtMs.shift()
        }
        if (!options.canDial() || !allowance.isFree()) {
          await nudged(MS_PER_SECOND)
          continue
        }
        if (clock() - lookedAtMs >= EXPIRY_LOOK_MS) {
          lookedAtMs = clock()
          await jobs.expireDead(list, lookedAtMs)
        }
        if (!waiters.has(list)) waiters.set(list, await jobs.waiterOf(blocking, list))
        if (abort.signal.aborted) continue
        const text = await endingSoon(jobs.take(blocking, list, POP_SECONDS))
        noteRefusal(list, undefined)
        if (text === null) continue
        if (abort.signal.aborted || !options.canDial()) await jobs.putBack(list, text)
        else options.onJob({ list, text, takenAtMs: clock() })
      } catch (thrown) {
        waiters.delete(list)
        const isLasting = thrown instanceof RedisUnavailable && thrown.isLasting
        const isUnsent = thrown instanceof RedisUnavailable && thrown.isUnsent
        if (isLasting) noteRefusal(list, messageOf(thrown))
        const lateLooks = looksAtMs.filter(atMs => atMs > clock())
        looksAtMs = [clock(), ...(isLasting || isUnsent ? lateLooks : [clock() + LATE_POP_MS])]
        log.debug({ list, reason: messageOf(thrown) }, 'no jobs from redis; trying again')
        await nudged(isLasting ? REFUSED_RETRY_MS : RETRY_MS)
      }
    }
    waiters.delete(list)
    blocking.disconnect()
    if (looksAtMs.length === 0) return true
    const isLate = looksAtMs.some(atMs => atMs > clock())
    return (await lookOnceMore(list)) && !isLate
  }

  /** While calls are kept to their end, jobs must not lie with us: so a look that fails is repeated for a while.
   *  @returns whether this one succeeded. */
  async function lookOnceMore(list: string, triesLeft = LAST_TRIES_MAX): Promise<boolean> {
    try {
      await giveBackStrays(list)
      return true
    } catch (thrown) {
      log.debug({ list, reason: messageOf(thrown) }, 'redis away: what was popped last is not known yet')
      if (triesLeft > 1) setTimeout(lookOnceMore, RETRY_MS, list, triesLeft - 1).unref()
      return false
    }
  }

  /** While we stop, a pop is waited for no longer than one takes. @throws RedisUnavailable: it hangs. */
  function endingSoon(pop: Promise<string | null>): Promise<string | null> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    let timer: Timer | undefined
    const limit = () => {
      timer = setTimeout(() => reject(new RedisUnavailable('a pop that does not end')), POP_ENDS_MS)
    }
    abort.signal.addEventListener('abort', limit, { once: true })
    return Promise.race([pop, late]).finally(() => {
      clearTimeout(timer)
      abort.signal.removeEventListener('abort', limit)
    })
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

  function endWaits(): void {
    for (const [list, waiter] of waiters)
      if (waiter !== undefined)
        jobs
          .endWait(list, waiter)
          .catch(thrown => log.debug({ list, reason: messageOf(thrown) }, 'a pop ends by itself'))
  }

  return {
    wake,
    async stop() {
      abort.abort()
      wake()
      endWaits()
      const again = setInterval(endWaits, END_WAIT_AGAIN_MS)
      const isSettled = (await serving).every(Boolean)
      clearInterval(again)
      return isSettled
    },
  }
}
