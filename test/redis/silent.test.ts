// A Redis that says nothing more: its process is stopped, or the way to it drops everything. No connection breaks, and
// no error comes. What hangs on it is left and made anew, at the server's successor where there is one: wakes and calls
// go on within five seconds, and a process that shall end is not kept.
import { afterEach, expect, test } from 'bun:test'
import type { Cluster, Redis } from 'ioredis'
import { openValve, type Valve } from '../chaos/valve.ts'
import { acked, answer, askPbx, proceeds, registerPhone } from '../harness/client.ts'
import { startCluster } from '../harness/cluster.ts'
import { eventually, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startSentinel } from '../harness/sentinel.ts'
import { startService, type TestService } from '../harness/service.ts'
import { watchStalls } from '../harness/stalls.ts'
import { startTls } from '../harness/tlsRedis.ts'
import { startTestSwitch } from '../switch/testSwitch.ts'

const TEST_TIMEOUT_MS = 90_000
/** Three to four seconds is usual; an election that must be repeated takes longer. Whatever waits for the silent server to
 *  come back waits for ever. */
const SERVED_AGAIN_MAX_MS = 15_000
/** It took three seconds, the pauses of a busy machine aside; what waits for Redis waits for an hour. */
const ENDS_WITHIN_MS = 20_000

/** A backend's connection, which leaves a silent server by itself. */
type Wire = Pick<Redis | Cluster, 'rpush'>

let closers: (() => PromiseLike<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.reverse()) await close()
  closers = []
})

async function openScene(settings: Record<string, string>) {
  const testSwitch = await startTestSwitch({ msPerSecond: 100 })
  closers.push(() => testSwitch.close())
  const service = await startService({
    ROLE: 'all',
    ...settings,
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY: 'talk_call_provider',
    APP_PUSH_ROUNDTRIP_WAIT: '10000',
    RATE_LIMIT: '0',
  })
  closers.push(() => service.kill())
  await untilReady(service.internalUrl)
  return { service, testSwitch }
}

type Scene = Awaited<ReturnType<typeof openScene>>

const accountOf = (index: number) => `24${index}`

/** Asks for a phone until it is woken and its confirmation heard. Apps try again as 503 says. */
async function untilWoken({ publicUrl, pushed }: TestService, account: string): Promise<void> {
  await eventually(`a wake of ${account}`, async () => {
    const callId = crypto.randomUUID()
    const held = askPbx(publicUrl, { sip_user_id: account, call_id: callId })
    const push = await Promise.race([pushed(callId), held.then(() => undefined)])
    if (!push) return false
    let verdict = await answer(push, { baseUrl: publicUrl })
    while (verdict.status === 503) {
      await Bun.sleep(100)
      verdict = await answer(push, { baseUrl: publicUrl })
    }
    return Bun.deepEquals(verdict, proceeds) && Bun.deepEquals(await held, acked)
  })
}

/** Queues jobs until one is dialled. Those of before may be dialled as well. */
async function untilDialled({ testSwitch }: Scene, wire: Wire, prefix: string): Promise<void> {
  let count = 0
  const isUp = () => testSwitch.channels().some(each => each.destination.startsWith(prefix))
  await eventually(`a call to ${prefix}`, async () => {
    const ids = { dial_id: crypto.randomUUID(), org_id: 'org', user_id: `user-${count}` }
    const job = { type: 'bot-call', phone_number: `${prefix}${count++}`, caller_id: '15550000002', ...ids }
    await Promise.race([wire.rpush('talkiq-bot.calls', JSON.stringify(job)).catch(() => 0), Bun.sleep(300)])
    for (let looks = 0; looks < 10 && !isUp(); looks++) await Bun.sleep(20)
    return isUp()
  })
}

/** Everything works, and again so soon after `silence`. */
async function expectServedAgain(
  scene: Scene,
  wire: Wire,
  accounts: string[],
  silence: () => PromiseLike<void> | void,
) {
  for (const account of accounts)
    expect(await registerPhone(scene.service.publicUrl, { sip_user_id: account })).toBe(201)
  await Promise.all(accounts.map(account => untilWoken(scene.service, account)))
  await untilDialled(scene, wire, '1555100')
  await silence()
  const stalledForMs = watchStalls()
  const silentAtMs = performance.now()
  const tookMs = async (what: Promise<void>) => {
    await what
    return performance.now() - silentAtMs
  }
  const times = await Promise.all([
    ...accounts.map(account => tookMs(untilWoken(scene.service, account))),
    tookMs(untilDialled(scene, wire, '1555200')),
  ])
  expect(Math.max(...times)).toBeLessThan(SERVED_AGAIN_MAX_MS + stalledForMs())
  await untilReady(scene.service.internalUrl)
}

test.each([
  ['', false],
  [' behind TLS', true],
])(
  'a master that is stopped is left for the one that Sentinel puts in its place%s',
  async (_, isEncrypted) => {
    const topology = await startSentinel({ isEncrypted })
    closers.push(() => topology[Symbol.asyncDispose]())
    const scene = await openScene(topology.settings)
    await expectServedAgain(scene, topology.connect(), [accountOf(0)], topology.silence)
  },
  TEST_TIMEOUT_MS,
)

test.each([
  ['', false],
  [' behind TLS', true],
])(
  'a node of a Cluster that is stopped is left for its replica%s',
  async (_, isEncrypted) => {
    const topology = await startCluster(3, { replicas: 1, isEncrypted })
    closers.push(() => topology[Symbol.asyncDispose]())
    const scene = await openScene(topology.settings)
    // On all nodes.
    const accounts = Array.from({ length: 6 }, (_, index) => accountOf(index))
    await expectServedAgain(scene, topology.connect(), accounts, () => topology.silence(1))
  },
  TEST_TIMEOUT_MS,
)

/** A server, its settings for the service through a valve, and a way to it for the test. */
const SERVERS = {
  '': async () => {
    const redis = await startRedis()
    closers.push(redis.close)
    return { port: redis.port, settings: { PUBSUB_REDIS_URL: redis.url }, wire: redis.client }
  },
  ' behind TLS': async () => {
    const topology = await startTls()
    closers.push(() => topology[Symbol.asyncDispose]())
    const port = Number(/:(\d+)$/.exec(topology.settings.PUBSUB_REDIS_URL!)![1])
    return { port, settings: topology.settings, wire: topology.connect() }
  },
}

test.each(Object.entries(SERVERS))(
  'connections whose packets are dropped are made anew%s',
  async (_, start) => {
    const { port, settings, wire } = await start()
    const valve = await openValve(port)
    closers.push(async () => valve.close())
    const PUBSUB_REDIS_URL = settings.PUBSUB_REDIS_URL!.replace(`:${port}`, `:${valve.port}`)
    const scene = await openScene({ ...settings, PUBSUB_REDIS_URL })
    await expectServedAgain(scene, wire, [accountOf(0)], () => {
      let isNow = true
      valve.set('stalled', () => isNow)
      isNow = false
    })
  },
  TEST_TIMEOUT_MS,
)

test.each([
  ['killed', (redis: TestRedis) => redis.kill()],
  ['stopped', async (redis: TestRedis) => redis.pause()],
  ['behind a way that drops everything', async (_: TestRedis, valve: Valve) => valve.set('stalled')],
] as const)(
  'while Redis is %s a process without calls or waits ends when it is told to, in each role',
  async (_, leave) => {
    const endOf = async (role: string) => {
      const redis = await startRedis()
      closers.push(redis.close)
      const valve = await openValve(redis.port)
      closers.push(async () => valve.close())
      const { service } = await openScene({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${valve.port}`, ROLE: role })
      // Its pops wait for jobs by then.
      if (role !== 'front')
        await eventually('a pop', async () =>
          String(await redis.client.call('CLIENT', 'LIST')).includes('cmd=blmove'),
        )
      await leave(redis, valve)
      return Promise.race([service.stop(), Bun.sleep(ENDS_WITHIN_MS)])
    }
    expect(await Promise.all(['agent', 'front', 'all'].map(endOf))).toEqual([0, 0, 0])
  },
  TEST_TIMEOUT_MS,
)
