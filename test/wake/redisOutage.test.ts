// Redis goes away, silently or with a bang, and comes back: PBXs are answered at once meanwhile, and afterwards
// everything works again without a restart.
import { describe, expect, test } from 'bun:test'
import { wakeKey } from '../../src/redis/keys.ts'
import {
  acked,
  answer,
  askPbx,
  confirm,
  naked,
  postForm,
  proceeds,
  refuses,
  registerPhone,
} from '../harness/client.ts'
import { eventually, obstaclesOf, untilReady } from '../harness/internal.ts'
import { holdCall } from '../harness/pbx.ts'
import { startRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { watchStalls } from '../harness/stalls.ts'
import { JWT_SECRETS, signConfirmation } from '../harness/tokens.ts'

/** The PBX must not be kept waiting for longer by a Redis that hangs. */
const BUSY_AFTER_MAX_MS = 1_000

const start = (redisUrl: string, settings: Record<string, string> = {}) =>
  startService({
    PUBSUB_REDIS_URL: redisUrl,
    JWT_SECRETS,
    APP_PUSH_ROUNDTRIP_WAIT: '20000',
    APP_PUSH_RESEND_INTERVAL: '60000',
    RATE_LIMIT: '0',
    ...settings,
  })

const ask = (service: TestService, callId: string) =>
  askPbx(service.publicUrl, { sip_user_id: '1001', call_id: callId })

/** A PBX asks while Redis is away. */
async function expectBusy(service: TestService, callId: string): Promise<void> {
  const stalledForMs = watchStalls()
  const held = await holdCall(service.publicUrl, '1001', callId)
  const answered = await held.answered
  expect(answered).toMatchObject({ status: 'NAK', reason: 'busy', device_id: null })
  expect(answered!.waited_ms).toBeLessThanOrEqual(BUSY_AFTER_MAX_MS + stalledForMs())
}

/** Held at one, confirmed at the other: commands and subscriptions of both work. */
async function expectWakes(holder: TestService, other: TestService, callId: string): Promise<void> {
  const held = ask(holder, callId)
  expect(await answer(await holder.pushed(callId), { baseUrl: other.publicUrl })).toEqual(proceeds)
  expect(await held).toEqual(acked)
}

/** What an app hears without Redis: try later, never a verdict. */
async function expectUnavailable(service: TestService): Promise<void> {
  const token = await signConfirmation({ account: '1001', callId: 'any', deviceId: 'any' })
  const [confirmed, registered] = await Promise.all([
    postForm(`${service.publicUrl}/api/call-response/?token=${token}`, {
      unique_key: 'any',
      message_start_time: '0',
    }),
    postForm(`${service.publicUrl}/api/android-device/`, {
      sip_user_id: '1001',
      token: 't',
      app: 'com.example.phone',
    }),
  ])
  for (const response of [confirmed, registered]) {
    expect(response.status).toBe(503)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  }
}

describe.concurrent('a Redis', () => {
  test('that was killed: calls are busy at once, and after its return all is as before', async () => {
    await using redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
    await using holder = await start(redis.url)
    await using other = await start(redis.url)
    await registerPhone(holder.publicUrl, { sip_user_id: '1001' })
    await expectWakes(holder, other, 'before')
    const held = ask(holder, 'through-it-all')
    const push = await holder.pushed('through-it-all')

    await redis.kill()
    await expectBusy(holder, 'during')
    await expectUnavailable(holder)
    await eventually('unreadiness', async () => (await obstaclesOf(holder.internalUrl)).includes('redis'))
    expect((await fetch(`${holder.publicUrl}/healthz`)).status).toBe(200)

    await redis.start()
    await Promise.all([holder, other].map(each => untilReady(each.internalUrl)))
    await expectWakes(holder, other, 'after')
    await expectWakes(other, holder, 'after-too')
    expect(await answer(push, { baseUrl: other.publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
  })

  test('that was killed and has forgotten everything: waits end with busy, and no app is told to proceed', async () => {
    await using redis = await startRedis()
    await using service = await start(redis.url)
    await registerPhone(service.publicUrl, { sip_user_id: '1001' })
    const held = ask(service, 'forgotten')
    const push = await service.pushed('forgotten')
    await redis.kill()
    await redis.start()
    expect(await held).toEqual(naked('busy'))
    await untilReady(service.internalUrl)
    expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(refuses('unknown'))
  })

  test('that hangs: calls are busy within a second, and go on when it goes on', async () => {
    await using redis = await startRedis()
    await using holder = await start(redis.url)
    await using other = await start(redis.url)
    await registerPhone(holder.publicUrl, { sip_user_id: '1001' })
    const held = ask(holder, 'held-on')
    const push = await holder.pushed('held-on')
    redis.pause()
    // Behind the first one, whose command is never answered, the others' must not wait their turn.
    await Promise.all(
      [0, 200, 400].map(async afterMs => {
        await Bun.sleep(afterMs)
        await expectBusy(holder, `during-${afterMs}`)
      }),
    )
    await expectUnavailable(other)
    redis.resume()
    await Promise.all([holder, other].map(each => untilReady(each.internalUrl)))
    expect(await answer(push, { baseUrl: other.publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
    await expectWakes(other, holder, 'after')
  })

  test('that hangs over a deadline: the call is answered, and the app never hears proceed', async () => {
    await using redis = await startRedis()
    await using service = await start(redis.url, { APP_PUSH_ROUNDTRIP_WAIT: '500' })
    await registerPhone(service.publicUrl, { sip_user_id: '1001' })
    const held = ask(service, 'over-deadline')
    const push = await service.pushed('over-deadline')
    redis.pause()
    expect(await held).toEqual(naked('busy'))
    redis.resume()
    await untilReady(service.internalUrl)
    // The verdict's word depends on what Redis did first when it went on; to the app each of them means: don't ring.
    expect((await answer(push, { baseUrl: service.publicUrl })).status).toBe(404)
  })

  test('that is not there at the start: the service starts, unready, and becomes ready with it', async () => {
    await using redis = await startRedis()
    await redis.kill()
    await using service = await start(redis.url)
    expect(await obstaclesOf(service.internalUrl)).toEqual(['redis'])
    expect((await fetch(`${service.internalUrl}/readyz`)).status).toBe(503)
    await expectBusy(service, 'too-early')
    await redis.start()
    await untilReady(service.internalUrl)
    expect(await registerPhone(service.publicUrl, { sip_user_id: '1001' })).toBe(201)
    await expectWakes(service, service, 'in-time')
  })

  test('that drops the subscribers: a confirmation in that moment is not told two ways', async () => {
    await using redis = await startRedis()
    await using holder = await start(redis.url)
    await using other = await start(redis.url)
    for (let round = 0; round < 6; round++) {
      const callId = `subscriber-${round}`
      await registerPhone(holder.publicUrl, { sip_user_id: '1001', token: 'push-token', device_id: 'phone' })
      const token = await signConfirmation({ account: '1001', callId, deviceId: 'phone' })
      const held = ask(holder, callId)
      await holder.pushed(callId)
      const [app] = await Promise.all([
        confirm(other.publicUrl, { token, callId }),
        redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      ])
      const pbx = await held
      // Whoever was first at Redis: its record alone says what both are told.
      const state = await redis.client.hget(wakeKey({ account: '1001', callId }), 'state')
      expect(`${app.verdict} ${pbx.body} ${pbx.reason}`).toBe(
        state === 'confirmed' ? 'proceed status=ACK confirmed' : 'ended status=NAK caller-gone',
      )
      await Promise.all([holder, other].map(each => untilReady(each.internalUrl)))
    }
  })
})
