// A timeline as programs get it, from the internal API and from the command line alike: the wire's names, and times in
// seconds since the epoch, to the millisecond.
import { assertNever } from '../base/result.ts'
import { toSeconds } from '../base/units.ts'
import type { AccountTimelines, Timeline } from './reader.ts'

export function wireFormOf(found: Timeline | AccountTimelines) {
  switch (found.kind) {
    case 'call': {
      const { id, summary, lines, leftOut } = found
      const entries = lines.map(({ atMs, by, what, text, fields }) => ({
        at: toSeconds(atMs),
        by,
        what,
        text,
        ...onWire(fields),
      }))
      return { id, summary, entries, left_out: leftOut }
    }
    case 'account': {
      const { account, calls } = found
      return { account, calls: calls.map(({ id, atMs, summary }) => ({ id, at: toSeconds(atMs), summary })) }
    }
    default:
      return assertNever(found)
  }
}

/** Names as the wire has them: `roundTripMs` is `round_trip_ms`. */
const onWire = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
