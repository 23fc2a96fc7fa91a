// Tells any number of viewers what there is to see: everything at once, then about once a second what has changed. The
// look at Redis and the comparison are made once for all viewers, and only while there is one. What comes out is the
// text of server-sent events; who carries it to the viewers is not known here.
import type { Log } from '../base/log.ts'
import { printableJson } from '../base/printable.ts'
import { type Clock, MS_PER_SECOND } from '../base/units.ts'
import { RedisUnavailable } from '../redis/connect.ts'
import type { LiveView } from './liveView.ts'
import { createJudge } from './verdict.ts'

export interface LiveFeedOptions {
  read: () => Promise<LiveView>
  /** What never changes while the process runs. */
  about: Record<string, string | boolean>
  clock: Clock
  log: Log
  /** Between two looks. Default: `TICK_MS`. */
  tickMs?: number
}

/** One viewer. `hear` gets whole events; `end` is called when the feed closes. */
export interface Viewer {
  hear: (events: string) => void
  end: () => void
}

export const TICK_MS = MS_PER_SECOND

/** A screen on the wall and everybody who was called. Each costs little; a page that is opened by a loop does not. */
export const VIEWERS_MAX = 50

/** Things that are told one by one, by their id. */
type Keyed = Map<string, string>

export type LiveFeed = ReturnType<typeof openLiveFeed>

export function openLiveFeed({ read, about, clock, log, tickMs = TICK_MS }: LiveFeedOptions) {
  const viewers = new Set<Viewer>()
  /** Told already, by event: the JSON of small parts, and of each call and minute. */
  let parts = new Map<string, string>()
  let calls: Keyed = new Map()
  let minutes: Keyed = new Map()
  let judge = createJudge(clock)
  let timer: Timer | undefined
  let isLooking = false
  let isRedisAway = false
  let isClosed = false

  async function look(): Promise<void> {
    if (isLooking) return
    isLooking = true
    clearTimeout(timer)
    let events: string
    try {
      const view = await read()
      isRedisAway = false
      events = changesTo(view) + tick()
    } catch (thrown) {
      // A mistake of ours must not end the page, and must be found.
      const isRedis = thrown instanceof RedisUnavailable
      if (isRedis) log.debug({ reason: thrown.message }, 'nothing to see: redis away')
      else log.error({ err: thrown }, 'looking for the live page failed')
      isRedisAway = true
      events = changeOf('verdict', judge.judgeBlind(isRedis ? 'redis' : 'bug')) + tick()
    }
    isLooking = false
    for (const viewer of viewers) viewer.hear(events)
    if (viewers.size > 0) timer = setTimeout(() => void look(), tickMs)
    else forget()
  }

  /** Compares with what was told. @returns the events that tell the difference. */
  function changesTo(view: LiveView): string {
    const { calls: seenCalls, hour, ...rest } = view
    const told = { verdict: judge.judge(view), ...rest, totals: hour.totals }
    let events = Object.entries(told)
      .map(([name, part]) => changeOf(name, part))
      .join('')
    const callsNow = keyed(seenCalls, call => call.dialId)
    const minutesNow = keyed(hour.minutes, minute => String(minute.minute))
    events += difference('calls', calls, callsNow) + difference('minutes', minutes, minutesNow)
    calls = callsNow
    minutes = minutesNow
    return events
  }

  /** One of the small parts, told if it is another one. */
  function changeOf(name: string, part: unknown): string {
    const json = jsonOf(part)
    if (parts.get(name) === json) return ''
    parts.set(name, json)
    return eventOf(name, json)
  }

  /** Everything that was told, for one who comes now. */
  function whole(): string {
    let events = eventOf('about', jsonOf(about))
    for (const [name, json] of parts) events += eventOf(name, json)
    // Nothing is told before the first look: an empty page would say that there is nothing.
    if (parts.size === 0) return events
    return events + difference('calls', new Map(), calls) + difference('minutes', new Map(), minutes) + tick()
  }

  const tick = (): string => eventOf('tick', JSON.stringify({ atMs: clock(), isRedisAway }))

  /** The next viewer is to see what there is then. */
  function forget(): void {
    parts = new Map()
    calls = new Map()
    minutes = new Map()
    // What begins while nobody looks is not remembered.
    judge = createJudge(clock)
  }

  return {
    /** @returns what ends the watching, or undefined when there are too many viewers. */
    watch(viewer: Viewer): (() => void) | undefined {
      if (isClosed || viewers.size >= VIEWERS_MAX) return undefined
      viewers.add(viewer)
      viewer.hear(whole())
      if (viewers.size === 1) void look()
      return () => {
        viewers.delete(viewer)
        if (viewers.size > 0 || isLooking) return
        clearTimeout(timer)
        forget()
      }
    },

    get viewers(): number {
      return viewers.size
    },

    /** Ends every viewer's stream. */
    close(): void {
      isClosed = true
      clearTimeout(timer)
      for (const viewer of viewers) viewer.end()
      viewers.clear()
    },
  }
}

function keyed<Item>(items: Item[], idOf: (item: Item) => string): Keyed {
  return new Map(items.map(item => [idOf(item), jsonOf(item)]))
}

/** `{ set: [items], gone: [ids] }`, or nothing. */
function difference(name: string, before: Keyed, now: Keyed): string {
  const set = [...now].filter(([id, json]) => before.get(id) !== json).map(([, json]) => json)
  const gone = [...before.keys()].filter(id => !now.has(id))
  if (set.length === 0 && gone.length === 0) return ''
  return eventOf(name, `{"set":[${set.join(',')}],"gone":${jsonOf(gone)}}`)
}

/** JSON has no line feeds, so one `data` line holds it. */
const eventOf = (name: string, json: string): string => `event: ${name}\ndata: ${json}\n\n`

const jsonOf = (value: unknown): string => printableJson(JSON.stringify(value))
