// A hundred fixed seeds, each a world of its own with its faults: no promise may be broken in any of them. New ones are
// tried with `npm run simulate`. A seed stands here once what it found is mended.
import { describe, expect, test } from 'bun:test'
import { takeOverRuntime } from './machine/runtime.ts'
import { hearStrays, tryPlan } from './trial.ts'
import { drawPlan } from './world/plan.ts'

takeOverRuntime()
hearStrays()

const SEEDS = 100
/** Of one test. */
const LOT = 10

/** Ten seeds take two seconds of one core; a machine on which much else runs gets this. */
const LOT_TIMEOUT_MS = 120_000

/** Seeds that still break a promise: each is a fault of ours that is known, and joins the others when it is mended. */
const OPEN: Record<number, string> = {
  33: 'a message that is heard while the line to Redis is silent and the call has ended has no answer',
}

const seeds: number[] = []
for (let seed = 1; seeds.length < SEEDS; seed++) if (!(seed in OPEN)) seeds.push(seed)

describe('no promise is broken', () => {
  for (let at = 0; at < seeds.length; at += LOT) {
    const lot = seeds.slice(at, at + LOT)
    test(
      `in seeds ${lot[0]} to ${lot.at(-1)}`,
      async () => {
        for (const seed of lot) {
          const { findings } = await tryPlan(drawPlan(seed))
          expect({ seed, findings }).toEqual({ seed, findings: [] })
        }
      },
      LOT_TIMEOUT_MS,
    )
  }
})
