// A process is told to stop: it takes no new calls, those that it holds get their outcome, and it ends well.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  acked,
  answer,
  askPbx,
  naked,
  postForm,
  proceeds,
  refuses,
  registerPhone,
} from '../harness/client.ts'
import { obstaclesOf } from '../harness/internal.ts'
import { holdCall } from '../harness/pbx.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'

const WAIT_MS = 1_500

let redis: TestRedis

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.close())

async function startWithPhone(settings: Record<string, string> = {}): Promise<TestService> {
  const service = await startService({
    PUBSUB_REDIS_URL: redis.url,
    APP_PUSH_ROUNDTRIP_WAIT: String(WAIT_MS),
    APP_PUSH_RESEND_INTERVAL: '60000',
    ...settings,
  })
  await registerPhone(service.publicUrl, { sip_user_id: '901' })
  return service
}

/** SIGTERM; resolves when the service says that it stops. */
async function terminate(service: TestService): Promise<void> {
  service.process.kill('SIGTERM')
  await service.logged(line => line.msg.startsWith('stopping'))
}

describe.concurrent('a process that was told to stop', () => {
  test('is unready, refuses new calls, and gives the held ones their outcome before it exits with 0', async () => {
    await using service = await startWithPhone({ APP_PUSH_ROUNDTRIP_WAIT: '10000' })
    const ask = (callId: string) => askPbx(service.publicUrl, { sip_user_id: '901', call_id: callId })
    const [confirmed, refused] = [ask('confirmed'), ask('refused')]
    const pushes = await Promise.all([service.pushed('confirmed'), service.pushed('refused')])
    await terminate(service)

    expect(await obstaclesOf(service.internalUrl)).toEqual(['draining'])
    expect((await fetch(`${service.internalUrl}/readyz`)).status).toBe(503)
    const late = await postForm(`${service.publicUrl}/api/incoming-call/`, {
      sip_user_id: '901',
      phonenumber: '1',
    })
    expect(late.status).toBe(503)
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(late.headers.get('content-type')).toBe('application/problem+json')

    expect(await answer(pushes[0], { baseUrl: service.publicUrl })).toEqual(proceeds)
    expect(await confirmed).toEqual(acked)
    expect(await answer(pushes[1], { baseUrl: service.publicUrl, fields: { available: 'false' } })).toEqual(
      proceeds,
    )
    expect(await refused).toEqual(naked('unavailable'))
    expect(await service.process.exited).toBe(0)
  })

  test('holds on for the longest wait and ends behind it, whatever connections stand idle', async () => {
    await using service = await startWithPhone()
    await using other = await startService({ PUBSUB_REDIS_URL: redis.url })
    // A PBX that keeps its connection, as HTTP clients do.
    const idle = await fetch(`${service.publicUrl}/healthz`, { keepalive: true })
    expect(await idle.text()).toBe('ok')
    const held = await holdCall(service.publicUrl, '901', 'silent')
    const push = await service.pushed('silent')
    await terminate(service)
    const answered = await held.answered
    expect(answered).toMatchObject({ status: 'NAK', reason: 'timeout' })
    expect(await service.process.exited).toBe(0)
    expect(await answer(push, { baseUrl: other.publicUrl })).toEqual(refuses('expired'))
  })

  test('with no calls waits for nothing', async () => {
    // Longer than any test may take.
    await using service = await startWithPhone({ APP_PUSH_ROUNDTRIP_WAIT: '60000' })
    expect(await service.stop()).toBe(0)
    expect(service.log.at(-1)!.msg).toBe('stopped')
  })

  test('exits at once when it is told a second time', async () => {
    await using service = await startWithPhone({ APP_PUSH_ROUNDTRIP_WAIT: '60000' })
    const held = askPbx(service.publicUrl, { sip_user_id: '901', call_id: 'given-up' })
    held.catch(() => undefined)
    await service.pushed('given-up')
    await terminate(service)
    service.process.kill('SIGTERM')
    expect(await service.process.exited).toBe(130)
    await expect(held).rejects.toThrow()
  })

  test('obeys an interrupt (SIGINT) in the same way', async () => {
    await using service = await startWithPhone()
    service.process.kill('SIGINT')
    expect(await service.process.exited).toBe(0)
  })

  test('ends even when Redis is gone', async () => {
    await using ownRedis = await startRedis()
    await using service = await startService({
      PUBSUB_REDIS_URL: ownRedis.url,
      APP_PUSH_ROUNDTRIP_WAIT: '1000',
    })
    await registerPhone(service.publicUrl, { sip_user_id: '901' })
    const held = askPbx(service.publicUrl, { sip_user_id: '901', call_id: 'no-redis' })
    await service.pushed('no-redis')
    await ownRedis.kill()
    expect(await service.stop()).toBe(0)
    expect(await held).toEqual(naked('busy'))
  })
})
