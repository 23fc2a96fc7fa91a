// What each token of the internal listener opens, and that refusals are counted and told of.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { type Api, apiAt, aspCall } from './api.ts'

const ADMIN_TOKEN = 'the-token-of-the-operators'
const ANNS_TOKEN = 'the-token-of-ann-alone:with.colons=and/more+'
const BOBS_TOKEN = 'the-token-of-bob-alone'
const METRICS_TOKEN = 'the-token-of-prometheus'

let redis: TestRedis
let services: TestService[]
let exposed: Api
let onLoopback: Api
let namedOnly: Api
beforeAll(async () => {
  redis = await startRedis()
  const env = { PUBSUB_REDIS_URL: redis.url, METRICS_TOKEN, INTERNAL_HOST: '127.0.0.1' }
  const ADMIN_TOKENS = `ann:${ANNS_TOKEN}, bob@example.com:${BOBS_TOKEN}`
  services = await Promise.all([
    startService({ ...env, ADMIN_TOKEN, ADMIN_TOKENS }),
    startService(env),
    startService({ ...env, INTERNAL_HOST: '0.0.0.0', ADMIN_TOKENS }),
  ])
  const urls = services.map(each => each.internalUrl.replace('0.0.0.0', '127.0.0.1'))
  await Promise.all(urls.map(untilReadyWith))
  ;[exposed, onLoopback, namedOnly] = urls.map(apiAt) as [Api, Api, Api]
})
afterAll(async () => {
  await Promise.all(services.map(each => each.kill()))
  await redis.close()
})

const untilReadyWith = async (url: string) => {
  while ((await fetch(`${url}/readyz`)).status !== 200) await Bun.sleep(20)
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const OPEN = ['/healthz', '/readyz', '/', '/openapi/json']
const DATA = [
  '/api/live',
  '/api/calls',
  '/api/calls/x',
  '/api/calls/x/events',
  '/api/timeline/1',
  '/api/devices/1',
]

describe('METRICS_TOKEN', () => {
  test('opens /metrics and the probes', async () => {
    for (const api of [exposed, onLoopback, namedOnly])
      for (const path of ['/metrics', ...OPEN])
        expect([path, (await api.get(path, bearer(METRICS_TOKEN))).status]).toEqual([path, 200])
    expect((await exposed.get('/metrics', bearer(METRICS_TOKEN))).body).toContain('hookswitch_info')
  })

  test('opens nothing else, however it is asked for', async () => {
    for (const api of [exposed, onLoopback, namedOnly]) {
      for (const path of [...DATA, '/metrics/x', '/Metrics', '/api/metrics', '/no/such/route'])
        expect([path, (await api.get(path, bearer(METRICS_TOKEN))).status]).toEqual([path, 401])
      for (const path of ['/metrics', '/api/calls', '/api/calls/x/hangup', '/api/switches/x/bridge'])
        expect([path, (await api.post(path, aspCall(), bearer(METRICS_TOKEN))).status]).toEqual([path, 401])
    }
    expect(await redis.client.llen('talkiq-asp.calls')).toBe(0)
  })

  test.each(['', 'x', METRICS_TOKEN.slice(1), `${METRICS_TOKEN}x`, METRICS_TOKEN.toUpperCase()])(
    'is not "%s"',
    async token => {
      expect((await exposed.get('/metrics', bearer(token))).status).toBe(401)
    },
  )
})

describe('admin tokens', () => {
  test('each open everything, named ones too', async () => {
    for (const token of [ADMIN_TOKEN, ANNS_TOKEN, BOBS_TOKEN])
      for (const path of ['/metrics', '/api/calls', '/api/devices/1'])
        expect([path, (await exposed.get(path, bearer(token))).status]).toEqual([path, 200])
    expect((await namedOnly.get('/api/calls', bearer(ANNS_TOKEN))).status).toBe(200)
  })

  test.each([`ann:${ANNS_TOKEN}`, 'ann', 'ADMIN_TOKEN', `${ANNS_TOKEN},${BOBS_TOKEN}`])(
    'are not "%s"',
    async token => {
      expect((await exposed.get('/api/calls', bearer(token))).status).toBe(401)
      expect((await namedOnly.get('/api/calls', bearer(token))).status).toBe(401)
    },
  )
})

describe('a refusal', () => {
  const REASONS = ['token', 'no-token', 'metrics-token', 'web-page', 'proxy']

  async function counts(api: Api): Promise<number[]> {
    const text = (await api.get('/metrics', bearer(METRICS_TOKEN))).body as string
    return REASONS.map(reason =>
      Number(
        new RegExp(`^hookswitch_admin_refused_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1],
      ),
    )
  }

  test('is counted by its reason', async () => {
    const before = await counts(exposed)
    expect(before.every(Number.isInteger)).toBe(true)
    await exposed.get('/api/calls', bearer('wrong'))
    await exposed.get('/api/calls', { authorization: 'Basic eDp5' })
    await exposed.get('/api/calls')
    await exposed.get('/api/calls', bearer(METRICS_TOKEN))
    expect(await counts(exposed)).toEqual([
      before[0]! + 2,
      before[1]! + 1,
      before[2]! + 1,
      before[3]!,
      before[4]!,
    ])

    const onLoopbackBefore = await counts(onLoopback)
    expect((await onLoopback.get('/api/calls', { origin: 'https://evil.example' })).status).toBe(403)
    expect((await onLoopback.get('/api/calls', { via: '1.1 proxy' })).status).toBe(403)
    expect((await counts(onLoopback)).map((count, at) => count - onLoopbackBefore[at]!)).toEqual([
      0, 0, 0, 1, 1,
    ])
  })

  test('is logged with the address, once a minute however often it comes, and without the token', async () => {
    await using service = await startService({ PUBSUB_REDIS_URL: redis.url, ADMIN_TOKEN })
    const api = apiAt(service.internalUrl)
    await api.get('/api/calls')
    for (let time = 0; time < 50; time++) await api.get('/api/calls', bearer(`guess-number-${time}`))
    await service.stop()
    const lines = service.log.filter(each => each.msg === 'the internal listener refused a request')
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', client: '127.0.0.1', reason: 'token' })])
    expect(service.output()).not.toContain('guess-number')
  })
})
