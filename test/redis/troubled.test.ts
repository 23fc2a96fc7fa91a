// A Redis that is there and no help: one that stops for two seconds again and again, and one that is full and takes
// nothing. The service says so, loses nothing, tells everything in order when it can, and recovers by itself.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { acked, answer, askPbx, naked, postForm, proceeds, registerPhone } from '../harness/client.ts'
import { eventually, obstaclesOf, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

const TEST_TIMEOUT_MS = 60_000

let redis: TestRedis
let testSwitch: TestSwitch
let service: TestService
let heard: Record<string, string>[]
let closeEar: () => void

beforeEach(async () => {
  redis = await startRedis()
  testSwitch = await startTestSwitch({ msPerSecond: 100 })
  service = await startService({
    PUBSUB_REDIS_URL: redis.url,
    ROLE: 'all',
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY: 'talk_call_provider',
    APP_PUSH_ROUNDTRIP_WAIT: '10000',
  })
  await untilReady(service.internalUrl)
  expect(await registerPhone(service.publicUrl, { sip_user_id: '2301' })).toBe(201)
  heard = []
  const ear = redis.client.duplicate()
  ear.on('pmessage', (_pattern: string, _channel: string, text: string) => void heard.push(JSON.parse(text)))
  await ear.psubscribe('call-*')
  closeEar = () => ear.disconnect()
})
afterEach(async () => {
  closeEar()
  await service.kill()
  await testSwitch.close()
  await redis.close()
})

async function dial(dialId: string): Promise<void> {
  const job = {
    ...{ type: 'asp-call', call_provider: 'acme', dial_id: dialId, org_id: 'org', user_id: 'user' },
    ...{ caller_number: `1555${dialId.length}01`, callee_number: `1555${dialId.length}02` },
    ...{ caller_id_lega: '15550000002', caller_id_legb: '15550000001' },
  }
  await redis.client.rpush('talkiq-asp.calls', JSON.stringify(job))
  await eventually(`${dialId} to be answered`, () => eventsOf(dialId).includes('answer-event 1'))
}

const eventsOf = (_dialId: string) => heard.map(each => `${each.type} ${each.side ?? ''}`.trim())
const wholeCall = ['call-start', 'answer-event 0', 'answer-event 1', 'hangup-event 0', 'hangup-event 1']

async function expectWake(callId: string): Promise<void> {
  const held = askPbx(service.publicUrl, { sip_user_id: '2301', call_id: callId })
  expect(await answer(await service.pushed(callId), { baseUrl: service.publicUrl })).toEqual(proceeds)
  expect(await held).toEqual(acked)
}

const nothingIsLeft = () =>
  eventually('nothing of the call to be left', async () => {
    const keys = await redis.client.keys('*')
    return keys.every(key => !/^(hookswitch:(call|owned|in-flight)|redswitch\.)/.test(key))
  })

test(
  'that stops for two seconds now and then hears everything in order, and each thing once',
  async () => {
    const pauses = (async () => {
      for (let round = 0; round < 3; round++) {
        redis.pause()
        await Bun.sleep(2_000)
        redis.resume()
        await Bun.sleep(500)
      }
    })()
    await dial('call-slow')
    testSwitch.hangup(testSwitch.channels()[0]!.uuid)
    await pauses
    await eventually('the end', () => eventsOf('call-slow').length >= wholeCall.length)
    await nothingIsLeft()
    expect(eventsOf('call-slow')).toEqual(wholeCall)
    await untilReady(service.internalUrl)
    await expectWake('after-pauses')
    expect(service.process.exitCode).toBeNull()
  },
  TEST_TIMEOUT_MS,
)

test(
  'that is full is an obstacle that is told; calls go on, and their events come in order when there is room',
  async () => {
    await dial('call-full')
    await redis.client.config('SET', 'maxmemory-policy', 'noeviction')
    await redis.client.config('SET', 'maxmemory', '1')

    expect(await askPbx(service.publicUrl, { sip_user_id: '2301', call_id: 'no-room' })).toEqual(
      naked('busy'),
    )
    const device = { sip_user_id: '2302', token: 'push-token', app: 'com.example.phone' }
    expect((await postForm(`${service.publicUrl}/api/android-device/`, device)).status).toBe(503)
    await eventually('unreadiness', async () => (await obstaclesOf(service.internalUrl)).includes('redis'))
    await service.logged(line => line.level === 'warn' && JSON.stringify(line).includes('OOM'))
    // The switch ends the call, and nobody can be told.
    testSwitch.hangup(testSwitch.channels()[0]!.uuid)
    await eventually('both legs to be gone', () => testSwitch.channels().length === 0)
    expect(eventsOf('call-full')).toEqual(wholeCall.slice(0, 3))

    await redis.client.config('SET', 'maxmemory', '0')
    await eventually('the end', () => eventsOf('call-full').length >= wholeCall.length)
    await nothingIsLeft()
    expect(eventsOf('call-full')).toEqual(wholeCall)
    await untilReady(service.internalUrl)
    await expectWake('room-again')
    heard.length = 0
    await dial('call-again')
    expect(service.process.exitCode).toBeNull()
  },
  TEST_TIMEOUT_MS,
)
