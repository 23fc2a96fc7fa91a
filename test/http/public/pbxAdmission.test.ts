// Who may say that a call comes in or has ended: PBXs, known by their address or by a token. Proxies in between are
// believed when they are trusted, nobody else.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { postForm } from '../../harness/client.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'

const PBX_TOKEN = 'the-token-of-this-pbx'

let redis: TestRedis
/** With the settings' defaults, with a list that our own address is not on, with a proxy on our address, and with a
 *  token and no list. */
let byDefault: TestService
let strict: TestService
let proxied: TestService
let tokenOnly: TestService

beforeAll(async () => {
  redis = await startRedis()
  const settings = { PUBSUB_REDIS_URL: redis.url }
  const pbxs = '192.0.2.0/24, 2001:db8::/32'
  ;[byDefault, strict, proxied, tokenOnly] = await Promise.all([
    startService(settings),
    startService({ ...settings, PBX_ALLOW: pbxs, PBX_TOKEN }),
    startService({ ...settings, PBX_ALLOW: `${pbxs}, 10.0.0.0/8`, TRUST_PROXY: '127.0.0.1,10.1.0.0/16' }),
    startService({ ...settings, PBX_TOKEN }),
  ])
})
afterAll(async () => {
  await Promise.all([byDefault, strict, proxied, tokenOnly].map(each => each.kill()))
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

  test('of another address is refused, on every route, before its body is looked at', async () => {
    const refused = await ask(strict)
    expect(refused.status).toBe(403)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toMatchObject({ status: 403, detail: expect.stringContaining('PBX_ALLOW') })
    for (const route of ['incoming-call', 'call-ended', 'registered'])
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

  test('on loopback is not let in by its address once there is a token', async () => {
    expect(await statusOf(ask(tokenOnly))).toBe(403)
    expect(await statusOf(ask(tokenOnly, { authorization: `Bearer ${PBX_TOKEN}` }))).toBe(200)
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

/** As a proxy, or whoever plays one, sends it. */
const FORWARDED: [string, string][] = [
  ['X-Forwarded-For', '127.0.0.1'],
  ['x-forwarded-for', ''],
  ['Forwarded', 'for=127.0.0.1'],
  ['Forwarded', 'proto=https'],
  ['X-Forwarded', 'for=127.0.0.1'],
  ['Forwarded-For', '127.0.0.1'],
  ['X-Forwarded-Host', 'wake.example.com'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Port', '443'],
  ['X-Forwarded-Server', 'proxy'],
  ['X-Original-Forwarded-For', '127.0.0.1'],
  ['X-Real-IP', '127.0.0.1'],
  ['X-Client-IP', '127.0.0.1'],
  ['X-Cluster-Client-IP', '127.0.0.1'],
  ['True-Client-IP', '127.0.0.1'],
  ['CF-Connecting-IP', '127.0.0.1'],
  ['Fastly-Client-IP', '127.0.0.1'],
  ['X-Azure-ClientIP', '127.0.0.1'],
  ['X-Envoy-External-Address', '127.0.0.1'],
  ['Via', '1.1 squid'],
]

describe('a forwarding header', () => {
  test.each(FORWARDED)(
    '%s: %s, of somebody who is no trusted proxy, makes the address worth nothing',
    async (name, value) => {
      expect(await statusOf(ask(byDefault, { [name]: value }))).toBe(403)
      expect(await statusOf(ask(strict, { [name]: value }))).toBe(403)
    },
  )

  test('does not matter beside the token', async () => {
    const headers = { authorization: `Bearer ${PBX_TOKEN}`, 'x-forwarded-for': '203.0.113.9' }
    expect(await statusOf(ask(strict, headers))).toBe(200)
    expect(await statusOf(ask(tokenOnly, headers))).toBe(200)
  })

  test.each([
    ['Host', 'pbx.example.com'],
    ['User-Agent', 'Asterisk via curl/8.5.0'],
    ['X-Request-Id', '1'],
    ['Accept', '*/*'],
  ])('is not %s', async (name, value) => {
    expect(await statusOf(ask(byDefault, { [name]: value }))).toBe(200)
  })

  test('that names nobody, of a trusted proxy, is not the proxy either', async () => {
    for (const [name, value] of [
      ['x-real-ip', '192.0.2.7'],
      ['x-forwarded-proto', 'https'],
      ['via', '1.1 proxy'],
      ['forwarded', 'proto=https'],
    ] as const)
      expect([name, await statusOf(ask(proxied, { [name]: value }))]).toEqual([name, 403])
  })
})

/** What a trusted proxy says of its client, once in each of the two headers. */
const HOPS: [hops: string[], status: number, why: string][] = [
  [['192.0.2.7'], 200, 'the PBX behind the proxy'],
  [['192.0.2.7:5061'], 200, 'the same with a port'],
  [['2001:db8::7'], 200, 'a PBX with an IPv6 address'],
  [['[2001:db8::7]'], 200, 'the same in brackets'],
  [['[2001:db8::7]:5061'], 200, 'the same with a port'],
  [['[2001:DB8:0::7]'], 200, 'the same in another spelling'],
  [['::ffff:192.0.2.7'], 200, 'an IPv4 address written as IPv6'],
  [['[::ffff:192.0.2.7]:1'], 200, 'the same with a port'],
  [['192.0.2.7', '10.1.2.3'], 200, 'two trusted proxies in a row'],
  [['192.0.2.7:9', '10.1.2.3:80'], 200, 'the same with ports'],
  [['203.0.113.9', '192.0.2.7'], 200, 'what the PBX itself claims of others does not matter'],
  [['nonsense', '192.0.2.7'], 200, 'nor what it claims in other words'],
  [['10.2.3.4'], 200, 'a PBX beside the proxies'],
  [['192.0.2.7', '203.0.113.9'], 403, 'somebody who claims to speak for the PBX'],
  [['192.0.2.7', '203.0.113.9', '10.1.2.3'], 403, 'the same behind two proxies'],
  [['192.0.2.7', '203.0.113.9:80'], 403, 'the same with a port'],
  [['10.1.2.3'], 403, 'a trusted proxy is no PBX'],
  [['10.1.2.3', '127.0.0.1'], 403, 'nor are two of them'],
  [['192.0.2.7', 'nonsense'], 403, 'an address that is none'],
  [['192.0.2.7', 'unknown'], 403, 'a proxy that does not know'],
  [['192.0.2.7', '_hidden'], 403, 'a proxy that does not say'],
  [['192.0.2.7', ''], 403, 'an empty entry'],
  [['192.0.2'], 403, 'half an address'],
  [['192.0.2.7/32'], 403, 'a network'],
  [['0300.0.2.7'], 403, 'an address in octal'],
  [['3221225991'], 403, 'an address as one number'],
  [['[2001:db8::7'], 403, 'half a bracket'],
  [['2001:db8::7]'], 403, 'the other half'],
  [['192.0.2.7:8-0'], 403, 'a port that is none'],
]

const quoted = (hop: string) => (/^[\w.]*$/.test(hop) ? hop : `"${hop}"`)

describe('of a trusted proxy', () => {
  for (const [hops, status, why] of HOPS) {
    const list = hops.join(', ')
    test(`X-Forwarded-For "${list}": ${status}, ${why}`, async () => {
      expect(await statusOf(ask(proxied, { 'x-forwarded-for': list }))).toBe(status)
      expect(await statusOf(ask(proxied, { 'x-forwarded-for': list.replaceAll(' ', '') }))).toBe(status)
    })
    const elements = hops.map(hop => `for=${quoted(hop)}`)
    test(`Forwarded "${elements}": ${status}, ${why}`, async () => {
      for (const forwarded of [
        elements.join(', '),
        elements.map(each => `proto=https;${each};by=_x`).join(','),
        elements.map(each => `${each.replace('for', 'For')} ; host="a,b;c\\"d"`).join(' , '),
      ])
        expect([forwarded, await statusOf(ask(proxied, { forwarded }))]).toEqual([forwarded, status])
    })
    test(`${hops.length} lines of headers: ${status}, ${why}`, async () => {
      const lines = hops.map(hop => `X-Forwarded-For: ${hop}`)
      expect(await rawStatus(lines)).toBe(status)
      expect(await rawStatus(elements.map(each => `Forwarded: ${each}`))).toBe(status)
    })
  }

  test.each([
    ['an open quote swallows what the proxy adds', 'for=192.0.2.7;x=", for=203.0.113.9'],
    ['a pair is none', 'for=192.0.2.7, 203.0.113.9'],
    ['a name is none', 'for =192.0.2.7'],
    ['something follows a quote', 'for="192.0.2.7"203.0.113.9'],
    ['the for is another word', 'xfor=192.0.2.7'],
  ])('a Forwarded names nobody where %s', async (_, forwarded) => {
    expect(await statusOf(ask(proxied, { forwarded }))).toBe(403)
  })

  test('the two headers must name one client, because the proxy has written only one of them', async () => {
    const pbx = '192.0.2.7'
    const stranger = '203.0.113.9'
    const both = (xff: string, forwarded: string) =>
      statusOf(ask(proxied, { 'x-forwarded-for': xff, forwarded: `for=${forwarded}` }))
    expect(await both(pbx, stranger)).toBe(403)
    expect(await both(stranger, pbx)).toBe(403)
    expect(await both(`${pbx}:80`, pbx)).toBe(200)
  })

  test('without any such header it is the proxy itself, which is no PBX', async () => {
    expect(await statusOf(ask(proxied))).toBe(403)
  })
})

/** The status of a request with these lines, which no client would put beside each other. */
async function rawStatus(lines: string[]): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port: Number(new URL(proxied.publicUrl).port),
    socket: { data: (_, data) => resolve(data.toString()), close: () => resolve('closed') },
  })
  const body = 'sip_user_id=1&phonenumber=2'
  const head = [
    'POST /api/incoming-call/ HTTP/1.1',
    'Host: hookswitch',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    ...lines,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  const answer = await promise
  socket.end()
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
}

describe('a refusal', () => {
  const refused = async () => {
    const text = await (await fetch(`${strict.internalUrl}/metrics`)).text()
    return ['token', 'address', 'proxy'].map(reason =>
      Number(
        new RegExp(`^hookswitch_pbx_refused_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1],
      ),
    )
  }

  test('is counted by its reason, and told to the PBX', async () => {
    const before = await refused()
    expect(before.every(Number.isInteger)).toBe(true)
    const details = await Promise.all(
      [
        ['authorization', 'Bearer wrong'],
        ['accept', '*/*'],
        ['via', '1.1 x'],
      ].map(async ([name, value]) => {
        const { detail } = (await (await ask(strict, { [name!]: value! })).json()) as { detail: string }
        return detail
      }),
    )
    expect(details).toEqual([
      expect.stringContaining('not PBX_TOKEN'),
      expect.stringContaining('PBX_ALLOW'),
      expect.stringContaining('TRUST_PROXY'),
    ])
    expect(await refused()).toEqual(before.map(each => each + 1))
  })

  test('is logged with the address, once a minute however often it comes, and without the token', async () => {
    await using service = await startService({ PUBSUB_REDIS_URL: redis.url, PBX_TOKEN })
    for (let time = 0; time < 50; time++) await ask(service, { authorization: `Bearer guess-${time}` })
    const line = await service.logged(each => each.msg === 'a PBX was refused')
    expect(line).toMatchObject({ level: 'warn', client: '127.0.0.1', reason: 'token' })
    await service.stop()
    expect(service.log.filter(each => each.msg === 'a PBX was refused')).toHaveLength(1)
    expect(service.output()).not.toContain('guess-')
  })
})
