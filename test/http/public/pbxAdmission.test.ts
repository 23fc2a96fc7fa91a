// Who may say that a call comes in or has ended: PBXs, known by their address or by a token. Proxies in between are
// believed when they are trusted, nobody else.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { postForm } from '../../harness/client.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'

const PBX_TOKEN = 'the-token-of-this-pbx'

let redis: TestRedis
/** With the settings' defaults, with a list that our own address is not on, and with a proxy on our address. */
let byDefault: TestService
let strict: TestService
let proxied: TestService

beforeAll(async () => {
  redis = await startRedis()
  const settings = { PUBSUB_REDIS_URL: redis.url }
  const pbxs = '192.0.2.0/24, 2001:db8::/32'
  ;[byDefault, strict, proxied] = await Promise.all([
    startService(settings),
    startService({ ...settings, PBX_ALLOW: pbxs, PBX_TOKEN }),
    startService({ ...settings, PBX_ALLOW: pbxs, TRUST_PROXY: '127.0.0.1,10.0.0.0/8' }),
  ])
})
afterAll(async () => {
  await Promise.all([byDefault, strict, proxied].map(each => each.kill()))
  await redis.close()
})

/** A PBX asks about an account without a phone: 200 means that it was let in. */
const ask = (service: TestService, headers: Record<string, string> = {}) =>
  postForm(`${service.publicUrl}/api/incoming-call/`, { sip_user_id: '1', phonenumber: '2' }, { headers })

const statusOf = async (asked: Promise<Response>) => (await asked).status

describe('a PBX', () => {
  test('on loopback is let in by default', async () => {
    expect(await statusOf(ask(byDefault))).toBe(200)
  })

  test('of another address is refused, on both routes, before its body is looked at', async () => {
    const refused = await ask(strict)
    expect(refused.status).toBe(403)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toMatchObject({ status: 403, detail: expect.stringContaining('PBX_ALLOW') })
    for (const route of ['incoming-call', 'call-ended'])
      expect((await postForm(`${strict.publicUrl}/api/${route}`, {})).status).toBe(403)
  })

  test('with the token is let in from anywhere', async () => {
    expect(await statusOf(ask(strict, { authorization: `Bearer ${PBX_TOKEN}` }))).toBe(200)
    expect(await statusOf(ask(strict, { authorization: `bearer  ${PBX_TOKEN}` }))).toBe(200)
    const ended = postForm(
      `${strict.publicUrl}/api/call-ended/`,
      { call_id: 'none', reason: 'caller_hangup' },
      { headers: { authorization: `Bearer ${PBX_TOKEN}` } },
    )
    expect(await statusOf(ended)).toBe(404)
  })

  test('with a token that is nearly right is not', async () => {
    for (const authorization of [
      `Bearer ${PBX_TOKEN}x`,
      `Bearer ${PBX_TOKEN.slice(0, -1)}`,
      `Bearer ${PBX_TOKEN.toUpperCase()}`,
      `Basic ${PBX_TOKEN}`,
      PBX_TOKEN,
      'Bearer',
      'Bearer undefined',
    ])
      expect(await statusOf(ask(strict, { authorization }))).toBe(403)
  })

  test('without a token set, is not let in by an empty or guessed one', async () => {
    for (const authorization of ['Bearer undefined', 'Bearer ', 'Bearer null'])
      expect(await statusOf(ask(proxied, { authorization }))).toBe(403)
  })
})

describe('X-Forwarded-For', () => {
  test('from somebody who is no trusted proxy is ignored', async () => {
    expect(await statusOf(ask(strict, { 'x-forwarded-for': '192.0.2.7' }))).toBe(403)
    expect(await statusOf(ask(byDefault, { 'x-forwarded-for': '203.0.113.9' }))).toBe(200)
  })

  const cases: [string, number, string][] = [
    ['192.0.2.7', 200, 'the PBX behind the proxy'],
    ['2001:db8::7', 200, 'a PBX with an IPv6 address'],
    ['::ffff:192.0.2.7', 200, 'an IPv4 address written as IPv6'],
    ['192.0.2.7, 10.1.2.3', 200, 'two trusted proxies in a row'],
    ['203.0.113.9, 192.0.2.7', 200, 'what the PBX itself claims of others does not matter'],
    ['192.0.2.7, 203.0.113.9', 403, 'somebody who claims to speak for the PBX'],
    ['192.0.2.7, 203.0.113.9, 10.1.2.3', 403, 'the same behind two proxies'],
    ['10.1.2.3', 403, 'a trusted proxy is no PBX'],
    ['192.0.2.7, nonsense', 403, 'an address that is none'],
    ['nonsense', 403, 'nothing that could be an address'],
    ['', 403, 'an empty header'],
    ['192.0.2.7,', 403, 'an empty entry'],
    ['192.0.2.0/24', 403, 'a network'],
  ]
  for (const [header, status, why] of cases) {
    test(`of a trusted proxy, "${header}": ${status}, ${why}`, async () => {
      expect(await statusOf(ask(proxied, { 'x-forwarded-for': header }))).toBe(status)
    })
  }

  test('missing, leaves the proxy itself, which is no PBX', async () => {
    expect(await statusOf(ask(proxied))).toBe(403)
  })
})
