// Makes one report of what all parts have found: problems first, then warnings, then what works. What several parts have
// found alike stands once. Nothing is examined here.
import { type ClockDifference, compareClocks, type Finding, type FindingLevel } from '../base/finding.ts'

/** A finding and what it is about: `Redis`, `Switch 10.0.0.5:8021, Switch 10.0.0.6:8021`, `App com.example.phone (apns)`. */
export interface PlacedFinding extends Finding {
  part: string
}

/** What a part has found, before it is joined with the others'. */
export type RawFinding = PlacedFinding & { clock?: ClockDifference }

const ORDER: readonly FindingLevel[] = ['problem', 'warning', 'ok']

/** Findings of one level stay in the order in which the parts gave them. */
export function reportOf(found: readonly RawFinding[]): PlacedFinding[] {
  const told = joinAlike(joinClocks(found))
  return ORDER.flatMap(level => told.filter(each => each.level === level))
}

/** Two switches that refuse one password, ten apps whose vendor can't be reached: one cause, one finding. */
function joinAlike(found: readonly PlacedFinding[]): PlacedFinding[] {
  const byWords = new Map<string, PlacedFinding>()
  for (const finding of found) {
    const { level, check, what, part } = finding
    const words = JSON.stringify([level, check, what])
    const alike = byWords.get(words)
    if (alike === undefined) byWords.set(words, finding)
    else if (alike.part !== part) byWords.set(words, { ...alike, part: `${alike.part}, ${part}` })
  }
  return [...byWords.values()]
}

/** Where this machine's clock is wrong, it differs from all other clocks in the same direction. */
function joinClocks(found: readonly RawFinding[]): PlacedFinding[] {
  const joined = new Set<RawFinding>()
  const findings = found.flatMap((each): PlacedFinding[] => {
    const { clock, ...finding } = each
    if (clock === undefined || each.level === 'ok') return [finding]
    if (joined.has(each)) return []
    const alike = found.filter(
      other =>
        other.clock !== undefined &&
        other.level !== 'ok' &&
        Math.sign(other.clock.offsetMs) === Math.sign(clock.offsetMs),
    )
    for (const other of alike) joined.add(other)
    if (alike.length === 1) return [finding]
    const [largest] = alike.toSorted((a, b) => Math.abs(b.clock!.offsetMs) - Math.abs(a.clock!.offsetMs))
    const others = [...new Set(alike.map(other => other.clock!.whose))]
    const { clock: _, ...all } = compareClocks(listed(others), largest!.clock!.offsetMs)
    return [{ part: 'Machine', ...all }]
  })
  return findings
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
