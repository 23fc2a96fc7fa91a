// AUTH_MODE=none and AUTH_MODE=upstream: nobody asks, or an operator's own service is shown the app's credentials and
// says whose they are.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAppAuth } from '../../../src/http/public/auth.ts'
import { appleToken, postForm } from '../../harness/client.ts'
import { freePort, startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'

let redis: TestRedis
let upstream: Bun.Server<undefined>
let service: TestService
let open: TestService
let orphaned: TestService

/** What the upstream service got, header by header. */
const seen: Headers[] = []

/** What it answers to each kind of credentials. */
const ANSWERS: Record<string, () => Response | Promise<Response>> = {
  'Basic right': () => Response.json({ account_id: '1701', name: 'Jos' }),
  'Bearer number': () => Response.json({ account_id: 1701 }),
  'Bearer other': () => Response.json({ account_id: '1799' }),
  'Bearer nobody': () => Response.json({ name: 'Jos' }),
  'Bearer null': () => Response.json({ account_id: null }),
  'Bearer list': () => Response.json({ account_id: ['1701'] }),
  'Bearer array': () => Response.json(['1701']),
  'Bearer 401': () => new Response('who?', { status: 401 }),
  'Bearer 403': () => new Response('no', { status: 403 }),
  'Bearer 404': () => new Response('where?', { status: 404 }),
  'Bearer 500': () => new Response('oh', { status: 500 }),
  'Bearer 204': () => new Response(null, { status: 204 }),
  'Bearer text': () => new Response('account 1701', { status: 200 }),
  'Bearer elsewhere': () => Response.redirect('/account', 302),
  'Bearer silence': () => new Promise(() => undefined),
}

beforeAll(async () => {
  redis = await startRedis()
  upstream = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch(request) {
      seen.push(request.headers)
      return ANSWERS[request.headers.get('authorization') ?? '']?.() ?? new Response(null, { status: 401 })
    },
  })
  const settings = { PUBSUB_REDIS_URL: redis.url, AUTH_MODE: 'upstream' }
  ;[service, open, orphaned] = await Promise.all([
    startService({ ...settings, AUTH_URL: `http://127.0.0.1:${upstream.port}/account/` }),
    startService({ ...settings, AUTH_MODE: 'none' }),
    startService({ ...settings, AUTH_URL: `http://127.0.0.1:${await freePort()}/account` }),
  ])
})
afterAll(async () => {
  await Promise.all([service, open, orphaned].map(each => each.kill()))
  await upstream.stop(true)
  await redis.close()
})

function register(at: TestService, authorization?: string, account = '1701'): Promise<Response> {
  return postForm(
    `${at.publicUrl}/api/android-device/`,
    { sip_user_id: account, token: 't', app: 'com.example.phone' },
    authorization === undefined ? {} : { headers: { authorization } },
  )
}

describe.concurrent('an app whose credentials an upstream service knows', () => {
  test('may act for the account that the service names, as text or as a number', async () => {
    expect([200, 201]).toContain((await register(service, 'Basic right')).status)
    expect([200, 201]).toContain((await register(service, 'Bearer number')).status)
    expect(seen.every(headers => headers.get('authorization') !== null)).toBe(true)
    expect(seen[0]!.get('accept')).toBe('application/json')
  })

  const refusals: [string | undefined, number, string][] = [
    [undefined, 401, 'no credentials at all'],
    ['Bearer 401', 401, 'credentials that it refuses'],
    ['Bearer 403', 403, 'credentials that it forbids to act'],
    ['Bearer other', 403, 'the account of somebody else'],
    ['Bearer nobody', 403, 'an answer that names no account'],
    ['Bearer null', 403, 'an answer that names none on purpose'],
    ['Bearer list', 403, 'a list where the account should be'],
    ['Bearer array', 403, 'a list where the answer should be'],
    ['Bearer 404', 503, 'an answer that is no verdict'],
    ['Bearer 500', 503, 'a service that fails'],
    ['Bearer 204', 503, 'an answer without content'],
    ['Bearer text', 503, 'an answer that is not JSON'],
    ['Bearer elsewhere', 503, 'a redirection, which could lead the credentials astray'],
  ]
  for (const [authorization, status, why] of refusals) {
    test(`gets ${status} for ${why}`, async () => {
      const refused = await register(service, authorization)
      expect(refused.status).toBe(status)
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
      if (status === 503) expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      if (status === 401) expect(refused.headers.get('www-authenticate')).toBe('Bearer')
      expect(await refused.text()).not.toContain('1799')
    })
  }

  test('gets 503 for a service that never answers', async () => {
    const authenticate = createAppAuth({
      authMode: 'upstream',
      authUrl: `http://127.0.0.1:${upstream.port}/account/`,
      authAccountField: 'account_id',
      authJwksUrl: undefined,
      authIssuer: undefined,
      authAudience: undefined,
      authTimeoutMs: 100,
    })
    const request = new Request('http://localhost/', { headers: { authorization: 'Bearer silence' } })
    expect(await authenticate(request, '1701')).toMatchObject({ ok: false, failure: { status: 503 } })
  })

  test('gets 503 when nobody listens at AUTH_URL', async () => {
    const refused = await register(orphaned, 'Basic right')
    expect(refused.status).toBe(503)
  })

  test('is not let in as an account that is called like a value which is missing', async () => {
    expect((await register(service, 'Bearer nobody', 'undefined')).status).toBe(403)
    expect((await register(service, 'Bearer null', 'null')).status).toBe(403)
  })

  test('needs the credentials on every route of an app', async () => {
    const device = { sip_user_id: '1701', token: appleToken('t'), app: 'com.example.phone' }
    const routes: [string, string, Record<string, string>][] = [
      ['POST', 'apns-device', device],
      ['POST', 'gcm-device', device],
      ['DELETE', 'android-device', device],
      ['POST', 'check-in', { sip_user_id: '1701' }],
      ['POST', 'hangup-reason', { sip_user_id: '1701', unique_key: 'u', reason: 'r' }],
      ['POST', 'log-metrics', { sip_user_id: '1701', os: 'ios' }],
      ['POST', 'log-metrics', { os: 'ios' }],
    ]
    for (const [method, route, fields] of routes) {
      const url = `${service.publicUrl}/api/${route}/`
      expect((await postForm(url, fields, { method })).status).toBe(401)
      const headers = { authorization: 'Bearer other' }
      const isAnyones = fields.sip_user_id === undefined
      expect((await postForm(url, fields, { method, headers })).status).toBe(isAnyones ? 200 : 403)
    }
  })
})

describe('AUTH_MODE=none', () => {
  test('lets every app act for every account, and says so loudly', async () => {
    expect((await register(open, undefined, '1702')).status).toBe(201)
    expect((await register(open, 'Bearer 401', '1703')).status).toBe(201)
    const warning = await open.logged(line => line.msg.startsWith('AUTH_MODE=none'))
    expect(warning.level).toBe('warn')
  })
})
