// A front's side of a wake that an agent asks for: it takes requests from the list while it can hold waits, has each held as
// a PBX's would be, and tells how it stands. A request that another front had, and died with, goes on where that one stopped:
// what was pushed is not pushed again.

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_SECOND } from '../base/units.ts'
import { type RedisConnection, RedisUnavailable } from '../redis/connect.ts'
import { wakeFrontChannel } from '../redis/keys.ts'
import type { Subscriber } from '../redis/subscriber.ts'
import type { TakenWake, WakeRequestNews, WakeRequestStore } from '../redis/wakeRequests/wakeRequests.ts'
import { readWakeCall, type WakeCall } from './wakeCall.ts'

/** How a wait is held that an agent asked for. */
export interface HowHeld {
  /** When it was asked for, ms since the epoch by our clock. */
  arrivedAtMs: number
  /** How long the wait may take from then on. */
  waitMs: number
  /** How many attempts a dead front has sent for this wake, as far as Redis knows. */
  attemptsBefore: number
  /** Told of each push: the number of its attempt. */
  onPush: (attempt: number) => void
}

export interface WakeServiceOptions {
  store: Pick<WakeRequestStore, 'next' | 'waiterOf' | 'endWait' | 'take' | 'tell'>
  /** Opens the connection that waits for the list. */
  openBlocking: () => RedisConnection
  listen: Subscriber['listen']
  /** Names this process. */
  front: string
  /** Holds a wait until its outcome. @returns the limit by which no further wait can be held. */
  hold: (
    call: WakeCall,
    dropped: AbortSignal,
    how: HowHeld,
  ) => Promise<{ status: 'ACK' | 'NAK'; reason: string }> | string
  /** Whether a wait could be held now. */
  canHold: () => boolean
  clock: Clock
  log: Log
}

export interface WakeService {
  /** Takes no further request; those in hand go on. At once, or within three seconds where Redis does not end our wait. */
  stop(): Promise<void>
  /** Hears nothing more: whoever asked sees that we are gone. */
  close(): void
}

/** How long one pop waits for a request. Shorter than the time after which a silent connection is closed. */
const POP_SECONDS = 2
/** A pop that has not ended by then hangs on a connection that is dead. */
const POP_ENDS_MS = (POP_SECONDS + 0.5) * MS_PER_SECOND

/** While no wait can be held, and after an error of Redis. */
const AGAIN_MS = 0.25 * MS_PER_SECOND

/** If Redis does not answer for so long, the agent has asked another front since, or given up. */
const TRIES_MAX = 40

export function openWakeService(options: WakeServiceOptions): WakeService {
  const { store, front, clock, log } = options
  const held = new Map<string, AbortController>()
  const stopping = new AbortController()
  const subscription = options.listen(wakeFrontChannel(front), { onMessage: id => held.get(id)?.abort() })
  let waiter: number | undefined
  const serving = serve()

  async function serve(): Promise<void> {
    // Until the channel is heard, agents would take this front for dead.
    await Promise.race([subscription.confirmed, aborted(stopping.signal)])
    if (stopping.signal.aborted) return
    const blocking = options.openBlocking()
    while (!stopping.signal.aborted) {
      if (!options.canHold()) {
        await Bun.sleep(AGAIN_MS)
        continue
      }
      try {
        waiter ??= await store.waiterOf(blocking)
        if (stopping.signal.aborted) break
        const id = await endingSoon(store.next(blocking, POP_SECONDS))
        if (id !== null) void carryOut(id)
      } catch (thrown) {
        if (!(thrown instanceof RedisUnavailable)) throw thrown
        // A new connection has another client id.
        waiter = undefined
        log.debug({ reason: messageOf(thrown) }, 'no requests from redis; trying again')
        await Bun.sleep(AGAIN_MS)
      }
    }
    blocking.disconnect()
  }

  /** While this front stops, it waits for a pop no longer than a pop takes. A request that comes later has no front, which
   *  the agent sees. */
  function endingSoon(pop: Promise<string | null>): Promise<string | null> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    let timer: Timer | undefined
    const limit = () => {
      timer = setTimeout(() => reject(new RedisUnavailable('a pop that does not end')), POP_ENDS_MS)
    }
    stopping.signal.addEventListener('abort', limit, { once: true })
    return Promise.race([pop, late]).finally(() => {
      clearTimeout(timer)
      stopping.signal.removeEventListener('abort', limit)
    })
  }

  function endOurWait(): void {
    if (waiter === undefined) return
    store
      .endWait(waiter)
      .catch(thrown => log.debug({ reason: messageOf(thrown) }, 'the wait for requests ends by itself'))
  }

  async function carryOut(id: string): Promise<void> {
    try {
      const taken = await take(id)
      if (taken) await holdFor(id, taken)
    } catch (thrown) {
      // The agent that asked sees that no front has it, and asks again.
      if (thrown instanceof RedisUnavailable)
        log.debug({ wake: id, reason: messageOf(thrown) }, 'a wake is not taken')
      else log.error({ wake: id, err: thrown }, 'a wake that was asked for failed')
    }
  }

  /** Asked again while Redis does not answer: it may have noted that this front has the request, and then no other front is
   *  asked as long as this one lives. */
  async function take(id: string): Promise<TakenWake | undefined> {
    for (let triesLeft = TRIES_MAX; ; triesLeft -= 1) {
      try {
        return await store.take(id, front)
      } catch (thrown) {
        if (!(thrown instanceof RedisUnavailable) || triesLeft === 0) throw thrown
        await Bun.sleep(AGAIN_MS)
      }
    }
  }

  async function holdFor(id: string, taken: TakenWake): Promise<void> {
    const call = readWakeCall(taken.call)
    if (!call) return tell({ id, state: 'failed', reason: 'unusable' })
    // This front has this request already: the wait goes on as it is.
    if (held.has(id)) return
    const dropped = new AbortController()
    held.set(id, dropped)
    try {
      const outcome = options.hold(call, dropped.signal, {
        arrivedAtMs: clock() - (taken.waitMs - taken.leftMs),
        waitMs: taken.waitMs,
        attemptsBefore: taken.attempts,
        onPush: attempt => void tell({ id, state: 'pushed', reason: '' }, attempt),
      })
      const { status, reason } =
        typeof outcome === 'string' ? { status: 'NAK', reason: 'busy' } : await outcome
      await tell({ id, state: status === 'ACK' ? 'confirmed' : 'failed', reason })
    } finally {
      held.delete(id)
    }
  }

  /** Publishes in the order of the calls, because all of them use one connection. */
  async function tell(news: WakeRequestNews, attempts?: number): Promise<void> {
    for (let triesLeft = TRIES_MAX; triesLeft > 0; triesLeft -= 1) {
      try {
        return await store.tell(news, attempts)
      } catch (thrown) {
        if (!(thrown instanceof RedisUnavailable)) throw thrown
        await Bun.sleep(AGAIN_MS)
      }
    }
    log.warn({ wake: news.id }, 'redis stays away: nobody is told of a wake’s end')
  }

  return {
    async stop() {
      stopping.abort()
      endOurWait()
      // A pop may begin only after this: it is ended by the next try.
      const again = setInterval(endOurWait, AGAIN_MS)
      await serving
      clearInterval(again)
    },
    close() {
      stopping.abort()
      // The failure is dropped: it means that the connection broke, and Redis takes a broken connection off its channels.
      subscription.leave().catch(() => undefined)
    },
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
