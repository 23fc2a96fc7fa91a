// Measures the push budget beside the fixed schedule: seeded phones of several kinds, in virtual time, against the schedule
// that wait workers run. The same flags print the same tables. The first is of phones that say which push they answer
// (`message_start_time`), as the published apps do; the second of phones that do not, as those that confirm by REGISTER. A
// phone begins without a history, and all of its calls are counted. `mixed` is a fleet: six tenths fast phones, a quarter
// slow ones, the others lossy.
//   bun bench/budget/main.ts [--phones 200] [--wakes 250] [--seed 1] [--wait 4000] [--interval 1000]
import { parseArgs } from 'node:util'
import { toSeconds } from '../../src/base/units.ts'
import { createPhone, KINDS } from './phones.ts'
import { runTrial, type TrialFigures } from './trial.ts'
import { takeOverTimers } from './virtualTime.ts'

const { values: flags } = parseArgs({
  options: {
    phones: { type: 'string', default: '200' },
    wakes: { type: 'string', default: '250' },
    seed: { type: 'string', default: '1' },
    wait: { type: 'string', default: '4000' },
    interval: { type: 'string', default: '1000' },
  },
})
const phones = Number(flags.phones)
const plan = {
  waitMs: Number(flags.wait),
  resendIntervalMs: Number(flags.interval),
  wakes: Number(flags.wakes),
}
const time = takeOverTimers()

/** Phones of each kind in a fleet, of `phones`. */
const FLEET: Record<string, number> = { fast: 0.6, slow: 0.25, lossy: 0.15 }

const SCHEDULES = ['fixed', 'budget'] as const
type Schedule = (typeof SCHEDULES)[number]

/** Apart from each other: no two kinds share a phone's seed. */
const SEEDS_OF_KIND = 1_000_000
const SEEDS_OF_PHONE = 1_000

function measure(kindIndex: number, schedule: Schedule, saysPush: boolean): TrialFigures[] {
  return Array.from({ length: phones }, (_, index) => {
    const seed = Number(flags.seed) + SEEDS_OF_KIND * kindIndex + SEEDS_OF_PHONE * index
    const phone = createPhone(KINDS[kindIndex]!, seed, saysPush)
    return runTrial(time, phone, { ...plan, keepsHistory: schedule === 'budget' })
  })
}

function row(name: string, schedule: Schedule, all: readonly TrialFigures[]): string[] {
  const sum = (read: (figures: TrialFigures) => number) =>
    all.reduce((total, figures) => total + read(figures), 0)
  const answeredMs = all.flatMap(each => each.answeredMs).sort((one, other) => one - other)
  const at = (part: number) =>
    `${toSeconds(answeredMs[Math.floor(answeredMs.length * part)] ?? 0).toFixed(2)} s`
  return [
    name,
    schedule,
    (sum(each => each.pushesAnswered) / answeredMs.length).toFixed(3),
    `${((100 * answeredMs.length) / sum(each => each.wakes)).toFixed(2)} %`,
    at(0.5),
    at(0.95),
  ]
}

function printTable(saysPush: boolean): void {
  const measured = KINDS.map((kind, index) => ({
    name: kind.name,
    fixed: measure(index, 'fixed', saysPush),
    budget: measure(index, 'budget', saysPush),
  }))
  const fleetOf = (schedule: Schedule) =>
    measured.flatMap(each => each[schedule].slice(0, Math.round(phones * (FLEET[each.name] ?? 0))))
  const groups = [...measured, { name: 'mixed', fixed: fleetOf('fixed'), budget: fleetOf('budget') }]
  const lines = [
    ['', 'schedule', 'pushes per answered wake', 'wake rate', 'answer p50', 'p95'],
    ...groups.flatMap(each => SCHEDULES.map(schedule => row(each.name, schedule, each[schedule]))),
  ]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  const padded = (cell: string, column: number) =>
    column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
  console.log(`\nPhones that ${saysPush ? 'say' : 'do not say'} which push they answer:`)
  for (const line of lines) console.log(line.map(padded).join('  '))
}

console.log(`${phones} phones of each kind, ${plan.wakes} calls each, seed ${flags.seed};`)
console.log(`a wait of ${plan.waitMs} ms, a push every ${plan.resendIntervalMs} ms at most.`)
printTable(true)
printTable(false)
