// Redis goes away under a running service: timelines wait in memory, nobody notices, and the story of what happened
// meanwhile is there when it is back. With `TIMELINES_MAX=0` nothing is ever written.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { askPbx, naked } from '../harness/client.ts'
import { eventually, readMetrics, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'
import { ask, timelineOf } from './reading.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.close())

const wake = (baseUrl: string, callId: string) =>
  askPbx(baseUrl, { sip_user_id: '1002003', call_id: callId, phonenumber: '0123456789' })

test('what happened while Redis was away is told when it is back', async () => {
  await using service = await startService({ PUBSUB_REDIS_URL: redis.url })
  await redis.kill()
  expect(await wake(service.publicUrl, 'meanwhile')).toEqual(naked('busy'))
  expect((await ask(service.internalUrl, 'meanwhile')).status).toBe(503)
  await redis.start()
  await untilReady(service.internalUrl)
  const { summary } = await timelineOf(service.internalUrl, 'meanwhile', 'outcome')
  expect(summary).toBe(
    'The phone did not ring, because hookswitch could not hold the request: Redis did not answer.',
  )
  const metrics = await readMetrics(service.internalUrl)
  expect(metrics.get('hookswitch_timeline_entries_dropped_total')).toBe(0)
})

test('a service that stops writes what is left', async () => {
  await using service = await startService({ PUBSUB_REDIS_URL: redis.url })
  await wake(service.publicUrl, 'last-words')
  expect(await service.stop()).toBe(0)
  await using other = await startService({ PUBSUB_REDIS_URL: redis.url })
  expect((await ask(other.internalUrl, 'last-words')).status).toBe(200)
})

test('TIMELINES_MAX=0 keeps none, and still shows those of others', async () => {
  await using service = await startService({ PUBSUB_REDIS_URL: redis.url, TIMELINES_MAX: '0' })
  await using other = await startService({ PUBSUB_REDIS_URL: redis.url })
  expect(await wake(service.publicUrl, 'unseen')).toEqual(naked('no-device'))
  await wake(other.publicUrl, 'seen')
  await eventually("the other's", async () => (await ask(service.internalUrl, 'seen')).status === 200)
  expect((await ask(service.internalUrl, 'unseen')).status).toBe(404)
})
