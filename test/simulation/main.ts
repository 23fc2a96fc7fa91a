// The simulation: hundreds of worlds, each from its seed, on virtual time. A seed that breaks a promise is made small and
// told as a story, with the command that repeats it.
//   bun test/simulation/main.ts [--seeds N | --minutes N | --seed S] [--first S]
import { parseArgs } from 'node:util'
import { stopwatchMs, takeOverRuntime } from './machine/runtime.ts'
import { shrink } from './shrink.ts'
import { storyOf } from './story.ts'
import { hearStrays, type Trial, tryPlan } from './trial.ts'
import { drawPlan } from './world/plan.ts'

const USAGE = `bun test/simulation/main.ts
  --seeds N     tries so many seeds, default 200
  --minutes N   tries seeds for so long
  --seed S      tries this one seed, and tells its story if it fails
  --first S     the first seed, default: by chance
  --whole       does not make failing seeds smaller
  --skip A,B    leaves these seeds out
  --until-broken  ends with the first seed that fails
  --stories N   tells so many stories for each broken promise, default 1`

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    first: { type: 'string' },
    whole: { type: 'boolean', default: false },
    skip: { type: 'string', default: '' },
    'until-broken': { type: 'boolean', default: false },
    stories: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(USAGE)
  process.exit(0)
}

takeOverRuntime()
hearStrays()

const first = Number(flags.seed ?? flags.first ?? Math.floor(Math.random() * 1e6))
const most = flags.seed === undefined ? Number(flags.seeds ?? (flags.minutes ? Infinity : 200)) : 1
const untilMs = flags.minutes === undefined ? Infinity : stopwatchMs() + Number(flags.minutes) * 60_000

/** By promise: the seeds that broke it. */
const broken = new Map<string, number[]>()
const failing = new Set<number>()
const figures = { seeds: 0, faults: 0, calls: 0, messages: 0, virtualMs: 0, steps: 0 }
const beganMs = stopwatchMs()
let spentShrinkingMs = 0

const skipped = new Set(flags.skip.split(',').filter(Boolean).map(Number))
const isOver = () => stopwatchMs() >= untilMs || (flags['until-broken'] && failing.size > 0)
for (let seed = first; seed < first + most && !isOver(); seed++) {
  if (skipped.has(seed)) continue
  const trial = await tryPlan(drawPlan(seed))
  note(trial)
  for (const finding of trial.findings) {
    const seeds = broken.get(finding.promise) ?? []
    broken.set(finding.promise, [...seeds, seed])
    failing.add(seed)
    if (seeds.length < Number(flags.stories)) await tell(seed, trial, finding)
  }
}
summarize()
process.exit(failing.size === 0 ? 0 : 1)

function note({ evidence }: Trial): void {
  figures.seeds += 1
  figures.faults += evidence.troubles.length
  figures.calls += evidence.jobs.length
  figures.messages += evidence.controls.length
  figures.virtualMs += evidence.endedAtMs
  figures.steps += evidence.steps
  if (most === 1) console.log(`seed ${first}: history ${evidence.hash}`)
}

async function tell(seed: number, trial: Trial, finding: Trial['findings'][number]): Promise<void> {
  const sinceMs = stopwatchMs()
  const { plan, runs } = flags.whole
    ? { plan: trial.evidence.plan, runs: 0 }
    : shrink(trial.evidence.plan, finding)
  const smaller = runs > 0 ? await tryPlan(plan) : trial
  const shown = smaller.findings.find(({ promise }) => promise === finding.promise) ?? finding
  const offender = shown.offenders[0]!
  console.log(`\nBROKEN: ${finding.promise}`)
  console.log(`  ${offender.about}: ${offender.why}`)
  console.log(`  seed ${seed}, ${plan.faults.length} fault(s) and ${plan.calls.length} call(s) left of`)
  console.log(
    `  ${trial.evidence.plan.faults.length} and ${trial.evidence.plan.calls.length}; again: npm run simulate -- --seed ${seed}`,
  )
  console.log(storyOf(smaller.evidence, offender))
  spentShrinkingMs += stopwatchMs() - sinceMs
}

function summarize(): void {
  const { seeds, faults, calls, messages, virtualMs, steps } = figures
  const tookMs = stopwatchMs() - beganMs - spentShrinkingMs
  const perMinute = Math.round(seeds / (tookMs / 60_000))
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20)
  for (const [promise, seedsOf] of broken)
    console.log(
      `\n${String(seedsOf.length).padStart(5)}  ${promise}\n       seeds ${seedsOf.slice(0, 20).join(' ')}`,
    )
  console.log(
    `\n${failing.size === 0 ? 'CLEAN' : `${failing.size} OF ${seeds} SEEDS FAIL`}: seeds ${first} to ${first + seeds - 1}`,
  )
  console.log(
    `  ${faults} faults, ${calls} calls, ${messages} messages in ${Math.round(virtualMs / 1_000)} virtual seconds, ${steps} steps`,
  )
  console.log(`  ${Math.round(tookMs / 1_000)} s, ${perMinute} seeds a minute, ${rss} MB`)
}
