// AUTH_MODE=none and AUTH_MODE=upstream: nobody asks, or an operator's own service is shown the app's credentials and
// says whose they are.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAppAuth } from '../../../src/http/public/auth.ts'
import { appleToken, postForm } from '../../harness/client.ts'
import { freePort, startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'

/** Must never be told to an app. */
const OUR_KEY = 'key-of-ours'

/** An answer that begins and does not end. */
function dripping(): Response {
  return new Response(
    new ReadableStream({
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode(' '))
        await Bun.sleep(20)
      },
    }),
  )
}

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
  'Bearer drops': () => dripping(),
  'Bearer long': () => new Response(`{"account_id":"1701","pad":"${'x'.repeat(64 * 1024)}"}`),
  'Bearer longest': () => new Response(`{"account_id":"1701","pad":"${'x'.repeat(64 * 1024 - 32)}"}`),
  'Bearer cut': () => new Response('{"account_id":"1701"'),
  'Bearer huge': () => new Response('{"account_id":9007199254740993}'),
  'Bearer fraction': () => new Response('{"account_id":1701.5}'),
  'Bearer 429': () => new Response('slow down, key-of-ours', { status: 429 }),
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
    startService({ ...settings, AUTH_URL: `http://127.0.0.1:${upstream.port}/account/?api_key=${OUR_KEY}` }),
    startService({ ...settings, AUTH_MODE: 'none' }),
    startService({
      ...settings,
      AUTH_URL: `http://127.0.0.1:${await freePort()}/account?api_key=${OUR_KEY}`,
    }),
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
    expect((await register(service, 'Basic right')).status).toBe(201)
    expect((await register(service, 'Bearer number')).status).toBe(200)
    expect(seen.every(headers => headers.get('authorization') !== null)).toBe(true)
    expect(seen[0]!.get('accept')).toBe('application/json')
    expect((await register(service, 'Bearer longest')).status).toBe(200)
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
    ['Bearer cut', 503, 'an answer that ends too soon'],
    ['Bearer long', 503, 'an answer of more than 64 KiB'],
    ['Bearer 429', 503, 'a service that has enough'],
    ['Bearer huge', 403, 'a number that JSON can’t hold, and that could be a neighbour’s'],
    ['Bearer fraction', 403, 'a number that is no account'],
  ]
  for (const [authorization, status, why] of refusals) {
    test(`gets ${status} for ${why}`, async () => {
      const refused = await register(service, authorization)
      expect(refused.status).toBe(status)
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
      if (status === 503) expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      if (status === 401) expect(refused.headers.get('www-authenticate')).toBe('Bearer')
      const told = await refused.text()
      for (const secret of ['1799', OUR_KEY, 'api_key', '127.0.0.1']) expect(told).not.toContain(secret)
    })
  }

  const settings = () => ({
    authMode: 'upstream' as const,
    authUrl: `http://127.0.0.1:${upstream.port}/account/?api_key=${OUR_KEY}`,
    authAccountField: 'account_id',
    authJwksUrl: undefined,
    authIssuer: undefined,
    authAudience: undefined,
  })
  const bearing = (authorization: string, signal?: AbortSignal) =>
    new Request('http://localhost/', { headers: { authorization }, ...(signal ? { signal } : {}) })

  test('gets 503 for a service that never answers, or never ends its answer', async () => {
    const authenticate = createAppAuth({ ...settings(), authTimeoutMs: 100 })
    for (const authorization of ['Bearer silence', 'Bearer drops'])
      expect(await authenticate(bearing(authorization), '1701')).toMatchObject({
        ok: false,
        failure: { status: 503 },
      })
  })

  test('gets 503 at once when 64 are being asked about, and its turn when one of them has left', async () => {
    const troubles: string[] = []
    const authenticate = createAppAuth({ ...settings(), authTimeoutMs: 60_000 }, (_, why) =>
      troubles.push(why),
    )
    const leaving = Array.from({ length: 64 }, () => new AbortController())
    const asked = leaving.map(({ signal }) => authenticate(bearing('Bearer silence', signal), '1701'))
    const beyond = await authenticate(bearing('Basic right'), '1701')
    expect(beyond).toMatchObject({ ok: false, failure: { status: 503, headers: { 'retry-after': '1' } } })
    leaving[0]!.abort()
    expect((await asked[0])!.ok).toBe(false)
    expect(await authenticate(bearing('Basic right'), '1701')).toMatchObject({ ok: true })
    expect(troubles).toEqual(['64 asks are under way already'])
    for (const each of leaving) each.abort()
    await Promise.all(asked)
  })

  test('tells the log why, without the key that AUTH_URL holds', async () => {
    const troubles: string[] = []
    const note = (who: string, reason: string) => troubles.push(`${who}: ${reason}`)
    const authenticate = createAppAuth(settings(), note)
    const nobody = `http://127.0.0.1:${await freePort()}/?api_key=${OUR_KEY}`
    await authenticate(bearing('Bearer text'), '1701')
    await authenticate(bearing('Bearer 500'), '1701')
    await createAppAuth({ ...settings(), authUrl: nobody }, note)(bearing('Basic right'), '1701')
    expect(troubles[0]).toBe('AUTH_URL: what it answers is no JSON')
    expect(troubles[1]).toBe('AUTH_URL: it answered 500')
    expect(troubles[2]).toContain('ECONNREFUSED')
    expect(troubles.join()).not.toContain(OUR_KEY)
    const line = await orphaned.logged(each => each.msg === 'apps can’t be authenticated')
    expect(line).toMatchObject({ level: 'warn', who: 'AUTH_URL' })
    expect(orphaned.output()).not.toContain(OUR_KEY)
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
