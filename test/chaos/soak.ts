// The soak: an hour's worth of calls and wakes in a few minutes, in rounds, on the chaos run's scene and without its
// faults. After each round, when all is quiet, it is looked at what the processes hold and what stands in Redis; at the
// end all of that must be as it was after the first rounds, and everything that was asked for must have been done.
//   bun test/chaos/soak.ts [--rounds N] [--seconds N] [--seed N]
import { parseArgs } from 'node:util'
import { type CallTraffic, startCallTraffic } from './callTraffic.ts'
import type { Evidence, Finding } from './evidence.ts'
import { growths, type Holding, holdingOf, rowOf } from './holdings.ts'
import { judgeCalls } from './judgeCalls.ts'
import { judgeControls } from './judgeControls.ts'
import { judgeWakes } from './judgeWakes.ts'
import { type ChaosPlan, drawPlan } from './plan.ts'
import { recordsOf, untilQuiet, untilReady } from './quiet.ts'
import { openScene, type Scene } from './scene.ts'
import { createSleeperTraffic } from './sleeperTraffic.ts'
import { createWakeTraffic } from './wakeTraffic.ts'

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '20' },
  },
})

/** Of each, an hour at one a second is 3,600: eight rounds of twenty seconds. */
const JOBS_PER_SECOND = 23
const WAKES_PER_SECOND = 23
const CONTROLS_PER_SECOND = 60

/** 128 + SIGINT, as shells count. */
const EXIT_BROKEN_OFF = 130
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(EXIT_BROKEN_OFF))

const plan: ChaosPlan = {
  ...drawPlan({ seed: Number(flags.seed), seconds: Number(flags.seconds), faults: 0, say: console.log }),
  jobsPerSecond: JOBS_PER_SECOND,
  controlsPerSecond: CONTROLS_PER_SECOND,
  wakesPerSecond: WAKES_PER_SECOND,
}
const findings = await soak(plan, Number(flags.rounds))
for (const { what, offenders } of findings) {
  console.log(`  ${what.padEnd(58)} ${offenders.length}`)
  for (const { id, why } of offenders.slice(0, 12)) console.log(`      ${id}: ${why}`)
}
const isClean = findings.every(each => each.offenders.length === 0)
console.log(isClean ? '\nFLAT' : '\nNOT FLAT')
process.exit(isClean ? 0 : 1)

async function soak(of: ChaosPlan, rounds: number): Promise<Finding[]> {
  let calls: CallTraffic | undefined
  let scene: Scene | undefined
  const wakes = createWakeTraffic(of, () => scene!.crew)
  scene = await openScene(of, {
    onMessage: (channel, message) => calls?.hear(channel, message),
    onLine: wakes.onLine,
  })
  try {
    await wakes.register()
    await untilReady(scene)
    const beganAtMs = Date.now()
    const holdings: Holding[] = []
    const traffics: CallTraffic[] = []
    let leftovers: string[] = []
    for (let round = 1; round <= rounds; round++) {
      // A seed of its own, because ids are made of it.
      calls = startCallTraffic({ ...of, seed: of.seed * 1_000 + round }, scene.redis.port)
      traffics.push(calls)
      wakes.start()
      await Bun.sleep(of.seconds * 1_000)
      calls.stop()
      await wakes.stop()
      leftovers = await untilQuiet(scene)
      const holding = await holdingOf(scene)
      holdings.push(holding)
      const jobs = traffics.reduce((sum, each) => sum + each.jobs.length, 0)
      of.say(`round ${round}: ${jobs} calls, ${wakes.wakes.length} wakes  ${rowOf(holding)}`)
    }
    const evidence: Evidence = {
      plan: of,
      beganAtMs,
      jobs: traffics.flatMap(each => each.jobs),
      controls: traffics.flatMap(each => each.controls),
      wakes: wakes.wakes,
      sleepers: createSleeperTraffic(of, () => scene!),
      heard: scene.ear.heard,
      records: await recordsOf(scene),
      log: scene.crew.log,
      members: scene.crew.members,
      memberOfAgent: scene.crew.memberOfAgent,
      troubles: scene.troubles,
      ledger: { counts: new Map(), downfalls: [], badExits: [] },
      deadLetters: [],
      leftovers,
      samples: [],
    }
    return [
      ...[judgeCalls, judgeControls, judgeWakes].flatMap(each => each(evidence).findings),
      { what: 'keys left behind', offenders: leftovers.map(id => ({ id, why: 'still there' })) },
      { what: 'what grew', offenders: growths(holdings) },
    ]
  } finally {
    await scene.close()
  }
}
