// A short chaos run: one seed, so that the same faults come in the same order each time, dense enough that every kind
// comes at least once. The long one is `npm run chaos`.
import { expect, test } from 'bun:test'
import { drawPlan } from './plan.ts'
import { runChaos } from './run.ts'
import { storyOf } from './story.ts'

const SEED = 4
const SECONDS = 24
const FAULTS = 26

/** The run itself, the start of all processes before it, the last calls after it, on a machine that is busy. */
const TIMEOUT_MS = 120_000

test(
  'loses no job, rings no phone twice, ends every call, answers every message once and every wake rightly',
  async () => {
    const { findings, evidence } = await runChaos(
      drawPlan({ seed: SEED, seconds: SECONDS, faults: FAULTS, say: () => undefined }),
    )
    const offenders = findings.flatMap(({ what, offenders }) =>
      offenders.map(({ id, why }) => `${what}: ${id}: ${why}`),
    )
    const first = findings.find(each => each.offenders.length > 0)?.offenders[0]
    if (first) console.error(storyOf(evidence, first.id))
    expect(offenders).toEqual([])
    expect(evidence.jobs.length).toBeGreaterThan(100)
    expect([...evidence.ledger.counts.values()].reduce((sum, count) => sum + count, 0)).toBe(FAULTS)
  },
  TIMEOUT_MS,
)
