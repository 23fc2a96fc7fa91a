// The story of one finding, in order of time: what was sent and said about one call, what the switch recorded, what the
// agents logged, and which faults were at work. A person reads it from top to bottom.
import type { Offender } from './checkers/checker.ts'
import type { Evidence } from './world/evidence.ts'
import { type Line, textOf } from './world/history.ts'

const LINES_MAX = 200
const CHARACTERS_MAX = 220

/** Faults are told from so long before the first line. */
const BEFORE_MS = 3_000

export function storyOf({ lines }: Evidence, { about }: Offender): string {
  const id = /\{(.+?)\}/.exec(about)?.[1] ?? /(?:call|odd|ordered|wake)-\d+/.exec(about)?.[0] ?? about
  const own = lines.filter(line => isAbout(line, id))
  const [fromMs, untilMs] = [(own[0]?.atMs ?? 0) - BEFORE_MS, own.at(-1)?.atMs ?? 0]
  const shown = lines.filter(
    line =>
      isAbout(line, id) ||
      ((line.kind === 'fault' || line.kind === 'process') && line.atMs >= fromMs && line.atMs <= untilMs),
  )
  return shown
    .slice(0, LINES_MAX)
    .map(line => `${(line.atMs / 1_000).toFixed(4).padStart(9)}  ${textOf(line).slice(0, CHARACTERS_MAX)}`)
    .join('\n')
}

function isAbout(line: Line, id: string): boolean {
  if (line.who === id) return true
  switch (line.kind) {
    case 'published':
      return line.channel === id || Object.values(line.message).includes(id)
    case 'switch': {
      const { record } = line
      if (record.kind === 'originate') return record.line.includes(`dial_id=${id},`)
      return 'dialId' in record && record.dialId === id
    }
    case 'log':
    case 'backend':
    case 'wake':
      return Object.values(line.fields).includes(id)
    default:
      return false
  }
}
