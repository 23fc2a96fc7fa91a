// Counts what this process saw of pushes, wakes and calls, for the plots of the last hour. An event costs one addition
// in memory; every few seconds the sums go to Redis, where all pods' sums of a minute come together. While Redis is
// away they wait here: there are never more than kinds of counts.
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_MINUTE } from '../base/units.ts'
import type { MinuteStore } from '../redis/pods/minutes.ts'
import { CLASSES, classOf } from './roundTrips.ts'

/** Often enough for a plot of an hour. */
const FLUSH_INTERVAL_MS = 2_000

/** Labels that one kind of count may have: outcomes, reasons, hangup causes. Their words are closed lists; the
 *  limit holds if one of them should not be. */
const LABELS_MAX = 100

/** An app's id and a vendor's word; a network's own sentence may be longer. */
const REFUSAL_LENGTH_MAX = 120

/** How often something was counted since it was last written, by label. The counters stay: an event is one look-up and
 *  one addition, ten thousand times a second. */
type Counters = Map<string, { times: number }>

export interface MinuteCountsOptions {
  store: Pick<MinuteStore, 'add'>
  clock: Clock
  log: Log
}

export type MinuteCounts = ReturnType<typeof startMinuteCounts>

export function startMinuteCounts({ store, clock, log }: MinuteCountsOptions) {
  const pushes = new Map<string, Counters>()
  const wakes: Counters = new Map()
  const hangups: Counters = new Map()
  const refusals: Counters = new Map()
  const dials: Counters = new Map()
  const trips = new Float64Array(CLASSES)
  let isFlushing = false

  async function flush(): Promise<void> {
    if (isFlushing) return
    const lot = takeLot()
    if (lot.size === 0) return
    isFlushing = true
    try {
      await store.add(minuteOf(clock()), lot)
    } catch (thrown) {
      log.debug({ reason: messageOf(thrown) }, 'redis away: counts of the last hour wait')
      putBack(lot)
    } finally {
      isFlushing = false
    }
  }

  /** Everything that was counted, by its name in Redis; counting begins anew. */
  function takeLot(): Map<string, number> {
    const lot = new Map<string, number>()
    for (const [platform, outcomes] of pushes) take(lot, `push.${platform}.`, outcomes)
    take(lot, 'wake.', wakes)
    take(lot, 'hangup.', hangups)
    take(lot, 'refusal.', refusals)
    take(lot, 'dial.', dials)
    for (const [index, times] of trips.entries()) if (times > 0) lot.set(`trip.${index}`, times)
    trips.fill(0)
    return lot
  }

  function putBack(lot: ReadonlyMap<string, number>): void {
    for (const [name, times] of lot) {
      const [kind, label] = atFirstDot(name)
      if (kind === 'push') {
        const [platform, outcome] = atFirstDot(label)
        add(pushesOf(platform), outcome, times)
      } else if (kind === 'trip') trips[Number(label)]! += times
      else add({ wake: wakes, hangup: hangups, refusal: refusals, dial: dials }[kind]!, label, times)
    }
  }

  function pushesOf(platform: string): Counters {
    let outcomes = pushes.get(platform)
    if (!outcomes) {
      outcomes = new Map()
      pushes.set(platform, outcomes)
    }
    return outcomes
  }

  const timer = setInterval(() => void flush(), FLUSH_INTERVAL_MS)

  return {
    /** A vendor answered a push; retries count each. @param failure of one that was not accepted. */
    pushed(platform: string, outcome: string, failure?: { app: string; reason: string }): void {
      add(pushesOf(platform), outcome, 1)
      if (outcome === 'refused' && failure)
        add(refusals, `${failure.app} ${failure.reason}`.slice(0, REFUSAL_LENGTH_MAX), 1)
    },

    /** A PBX got its answer. @param roundTripMs from the first push to the confirmation, of a confirmed wake. */
    woken(reason: string, roundTripMs?: number): void {
      add(wakes, reason, 1)
      if (roundTripMs !== undefined) trips[classOf(roundTripMs)]! += 1
    },

    /** Legs ended. @param cause FreeSWITCH's word. */
    legsEnded: (cause: string, times: number) => add(hangups, cause, times),

    /** Jobs were dialled. @param result `answered`, `unanswered`, `failed`, `unknown`. */
    dialled: (result: string, times: number) => add(dials, result, times),

    /** Writes what was not written yet, and counts on without writing. */
    async close(): Promise<void> {
      clearInterval(timer)
      await flush()
    },
  }
}

function add(counters: Counters, label: string, times: number): void {
  const counter = counters.get(label)
  if (counter) counter.times += times
  else if (counters.size < LABELS_MAX) counters.set(label, { times })
}

function take(lot: Map<string, number>, prefix: string, counters: Counters): void {
  for (const [label, counter] of counters) {
    if (counter.times > 0) lot.set(prefix + label, counter.times)
    counter.times = 0
  }
}

function atFirstDot(name: string): [before: string, after: string] {
  const at = name.indexOf('.')
  return [name.slice(0, at), name.slice(at + 1)]
}

/** The minute of the epoch. */
export const minuteOf = (timeMs: number): number => Math.floor(timeMs / MS_PER_MINUTE)
