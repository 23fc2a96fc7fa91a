// Registrations and confirmations are counted for each client address and route, by all processes together.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { appleToken, askPbx, naked, postForm } from '../../harness/client.ts'
import { readMetrics } from '../../harness/internal.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { JWT_SECRETS, signConfirmation } from '../../harness/tokens.ts'

const LIMIT = 6

let redis: TestRedis
let limited: [TestService, TestService]
let unlimited: TestService

beforeAll(async () => {
  redis = await startRedis()
  const settings = { PUBSUB_REDIS_URL: redis.url, JWT_SECRETS, TRUST_PROXY: '127.0.0.1' }
  const all = await Promise.all([
    startService({ ...settings, RATE_LIMIT: String(LIMIT) }),
    startService({ ...settings, RATE_LIMIT: String(LIMIT) }),
    startService({ ...settings, RATE_LIMIT: '0' }),
  ])
  limited = [all[0], all[1]]
  unlimited = all[2]
})
afterAll(async () => {
  await Promise.all([...limited, unlimited].map(each => each.kill()))
  await redis.close()
})

const register = (service: TestService, client: string, platform = 'android') =>
  postForm(
    `${service.publicUrl}/api/${platform}-device/`,
    { sip_user_id: '1', token: appleToken('t'), app: 'com.example.phone' },
    { headers: { 'x-forwarded-for': client } },
  )

async function confirmUnknown(service: TestService, client: string): Promise<Response> {
  const token = await signConfirmation({ account: '1', callId: 'none', deviceId: 'd' })
  return postForm(
    `${service.publicUrl}/api/call-response/?token=${token}`,
    { unique_key: 'none', message_start_time: '0' },
    { headers: { 'x-forwarded-for': client } },
  )
}

async function statusesOf(count: number, request: (index: number) => Promise<Response>): Promise<number[]> {
  const statuses: number[] = []
  for (let index = 0; index < count; index++) statuses.push((await request(index)).status)
  return statuses
}

test('beyond RATE_LIMIT a client gets 429 and Retry-After, whichever process and platform it turns to', async () => {
  const platforms = ['android', 'gcm', 'apns']
  const statuses = await statusesOf(LIMIT, index =>
    register(limited[index % 2]!, '203.0.113.1', platforms[index % 3]),
  )
  // An account's one phone: the first registration makes it, the others renew it.
  expect(statuses).toEqual([201, ...Array(LIMIT - 1).fill(200)])
  for (const service of limited) {
    const refused = await register(service, '203.0.113.1')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 61)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toMatchObject({ status: 429, title: 'Too Many Requests' })
  }
  const counted = (await readMetrics(limited[0].internalUrl)).get(
    'hookswitch_rate_limited_total{route="device"}',
  )
  expect(counted).toBe(1)
})

test('other clients, and other routes of the same client, are not affected', async () => {
  expect((await register(limited[0], '203.0.113.2')).status).toBe(200)
  expect((await confirmUnknown(limited[0], '203.0.113.1')).status).toBe(404)
})

test('confirmations are limited too', async () => {
  const statuses = await statusesOf(LIMIT + 2, index => confirmUnknown(limited[index % 2]!, '203.0.113.3'))
  expect(statuses).toEqual([...Array(LIMIT).fill(404), 429, 429])
})

test('many requests at the same moment are counted one by one', async () => {
  const responses = await Promise.all(
    Array.from({ length: 4 * LIMIT }, (_, index) => confirmUnknown(limited[index % 2]!, '203.0.113.4')),
  )
  expect(responses.filter(each => each.status === 404).length).toBe(LIMIT)
  expect(responses.filter(each => each.status === 429).length).toBe(3 * LIMIT)
})

const device = { sip_user_id: '1', token: appleToken('t'), app: 'com.example.phone' }
const APP_ROUTES: [string, string, string, Record<string, string>][] = [
  ['device', 'POST', 'android-device', device],
  ['device', 'DELETE', 'apns-device', device],
  ['check-in', 'POST', 'check-in', { sip_user_id: '1' }],
  ['hangup-reason', 'POST', 'hangup-reason', { sip_user_id: '1', unique_key: 'u', reason: 'r' }],
  ['log-metrics', 'POST', 'log-metrics', { os: 'ios' }],
  ['call-response', 'POST', 'call-response', { unique_key: 'u' }],
]

test.each(APP_ROUTES)('every route of apps is limited: %s by %s %s', async (route, method, path, fields) => {
  const client = `198.51.100.${APP_ROUTES.findIndex(each => each[2] === path && each[1] === method)}`
  const ask = (body: Record<string, string>) =>
    postForm(`${limited[1].publicUrl}/api/${path}/`, body, { method, headers: { 'x-forwarded-for': client } })
  // Also what nobody would take: a stranger sends what he likes.
  const statuses = await statusesOf(LIMIT, index => ask(index % 2 === 0 ? fields : { nonsense: 'x' }))
  expect(statuses).not.toContain(429)
  const refused = await ask(fields)
  expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
  const name = `hookswitch_rate_limited_total{route="${route}"}`
  expect((await readMetrics(limited[1].internalUrl)).get(name)).toBeGreaterThan(0)
})

const SAME_CLIENT: [string, string[]][] = [
  ['an IPv4 address, whatever its port', ['192.0.2.1', '192.0.2.1:4711', '192.0.2.1:80', '::ffff:192.0.2.1']],
  [
    'a network of IPv6',
    ['2001:db8:1:2::1', '2001:DB8:1:2:ffff::9', '[2001:db8:1:2::1]', '[2001:db8:1:2:a:b:c:d]:4711'],
  ],
]
test.each(SAME_CLIENT)('one client is %s', async (_, addresses) => {
  const statuses = await statusesOf(LIMIT + 1, index =>
    confirmUnknown(limited[index % 2]!, addresses[index % addresses.length]!),
  )
  expect(statuses).toEqual([...Array(LIMIT).fill(404), 429])
})

test('neighbours are others', async () => {
  for (const address of ['192.0.2.2', '2001:db8:1:3::1', '2001:db8:2:2::1', '::ffff:192.0.2.3'])
    expect((await confirmUnknown(limited[0], address)).status).toBe(404)
})

test('a PBX is never limited', async () => {
  for (let index = 0; index < 3 * LIMIT; index++)
    expect(await askPbx(limited[0].publicUrl, { sip_user_id: 'nobody' })).toEqual(naked('no-device'))
})

test('RATE_LIMIT=0 is off', async () => {
  const statuses = await statusesOf(5 * LIMIT, () => confirmUnknown(unlimited, '203.0.113.5'))
  expect(new Set(statuses)).toEqual(new Set([404]))
})
