// What a request is for, as bytes: paths that a URL would tidy, and hosts that make no URL. On both listeners such a
// request is refused before anybody is asked who may; every other one is routed by the very path that it names.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { RawClient } from '../harness/rawHttp.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'

const ADMIN_TOKEN = 'the-token-of-the-operators'

let redis: TestRedis
let service: TestService
/** Nobody is a PBX to it, and nobody an operator. */
let strict: TestService

beforeAll(async () => {
  redis = await startRedis()
  const settings = { PUBSUB_REDIS_URL: redis.url, RATE_LIMIT: '0', APP_PUSH_ROUNDTRIP_WAIT: '100' }
  ;[service, strict] = await Promise.all([
    startService(settings),
    startService({ ...settings, PBX_ALLOW: '192.0.2.1', INTERNAL_HOST: '0.0.0.0', ADMIN_TOKEN }),
  ])
})
afterAll(async () => {
  await Promise.all([service.kill(), strict.kill()])
  await redis.close()
})

async function statusOf(url: string, lines: string[], body = ''): Promise<number | undefined> {
  const client = RawClient.at(url)
  const head = [...lines, ...(body === '' ? [] : [`Content-Length: ${body.length}`]), '', ''].join('\r\n')
  const answer = await client.ask(head + body)
  client.close()
  if (answer?.status === 400 && answer.body !== '')
    expect(JSON.parse(answer.body)).toMatchObject({ title: 'Bad Request', status: 400 })
  return answer?.status
}

const FORM = 'Content-Type: application/x-www-form-urlencoded'
const endCall = (path: string, host = 'Host: wake.example.com', at = service) =>
  statusOf(at.publicUrl, [`POST ${path} HTTP/1.1`, host, FORM], 'call_id=none&reason=caller_hangup')

/** Each becomes another path in a URL, or could be taken for another one by whoever stands in front of us. */
const UNTIDY = [
  '/.%2e/api/call-ended',
  '/api\\call-ended/',
  '/api/call-ended\\',
  '\\api/call-ended',
  '//api/call-ended',
  '/api//call-ended/',
  '/api/call-ended//',
  '/./api/call-ended',
  '/api/./call-ended',
  '/api/%2E/call-ended',
  '/x/../api/call-ended',
  '/x/%2e%2E/api/call-ended',
  '/x/.%2e/api/call-ended/',
  '/x\\../api/call-ended',
  '/x\\..\\api\\call-ended',
  '/api/call-ended/.',
  '/api/call-ended/x/..',
  '/api/call-ended/x/%2e%2e/',
  '/1/2/3/4/5/6/7/8/9/../../../../../../../../../api/call-ended',
]

/** Other paths, and none of ours. */
const ELSEWHERE = [
  '/zz/api/call-ended/',
  '/api/call-ended/x',
  '/api/call-ended;x',
  '/api/call-ended%2f',
  '/api%2fcall-ended',
  '/api/call%2dended',
  '/api/CALL-ENDED',
  '/API/call-ended/',
  '/api/call-ended.',
  '/api/call-ended%00',
  '/api/call-ended%20',
  '/?/api/call-ended/',
  '/zz?x=/api/call-ended/',
]

/** One route is Elysia's, the other one comes straight from Bun's router. */
const ofBoth = (paths: readonly string[]): string[] =>
  paths.flatMap(path => [path, path.replace(/call(-|%2d)ended/, (_, dash) => `incoming${dash}call`)])

describe('a path', () => {
  test.each(['/api/call-ended', '/api/call-ended/', '/api/call-ended?', '/api/call-ended/?a=//..\\'])(
    '%s is the route',
    async path => {
      expect(await endCall(path)).toBe(404)
      expect(await endCall(path, 'Host: a', strict)).toBe(403)
    },
  )

  test.each(['POST', 'GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'by %s is answered alike, whether Elysia routes it or not',
    async method => {
      for (const path of [
        '/api/incoming-call',
        '/api/incoming-call/',
        '/api/call-ended',
        '/api/call-ended/',
      ]) {
        const answer = await fetch(`${strict.publicUrl}${path}`, { method })
        expect([path, answer.status]).toEqual([path, method === 'POST' ? 403 : 404])
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
      }
    },
  )

  test.each(ofBoth(UNTIDY))('%s is refused before anybody asks who it is', async path => {
    expect(await endCall(path)).toBe(400)
    expect(await endCall(path, 'Host: a', strict)).toBe(400)
  })

  test.each([...ofBoth(ELSEWHERE), '/api/incoming-CALL'])('%s does not reach the route', async path => {
    const answer = await statusOf(strict.publicUrl, [`POST ${path} HTTP/1.1`, 'Host: a', FORM], 'x=y')
    // The route would have said 403.
    expect(answer).toBe(404)
  })

  test.each([
    '/api/live',
    '/api/calls',
    '/api/calls/x',
    '/api/calls/x/events',
    '/metrics',
    '/api/timeline/x',
  ])('around %s opens nothing of the internal listener', async data => {
    const tries: [string, number][] = [
      [`${data}?aa/healthz`, 401],
      [`${data}?/healthz`, 401],
      [`${data}/`, 401],
      [`/healthz/..${data}`, 400],
      [`/healthz/%2e%2e${data}`, 400],
      [`/healthz\\..${data}`, 400],
      [`/x/y/..\\..${data}`, 400],
      [`${data}/../../../healthz`, 400],
      [`${data}\\..\\..\\..\\healthz`, 400],
      [`/${data}`, 400],
      [`${data}#/healthz`, 401],
      [`/healthz#${data}`, 401],
      [`/healthz/${data.slice(1)}`, 401],
    ]
    for (const [path, status] of tries)
      for (const host of ['Host: hookswitch', 'Host: a', 'Host: [::1]:9090'])
        expect([path, await statusOf(strict.internalUrl, [`GET ${path} HTTP/1.1`, host])]).toEqual([
          path,
          status,
        ])
  })
})

/** Names and addresses of every length. */
const HOSTS = [
  'a',
  'ab',
  'abc',
  'a:1',
  'pbx',
  'wake.example.com',
  'wake.example.com.',
  'WAKE.example.com:8080',
  'wake_1:8080',
  '10.1',
  '10.0.0.1',
  '10.0.0.1:80',
  '[::1]',
  '[::1]:65535',
  '[2001:db8::7]:8080',
  `${'x'.repeat(63)}.${'y'.repeat(63)}.example.com`,
]

const ODD_HOSTS = [
  '',
  ' ',
  '?',
  '#',
  '/',
  '\\',
  '*',
  '@',
  ':',
  ':80',
  '%',
  '::1',
  '[::1',
  '[]',
  '[::1]x',
  'a b',
  'a\tb',
  'a@b',
  'a/b',
  'a/healthz',
  'a?b',
  'a?/healthz',
  'a#b',
  'a\\b',
  'a,b',
  'a;b',
  'a:b',
  'a:80:80',
  'a:99999999',
  'a%2f',
  'ex%61mple',
  '<a>',
  'é',
  'http://a',
]

describe('a Host', () => {
  test.each(HOSTS)('"%s" is as good as any', async host => {
    expect(await endCall('/api/call-ended/', `Host: ${host}`)).toBe(404)
    expect(await endCall('/api/call-ended', `host:${host}`)).toBe(404)
    const body = 'sip_user_id=nobody&phonenumber=1'
    const asked = statusOf(
      service.publicUrl,
      ['POST /api/incoming-call/ HTTP/1.1', `Host: ${host}`, FORM],
      body,
    )
    expect(await asked).toBe(200)
    expect(await statusOf(strict.internalUrl, ['GET /healthz HTTP/1.1', `Host: ${host}`])).toBe(200)
    expect(await statusOf(strict.internalUrl, ['GET /api/calls HTTP/1.1', `Host: ${host}`])).toBe(401)
  })

  test.each(ODD_HOSTS)('"%s" is refused on both listeners, whatever is asked for', async host => {
    for (const path of ['/api/call-ended/', '/api/incoming-call', '/healthz', '/zz/api/call-ended/'])
      expect(await endCall(path, `Host: ${host}`)).toBe(400)
    for (const path of ['/healthz', '/api/live?aa/healthz', '/api/calls/?aa/healthz', '/metrics?aa/healthz'])
      expect(await statusOf(strict.internalUrl, [`GET ${path} HTTP/1.1`, `Host: ${host}`])).toBe(400)
  })

  test('given twice is refused', async () => {
    expect(await endCall('/api/call-ended/', 'Host: a\r\nHost: b')).toBe(400)
    expect(await endCall('/api/call-ended/', 'Host: a\r\nHost: a')).toBe(400)
  })

  test('may be missing in HTTP/1.0, and only there', async () => {
    const body = 'sip_user_id=nobody&phonenumber=1'
    const ask = (path: string, version: string, at = service) =>
      statusOf(at.publicUrl, [`POST ${path} HTTP/${version}`, FORM], body)
    for (const path of ['/api/incoming-call', '/api/incoming-call/', '/api/incoming-call/?a=b']) {
      expect(await ask(path, '1.0')).toBe(200)
      expect(await ask(path, '1.0', strict)).toBe(403)
      expect(await ask(path, '1.1')).toBe(400)
    }
    for (const path of UNTIDY) expect([path, await ask(path, '1.0')]).toEqual([path, 400])
    const probe = (path: string) => statusOf(strict.internalUrl, [`GET ${path} HTTP/1.0`])
    expect(await probe('/readyz')).toBe(200)
    for (const path of ['/metrics', '/api/live?aa/healthz', '/api/calls', '/metrics?/healthz'])
      expect([path, await probe(path)]).toEqual([path, 401])
  })
})
