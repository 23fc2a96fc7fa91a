// A stage for the live page: a real Redis, a test switch, one process that serves phones and the page, agents as
// processes of their own (one of them dies in the story), and a backend that speaks through Redis.
import type { Redis } from 'ioredis'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

export interface Stage extends AsyncDisposable {
  redis: TestRedis
  testSwitch: TestSwitch
  /** Serves PBXs, apps and the page. */
  front: TestService
  /** Starts an agent; resolves when it is connected to the switch. */
  agent(): Promise<TestService>
  /** Pushes a job. */
  dial(job: Record<string, unknown>): Promise<void>
}

/** One gateway carries all calls. */
const GATEWAY = 'phones'

/** Numbers and what their phones do. */
export const PHONES = {
  caller: '15105550101',
  callee: '15105550102',
  supervisor: '15105550103',
  /** Rings for a while and is busy then. */
  busy: '15105550486',
  /** Rings on and on. */
  ringing: '15105550480',
} as const

/** @param env settings of all processes, beyond Redis and the switch. */
export async function openStage(env: Record<string, string> = {}): Promise<Stage> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.use(await startRedis())
  const testSwitch = await startTestSwitch({ gateways: { [GATEWAY]: 'up' }, answerAfterMs: 100 })
  opened.defer(() => testSwitch.close())
  testSwitch.phone(PHONES.busy, { kind: 'busy', afterMs: 1_500 })
  testSwitch.phone(PHONES.ringing, { kind: 'no-answer' })

  const common = {
    PUBSUB_REDIS_URL: redis.url,
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY,
    TAKEOVER_MS: '1200',
    DRAIN_MAX: '1',
    ...env,
  }
  const front = opened.use(await startService({ ...common, ROLE: 'front' }))
  const agents = new AsyncDisposableStack()
  opened.use(agents)

  const closing = opened.move()
  return {
    redis,
    testSwitch,
    front,
    async agent() {
      const before = await connectedAgents(redis.client)
      const agent = agents.use(await startService({ ...common, ROLE: 'agent' }))
      await eventually('an agent at the switch', async () => (await connectedAgents(redis.client)) > before)
      return agent
    },
    async dial(job) {
      const list = job.type === 'bot-call' ? 'talkiq-bot.calls' : 'talkiq-asp.calls'
      await redis.client.rpush(list, JSON.stringify(job))
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

async function connectedAgents(client: Redis): Promise<number> {
  const names = await client.smembers('hookswitch:agents')
  const cards = await Promise.all(names.map(name => client.get(`hookswitch:{agents}:${name}`)))
  return cards.filter(card => card !== null && JSON.parse(card).coreUuid !== '').length
}

/** A job that connects the two phones that answer. */
export const aspJob = (dialId: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'asp-call',
  dial_id: dialId,
  org_id: 'acme',
  user_id: 'mallory-42',
  call_provider: 'any',
  caller_number: PHONES.caller,
  callee_number: PHONES.callee,
  caller_id_lega: PHONES.callee,
  caller_id_legb: PHONES.caller,
  ...more,
})
