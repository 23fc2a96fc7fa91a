// Who may use the internal listener: with a token whoever has it, on loopback whoever is there, but no web page that is
// open in the operator's browser.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { type Api, apiAt, aspCall, untilApiReady } from './api.ts'

const ADMIN_TOKEN = 'the-token-of-the-operators'
const WITH_TOKEN = { authorization: `Bearer ${ADMIN_TOKEN}` }

let redis: TestRedis
let services: TestService[]
let onLoopback: Api
let exposed: Api
let port: string
beforeAll(async () => {
  redis = await startRedis()
  services = await Promise.all([
    startService({ PUBSUB_REDIS_URL: redis.url }),
    startService({ PUBSUB_REDIS_URL: redis.url, INTERNAL_HOST: '0.0.0.0', ADMIN_TOKEN }),
  ])
  const urls = services.map(each => each.internalUrl.replace('0.0.0.0', '127.0.0.1'))
  await Promise.all(urls.map(untilApiReady))
  port = new URL(urls[0]!).port
  ;[onLoopback, exposed] = urls.map(apiAt) as [Api, Api]
})
afterAll(async () => {
  await Promise.all(services.map(each => each.kill()))
  await redis.close()
})

const DATA = [
  '/metrics',
  '/api/calls',
  '/api/calls/x',
  '/api/calls/x/events',
  '/api/devices/1',
  '/api/timeline/1',
]

describe('with ADMIN_TOKEN', () => {
  test.each(DATA)('%s wants it', async path => {
    const refused = await exposed.get(path)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect((await exposed.get(path, { authorization: 'Bearer wrong' })).status).toBe(401)
  })

  test('nothing is made or steered without it, nor told whether there is such a route', async () => {
    for (const path of ['/api/calls', '/api/calls/x/hangup', '/api/switches/x/bridge', '/no/such/route'])
      expect((await exposed.post(path, aspCall())).status).toBe(401)
    expect(await redis.client.llen('talkiq-asp.calls')).toBe(0)
  })

  test('its bearer may do everything, under whatever name the listener is reached', async () => {
    expect((await exposed.get('/api/calls', { ...WITH_TOKEN, host: 'hookswitch.internal' })).status).toBe(200)
    expect((await exposed.get('/no/such/route', WITH_TOKEN)).status).toBe(404)
  })

  test('probes and pages are open, because there is no data in them', async () => {
    for (const path of ['/healthz', '/readyz', '/', '/openapi', '/openapi/json', '/openapi/swagger-ui.css'])
      expect([path, (await exposed.get(path)).status]).toEqual([path, 200])
    expect((await exposed.post('/readyz')).status).toBe(401)
  })

  test.each([
    ['//healthz', 400],
    ['/healthz/../metrics', 400],
    ['/healthz%2f..%2fmetrics', 401],
    ['/metrics?/healthz', 401],
  ])('%s is not taken for an open page', async (path, status) => {
    const answer = await raw(services[1]!, `GET ${path} HTTP/1.1\r\nHost: hookswitch`)
    expect(answer).toStartWith(`HTTP/1.1 ${status}`)
  })
})

/** As a client could send it that does not tidy its URLs. */
async function raw(service: TestService, head: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const { port: to } = new URL(service.internalUrl)
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port: Number(to),
    socket: { data: (_, data) => resolve(data.toString()), close: () => resolve('closed') },
  })
  socket.write(`${head}\r\n\r\n`)
  const answer = await promise
  socket.end()
  return answer
}

describe('on loopback', () => {
  test.each(['localhost', '127.0.0.1', '[::1]', '127.0.0.2', 'LOCALHOST', '127.1'])(
    'it answers to the name %s',
    async name => {
      expect((await onLoopback.get('/api/calls', { host: `${name}:${port}` })).status).toBe(200)
    },
  )

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '0.0.0.0',
    '[::ffff:10.0.0.1]',
  ])('it does not answer to the name %s, which may be made to resolve to loopback', async name => {
    for (const path of [...DATA, '/api/live']) {
      const refused = await onLoopback.get(path, { host: `${name}:${port}` })
      expect([path, refused.status]).toEqual([path, 403])
    }
    const made = await onLoopback.post('/api/calls', aspCall(), { host: `${name}:${port}` })
    expect(made.status).toBe(403)
    expect(await redis.client.llen('talkiq-asp.calls')).toBe(0)
  })

  const OTHER_SITES: [string, Record<string, string>][] = [
    ['an Origin of elsewhere', { origin: 'https://evil.example' }],
    ['the Origin of a file or a sandbox', { origin: 'null' }],
    ['another port’s Origin', { origin: 'http://127.0.0.1:1' }],
    ['a request across sites', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a request of the same site, another port', { 'sec-fetch-site': 'same-site' }],
    [
      'a frame on a page of elsewhere',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    ],
  ]
  test.each(OTHER_SITES)('it refuses %s', async (_, headers) => {
    expect((await onLoopback.get('/api/calls', headers)).status).toBe(403)
    expect((await onLoopback.post('/api/calls', aspCall(), headers)).status).toBe(403)
    expect((await onLoopback.post('/api/calls/x/hangup', undefined, headers)).status).toBe(403)
    expect(await redis.client.llen('talkiq-asp.calls')).toBe(0)
  })

  test.each([
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-for', '203.0.113.9'],
    ['forwarded', 'for=127.0.0.1'],
    ['x-real-ip', '203.0.113.9'],
    ['via', '1.1 proxy'],
  ])(
    'it does not answer who comes by a proxy (%s: %s), through which everybody is here',
    async (name, value) => {
      for (const path of [...DATA, '/api/live'])
        expect([path, (await onLoopback.get(path, { [name]: value })).status]).toEqual([path, 403])
      expect((await onLoopback.post('/api/calls', aspCall(), { [name]: value })).status).toBe(403)
      expect((await onLoopback.get('/readyz', { [name]: value })).status).toBe(200)
      expect((await exposed.get('/api/calls', { ...WITH_TOKEN, [name]: value })).status).toBe(200)
      expect(await redis.client.llen('talkiq-asp.calls')).toBe(0)
    },
  )

  test('it answers its own pages, and the operator who follows a link to it', async () => {
    const own = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' }
    expect((await onLoopback.get('/api/calls', own)).status).toBe(200)
    expect((await onLoopback.post('/api/calls/x/hangup', undefined, own)).status).toBe(404)
    expect((await onLoopback.get('/api/calls', { 'sec-fetch-site': 'none' })).status).toBe(200)
    const link = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    }
    expect((await onLoopback.get('/metrics', link)).status).toBe(200)
    expect((await onLoopback.post('/api/calls/x/hangup', undefined, link)).status).toBe(403)
  })

  test.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain', ''])(
    'it refuses a body of type "%s", which a page could post unasked',
    async type => {
      const headers = { 'content-type': type }
      const body = JSON.stringify(aspCall())
      expect((await onLoopback.post('/api/calls', body, headers)).status).toBe(415)
      expect(await redis.client.llen('talkiq-asp.calls')).toBe(0)
    },
  )

  test('it takes JSON with its character set, and no body at all where none is needed', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    expect((await onLoopback.post('/api/calls', aspCall(), headers)).status).toBe(202)
    expect((await onLoopback.post('/api/calls/x/hangup')).status).toBe(404)
  })
})
