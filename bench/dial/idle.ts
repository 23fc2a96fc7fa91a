// What an agent costs that has nothing to do, beside a switch full of other people's calls and beside an empty one,
// both at the same time. The switches are test/switch, which filters as FreeSWITCH does.
import { join } from 'node:path'
import { startRedis } from '../../test/harness/redis.ts'
import { remoteSwitch } from '../../test/switch/remote.ts'
import { cpuMs, end } from '../wake/processes.ts'
import type { Plan } from './plan.ts'
import { startAgents } from './targets.ts'

/** CPU time as a share of one core, user and system together. */
export interface IdleShares {
  besideFull: number
  besideEmpty: number
}

/** By then all calls are up, and the start no longer costs CPU time. */
const SETTLE_MS = 2_000

export async function measureIdle(plan: Plan): Promise<IdleShares> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(), each => each.close())
  const startBeside = async (foreignCalls: number) => {
    const { child, port, controlPort } = await startSwitch()
    opened.defer(() => end(child))
    const remote = remoteSwitch(controlPort)
    if (foreignCalls > 0)
      await remote.addForeignCalls(foreignCalls, { turnsPerSecond: plan.foreignTurnsPerSecond })
    const agents = await startAgents({ redis, switchPort: port, agents: 1 })
    opened.defer(() => agents.close())
    return agents.pid
  }
  const full = await startBeside(plan.foreignCalls)
  const empty = await startBeside(0)
  await Bun.sleep(SETTLE_MS)

  const before = { full: cpuMs(full), empty: cpuMs(empty), atMs: performance.now() }
  await Bun.sleep(plan.idleSeconds * 1_000)
  const elapsedMs = performance.now() - before.atMs
  return {
    besideFull: (cpuMs(full) - before.full) / elapsedMs,
    besideEmpty: (cpuMs(empty) - before.empty) / elapsedMs,
  }
}

async function startSwitch() {
  const program = join(import.meta.dir, '../../test/switch/main.ts')
  const child = Bun.spawn([process.execPath, program, '--port', '0'], { stdout: 'pipe', stderr: 'inherit' })
  const { value } = await child.stdout.getReader().read()
  const ports = JSON.parse(new TextDecoder().decode(value)) as { port: number; controlPort: number }
  return { child, ...ports }
}
