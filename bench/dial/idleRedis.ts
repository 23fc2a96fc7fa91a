// What agents that have nothing to do cost Redis, by their number: commands a second of each, and which.
//   bun bench/dial/idleRedis.ts [agents …]   default 10 30 60
// Ten agents are one process, as AGENTS_PER_SWITCH makes them; what a process itself asks, whatever its agents, is measured
// with one agent and taken off.
import { startRedis } from '../../test/harness/redis.ts'
import { startTestSwitch } from '../../test/switch/testSwitch.ts'
import { startAgents } from './targets.ts'

/** By then the start is over: an agent reads the other agents' names every three seconds, and a lease is 1.35 s. */
const SETTLE_MS = 8_000
const MEASURED_MS = 15_000

const OF_A_PROCESS = 10

type Counts = Map<string, number>

async function measure(agents: number): Promise<Counts> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(), each => each.close())
  const testSwitch = opened.adopt(await startTestSwitch(), each => each.close())
  for (let left = agents; left > 0; left -= OF_A_PROCESS) {
    const wish = { redis, switchPort: testSwitch.port, agents: Math.min(left, OF_A_PROCESS) }
    opened.adopt(await startAgents(wish), each => each.close())
  }
  await Bun.sleep(SETTLE_MS)
  await redis.client.config('RESETSTAT')
  const sinceMs = performance.now()
  await Bun.sleep(MEASURED_MS)
  const stats = await redis.client.info('commandstats')
  const seconds = (performance.now() - sinceMs) / 1_000
  const found = [...stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].filter(([, name]) => !OURS.has(name!))
  return new Map(found.map(([, name, calls]) => [name!, Number(calls) / seconds]))
}

/** Commands of the measurement itself, which are not counted. */
const OURS = new Set(['info', 'config|resetstat'])

const sum = (counts: Counts): number => [...counts.values()].reduce((total, each) => total + each, 0)

const numbers = process.argv.slice(2).map(Number)
const one = await measure(1)
console.log(`one agent and its process: ${sum(one).toFixed(1)} commands a second`)
for (const agents of numbers.length > 0 ? numbers : [10, 30, 60]) {
  const counts = await measure(agents)
  const processes = Math.ceil(agents / OF_A_PROCESS)
  const further = (all: number, ofOne: number) => (all - processes * ofOne) / (agents - processes)
  const each = further(sum(counts), sum(one))
  const parts = [...counts]
    .map(([name, perSecond]) => [name, further(perSecond, one.get(name) ?? 0)] as const)
    .filter(([, perSecond]) => perSecond >= 0.05)
    .sort(([, a], [, b]) => b - a)
  console.log(
    `${agents} agents: ${sum(counts).toFixed(0)} a second, ${each.toFixed(2)} for each further agent`,
  )
  console.log(`  ${parts.map(([name, perSecond]) => `${name} ${perSecond.toFixed(2)}`).join(', ')}`)
}
process.exit(0)
