// Collects what happens to wakes and calls, and writes it to Redis in lots, a few times a second. Whoever records
// waits for nothing and can't fail: while Redis is away entries wait in bounded memory, and beyond it they are
// dropped and counted. What an entry means is not looked at here.
import type { Log } from '../base/log.ts'
import { mask, maskNumber, maskNumbersIn } from '../base/masking.ts'
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_SECOND } from '../base/units.ts'
import {
  ENTRIES_MAX,
  FIRST_ENTRIES_MAX,
  TIMELINES_A_WRITE_MAX,
  type TimelineLot,
} from '../redis/timelines/timelines.ts'
import { type Entry, FREE_TEXT_FIELDS, PERSONAL_FIELDS } from './entry.ts'
import type { Share } from './share.ts'

export interface RecorderOptions {
  /** Writes one lot. Rejects when Redis can't be asked. */
  append: (lots: TimelineLot[], nowMs: number) => Promise<void>
  /** Which calls, when there are too many. */
  share: Share
  /** Who records: a pod or an agent. */
  by: string
  showsFullNumbers: boolean
  /** Told of each entry that is dropped, for the metrics. */
  onDropped: () => void
  clock: Clock
  log: Log
}

export interface Recorder {
  /** Notes that something happened: now, if it does not say when. */
  add(id: string, entry: Entry, about?: About): void
  /** Writes what is left, for at most a second. What is recorded later is dropped. */
  close(): Promise<void>
}

export interface About {
  /** The account in whose index the timeline shall stand. */
  account?: string
  /** Phones' unique keys by which the timeline shall be found too. */
  uniqueKeys?: readonly string[]
  /** When it happened, ms since the epoch: for what is only understood later. */
  atMs?: number
  /** To whose trace it belongs, where one begins here. */
  traceparent?: string
}

/** Records nothing: `TIMELINES_MAX=0`. */
export const NO_RECORDER: Recorder = { add: () => undefined, close: async () => undefined }

/** Entries of one call that come within it are one write. A reader is never so fast. */
const LOT_MS = 150

/** Between two tries while Redis is away. */
const RETRY_MS = MS_PER_SECOND

/** Entries that wait for Redis, some 12 MB: at ten thousand wakes a second, those of one second. */
const WAITING_ENTRIES_MAX = 50_000

/** One entry's JSON. The longest that makes sense is a push to ten devices, of 1,500. */
const ENTRY_CHARACTERS_MAX = 2_000

const CLOSE_LIMIT_MS = MS_PER_SECOND

export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, log, share, showsFullNumbers } = options
  const by = JSON.stringify(options.by)
  /** By id. Its entries are counted in `held` until Redis has them. */
  let pending = new Map<string, TimelineLot>()
  let held = 0
  let recorded = 0
  let dropped = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let writing: Promise<void> | undefined
  let isAway = false
  let isClosed = false

  function drop(): void {
    dropped += 1
    options.onDropped()
  }

  function lotOf(id: string, atMs: number): TimelineLot {
    const known = pending.get(id)
    if (known) return known
    const lot: TimelineLot = { id, entries: [], leftOut: 0, atMs }
    pending.set(id, lot)
    return lot
  }

  /** Thousands of entries about one call cost that call's timeline its middle; other timelines lose nothing. */
  function keepEnds(lot: TimelineLot): void {
    const surplus = lot.entries.length - ENTRIES_MAX
    if (surplus <= 0) return
    lot.entries.splice(FIRST_ENTRIES_MAX, surplus)
    lot.leftOut += surplus
    held -= surplus
  }

  function write(): void {
    timer = undefined
    writing ??= writeAll().finally(() => {
      writing = undefined
      if (pending.size > 0 && !isClosed) writeAfter(isAway ? RETRY_MS : LOT_MS)
    })
  }

  function writeAfter(ms: number): void {
    timer ??= setTimeout(write, ms)
  }

  /** In lots, one after another: between two of them others have their turn, here and at Redis. */
  async function writeAll(): Promise<void> {
    const lots = [...pending.values()]
    pending = new Map()
    for (let at = 0; at < lots.length; at += TIMELINES_A_WRITE_MAX) {
      const some = lots.slice(at, at + TIMELINES_A_WRITE_MAX)
      try {
        await options.append(some, clock())
      } catch (thrown) {
        if (!isAway) log.debug({ reason: messageOf(thrown) }, 'redis away: timelines wait')
        isAway = true
        for (const lot of lots.slice(at)) putBack(lot)
        return
      }
      for (const lot of some) held -= lot.entries.length
    }
    isAway = false
    if (dropped > 0) log.warn({ dropped }, 'timelines have gaps: redis was away, or too slow')
    dropped = 0
  }

  /** Before what came since. */
  function putBack(lot: TimelineLot): void {
    const newer = pending.get(lot.id)
    if (newer) {
      lot.entries.push(...newer.entries)
      lot.leftOut += newer.leftOut
      const account = lot.account ?? newer.account
      if (account !== undefined) lot.account = account
      if (newer.uniqueKeys) addKeys(lot, newer.uniqueKeys)
      keepEnds(lot)
    }
    pending.set(lot.id, lot)
  }

  return {
    add(id, entry, about = NOTHING) {
      if (BEGINNINGS.has(entry.what)) share.count()
      if (!share.has(id)) return
      if (isClosed || held >= WAITING_ENTRIES_MAX) return drop()
      // An app may call its call whatever it likes; what no PBX and no backend can have sent is nobody's timeline.
      if (!IS_ID.test(id)) return
      const { account, atMs = clock() } = about
      const shown = JSON.stringify(showsFullNumbers ? entry : masked(entry, maskInAscii))
      const json = `{"atMs":${atMs},"n":${++recorded},"by":${by},"entry":${shown}}`
      if (json.length > ENTRY_CHARACTERS_MAX) return drop()
      const lot = lotOf(id, atMs)
      lot.entries.push(json)
      held += 1
      if (account !== undefined) lot.account = account
      if (about.uniqueKeys?.length) addKeys(lot, about.uniqueKeys)
      if (lot.entries.length > ENTRIES_MAX) keepEnds(lot)
      writeAfter(LOT_MS)
    },

    async close() {
      clearTimeout(timer)
      timer = undefined
      const { promise: isLate, resolve: giveUp } = Promise.withResolvers<void>()
      const limit = setTimeout(giveUp, CLOSE_LIMIT_MS)
      const written = async () => {
        await writing
        write()
        await writing
      }
      await Promise.race([written(), isLate])
      isClosed = true
      clearTimeout(limit)
      clearTimeout(timer)
    },
  }
}

const NOTHING: About = {}

/** Of one call: a ring group may have many, a request that is repeated without end must not. */
const UNIQUE_KEYS_MAX = 200

function addKeys(lot: TimelineLot, uniqueKeys: readonly string[]): void {
  lot.uniqueKeys ??= []
  for (const each of uniqueKeys) if (lot.uniqueKeys.length < UNIQUE_KEYS_MAX) lot.uniqueKeys.push(each)
}

/** One of each call's, whichever part of it a process sees. */
const BEGINNINGS: ReadonlySet<Entry['what']> = new Set(['request', 'app-answered', 'job-taken'])

/** Call ids and dial ids. */
const IS_ID = /^[\x21-\x7e]{1,255}$/

/** Stands in Redis for the log's ellipsis: one character beyond ASCII doubles the memory that a whole write takes, and
 *  what it costs to send it. */
export const ASCII_ELLIPSIS = '...'

const maskInAscii: Hide = (value, field) => {
  const hidden = hide(value, field)
  return hidden === value ? value : String(hidden).replace('…', ASCII_ELLIPSIS)
}

type Hide = (value: unknown, field: string) => unknown

/** A caller's name says who it is as a number does; an account may be a name, which stays as it is. */
const hide: Hide = (value, field) =>
  field === 'callerId' || typeof value !== 'string' ? mask(value) : maskNumber(value)

/** The entry without whole phone numbers and accounts.
 *  @param hiding what becomes of a field that may be one. */
export function masked<Any extends Entry>(entry: Any, hiding: Hide = hide): Any {
  const copy = withPersonal(entry, hiding)
  const texts = FREE_TEXT_FIELDS[entry.what]
  if (!texts) return copy
  const hideIn = (text: unknown) => (typeof text === 'string' ? maskNumbersIn(text, ASCII_ELLIPSIS) : text)
  return withFields(copy, texts, hideIn)
}

/** The entry with its phone numbers and accounts changed. */
export function withPersonal<Any extends Entry>(entry: Any, change: Hide): Any {
  const fields = PERSONAL_FIELDS[entry.what]
  return fields ? withFields(entry, fields, change) : entry
}

function withFields<Any extends Entry>(entry: Any, fields: readonly string[], change: Hide): Any {
  const copy: Record<string, unknown> = { ...entry }
  for (const field of fields) if (field in copy) copy[field] = change(copy[field], field)
  return copy as Any
}
