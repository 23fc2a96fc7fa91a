// The operators' listener: counters for those who may see them, readiness for everybody.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { VIEWERS_MAX } from '../../../src/live/liveFeed.ts'
import { obstaclesOf } from '../../harness/internal.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'

const ADMIN_TOKEN = 'the-token-of-the-operators'

let redis: TestRedis
let onLoopback: TestService
let exposed: TestService

beforeAll(async () => {
  redis = await startRedis()
  ;[onLoopback, exposed] = await Promise.all([
    startService({ PUBSUB_REDIS_URL: redis.url }),
    startService({ PUBSUB_REDIS_URL: redis.url, INTERNAL_HOST: '0.0.0.0', ADMIN_TOKEN }),
  ])
})
afterAll(async () => {
  await Promise.all([onLoopback.kill(), exposed.kill()])
  await redis.close()
})

const get = (service: TestService, path: string, headers: Record<string, string> = {}) =>
  fetch(`${service.internalUrl.replace('0.0.0.0', '127.0.0.1')}${path}`, { headers })

describe('the internal listener', () => {
  test('on loopback shows metrics to everybody there', async () => {
    const response = await get(onLoopback, '/metrics')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toStartWith('text/plain')
    expect(await response.text()).toContain('# TYPE hookswitch_incoming_calls_total counter')
  })

  test('beyond loopback shows them to who has ADMIN_TOKEN', async () => {
    expect((await get(exposed, '/metrics', { authorization: `Bearer ${ADMIN_TOKEN}` })).status).toBe(200)
    for (const authorization of ['', 'Bearer wrong', `Basic ${ADMIN_TOKEN}`, ADMIN_TOKEN]) {
      const refused = await get(exposed, '/metrics', authorization === '' ? {} : { authorization })
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe('Bearer')
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
      expect(await refused.text()).not.toContain('hookswitch_')
    }
  })

  test('tells readiness to everybody, because probes keep no secrets', async () => {
    const ready = await get(exposed, '/readyz')
    expect(ready.status).toBe(200)
    expect(await ready.json()).toEqual({ ready: true, obstacles: [], warnings: [] })
    expect(await obstaclesOf(onLoopback.internalUrl)).toEqual([])
  })

  test('answers HEAD as GET without its body, and holds nothing for it', async () => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    const head = (path: string, more: Record<string, string> = headers) =>
      fetch(`${exposed.internalUrl.replace('0.0.0.0', '127.0.0.1')}${path}`, {
        method: 'HEAD',
        headers: more,
      })
    for (const path of ['/healthz', '/metrics', '/', '/api/calls', '/api/calls/x/events']) {
      const answer = await head(path)
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, ''])
    }
    expect((await head('/metrics', {})).status).toBe(401)
    expect((await head('/no/such/route')).status).toBe(404)
    for (let viewer = 0; viewer <= VIEWERS_MAX; viewer++) expect((await head('/api/live')).status).toBe(200)
  })

  test('has none of the public routes, and the public listener none of its own', async () => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    expect((await get(exposed, '/api/incoming-call/', headers)).status).toBe(404)
    for (const path of ['/metrics', '/readyz', '/'])
      expect((await fetch(`${onLoopback.publicUrl}${path}`)).status).toBe(404)
  })
})

test('/healthz on the public listener says that the process lives', async () => {
  const response = await fetch(`${onLoopback.publicUrl}/healthz`)
  expect([response.status, await response.text()]).toEqual([200, 'ok'])
})
