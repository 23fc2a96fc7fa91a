// Logs events that strangers can cause as often as they like. The first event of each kind in a minute is a line; the
// others are counted, and the next line says how many they were. Exact numbers are for the metrics.
import type { Log } from './log.ts'
import { type Clock, MS_PER_MINUTE } from './units.ts'

const WINDOW_MS = MS_PER_MINUTE

/** Lines in a window: enough for every PBX that a wrong setting refuses, too few to fill a disk. */
const LINES_MAX = 20

/** Warns. `kind`: one line for each, such as an address. */
export type RareLog = (kind: string, fields: object, message: string) => void

export function createRareLog(log: Pick<Log, 'warn'>, clock: Clock): RareLog {
  const told = new Set<string>()
  let beganAtMs = Number.NEGATIVE_INFINITY
  let withheld = 0
  return (kind, fields, message) => {
    const nowMs = clock()
    // A clock that was set back begins a window, too.
    if (Math.abs(nowMs - beganAtMs) >= WINDOW_MS) {
      told.clear()
      beganAtMs = nowMs
    }
    if (told.has(kind) || told.size >= LINES_MAX) {
      withheld += 1
      return
    }
    told.add(kind)
    log.warn(withheld === 0 ? fields : { ...fields, withheld }, message)
    withheld = 0
  }
}
