// The chaos run: agents, fronts, Redis and two switches as processes, under steady traffic, while they are killed,
// paused, terminated, cut off and restarted at random. Then everything is healed, and the records of the switches, the
// phones and an ear that heard everything are compared: nothing may be lost, doubled or left behind.
//   bun test/chaos/main.ts [--seed N] [--seconds N] [--faults N]
import { parseArgs } from 'node:util'
import { drawPlan } from './plan.ts'
import { runChaos, type Verdict } from './run.ts'
import { storyOf } from './story.ts'

const USAGE = `bun test/chaos/main.ts
  --seed N      what is drawn: the same number, the same faults; default: by chance
  --seconds N   how long traffic and faults go on, default 270
  --faults N    how many faults, default 240
  --evidence F  writes everything that was heard and recorded to this file, as JSON`

/** 128 + SIGINT, as shells count. */
const EXIT_BROKEN_OFF = 130

/** Beside the first one, whose story is told. */
const OFFENDERS_SHOWN_MAX = 12

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    seconds: { type: 'string', default: '270' },
    faults: { type: 'string', default: '240' },
    evidence: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(USAGE)
  process.exit(0)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(EXIT_BROKEN_OFF))

const seed = Number(flags.seed ?? Math.floor(Math.random() * 1e6))
const say = (line: string) => console.log(line)
const startMs = performance.now()
console.log(`seed ${seed}: ${flags.faults} faults in ${flags.seconds} s`)
const verdict = await runChaos(
  drawPlan({ seed, seconds: Number(flags.seconds), faults: Number(flags.faults), say }),
)
print(verdict)
if (flags.evidence) await Bun.write(flags.evidence, evidenceText(verdict))
process.exit(verdict.isClean ? 0 : 1)

function print({ findings, figures, faults, isClean, evidence }: Verdict): void {
  const row = ([name, value]: [string, string | number]) => `  ${name.padEnd(58)} ${value}`
  const carriedOut = faults.reduce((sum, [, count]) => sum + count, 0)
  console.log(`\nfaults: ${carriedOut}\n${faults.map(row).join('\n')}`)
  console.log(`\nfigures\n${figures.map(row).join('\n')}`)
  console.log('\nmust be none')
  console.log(findings.map(({ what, offenders }) => row([what, offenders.length])).join('\n'))
  for (const { what, offenders } of findings) {
    if (offenders.length === 0) continue
    console.log(`\n${what.toUpperCase()}`)
    console.log(
      offenders
        .slice(0, OFFENDERS_SHOWN_MAX)
        .map(({ id, why }) => `  ${id}: ${why}`)
        .join('\n'),
    )
    console.log(`\n${storyOf(evidence, offenders[0]!.id)}`)
  }
  const seconds = Math.round((performance.now() - startMs) / 1_000)
  console.log(`\n${isClean ? 'CLEAN' : 'NOT CLEAN'}: seed ${seed}, ${carriedOut} faults, ${seconds} s`)
}

function evidenceText({ evidence }: Verdict): string {
  const { heard, members, ...rest } = evidence
  return JSON.stringify({
    ...rest,
    heard: [...heard],
    members: members.map(({ name, pid, upAtMs }) => ({ name, pid, upAtMs })),
  })
}
