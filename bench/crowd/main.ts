// Measures a crowd: as many PBX requests held at once as the limit of open files allows, on several processes and one
// Redis. What each costs, whether any is turned away, how fast confirmations are beside them; and then Redis is killed for
// a second, once with nothing kept and once with its append-only file: every wait must have its right answer, or go on.
//   bun bench/crowd/main.ts [--waits 100000]
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startRedis, type TestRedis } from '../../test/harness/redis.ts'
import { startService } from '../service.ts'
import { end, kill, openFilesMax, raisePriority, residentBytes } from '../wake/processes.ts'
import { median } from '../wake/report.ts'
import { TOKEN_KEY } from '../wake/requests.ts'
import { registerDevices } from '../wake/targets.ts'
import type { Order, Reply, Seen } from './generator.ts'

const { values: flags } = parseArgs({ options: { waits: { type: 'string', default: '100000' } } })

/** A higher priority than other programs have, whose nice value is 0. */
const NICENESS = -5
/** Open files that a process has beside those of its held requests. */
const OTHER_FILES_MAX = 1_000
const FEW = 1_000
const FILL_PER_SECOND = 3_000
const CONFIRM_PER_SECOND = 1_000
const CONFIRMED = 2_000
const SETTLE_MS = 4_000
const AWAY_MS = 1_000
/** So long after Redis' return the waits whose records were kept are confirmed. */
const RETURN_LIMIT_MS = 3_000
const COUNT_INTERVAL_MS = 200
/** A request without its record that is still held so long after Redis' return is counted as left behind. */
const LEFT_BEHIND_AFTER_MS = 30_000
/** No wait may end by itself meanwhile, and none is pushed again. */
const ROUNDTRIP_WAIT_MS = 120_000
const RESEND_INTERVAL_MS = 119_000

interface Crowd {
  redis: TestRedis
  holders: number[]
  ask(order: Order): Promise<Seen>
  close(): Promise<void>
}

const perHolder = Math.min(openFilesMax() - OTHER_FILES_MAX, Number(flags.waits))
const holders = Math.max(1, Math.floor(Number(flags.waits) / perHolder))
const waits = holders * perHolder
raisePriority(NICENESS)
await measureHeld()
await measureOutage('nothing kept', [])
await measureOutage('append-only file', ['--appendonly', 'yes', '--appendfsync', 'everysec'])
process.exit(0)

async function measureHeld(): Promise<void> {
  const crowd = await openCrowd([])
  try {
    const few = await crowd.ask({ kind: 'fill', count: FEW, perSecond: FILL_PER_SECOND })
    const besideFew = await crowd.ask({ kind: 'confirm', count: FEW / 2, perSecond: CONFIRM_PER_SECOND })
    await Bun.sleep(SETTLE_MS)
    const before = memory(crowd)
    const filled = await crowd.ask({ kind: 'fill', count: waits - few.held, perSecond: FILL_PER_SECOND })
    await Bun.sleep(SETTLE_MS)
    const bytes = (memory(crowd) - before) / (waits - few.held)
    const beside = await crowd.ask({ kind: 'confirm', count: CONFIRMED, perSecond: CONFIRM_PER_SECOND })
    console.log(`
${filled.held} waits held by ${holders} processes, filled at ${FILL_PER_SECOND}/s: ${filled.naks + few.naks} turned away
memory of a wait: ${(bytes / 1_000).toFixed(1)} kB of the holding process, connection included
confirmed at ${CONFIRM_PER_SECOND}/s, p50 and p99: ${latency(besideFew)} beside ${FEW}, ${latency(beside)} beside all; ${beside.unanswered} without an answer`)
  } finally {
    await crowd.close()
  }
}

async function measureOutage(what: string, args: string[]): Promise<void> {
  const isKept = args.length > 0
  const crowd = await openCrowd(args)
  try {
    const filled = await crowd.ask({ kind: 'fill', count: waits, perSecond: FILL_PER_SECOND })
    await crowd.redis.kill()
    await Bun.sleep(AWAY_MS)
    await crowd.redis.start()
    const returnedAtMs = performance.now()
    const counted = { held: filled.held, naks: 0, acks: 0 }
    // A wait whose record was lost must end; a wait whose record was kept goes on.
    do {
      await Bun.sleep(isKept ? RETURN_LIMIT_MS : COUNT_INTERVAL_MS)
      const { held, naks, acks } = await crowd.ask({ kind: 'count' })
      Object.assign(counted, { held, naks: counted.naks + naks, acks: counted.acks + acks })
    } while (!isKept && counted.held > 0 && performance.now() - returnedAtMs < LEFT_BEHIND_AFTER_MS)
    const seconds = ((performance.now() - returnedAtMs) / 1_000).toFixed(1)
    const confirmed = await crowd.ask({ kind: 'confirm', count: CONFIRMED, perSecond: CONFIRM_PER_SECOND })
    console.log(`
Redis killed for ${AWAY_MS} ms beside ${filled.held} waits (${filled.naks} turned away while they came), ${what}. ${seconds} s after its return:
${counted.held} held, ${counted.naks} answered NAK, ${counted.acks} ACK without a confirmation
of ${Math.min(CONFIRMED, counted.held)} that were confirmed then, ${confirmed.latenciesMs.length} had their ACK (${latency(confirmed)})`)
  } finally {
    await crowd.close()
  }
}

function memory({ holders: pids }: Crowd): number {
  return pids.reduce((sum, pid) => sum + residentBytes(pid), 0)
}

function latency({ latenciesMs }: Seen): string {
  if (latenciesMs.length === 0) return '-'
  const sorted = latenciesMs.toSorted((one, other) => one - other)
  return `${median(sorted).toFixed(2)} and ${sorted[Math.floor((sorted.length - 1) * 0.99)]!.toFixed(1)} ms`
}

async function openCrowd(redisArgs: string[]): Promise<Crowd> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(redisArgs), each => each.close())
  const settings = {
    ROLE: 'front',
    PUBSUB_REDIS_URL: redis.url,
    JWT_SECRETS: `${TOKEN_KEY.kid}:${TOKEN_KEY.secret}`,
    RATE_LIMIT: '0',
    WAITS_MAX: String(perHolder),
    WAITS_PER_ACCOUNT: String(perHolder),
    APP_PUSH_ROUNDTRIP_WAIT: String(ROUNDTRIP_WAIT_MS),
    APP_PUSH_RESEND_INTERVAL: String(RESEND_INTERVAL_MS),
    LOG_LEVEL: 'error',
  }
  const start = async () => {
    const { port, child } = await startService(settings, { stdout: 'ignore', stderr: 'ignore' })
    opened.defer(() => kill(child))
    return { port, pid: child.pid }
  }
  const releaser = await start()
  await registerDevices(releaser.port)
  const services = await Promise.all(Array.from({ length: holders }, start))
  const generators = services.map(({ port }, index) => {
    const generator = openGenerator()
    opened.defer(generator.close)
    return { ask: generator.ask, name: `crowd${index}`, port }
  })
  const toAll = async (orderOf: (each: (typeof generators)[number]) => Order) =>
    together(await Promise.all(generators.map(each => each.ask(orderOf(each)))))
  await toAll(({ name, port }) => ({ kind: 'open', name, holdPort: port, releasePort: releaser.port }))
  const kept = opened.move()
  return {
    redis,
    holders: services.map(({ pid }) => pid),
    ask: order => toAll(() => shareOf(order)),
    close: () => kept.disposeAsync(),
  }
}

/** Each generator does its part of what is to be done. */
function shareOf(order: Order): Order {
  if (order.kind !== 'fill' && order.kind !== 'confirm') return order
  return { ...order, count: Math.floor(order.count / holders), perSecond: order.perSecond / holders }
}

function together(all: Seen[]): Seen {
  const sum = (pick: (seen: Seen) => number) => all.reduce((total, each) => total + pick(each), 0)
  return {
    held: sum(each => each.held),
    acks: sum(each => each.acks),
    naks: sum(each => each.naks),
    unanswered: sum(each => each.unanswered),
    latenciesMs: all.flatMap(each => each.latenciesMs),
  }
}

function openGenerator() {
  const replies: ((reply: Reply) => void)[] = []
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'generator.ts')], {
    stdout: 'inherit',
    stderr: 'inherit',
    ipc: (reply: Reply) => replies.shift()?.(reply),
  })
  return {
    async ask(order: Order): Promise<Seen> {
      const { promise, resolve } = Promise.withResolvers<Reply>()
      replies.push(resolve)
      child.send(order)
      const reply = await promise
      if (reply.kind === 'failed') throw new Error(reply.reason)
      return reply.seen
    },
    close: () => end(child),
  }
}
