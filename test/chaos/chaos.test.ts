// A short chaos run: one seed, so that the same faults come in the same order each time, dense enough that every kind
// comes at least once. What took how long is not judged here, where other programs may have the machine; the long run,
// `npm run chaos`, judges that too.
import { expect, test } from 'bun:test'
import { drawPlan } from './plan.ts'
import { runChaos } from './run.ts'
import { storyOf } from './story.ts'

const SEED = 4
const SECONDS = 24
const FAULTS = 26

/** The run itself, the start of all processes before it, the last calls after it, on a machine that is busy. */
const TIMEOUT_MS = 300_000

test(
  'loses no job, rings no phone twice, ends every call, answers every message once and every wake rightly',
  async () => {
    const { findings, evidence } = await runChaos(
      // Phones that sleep are the long run's alone: this one stays as short as it is.
      {
        ...drawPlan({ seed: SEED, seconds: SECONDS, faults: FAULTS, say: () => undefined }),
        sleepersPerSecond: 0,
      },
    )
    const wrong = findings.filter(each => !each.isTiming)
    const offenders = wrong.flatMap(({ what, offenders }) =>
      offenders.map(({ id, why }) => `${what}: ${id}: ${why}`),
    )
    const first = wrong.find(each => each.offenders.length > 0)?.offenders[0]
    if (first) console.error(storyOf(evidence, first.id))
    expect(offenders).toEqual([])
    expect(evidence.jobs.length).toBeGreaterThan(100)
    // One that finds nobody to suffer it in time is left out.
    const carriedOut = [...evidence.ledger.counts.values()].reduce((sum, count) => sum + count, 0)
    expect(carriedOut).toBeGreaterThan(0.8 * FAULTS)
  },
  { timeout: TIMEOUT_MS },
)
