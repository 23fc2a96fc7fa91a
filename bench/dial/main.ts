// Measures the dial: from a job pushed to the originate on the switch's socket, and from a control message to its
// command there, beside a floor that does nothing else and, if asked, beside another checkout; then what goes through at
// once, events read, and what an idle agent costs. Backend and switch are this process, so that one clock times both
// ends; agent, floor and Redis are processes of their own. All take turns, round by round.
//   bun bench/dial/main.ts [--quick] [--only jobs,controls,burst,events,idle] [--before <checkout>]
// Whatever else the machine does shows in the p99; on Linux `chrt -r 5 bun bench/dial/main.ts` keeps it out.
import { parseArgs } from 'node:util'
import { BURST_EVENTS, modesl, ours, REPLY_BYTES, replyFromMemory, startEventServer } from '../esl/readers.ts'
import { cpuMs, raisePriority } from '../wake/processes.ts'
import { median } from '../wake/report.ts'
import { makeCalls, type SteeredCalls, timeHangups, timeModes } from './controls.ts'
import { measureIdle } from './idle.ts'
import { clear, rushJobs, timeJobs } from './jobs.ts'
import { AIMS, FULL, type Plan, QUICK } from './plan.ts'
import { type Pair, type Row, table } from './report.ts'
import type { Times } from './stopwatch.ts'
import { startFloor, startHookswitch, type Target } from './targets.ts'

/** A higher priority than other programs have, whose nice value is 0. */
const NICENESS = -10

/** A reply takes us two or three milliseconds, and four times that where its memory was never touched before: the
 *  operating system's share, which a plain copy pays as well. The median of so many is without it. */
const REPLY_RUNS = Array.from({ length: 15 }, (_, run) => run)

/** Agents of one process at one switch, beside one that is alone. */
const SEVERAL = 4

const NAMES = { floor: 'floor', one: 'one agent', before: 'before' }

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    before: { type: 'string' },
  },
})
const plan: Plan = flags.quick ? QUICK : FULL
const isWanted = (part: string): boolean => !flags.only || flags.only.split(',').includes(part)
const isFirst = raisePriority(NICENESS)
const startMs = performance.now()

const rows: Row[] = []
if (isWanted('jobs') || isWanted('controls') || isWanted('burst')) rows.push(...(await measureWays()))
if (isWanted('events')) rows.push(...(await measureEvents()))
if (isWanted('idle')) rows.push(...(await measureIdleAgent()))

console.log(`
Backend and switch in one process, the agent in another, as it is deployed; one Redis that keeps what is written.
job: from the RPUSH to the originate's last byte on the switch's socket. Floor: BLMOVE and a write of as many bytes.
whisper, hangup: from the PUBLISH to the command's last byte. Floor: a subscriber and a write of as many bytes.
at once: ${plan.jobsAtOnce} jobs in one RPUSH, until the last originate is there. Events: a recorded one of 5 KB.
Medians of up to ${plan.rounds} rounds, those of both sides in turn; ${Math.round((performance.now() - startMs) / 1_000)} s in all.${isFirst ? '' : ' (Without raised priority: not allowed here.)'}

${table(rows)}
`)
process.exit(0)

/** The programs that are measured, in turn: this checkout, the floor, and the checkout that `--before` names. */
interface Sides {
  own: Target
  floor: Target
  before?: Target
}

async function measureWays(): Promise<Row[]> {
  await using opened = new AsyncDisposableStack()
  const own = opened.adopt(await startHookswitch(1), each => each.close())
  const lines = await measureLines(own)
  const channels = Array.from({ length: plan.callsSteered }, (_, index) => `bench-floor-${index}`)
  const floor = opened.adopt(await startFloor(lines, channels), each => each.close())
  const sides: Sides = { own, floor }
  if (flags.before) sides.before = opened.adopt(await startHookswitch(1, flags.before), each => each.close())
  for (const target of targetsOf(sides)) await warmUp(target)
  return [
    ...(isWanted('jobs') ? await measureJobs(sides) : []),
    ...(isWanted('controls') ? await measureControls(sides, channels) : []),
    ...(isWanted('burst') ? await measureBursts(sides) : []),
  ]
}

function targetsOf({ own, floor, before }: Sides): Target[] {
  return [own, floor, ...(before ? [before] : [])]
}

/** Measures the length of the product's lines. */
async function measureLines(own: Target): Promise<{ jobBytes: number; messageBytes: number }> {
  const { lastBytes } = own.sink
  await rushJobs(own, 1)
  const jobBytes = lastBytes.get('bgapi')!
  const calls = await makeCalls(own, { count: 1, hasBarger: true })
  await timeModes(own, calls, { perSecond: 100, leadInSeconds: 0, seconds: 0.1 })
  const messageBytes = lastBytes.get('sendevent')!
  await clear(own)
  return { jobBytes, messageBytes }
}

/** Code that has run a few hundred times only is not compiled yet; a service that is up for an hour has run it more
 *  often. */
async function warmUp(target: Target): Promise<void> {
  for (let rush = 0; rush < plan.warmUpRushes; rush++) {
    await rushJobs(target, plan.jobsAtOnce)
    await clear(target)
  }
}

async function measureJobs({ own, floor, before }: Sides): Promise<Row[]> {
  const rows: Row[] = []
  for (const { perSecond, seconds } of plan.jobRates) {
    const times = await takeTurns(`jobs, ${perSecond}/s`, plan.rounds, async () => {
      const round = { perSecond, leadInSeconds: plan.leadInSeconds, seconds }
      const timesOf = async (target: Target) => {
        const found = await timeJobs(target, round)
        await clear(target)
        return found
      }
      return {
        floor: await timeJobs(floor, round),
        own: await timesOf(own),
        ...(before && { before: await timesOf(before) }),
      }
    })
    rows.push(...timeRows(`job, ${perSecond}/s`, times, AIMS.jobTimesMax))
  }
  return rows
}

async function measureControls({ own, floor, before }: Sides, channels: string[]): Promise<Row[]> {
  const round = {
    perSecond: plan.controlsPerSecond,
    leadInSeconds: plan.leadInSeconds,
    seconds: plan.controlSeconds,
  }
  const floorCalls: SteeredCalls = { dialIds: channels, dialIdByUuid: new Map() }
  const hangups = Math.ceil(round.perSecond * (round.leadInSeconds + round.seconds))
  const modesOf = async (target: Target) => {
    const steered = await makeCalls(target, { count: plan.callsSteered, hasBarger: true })
    const times = await timeModes(target, steered, round)
    await clear(target)
    return times
  }
  const hangupsOf = async (target: Target) => {
    const ending = await makeCalls(target, { count: hangups, hasBarger: false })
    const times = await timeHangups(target, ending, round)
    await clear(target)
    return times
  }
  const turns = (measure: (target: Target) => Promise<Times>) => async (): Promise<RoundTimes> => ({
    floor: await timeModes(floor, floorCalls, round),
    own: await measure(own),
    ...(before && { before: await measure(before) }),
  })
  const modes = await takeTurns('modes', plan.rounds, turns(modesOf))
  const ends = await takeTurns('hangups', plan.rounds, turns(hangupsOf))
  return [
    ...timeRows(`whisper, ${round.perSecond}/s`, modes, AIMS.controlTimesMax),
    ...timeRows(`hangup, ${round.perSecond}/s`, ends, AIMS.controlTimesMax),
  ]
}

async function measureBursts({ own, floor, before }: Sides): Promise<Row[]> {
  await using opened = new AsyncDisposableStack()
  const four = opened.adopt(await startHookswitch(SEVERAL), each => each.close())
  await warmUp(four)
  const rounds = await takeTurns('at once', plan.roundsAtOnce, async () => ({
    floor: await measureRush(floor),
    one: await measureRush(own),
    four: await measureRush(four),
    before: before && (await measureRush(before)),
  }))
  const rate = (label: string, pairs: Pair[], beside: string, aim?: Row['aim']): Row => ({
    label,
    unit: '/s',
    beside,
    rounds: pairs,
    ...(aim && { aim }),
  })
  const pairs = (figure: keyof Rush, ours: 'one' | 'four', other: 'floor' | 'one' | 'before'): Pair[] =>
    rounds.map(round => ({ ours: round[ours][figure], other: round[other]?.[figure] }))
  const cpu = (label: string, ours: 'one' | 'four', other: 'floor' | 'one' | 'before'): Row => ({
    label,
    unit: 'us',
    beside: NAMES[other],
    rounds: pairs('cpuUsPerJob', ours, other),
    ...(other === 'floor' && { aim: { max: AIMS.jobCpuUsMax } }),
  })
  return [
    rate('jobs at once, one agent', pairs('perSecond', 'one', 'floor'), NAMES.floor),
    ...(before ? [rate('', pairs('perSecond', 'one', 'before'), NAMES.before)] : []),
    rate(`jobs at once, ${SEVERAL} agents`, pairs('perSecond', 'four', 'one'), NAMES.one, {
      timesMin: AIMS.severalTimesMin,
    }),
    cpu('CPU of a job at once, one agent', 'one', 'floor'),
    ...(before ? [cpu('', 'one', 'before')] : []),
    cpu(`CPU of a job at once, ${SEVERAL} agents`, 'four', 'one'),
  ]
}

interface Rush {
  perSecond: number
  cpuUsPerJob: number
}

async function measureRush(target: Target): Promise<Rush> {
  const cpuBeforeMs = cpuMs(target.pid)
  const perSecond = await rushJobs(target, plan.jobsAtOnce)
  const cpuUsPerJob = ((cpuMs(target.pid) - cpuBeforeMs) * 1_000) / plan.jobsAtOnce
  await clear(target)
  return { perSecond, cpuUsPerJob }
}

async function measureEvents(): Promise<Row[]> {
  const server = await startEventServer()
  const count = Math.ceil(plan.eventsRead / BURST_EVENTS) * BURST_EVENTS
  const measure = async () => ({
    events: {
      ours: await server.oursEvents('plain', count),
      other: await server.modeslEvents('plain', count),
    },
    // Ours is measured first: the other reader leaves gigabytes for the garbage collector.
    reply: { ours: median(REPLY_RUNS.map(() => replyFromMemory(ours))), other: replyFromMemory(modesl) },
    replySocket: { ours: await server.oursReply(REPLY_BYTES), other: await server.modeslReply(REPLY_BYTES) },
  })
  await measure()
  const found = await takeTurns('events', plan.roundsEvents, measure)
  server.close()
  return [
    {
      label: 'events read from a socket',
      unit: '/s',
      beside: 'modesl',
      rounds: found.map(each => each.events),
      aim: { timesMin: AIMS.eventsTimesMin },
    },
    {
      label: 'a 16 MB reply, read',
      unit: 'ms',
      beside: 'modesl',
      rounds: found.map(each => each.reply),
      aim: { max: AIMS.replyMsMax },
    },
    {
      label: 'the same, sent and read',
      unit: 'ms',
      beside: 'modesl',
      rounds: found.map(each => each.replySocket),
    },
  ]
}

async function measureIdleAgent(): Promise<Row[]> {
  const { besideFull, besideEmpty } = await measureIdle(plan)
  return [
    {
      label: `idle beside ${plan.foreignCalls} foreign calls`,
      unit: '% CPU',
      beside: 'an empty switch',
      rounds: [{ ours: besideFull * 100, other: besideEmpty * 100 }],
    },
  ]
}

interface RoundTimes {
  own: Times
  floor: Times
  before?: Times
}

function timeRows(label: string, rounds: RoundTimes[], timesMax: number): Row[] {
  const beside = (other: 'floor' | 'before', pick: (times: Times) => number): Pair[] =>
    rounds.flatMap(round => {
      const times = round[other]
      return times ? [{ ours: pick(round.own), other: pick(times) }] : []
    })
  const rowsOf = (name: string, pick: (times: Times) => number): Row[] => {
    const before = beside('before', pick)
    return [
      { label: name, unit: 'ms', rounds: beside('floor', pick), beside: NAMES.floor, aim: { timesMax } },
      ...(before.length > 0
        ? [{ label: '', unit: 'ms' as const, rounds: before, beside: NAMES.before }]
        : []),
    ]
  }
  return [...rowsOf(`${label}, p50`, times => times.p50Ms), ...rowsOf(`${label}, p99`, times => times.p99Ms)]
}

/** Runs round after round, and prints each result on stderr at once. */
async function takeTurns<Found>(
  what: string,
  count: number,
  measure: () => Promise<Found>,
): Promise<Found[]> {
  const found: Found[] = []
  for (let round = 1; round <= count; round++) {
    const figures = await measure()
    found.push(figures)
    console.error(`${what}, round ${round}: ${JSON.stringify(figures, rounded)}`)
  }
  return found
}

/** Rounds figures to four digits, for people. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}
