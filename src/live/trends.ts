// Finds what has become worse: compares the wakes, round trips, pushes and calls of the last minutes with the rest of the
// hour. So a rate that is usual at this site is not reported, and a thing that never worked is. A rule is a function of
// the counts.
import { MS_PER_MINUTE, MS_PER_SECOND } from '../base/units.ts'
import { labelsOfCause } from '../esl/hangupCauses.ts'
import { type HourTotals, type HourView, type MinuteView, RECENT_MINUTES } from './hourView.ts'
import { isPeoplesWish } from './recentProblems.ts'
import { count, link, type Trouble } from './trouble.ts'

/** Fewer events than this in the last minutes prove nothing. */
const RECENT_MIN = 5
/** So many events of the rest of the hour make a rate to compare with. */
const BEFORE_MIN = 20
/** The same for a quiet hour, which is looked at as a whole. */
const HOUR_MIN = 10

/** A rate also falls by chance. A fall of more than three standard deviations, and of a tenth at least, is no chance. */
const DEVIATIONS = 3
const DROP_MIN = 0.1

/** Round trips differ by a fifth from minute to minute. Twice as long, and so much longer that people notice, is told. */
const SLOWER_TIMES = 2
const SLOWER_MIN_MS = 300

/** Of the pushes; a vendor asks for patience now and then. */
const RETRY_PART = 0.3

/** Parts of the calls that fail: from the first on a person has to look, from the second on it is an outage. */
const FAILING_PART = 0.1
const OUTAGE_PART = 0.5
const FAILING_MIN = 3

const LATELY = `in the last ${RECENT_MINUTES} minutes`

export const troublesOfHour = (hour: HourView): Trouble[] => [
  ...wakes(hour),
  ...trips(hour),
  ...refusals(hour),
  ...retries(hour),
  ...calls(hour),
]

/** @returns when the newest row of minutes began in which it was so. Minutes that say nothing neither begin nor end it. */
function sinceOf(
  minutes: readonly MinuteView[],
  isSo: (minute: MinuteView) => boolean | undefined,
): { sinceMs?: number } {
  let since: number | undefined
  for (const minute of minutes.toReversed()) {
    const answer = isSo(minute)
    if (answer === false && since !== undefined) break
    if (answer) since = minute.minute
  }
  return since === undefined ? {} : { sinceMs: since * MS_PER_MINUTE }
}

export interface WakeShare {
  confirmed: number
  /** Without those that a person ended. */
  tries: number
}

export function wakeShareOf({ wakes: ends }: Pick<HourTotals, 'wakes'>): WakeShare {
  const tries = Object.entries(ends).filter(([reason]) => !isPeoplesWish(reason))
  return { confirmed: ends.confirmed ?? 0, tries: tries.reduce((sum, [, times]) => sum + times, 0) }
}

const rateOf = ({ confirmed, tries }: WakeShare): number => (tries === 0 ? 0 : confirmed / tries)

/** A wake's reasons, for people. */
const REASONS: Record<string, string> = {
  'no-device': 'no phone is registered for the account',
  timeout: 'no phone woke in time',
  'push-refused': 'Apple or Google took no push',
  busy: 'no room, or no Redis',
}

function wakes({ recent, before, totals, minutes }: HourView): Trouble[] {
  const [now, usual, all] = [recent, before, totals].map(wakeShareOf) as [WakeShare, WakeShare, WakeShare]
  const isNow = now.tries >= RECENT_MIN
  const share = isNow ? now : all
  if (!isNow && !(all.tries >= HOUR_MIN && all.confirmed === 0)) return []
  const rate = rateOf(share)
  const hasUsual = usual.tries >= BEFORE_MIN
  const usualRate = rateOf(usual)
  const isOutage = share.confirmed === 0 || (hasUsual && rate < usualRate / 2)
  const chance = Math.sqrt((usualRate * (1 - usualRate)) / Math.max(1, share.tries))
  const isDrop = hasUsual ? usualRate - rate > Math.max(DROP_MIN, DEVIATIONS * chance) : rate < 1 / 2
  if (!isOutage && !isDrop) return []
  const limit = share.confirmed === 0 ? 0 : hasUsual ? (usualRate + rate) / 2 : 1 / 2
  const why =
    REASONS[mostOf(isNow ? recent.wakes : totals.wakes, reason => REASONS[reason] !== undefined) ?? '']
  const whole =
    share.confirmed === 0
      ? `None of ${count(share.tries, 'wake')}`
      : `Only ${share.confirmed} of ${count(share.tries, 'wake')}`
  const when = isNow ? LATELY : 'in the last hour'
  const former = usualRate > 0 && hasUsual ? `, ${percent(usualRate)} before` : ''
  return [
    {
      id: 'wakes',
      level: isOutage ? 'bad' : 'warn',
      words: [
        link(whole, 'outcomes'),
        ` ${share.confirmed === 0 ? 'was' : 'were'} confirmed ${when}${former}${why ? `: ${why}` : ''}.`,
      ],
      ...sinceOf(minutes, minute => {
        const each = wakeShareOf(minute)
        return each.tries === 0 ? undefined : rateOf(each) <= limit
      }),
    },
  ]
}

function trips({ recent, before, minutes }: HourView): Trouble[] {
  const [now, usual] = [recent.trips, before.trips]
  if (now.times < RECENT_MIN || usual.times < BEFORE_MIN || now.p50 === null || usual.p50 === null) return []
  const usualMs = usual.p50
  if (now.p50 < SLOWER_TIMES * usualMs || now.p50 - usualMs < SLOWER_MIN_MS) return []
  const limit = (now.p50 + usualMs) / 2
  return [
    {
      id: 'trips',
      level: 'warn',
      words: [
        'Phones take ',
        link(seconds(now.p50), 'trips'),
        ` to wake ${LATELY}, ${seconds(usualMs)} before.`,
      ],
      ...sinceOf(minutes, ({ trips: each }) => (each.p50 === null ? undefined : each.p50 >= limit)),
    },
  ]
}

function refusals({ recent, minutes }: HourView): Trouble[] {
  const all = sumOf(recent.pushes)
  const byApp = Map.groupBy(Object.entries(recent.refusals), ([name]) => appOf(name))
  return [...byApp].map(([app, entries]) => {
    const times = entries.reduce((sum, [, each]) => sum + each, 0)
    const reason = mostOf(Object.fromEntries(entries))!.slice(app.length + 1)
    const isOutage = times >= FAILING_MIN && times >= OUTAGE_PART * all
    return {
      id: `refused ${app}`,
      level: isOutage ? 'bad' : 'warn',
      words: [
        link(`${count(times, 'push', 'pushes')} of ${app}`, 'pushes'),
        ` refused ${LATELY}: ${reason}.`,
      ],
      ...sinceOf(minutes, minute => {
        if (sumOf(minute.pushes) === 0) return undefined
        return Object.keys(minute.refusals).some(name => appOf(name) === app)
      }),
    }
  })
}

/** No app's id has a blank. */
const appOf = (refusal: string): string => refusal.split(' ', 1)[0]!

const VENDORS = [
  { name: 'Apple', platforms: ['apns'] },
  { name: 'Google', platforms: ['gcm', 'android'] },
]

function retries({ recent, minutes }: HourView): Trouble[] {
  return VENDORS.flatMap(({ name, platforms }) => {
    const of = (outcome?: string) =>
      Object.entries(recent.pushes)
        .filter(([each]) => platforms.some(platform => each.startsWith(`${platform}.${outcome ?? ''}`)))
        .reduce((sum, [, times]) => sum + times, 0)
    const [late, all] = [of('retry-later'), of()]
    if (late < RECENT_MIN || late < RETRY_PART * all) return []
    return [
      {
        id: `retry ${name}`,
        level: 'warn' as const,
        words: [
          link(`${late} of ${count(all, 'push', 'pushes')}`, 'pushes'),
          ` to ${name} got no answer, or “later”, ${LATELY}.`,
        ],
        ...sinceOf(minutes, minute =>
          sumOf(minute.pushes) === 0 ? undefined : (minute.pushes['retry-later'] ?? 0) > 0,
        ),
      },
    ]
  })
}

/** Causes that are no person's doing. */
const TECHNICAL = new Set(['gateway', 'congestion', 'network', 'media', 'switch'])
const isTechnical = (cause: string): boolean => TECHNICAL.has(labelsOfCause(cause).class)

/** Jobs that were dialled and never became a call. */
const NOT_MADE = ['failed', 'unknown']

function failingOf({ hangups, dials }: Pick<HourTotals, 'hangups' | 'dials'>): {
  failing: number
  all: number
} {
  const notMade = NOT_MADE.reduce((sum, result) => sum + (dials[result] ?? 0), 0)
  const technical = Object.entries(hangups).filter(([cause]) => isTechnical(cause))
  return {
    failing: notMade + technical.reduce((sum, [, times]) => sum + times, 0),
    all: notMade + sumOf(hangups),
  }
}

function calls({ recent, before, minutes }: HourView): Trouble[] {
  const [now, usual] = [failingOf(recent), failingOf(before)]
  const part = now.failing / Math.max(1, now.all)
  const usualPart = usual.all >= BEFORE_MIN ? usual.failing / usual.all : 0
  if (now.failing < FAILING_MIN || part < FAILING_PART) return []
  if (part < OUTAGE_PART && part < SLOWER_TIMES * usualPart) return []
  const cause = mostOf(recent.hangups, isTechnical)
  const limit = Math.min(part, Math.max(FAILING_PART, usualPart)) / 2
  return [
    {
      id: 'failing',
      level: part >= OUTAGE_PART ? 'bad' : 'warn',
      words: [
        link(`${now.failing} of ${count(now.all, 'leg')}`, 'outcomes'),
        ` of calls failed ${LATELY}${usualPart > 0 ? `, ${percent(usualPart)} before` : ''}${cause ? `: ${cause}` : ''}.`,
      ],
      ...sinceOf(minutes, minute => {
        const each = failingOf(minute)
        return each.all === 0 ? undefined : each.failing / each.all > limit
      }),
    },
  ]
}

/** The most frequent name of those that count. */
function mostOf(
  counts: Record<string, number>,
  isMeant: (name: string) => boolean = () => true,
): string | undefined {
  const [most] = Object.entries(counts)
    .filter(([name]) => isMeant(name))
    .sort(([, a], [, b]) => b - a)
  return most?.[0]
}

const sumOf = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, times) => sum + times, 0)

const percent = (part: number): string => `${Math.round(100 * part)} %`
const seconds = (ms: number): string => `${(ms / MS_PER_SECOND).toFixed(1)} s`
