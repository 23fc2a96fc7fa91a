// Who hears whom. Each phone plays a tone of its own; what arrives at each is searched for all of them. A finding
// counts when it has stood for two stretches of time, and goes into the table that the suite prints at its end.
import { HERTZ } from './testbed.ts'
import { HEARD_AMPLITUDE, loudnessOf } from './tones.ts'

/** What can be heard, in the table's order. `ring`: the ring-back, whose tones are the United States' own. */
export type Sound = keyof typeof HERTZ | 'ring'

const SOUNDS: Record<Sound, number> = { ...HERTZ, ring: 440 }

/** Listeners by their letter, each with everything that it hears. */
export type Hearing = Record<string, Sound[]>

/** A phone that talks: what arrives at it in the next stretch of time. */
interface Listener {
  hear(lengthMs: number): Promise<Float32Array>
}

/** 1,600 samples tell tones apart that lie 15 Hz from each other. */
const STRETCH_MS = 200

/** The switch applies an order within 40 ms; a loaded machine gets a hundred times that. */
const SETTLED_WITHIN_MS = 4_000

const rows: { when: string; hearing: Hearing }[] = []

/** Listens until exactly this is heard, twice in a row. @throws when it never is, showing what was heard instead. */
export async function expectHearing(
  when: string,
  legs: Record<string, Listener>,
  expected: Hearing,
): Promise<void> {
  const wanted = JSON.stringify(expected)
  const limitAtMs = Date.now() + SETTLED_WITHIN_MS
  let timesInRow = 0
  let last = ''
  while (timesInRow < 2) {
    last = JSON.stringify(await hearingOf(legs))
    timesInRow = last === wanted ? timesInRow + 1 : 0
    if (timesInRow === 0 && Date.now() > limitAtMs)
      throw new Error(`${when}: expected ${wanted}, but heard ${last}`)
  }
  rows.push({ when, hearing: expected })
}

/** What each of them hears in the next stretch of time. */
export async function hearingOf(legs: Record<string, Listener>): Promise<Hearing> {
  const heard = await Promise.all(
    Object.entries(legs).map(async ([letter, leg]) => {
      const samples = await leg.hear(STRETCH_MS)
      const sounds = (Object.keys(SOUNDS) as Sound[]).filter(
        sound => loudnessOf(SOUNDS[sound], samples) > HEARD_AMPLITUDE,
      )
      return [letter, sounds] as const
    }),
  )
  return Object.fromEntries(heard)
}

/** The table of everything that was found. */
export function hearingTable(): string {
  const letters = [...new Set(rows.flatMap(row => Object.keys(row.hearing)))]
  const lines = [
    ['', ...letters.map(letter => `${letter} hears`)],
    ...rows.map(({ when, hearing }) => [
      when,
      ...letters.map(letter => (hearing[letter] ? hearing[letter].join(' ') || '-' : '')),
    ]),
  ]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  return lines.map(line => line.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')).join('\n')
}
