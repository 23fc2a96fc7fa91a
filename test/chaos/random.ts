// Chance that can be had again: a small generator that gives the same numbers for the same seed. Each part of a run
// draws from a stream of its own, so that one part's timing does not change what another one does.

export interface Random {
  /** 0 up to, and without, 1. */
  next(): number
  between(min: number, max: number): number
  /** A whole number, both ends included. */
  whole(min: number, max: number): number
  chance(probability: number): boolean
  /** @throws when the list is empty. */
  pick<Item>(items: readonly Item[]): Item
  /** By weight: the second of each pair. */
  weighted<Item>(rows: readonly (readonly [Item, number])[]): Item
  shuffle<Item>(items: Item[]): Item[]
}

/** Mulberry32: 32 bits of state are plenty for a schedule. @param stream names the part of the run. */
export function seededRandom(seed: number, stream: string): Random {
  let state = Number(Bun.hash.crc32(`${seed}/${stream}`))
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))

  return {
    next,
    whole,
    between: (min, max) => min + next() * (max - min),
    chance: probability => next() < probability,
    pick<Item>(items: readonly Item[]): Item {
      if (items.length === 0) throw new Error('nothing to pick from')
      return items[whole(0, items.length - 1)]!
    },
    weighted<Item>(rows: readonly (readonly [Item, number])[]): Item {
      let left = next() * rows.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [item, weight] of rows) {
        left -= weight
        if (left < 0) return item
      }
      return rows.at(-1)![0]
    },
    shuffle<Item>(items: Item[]): Item[] {
      for (let last = items.length - 1; last > 0; last--) {
        const other = whole(0, last)
        ;[items[last], items[other]] = [items[other]!, items[last]!]
      }
      return items
    },
  }
}
