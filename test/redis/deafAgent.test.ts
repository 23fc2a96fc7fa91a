// An agent whose subscription stands and brings nothing: PUBLISH counts it, and nobody obeys. It finds that out by
// itself, is steered again, and as long as it is deaf the process says so.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { Redis } from 'ioredis'
import { openValve, type Valve } from '../chaos/valve.ts'
import { eventually, obstaclesOf, readMetrics, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

let redis: TestRedis
let valve: Valve
let testSwitch: TestSwitch
let service: TestService
let heard: Record<string, string>[]
let ear: Redis | undefined

beforeEach(async () => {
  redis = await startRedis()
  valve = await openValve(redis.port)
  testSwitch = await startTestSwitch({ msPerSecond: 100 })
  service = await startService({
    PUBSUB_REDIS_URL: `redis://127.0.0.1:${valve.port}`,
    ROLE: 'agent',
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY: 'talk_call_provider',
  })
  await untilReady(service.internalUrl)
  heard = []
})
afterEach(async () => {
  ear?.disconnect()
  await service.kill()
  await testSwitch.close()
  valve.close()
  await redis.close()
})

async function dial(dialId: string): Promise<void> {
  ear = redis.client.duplicate()
  ear.on('message', (_channel: string, text: string) => void heard.push(JSON.parse(text)))
  await ear.subscribe(dialId)
  const ids = { dial_id: dialId, org_id: 'org', user_id: 'user' }
  const job = { type: 'bot-call', phone_number: '15550000001', caller_id: '15550000002', ...ids }
  await redis.client.rpush('talkiq-bot.calls', JSON.stringify(job))
  await eventually('an answer', () => heard.some(each => each.type === 'answer-event'))
}

/** The lines of those who subscribe, as Redis names them; the test's own ear has none through the valve. */
async function stallSubscribers(): Promise<void> {
  const list = String(await redis.client.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
  const ports = new Set([...list.matchAll(/ addr=[^ ]*:(\d+) /g)].map(found => Number(found[1])))
  let isNow = true
  valve.set('stalled', (_clientPort, farPort) => isNow && ports.has(farPort))
  isNow = false
}

test('obeys again on a new line what is said to its calls', async () => {
  await dial('deaf-1')
  await stallSubscribers()
  const order = (id: string) => JSON.stringify({ type: 'stop-playback', command_id: id })
  // The ear and the agent are counted.
  expect(await redis.client.publish('deaf-1', order('unheard'))).toBe(2)
  const answers = () => heard.filter(each => each.type === 'ack' || each.type === 'failure')
  await eventually('an answer', async () => {
    await redis.client.publish('deaf-1', order('heard'))
    await Bun.sleep(100)
    return answers().length > 0
  })
  expect(answers().map(each => each.command_id)).not.toContain('unheard')
  expect(await obstaclesOf(service.internalUrl)).toEqual([])
})

test('is not ready for as long as Redis lets it hear nothing', async () => {
  await redis.client.call('ACL', 'SETUSER', 'default', 'resetchannels')
  await eventually('unreadiness', async () => (await obstaclesOf(service.internalUrl)).includes('redis'))
  await eventually(
    'the metric',
    async () => (await readMetrics(service.internalUrl)).get('hookswitch_redis_ready') === 0,
  )
  await redis.client.call('ACL', 'SETUSER', 'default', 'allchannels')
  await untilReady(service.internalUrl)
})
