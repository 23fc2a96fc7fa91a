// What phones that only refresh their registration cost: 5,000 at one switch, each once a minute, evenly spaced. Says the
// CPU time of the agent that hears them, beside its own when nothing registers, and that of Redis.
import { eventually, untilReady } from '../../test/harness/internal.ts'
import type { TestRedis } from '../../test/harness/redis.ts'
import { startService } from '../../test/harness/service.ts'
import { startTestSwitch } from '../../test/switch/testSwitch.ts'
import { cpuMs } from '../wake/processes.ts'

const PHONES = 5_000
const MINUTE_MS = 60_000
const IDLE_MS = 20_000
const STEP_MS = 20

export async function measureRefresh(redis: TestRedis): Promise<string> {
  const phoneSwitch = await startTestSwitch({})
  const registers = (phone: number) =>
    phoneSwitch.register({
      user: String(30_000 + phone),
      uri: `sip:${30_000 + phone}@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=example-project;pn-prid=fcm:${phone}`,
    })
  for (let phone = 0; phone < PHONES; phone += 1) registers(phone)
  const settings = {
    PUBSUB_REDIS_URL: redis.url,
    LOG_LEVEL: 'warn',
    ESL_URL: `127.0.0.1:${phoneSwitch.port}`,
  }
  const agent = await startService({ ...settings, ROLE: 'agent' })
  try {
    await untilReady(agent.internalUrl)
    const isHeard = async (phone: number) =>
      (await redis.client.exists(`hookswitch:devices:{${30_000 + phone}}`)) === 1
    await eventually('all phones', () => isHeard(PHONES - 1))
    const redisPid = Number(/process_id:(\d+)/.exec(await redis.client.info('server'))![1])
    const pids = { agent: agent.process.pid, redis: redisPid }
    const used = () => ({ agent: cpuMs(pids.agent), redis: cpuMs(pids.redis) })

    await refresh(registers, IDLE_MS)
    const idle = await spent(used, () => Bun.sleep(IDLE_MS))
    const busy = await spent(used, () => refresh(registers, MINUTE_MS))
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`
    return [
      `${PHONES} registrations that refresh within a minute, of one core`,
      `  the agent  ${percent(busy.agent)}, idle ${percent(idle.agent)}: ${percent(busy.agent - idle.agent)} for them`,
      `  Redis      ${percent(busy.redis)}, idle ${percent(idle.redis)}: ${percent(busy.redis - idle.redis)} for them`,
    ].join('\n')
  } finally {
    await agent.kill()
    await phoneSwitch.close()
  }
}

type Used = { agent: number; redis: number }

/** CPU time by wall time. */
async function spent(used: () => Used, during: () => Promise<unknown>): Promise<Used> {
  const startedAtMs = performance.now()
  const before = used()
  await during()
  const tookMs = performance.now() - startedAtMs
  const after = used()
  return { agent: (after.agent - before.agent) / tookMs, redis: (after.redis - before.redis) / tookMs }
}

/** At the pace of all phones in a minute, for so long. */
async function refresh(registers: (phone: number) => void, forMs: number): Promise<void> {
  const startedAtMs = performance.now()
  const total = Math.round((PHONES * forMs) / MINUTE_MS)
  for (let done = 0; done < total; ) {
    const due = Math.min(total, Math.ceil((total * (performance.now() - startedAtMs)) / forMs))
    for (; done < due; done += 1) registers(done % PHONES)
    await Bun.sleep(STEP_MS)
  }
}
