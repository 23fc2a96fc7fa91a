// Remembers since when each of several things holds: the caller names all that hold at this moment, and is told when each
// began. What holds no more is forgotten. Nothing is measured between two looks.

import type { Clock } from '../base/units.ts'

export interface SinceWhen {
  /** @param names what holds now. @returns when each began to hold, milliseconds of the epoch. */
  look(names: readonly string[]): Map<string, number>
}

export function createSinceWhen(clock: Clock): SinceWhen {
  let known = new Map<string, number>()
  return {
    look(names) {
      const nowMs = clock()
      known = new Map(names.map(name => [name, known.get(name) ?? nowMs]))
      return known
    },
  }
}
