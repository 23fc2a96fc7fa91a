// Measures the wake: PBX requests held at one process, confirmations posted at another, one Redis between them.
// hookswitch, another checkout of it (`--before`), the floor and nchan take turns, round by round, so that whatever else
// the machine does falls on all of them. Prints medians, and hookswitch's ratios to the others.
//   bun bench/wake/main.ts [--quick] [--before <directory>] [--only hookswitch,before,floor,nchan]
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../service.ts'
import { type Driver, openDriver, type RoundFigures } from './driver.ts'
import { FULL, type Plan, QUICK } from './plan.ts'
import { openFilesMax, raisePriority } from './processes.ts'
import { median, type Row, table } from './report.ts'
import type { TargetKind } from './requests.ts'
import { startFloor, startHookswitch, startNchan, type Target } from './targets.ts'

const KINDS: TargetKind[] = ['hookswitch', 'before', 'floor', 'nchan']

/** A higher priority than other programs have, whose nice value is 0. */
const NICENESS = -5

/** Files of a process beside those of its held requests: listeners, Redis, the lines of confirmations. */
const OTHER_FILES_MAX = 700

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    before: { type: 'string' },
  },
})
const wanted = KINDS.filter(kind => !flags.only || flags.only.split(',').includes(kind))
const plan = fitting(flags.quick ? QUICK : FULL)
const isFirst = raisePriority(NICENESS)

const busy = await withTargets(measureBusy)
const held = await withTargets(measureHeld)
const kinds = KINDS.filter(kind => busy.rate[kind] !== undefined)
print()

type Rounds = Partial<Record<TargetKind, RoundFigures[]>>

interface Busy {
  rate: Rounds
  few: Rounds
}

interface Held {
  bytesPerWait: Partial<Record<TargetKind, number>>
  many: Rounds
}

/** Each measurement has new processes: a process's memory depends on what it did before. */
async function withTargets<Found>(measure: (drivers: Driver[]) => Promise<Found>): Promise<Found> {
  const drivers: Driver[] = []
  try {
    for (const kind of wanted) {
      const target = await startTarget(kind)
      if (target) drivers.push(await openDriver(target))
    }
    return await measure(drivers)
  } finally {
    for (const driver of drivers) await driver.close()
  }
}

async function startTarget(kind: TargetKind): Promise<Target | undefined> {
  switch (kind) {
    case 'hookswitch':
      return startHookswitch(kind, ROOT)
    case 'before':
      return flags.before === undefined ? undefined : startHookswitch(kind, resolve(flags.before))
    case 'floor':
      return startFloor()
    case 'nchan': {
      const started = await startNchan()
      if (!('missing' in started)) return started
      console.error(`nchan is left out: ${started.missing}.`)
      return undefined
    }
  }
}

/** The rate comes first: its rounds also warm the processes up for the latency rounds. */
async function measureBusy(drivers: Driver[]): Promise<Busy> {
  for (const driver of drivers) await driver.hold(plan.outstanding)
  for (const driver of drivers) await driver.warmUp(plan)
  const rates: Rounds[] = []
  for (const atOnce of plan.releasesAtOnce)
    rates.push(
      await takeTurns(drivers, plan.roundsRate, `flat out, ${atOnce} at once`, driver =>
        driver.rateRound(plan, atOnce),
      ),
    )
  const rate: Rounds = {}
  for (const { target } of drivers) rate[target.kind] = fastest(rates.map(each => each[target.kind] ?? []))
  for (const driver of drivers) await driver.hold(plan.heldFew)
  const few = await takeTurns(drivers, plan.roundsFew, `${plan.heldFew} held`, each => each.steadyRound(plan))
  return { rate, few }
}

function fastest(series: RoundFigures[][]): RoundFigures[] {
  const rateOf = (rounds: RoundFigures[]) => median(rounds.map(each => each.releasedPerSecond))
  return series.reduce((best, each) => (rateOf(each) > rateOf(best) ? each : best))
}

/** Memory comes first, of processes that have done nothing else before. */
async function measureHeld(drivers: Driver[]): Promise<Held> {
  for (const driver of drivers) await driver.hold(plan.heldFew)
  const before = await Promise.all(drivers.map(driver => driver.memory(plan)))
  for (const driver of drivers) await driver.hold(plan.heldMany)
  const after = await Promise.all(drivers.map(driver => driver.memory(plan)))
  const bytesPerWait: Held['bytesPerWait'] = {}
  drivers.forEach((driver, index) => {
    bytesPerWait[driver.target.kind] = (after[index]! - before[index]!) / (plan.heldMany - plan.heldFew)
  })
  for (const driver of drivers) await driver.warmUp(plan)
  const many = await takeTurns(drivers, plan.roundsMany, `${plan.heldMany} held`, each =>
    each.steadyRound(plan),
  )
  return { bytesPerWait, many }
}

/** Runs one round of each target, then the next round of each. */
async function takeTurns(
  drivers: Driver[],
  rounds: number,
  what: string,
  measure: (driver: Driver) => Promise<RoundFigures>,
): Promise<Rounds> {
  const found: Rounds = {}
  for (let round = 1; round <= rounds; round++) {
    for (const driver of drivers) {
      const figures = await measure(driver)
      const { kind } = driver.target
      found[kind] = [...(found[kind] ?? []), figures]
      const { p50Ms, p99Ms, releasedPerSecond, refused, lost, missed } = figures
      const { cpuMsPerRelease, redisCpuMsPerRelease } = figures
      console.error(
        `${what}, round ${round}, ${kind}: p50 ${p50Ms.toFixed(3)} ms, p99 ${p99Ms.toFixed(2)} ms, ` +
          `${Math.round(releasedPerSecond)}/s, ${(cpuMsPerRelease * 1_000).toFixed(0)} us CPU, ` +
          `${(redisCpuMsPerRelease * 1_000).toFixed(0)} us of Redis, ` +
          `${refused} too early, ${lost} lost, ${missed} not sent`,
      )
    }
  }
  return found
}

function print(): void {
  const row = (
    label: string,
    unit: string,
    decimals: number,
    from: Rounds,
    pick: (figures: RoundFigures) => number,
  ): Row => ({
    label,
    unit,
    decimals,
    figures: Object.fromEntries(kinds.map(kind => [kind, median((from[kind] ?? []).map(pick))])),
  })
  const few = `${plan.heldFew} held`
  const many = `${plan.heldMany} held`
  const kilobytes = Object.entries(held.bytesPerWait).map(([kind, bytes]) => [kind, bytes / 1_000])
  const rows = [
    row(`p50, ${few}`, 'ms', 3, busy.few, each => each.p50Ms),
    row(`p99, ${few}`, 'ms', 2, busy.few, each => each.p99Ms),
    row(`p50, ${many}`, 'ms', 3, held.many, each => each.p50Ms),
    row(`p99, ${many}`, 'ms', 2, held.many, each => each.p99Ms),
    row('released', '/s', 0, busy.rate, each => each.releasedPerSecond),
    row('CPU of a release', 'us', 0, busy.rate, each => each.cpuMsPerRelease * 1_000),
    row("Redis' CPU of it", 'us', 0, busy.rate, each => each.redisCpuMsPerRelease * 1_000),
    row(`CPU, ${plan.ratePerSecond}/s`, 'us', 0, busy.few, each => each.cpuMsPerRelease * 1_000),
    row("Redis' CPU of it", 'us', 0, busy.few, each => each.redisCpuMsPerRelease * 1_000),
    { label: 'memory of a wait', unit: 'kB', decimals: 1, figures: Object.fromEntries(kilobytes) },
  ]
  console.log(`
Held at one process, confirmed at another, one Redis. Medians of rounds of ${plan.roundSeconds} s, the targets in turn.
p50, p99: from the confirmation's first byte written to the PBX's answer received, at ${plan.ratePerSecond}/s.
released: hold and release as fast as it goes, ${plan.outstanding} held, with ${plan.releasesAtOnce.join(' or ')} confirmations under way,
whichever gives more.
CPU: of holding and confirming process together, at that rate and at ${plan.ratePerSecond}/s, and of their Redis beside them.
memory: of the holding process, from ${few} to ${many}, connections included.${isFirst ? '' : ' (Without raised priority: not allowed here.)'}

${table(rows, kinds)}
`)
}

/** Where the limit of open files is lower, fewer requests are held, and a line says so. */
function fitting(wish: Plan): Plan {
  const heldMax = openFilesMax() - OTHER_FILES_MAX
  if (wish.heldMany <= heldMax) return wish
  if (heldMax <= wish.heldFew)
    throw new Error('too few open files are allowed here (ulimit -n): raise the limit')
  console.error(
    `Only ${heldMax} requests can be held instead of ${wish.heldMany}: open files are limited (ulimit -n).`,
  )
  return { ...wish, heldMany: heldMax }
}
