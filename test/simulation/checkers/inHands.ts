// Whether what a process was told of is known to nobody any more: it never arrived there, or it died with the process
// before Redis could be told of it.
import type { Evidence, Trouble } from '../world/evidence.ts'

/** So long something may be in the hands of who heard it before Redis knows of it. */
const IN_HANDS_MS = 100

/** While it lasts Redis can't be told. */
const KEEPS = new Set<Trouble['kind']>([
  'agent asleep',
  'agent stands still',
  'redis line cut',
  'redis line silent',
  'redis line silent there',
  'redis line silent back',
  'redis line slow',
  'redis asleep',
  'redis restarts',
  'redis drops clients',
  'redis full',
])

/** One that is told to end, and holds no call, does not wait for a Redis that is away. */
const ENDS = new Set(['is killed', 'ends'])

/** A Redis that is back is connected to within a second, and what waited for it is sent again. */
const BACK_AFTER_MS = 2_500

/** Until when Redis could not be told of what a process was told of at that time. */
export function untoldUntilMs({ troubles }: Evidence, who: string, atMs: number): number {
  const concerns = (trouble: Trouble) =>
    trouble.who === 'redis' || trouble.who === who || trouble.who === `${who} line`
  let untilMs = atMs + IN_HANDS_MS
  for (const trouble of troubles) {
    const isOver = trouble.untilMs + BACK_AFTER_MS < atMs
    if (KEEPS.has(trouble.kind) && concerns(trouble) && trouble.fromMs <= untilMs && !isOver)
      untilMs = Math.max(untilMs, trouble.untilMs + BACK_AFTER_MS)
  }
  return untilMs
}

/** @param id a message's own id, or a channel's. */
export function isForgotten(evidence: Evidence, id: string, who: string): boolean {
  const delivered = evidence.deliveries.get(id)?.find(each => each.who === who)
  if (!delivered) return true
  const untilMs = untoldUntilMs(evidence, who, delivered.atMs)
  return evidence.lines.some(
    line => line.kind === 'process' && line.who === who && ENDS.has(line.what) && line.atMs <= untilMs,
  )
}

/** Whether anything of that kind befell Redis, or that process, one of its threads or their lines, in that time or so
 *  shortly before that it still felt it. */
export function hasTrouble(
  { troubles }: Evidence,
  who: string,
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
  kinds = /./,
): boolean {
  return troubles.some(
    trouble =>
      (trouble.who === 'redis' || trouble.who.split(/[/ ]/)[0] === who) &&
      kinds.test(trouble.kind) &&
      trouble.fromMs <= untilMs &&
      trouble.untilMs + BACK_AFTER_MS >= fromMs,
  )
}
