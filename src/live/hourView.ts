// The last hour as the page draws it, read from what all pods counted. A minute that has passed changes no more once
// the slowest pod has written its lot, so it is read once; the newest are read again each time.

import type { Clock } from '../base/units.ts'
import type { MinuteStore } from '../redis/pods/minutes.ts'
import { minuteOf } from './minuteCounts.ts'
import { percentileOf } from './roundTrips.ts'

export const MINUTES_SHOWN = 60

/** Lots are two seconds late, and a pod's clock may be a little more: the newest three minutes may still grow. */
const GROWING_MINUTES = 3

/** One minute of all pods. Percentiles are milliseconds, null without a round trip. */
export interface MinuteView {
  minute: number
  /** By outcome; a push is counted once for each answer of its vendor. */
  pushes: Record<string, number>
  /** By app and reason, `com.example.phone BadDeviceToken`: the refused ones among them. */
  refusals: Record<string, number>
  /** By reason. */
  wakes: Record<string, number>
  /** Legs that ended, by cause. */
  hangups: Record<string, number>
  /** Jobs by what became of dialling them: `answered`, `unanswered`, `failed`, `unknown`. */
  dials: Record<string, number>
  trips: TripView
}

export interface TripView {
  times: number
  p50: number | null
  p95: number | null
  p99: number | null
}

/** What some minutes add up to. `pushes` by `platform.outcome`, the others as in each minute. */
export type HourTotals = Omit<MinuteView, 'minute'>

export interface HourView {
  minutes: MinuteView[]
  totals: HourTotals
  /** The newest minutes, against the rest of the hour: how things go now, and how they usually go. */
  recent: HourTotals
  before: HourTotals
}

/** The minute that runs and those before it which say how things go now. */
export const RECENT_MINUTES = 5

/** @returns what reads the hour that ends now; only minutes in which something happened are in it, eldest first.
 *  @throws RedisUnavailable */
export function openHourView(store: Pick<MinuteStore, 'read'>, clock: Clock): () => Promise<HourView> {
  const settled = new Map<number, Record<string, number>>()

  return async () => {
    const newest = minuteOf(clock())
    const eldest = newest - MINUTES_SHOWN + 1
    for (const minute of settled.keys()) if (minute < eldest) settled.delete(minute)
    const found = await Promise.all(
      Array.from({ length: MINUTES_SHOWN }, async (_, index) => {
        const minute = eldest + index
        const counts = settled.get(minute) ?? (await store.read(minute))
        if (minute <= newest - GROWING_MINUTES) settled.set(minute, counts)
        return { minute, counts }
      }),
    )
    const busy = found.filter(({ counts }) => Object.keys(counts).length > 0)
    const totalsWhere = (isIn: (minute: number) => boolean): HourTotals =>
      totalsOf(sumOf(busy.filter(each => isIn(each.minute)).map(each => each.counts)))
    const recentFrom = newest - RECENT_MINUTES + 1
    return {
      minutes: busy.map(({ minute, counts }) => {
        const totals = totalsOf(counts)
        return { minute, ...totals, pushes: byLastWord(totals.pushes) }
      }),
      totals: totalsWhere(() => true),
      recent: totalsWhere(minute => minute >= recentFrom),
      before: totalsWhere(minute => minute < recentFrom),
    }
  }
}

const totalsOf = (counts: Record<string, number>): HourTotals => ({
  trips: tripsOf(counts),
  pushes: under(counts, 'push.'),
  refusals: under(counts, 'refusal.'),
  wakes: under(counts, 'wake.'),
  hangups: under(counts, 'hangup.'),
  dials: under(counts, 'dial.'),
})

function under(counts: Record<string, number>, prefix: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, times]) => [name.slice(prefix.length), times]),
  )
}

/** `apns.accepted` and `android.accepted` are both `accepted`. */
const byLastWord = (counts: Record<string, number>): Record<string, number> =>
  sumOf(Object.entries(counts).map(([name, times]) => ({ [name.slice(name.indexOf('.') + 1)]: times })))

function sumOf(parts: Record<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const part of parts)
    for (const [name, times] of Object.entries(part)) sum[name] = (sum[name] ?? 0) + times
  return sum
}

function tripsOf(counts: Record<string, number>): TripView {
  const classes = new Map(
    Object.entries(under(counts, 'trip.')).map(([index, times]) => [Number(index), times] as const),
  )
  const times = [...classes.values()].reduce((sum, each) => sum + each, 0)
  const percentile = (share: number) => {
    const ms = percentileOf(classes, share)
    return ms === null ? null : Math.round(ms)
  }
  return { times, p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) }
}
