// A Redis that answers and gives no jobs, until somebody mends that: the agent says so once, in its readiness and in a
// metric, and takes jobs again without a restart.
import { afterEach, expect, test } from 'bun:test'
import type { Readiness } from '../../src/http/internal/probes.ts'
import { eventually, readMetrics, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'
import { startTestSwitch } from '../switch/testSwitch.ts'

const LIST = 'talkiq-bot.calls'
const SERIES = `hookswitch_job_list_refused{list="${LIST}"}`

let closers: (() => PromiseLike<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.reverse()) await close()
  closers = []
})

async function openScene(settings: Record<string, string>, redisArgs: string[] = []) {
  const redis = await startRedis(redisArgs)
  closers.push(redis.close)
  const testSwitch = await startTestSwitch({ msPerSecond: 100 })
  closers.push(() => testSwitch.close())
  const service = await startService({
    PUBSUB_REDIS_URL: redis.url,
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY: 'talk_call_provider',
    ...settings,
  })
  closers.push(() => service.kill())
  return { redis, testSwitch, service }
}

const readyz = async (internalUrl: string): Promise<Readiness & { ready: boolean }> =>
  (await fetch(`${internalUrl}/readyz`)).json() as never

async function expectDialled({ redis, testSwitch }: Awaited<ReturnType<typeof openScene>>): Promise<void> {
  const ids = { dial_id: crypto.randomUUID(), org_id: 'org', user_id: 'user' }
  const job = { type: 'bot-call', phone_number: '15550000001', caller_id: '15550000002', ...ids }
  await redis.client.rpush(LIST, JSON.stringify(job))
  await eventually('a call', () => testSwitch.channels().length > 0)
}

const KINDS: [
  string,
  string,
  (redis: TestRedis) => Promise<unknown>,
  (redis: TestRedis) => Promise<unknown>,
][] = [
  ['is no list', 'WRONGTYPE', redis => redis.client.set(LIST, 'no list'), redis => redis.client.del(LIST)],
  [
    'may not be popped from by our user',
    'NOPERM',
    redis => redis.client.call('ACL', 'SETUSER', 'default', '-blmove'),
    redis => redis.client.call('ACL', 'SETUSER', 'default', '+blmove'),
  ],
]

test.each(KINDS)(
  'a list that %s is told of once, and served when that is mended',
  async (_, word, breakIt, mend) => {
    const scene = await openScene({ ROLE: 'agent' })
    const { redis, service } = scene
    await untilReady(service.internalUrl)
    await breakIt(redis)
    await service.logged(
      line => line.level === 'warn' && line.list === LIST && String(line.reason).startsWith(word),
    )
    await eventually('unreadiness', async () =>
      (await readyz(service.internalUrl)).obstacles.includes('jobs'),
    )
    expect((await readMetrics(service.internalUrl)).get(SERIES)).toBe(1)
    // More tries fail meanwhile.
    await Bun.sleep(2_500)
    expect(service.log.filter(line => line.level === 'warn' && line.list === LIST)).toHaveLength(1)

    await mend(redis)
    await service.logged(line => line.list === LIST && line.msg.includes('again'))
    await untilReady(service.internalUrl)
    expect((await readMetrics(service.internalUrl)).get(SERIES)).toBe(0)
    await expectDialled(scene)
  },
)

test('a Redis that knows no BLMOVE is told of for each list', async () => {
  const { service } = await openScene({ ROLE: 'agent' }, ['--rename-command', 'BLMOVE', ''])
  const isTold = (line: { level: string; list?: unknown; reason?: unknown }) =>
    line.level === 'warn' && String(line.reason).startsWith('ERR unknown command')
  await eventually('a warning for each list', () => service.log.filter(isTold).length === 2)
  expect(await readyz(service.internalUrl)).toMatchObject({ ready: false, obstacles: ['jobs'] })
})

test('a process that serves PBXs too stays ready, and says what it lacks', async () => {
  const { redis, service } = await openScene({ ROLE: 'all' })
  await redis.client.set(LIST, 'no list')
  await eventually('a warning', async () => (await readyz(service.internalUrl)).warnings.includes('jobs'))
  expect(await readyz(service.internalUrl)).toEqual({ ready: true, obstacles: [], warnings: ['jobs'] })
})
