// What is measured: the service in the agent's role, as it is deployed, and the floor. Each is a process with a Redis
// and a sink of its own; the Redis servers are set up alike, and keep what is written.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { startRedis, type TestRedis } from '../../test/harness/redis.ts'
import { ROOT, startService } from '../service.ts'
import { kill } from '../wake/processes.ts'
import { openSink, type Sink } from './sink.ts'

export interface Target {
  name: string
  redis: Redis
  sink: Sink
  /** Process id, for CPU time. */
  pid: number
  close(): Promise<void>
}

/** The job list of both targets. */
export const JOB_LIST = 'talkiq-asp.calls'

/** As a deployment keeps its devices and calls: the file is written with every command, and synced each second. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec']

/** Closing the target ends the servers that were started for it.
 *  @param root the checkout that it runs, this one by default; its packages must be installed. */
export async function startHookswitch(agents: number, root = ROOT): Promise<Target> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(DURABLE), each => each.close())
  const sink = opened.adopt(openSink(), each => each.close())
  const service = opened.adopt(await startAgents({ redis, switchPort: sink.port, agents, root }), each =>
    each.close(),
  )
  while (sink.subscribers < agents) await Bun.sleep(20)
  const kept = opened.move()
  return {
    name: 'hookswitch',
    redis: redis.client,
    sink,
    pid: service.pid,
    close: () => kept.disposeAsync(),
  }
}

/** The service alone, beside some switch. Resolves when it is connected to it. */
export async function startAgents(wish: {
  redis: TestRedis
  switchPort: number
  agents: number
  root?: string
}) {
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-bench-'))
  const logFile = join(directory, 'log')
  const settings = {
    ROLE: 'agent',
    PUBSUB_REDIS_URL: wish.redis.url,
    ESL_URL: '127.0.0.1',
    ESL_PORT: String(wish.switchPort),
    AGENTS_PER_SWITCH: String(wish.agents),
    // The measurement asks how fast it can be, so no limit holds it back.
    CALLS_PER_SECOND: '0',
    CALLS_MAX: '100000',
  }
  const { child } = await startService(settings, {
    stdout: Bun.file(logFile),
    stderr: 'inherit',
    ...(wish.root !== undefined && { root: wish.root }),
  })
  return {
    pid: child.pid,
    async close(): Promise<void> {
      // On SIGTERM an agent waits for its calls; the measurement is over by then.
      await kill(child)
      await relayWarnings(logFile)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A measurement during which the service warned is worth little, so its warnings are shown. */
async function relayWarnings(logFile: string): Promise<void> {
  const lines = (await readFile(logFile, 'utf8')).split('\n')
  const warnings = lines.filter(line => /"level":"(?:warn|error|fatal)"/.test(line))
  for (const line of warnings.slice(0, WARNINGS_SHOWN_MAX)) console.error(line)
  if (warnings.length > WARNINGS_SHOWN_MAX) console.error(`... and ${warnings.length} warnings in all`)
}

const WARNINGS_SHOWN_MAX = 5

/** @param lines how long the product's lines are, for the floor's to be as long. */
export async function startFloor(
  lines: { jobBytes: number; messageBytes: number },
  channels: string[],
): Promise<Target> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(DURABLE), each => each.close())
  const sink = opened.adopt(openSink(), each => each.close())
  const numbers = [redis.port, sink.port, JOB_LIST, lines.jobBytes, lines.messageBytes]
  const child = opened.adopt(
    Bun.spawn(
      [process.execPath, join(import.meta.dir, 'floorAgent.ts'), ...numbers.map(String), ...channels],
      { stdout: 'pipe', stderr: 'inherit' },
    ),
    kill,
  )
  await child.stdout.getReader().read()
  const kept = opened.move()
  return { name: 'floor', redis: redis.client, sink, pid: child.pid, close: () => kept.disposeAsync() }
}
