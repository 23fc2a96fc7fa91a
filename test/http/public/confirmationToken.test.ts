// By what an app is known that answers a call: which tokens and keys confirm, what those hear that do not, and that
// they change nothing for the call that waits. Published apps log their user out on any 401, so it is the answer to one
// thing alone: a bearer token that claims to be ours and is not, or is another call's.
import { beforeAll, describe, expect, test } from 'bun:test'
import { base64url, decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import {
  acked,
  askPbx,
  confirm,
  naked,
  postForm,
  postJson,
  proceeds,
  registerPhone,
} from '../../harness/client.ts'
import { forAllTests } from '../../harness/forAllTests.ts'
import { type LoggedPush, startService, type TestService } from '../../harness/service.ts'
import { JWT_SECRETS, SECRETS, signConfirmation } from '../../harness/tokens.ts'

const wake = { account: '1901', callId: 'waits', deviceId: 'phone' }
let held: Promise<unknown>

const [redis, service] = forAllTests(startService, {
  JWT_SECRETS,
  APP_PUSH_ROUNDTRIP_WAIT: '60000',
  RATE_LIMIT: '0',
})
beforeAll(async () => {
  await registerPhone(service.publicUrl, { sip_user_id: '1901', device_id: 'phone' })
  await registerPhone(service.publicUrl, { sip_user_id: '1902', token: 'other', device_id: 'other' })
  held = askPbx(service.publicUrl, { sip_user_id: '1901', call_id: 'waits' })
  await service.pushed('waits')
})

const nowSeconds = Math.floor(Date.now() / 1_000)
const encode = (value: unknown) => base64url.encode(JSON.stringify(value))

/** The claims of a right token. */
async function rightClaims() {
  return decodeJwt(await signConfirmation(wake))
}

/** Signed with our own newest key, with these claims and this header. */
function signClaims(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: 'newest', ...header })
    .sign(new TextEncoder().encode(SECRETS.newest))
}

async function without(claim: string): Promise<string> {
  const { [claim]: _, ...rest } = await rightClaims()
  return signClaims(rest)
}

/** Tokens that name us as their issuer and that we have not signed so. */
const forged: Record<string, () => Promise<string>> = {
  'one cut short': async () => (await signConfirmation(wake)).slice(0, -3),
  'one signed with a foreign key under our kid': () => signConfirmation({ ...wake, secret: SECRETS.foreign }),
  'one signed with a foreign key under its own kid': () =>
    signConfirmation({ ...wake, kid: 'foreign', secret: SECRETS.foreign }),
  'one signed with our key under the other key’s kid': () =>
    signConfirmation({ ...wake, kid: 'older', secret: SECRETS.newest }),
  'one that a foreign key signed and that has expired': () =>
    signConfirmation({ ...wake, secret: SECRETS.foreign, expiresAt: nowSeconds - 1 }),
  'one for another audience': () => signConfirmation({ ...wake, audience: 'hookswitch-devices' }),
  'one for another call': () => signConfirmation({ ...wake, callId: 'another' }),
  'one without a signature (alg none)': async () =>
    `${encode({ alg: 'none', kid: 'newest' })}.${encode(await rightClaims())}.`,
  'one with another algorithm (HS512)': async () => signClaims(await rightClaims(), { alg: 'HS512' }),
  'one without a kid': async () => signClaims(await rightClaims(), { kid: undefined }),
  'one without an account': () => without('sub'),
  'one without a call': () => without('jti'),
  'one without a device': () => without('device_id'),
  'one without an expiry': () => without('exp'),
  'one with a payload changed after signing': async () => {
    const [head, , signature] = (await signConfirmation(wake)).split('.')
    return `${head}.${encode({ ...(await rightClaims()), device_id: 'other' })}.${signature}`
  },
}

/** What some service gave the app, or nobody. */
const foreign: Record<string, () => Promise<string>> = {
  'a single letter': async () => 'x',
  'what looks like a JWT': async () => 'not.a.token',
  'a JWT with a part too many': async () => `${await signConfirmation(wake)}.more`,
  'ten thousand characters': async () => 'a'.repeat(10_000),
  'a JWT of another issuer': () => signConfirmation({ ...wake, issuer: 'somebody' }),
  'a JWT of another issuer, signed by it': () =>
    signConfirmation({ ...wake, issuer: 'https://login.example.com', secret: SECRETS.foreign }),
  'a JWT without an issuer': () => without('iss'),
}

type Said = { [field: string]: string }

const post = (fields: Said, { query = '', authorization = '' } = {}) =>
  postForm(
    `${service.publicUrl}/api/call-response/${query}`,
    fields,
    authorization === '' ? {} : { headers: { authorization } },
  )
const fields = { unique_key: 'waits', message_start_time: '0' }

const tokenIn = ({ response_api }: LoggedPush) => new URL(response_api!).searchParams.get('token')!

async function expectUnauthorized(response: Response, token: string): Promise<void> {
  expect(response.status).toBe(401)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({ status: 401, title: 'Unauthorized' })
  expect(text).not.toContain(token)
}

async function expectVerdict(response: Response, verdict: string): Promise<void> {
  expect({ status: response.status, body: await response.json() }).toEqual({ status: 404, body: { verdict } })
}

describe('a bearer token that claims to be ours', () => {
  for (const [what, makeToken] of Object.entries(forged))
    test(`is 401 as ${what}; in a URL it proves nothing`, async () => {
      const token = await makeToken()
      await expectUnauthorized(await post(fields, { authorization: `Bearer ${token}` }), token)
      await expectVerdict(await post(fields, { query: `?token=${token}` }), 'unknown')
    })

  test('is expired, not 401, when its time is over, wherever it stands', async () => {
    const token = await signConfirmation({ ...wake, expiresAt: nowSeconds - 1 })
    await expectVerdict(await post(fields, { authorization: `Bearer ${token}` }), 'expired')
    await expectVerdict(await post(fields, { query: `?token=${token}` }), 'expired')
  })

  const misfits: Record<string, Record<string, string>> = {
    'another call’s unique_key': { unique_key: 'another' },
    'a unique_key that is none': { unique_key: 'f'.repeat(32) },
    'another device’s id': { device_id: 'other' },
    'another account': { sip_user_id: '1902' },
  }
  for (const [what, beside] of Object.entries(misfits))
    test(`is 401 with ${what} beside it; in a URL it is unknown`, async () => {
      const token = await signConfirmation(wake)
      await expectUnauthorized(await post(beside, { authorization: `Bearer ${token}` }), token)
      await expectVerdict(await post(beside, { query: `?token=${token}` }), 'unknown')
    })
})

describe('an app that shows', () => {
  for (const [what, makeToken] of Object.entries(foreign))
    test(`${what} as a bearer, or in the URL, hears that its call is unknown`, async () => {
      const token = await makeToken()
      await expectVerdict(await post(fields, { authorization: `Bearer ${token}` }), 'unknown')
      await expectVerdict(await post(fields, { query: `?token=${token}` }), 'unknown')
    })

  test('nothing, whatever its URL, hears that its call is unknown', async () => {
    for (const query of ['', '?', '?token=', '?tok=en'])
      for (const said of [fields, {}, { unique_key: '' }, { sip_user_id: '1901' }] as Said[])
        await expectVerdict(await post(said, { query }), 'unknown')
  })

  test('a key that nobody has, or half of one, hears that its call is unknown', async () => {
    const key = (await service.pushed('waits')).unique_key!
    const wrong = [
      '0'.repeat(32),
      key.slice(0, -1),
      `${key}0`,
      key.replace(/.$/, last => (last === '0' ? '1' : '0')),
    ]
    for (const unique_key of wrong) await expectVerdict(await post({ unique_key }), 'unknown')
  })

  test('credentials of its own account is known by what else it shows', async () => {
    await registerPhone(service.publicUrl, { sip_user_id: '1903', token: 'of-1903' })
    const foreigners = [
      'Token ann@example.com:abc',
      'Basic YTpi',
      `Bearer ${await foreign['a JWT of another issuer']!()}`,
      'Bearer',
      'nonsense',
    ]
    for (const [index, authorization] of foreigners.entries()) {
      const callId = `foreign-${index}`
      const asked = askPbx(service.publicUrl, { sip_user_id: '1903', call_id: callId })
      const { unique_key = '', response_api = '' } = await service.pushed(callId)
      const said: Said = index % 2 === 0 ? { unique_key } : {}
      const query = index % 2 === 0 ? '' : new URL(response_api).search
      expect((await post(said, { query, authorization })).status).toBe(202)
      expect(await asked).toEqual(acked)
    }
  })
})

test('the newest key signs', async () => {
  const token = new URL((await service.pushed('waits')).response_api!).searchParams.get('token')!
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', kid: 'newest' })
})

test('after all these refusals the call still waits, and a token of the older key confirms it', async () => {
  const token = await signConfirmation({ ...wake, kid: 'older', secret: SECRETS.older })
  expect(
    await confirm(service.publicUrl, { token, callId: 'waits', fields: { device_id: 'phone' } }),
  ).toEqual(proceeds)
  expect(await held).toEqual(acked)
})

test('a bearer token says enough by itself, in JSON and in a form', async () => {
  const asked = askPbx(service.publicUrl, { sip_user_id: '1901', call_id: 'bare' })
  const authorization = `Bearer ${tokenIn(await service.pushed('bare'))}`
  const url = `${service.publicUrl}/api/call-response/`
  expect((await postJson(url, { available: true }, { headers: { authorization } })).status).toBe(202)
  expect(await asked).toEqual(acked)
  expect((await postForm(url, {}, { headers: { authorization } })).status).toBe(202)
})

test('a process that has only one of two keys still takes its tokens: keys can be changed one by one', async () => {
  await using after = await startService({
    PUBSUB_REDIS_URL: redis.url,
    JWT_SECRETS: `next:${SECRETS.foreign},newest:${SECRETS.newest}`,
  })
  const before = await signConfirmation(wake)
  const next = await signConfirmation({ ...wake, kid: 'next', secret: SECRETS.foreign })
  const older = await signConfirmation({ ...wake, kid: 'older', secret: SECRETS.older })
  expect(await confirm(after.publicUrl, { token: before, callId: 'waits' })).toEqual(proceeds)
  expect(await confirm(after.publicUrl, { token: next, callId: 'waits' })).toEqual(proceeds)
  expect((await confirm(after.publicUrl, { token: older, callId: 'waits' })).status).toBe(401)
})

describe('a unique_key beside a token of the URL', () => {
  /** Signed by a stranger, and by nobody. */
  const unproven: Record<string, (claims: typeof wake) => Promise<string>> = {
    'a foreign signature': claims => signConfirmation({ ...claims, secret: SECRETS.foreign }),
    'a signature that was cut': async claims => (await signConfirmation(claims)).slice(0, -3),
    'no signature': async claims =>
      `${encode({ alg: 'none' })}.${encode(decodeJwt(await signConfirmation(claims)))}.`,
  }
  const post = (at: TestService, token: string, said: Said) =>
    postForm(`${at.publicUrl}/api/call-response/?token=${token}`, said)

  for (const [what, sign] of Object.entries(unproven))
    test(`proves what a token with ${what} says, and a wrong key proves nothing`, async () => {
      const callId = `beside ${what}`
      const asked = askPbx(service.publicUrl, { sip_user_id: '1901', call_id: callId })
      const { unique_key = '' } = await service.pushed(callId)
      const token = await sign({ ...wake, callId })
      await expectVerdict(await post(service, token, { unique_key: 'f'.repeat(32) }), 'unknown')
      expect((await post(service, token, { unique_key })).status).toBe(202)
      expect(await asked).toEqual(acked)
      // Of another device of the account, which was not pushed with this key.
      const other = await sign({ ...wake, callId, deviceId: 'another' })
      expect((await post(service, other, { unique_key, available: 'false' })).status).toBe(202)
      const { state, device } = await redis.client.hgetall(
        `hookswitch:wake:{${encodeURIComponent(callId)}}:1901`,
      )
      expect({ state, device }).toEqual({ state: 'confirmed', device: 'phone' })
    })

  test('must be the token’s own: neither call is answered', async () => {
    const calls = ['fits-one', 'fits-other']
    const asked = calls.map(call_id => askPbx(service.publicUrl, { sip_user_id: '1901', call_id }))
    const [one, other] = await Promise.all(calls.map(callId => service.pushed(callId)))
    await expectVerdict(await post(service, tokenIn(one!), { unique_key: other!.unique_key! }), 'unknown')
    for (const push of [one!, other!])
      expect((await post(service, tokenIn(push), { unique_key: push.unique_key! })).status).toBe(202)
    for (const answer of asked) expect(await answer).toEqual(acked)
  })

  test('does not make good an expired token, nor what else does not fit', async () => {
    const callId = 'beside-expired'
    const asked = askPbx(service.publicUrl, { sip_user_id: '1901', call_id: callId })
    const { unique_key = '' } = await service.pushed(callId)
    const expired = await signConfirmation({ ...wake, callId, expiresAt: nowSeconds - 1 })
    await expectVerdict(await post(service, expired, { unique_key }), 'expired')
    const token = await signConfirmation({ ...wake, callId })
    await expectVerdict(await post(service, token, { unique_key, sip_user_id: '1902' }), 'unknown')
    await expectVerdict(await post(service, token, { unique_key, device_id: 'other' }), 'unknown')
    expect((await post(service, token, { unique_key, device_id: 'phone' })).status).toBe(202)
    expect(await asked).toEqual(acked)
  })

  test('proves nothing of a wake without a secret, and nothing where tokens are required', async () => {
    await using strict = await startService({
      PUBSUB_REDIS_URL: redis.url,
      JWT_SECRETS,
      JWT_REQUIRED: 'true',
    })
    const callId = 'beside-strict'
    const asked = askPbx(service.publicUrl, { sip_user_id: '1901', call_id: callId })
    const { unique_key = '' } = await service.pushed(callId)
    const token = await unproven['a foreign signature']!({ ...wake, callId })
    await expectVerdict(await post(strict, token, { unique_key }), 'unknown')
    await redis.client.hdel(`hookswitch:wake:{${callId}}:1901`, 'secret')
    await expectVerdict(await post(service, token, { unique_key: 'f'.repeat(32) }), 'unknown')
    expect((await post(strict, await signConfirmation({ ...wake, callId }), { unique_key })).status).toBe(202)
    // The worker that waits finds no proof in the news, and looks at the record.
    expect(await asked).toEqual(acked)
  })
})

test('with JWT_REQUIRED a unique_key alone confirms nothing, and a token does', async () => {
  await using strict = await startService({ PUBSUB_REDIS_URL: redis.url, JWT_SECRETS, JWT_REQUIRED: 'true' })
  const asked = askPbx(service.publicUrl, { sip_user_id: '1901', call_id: 'strict' })
  const { unique_key = '', response_api = '' } = await service.pushed('strict')
  const url = `${strict.publicUrl}/api/call-response/`
  await expectVerdict(await postForm(url, { unique_key }), 'unknown')
  expect((await postForm(`${url}${new URL(response_api).search}`, { unique_key })).status).toBe(202)
  expect(await asked).toEqual(acked)
})

describe('a wake of a call id that woke the account before', () => {
  test('is not confirmed by the former wake’s token or key, and both are told that their time is over', async () => {
    await using hasty = await startService({
      PUBSUB_REDIS_URL: redis.url,
      JWT_SECRETS,
      APP_PUSH_ROUNDTRIP_WAIT: '200',
    })
    const ask = (at: TestService) => askPbx(at.publicUrl, { sip_user_id: '1902', call_id: 'again' })
    expect(await ask(hasty)).toEqual(naked('timeout'))
    const former = await hasty.pushed('again')
    const asked = ask(service)
    const present = await service.pushed('again')
    expect(present.unique_key).not.toBe(former.unique_key!)
    expect(present.call_uuid).toBe(former.call_uuid!)

    const authorization = `Bearer ${tokenIn(former)}`
    const query = new URL(former.response_api!).search
    const unique_key = former.unique_key!
    for (const said of [{}, { unique_key }, { available: 'false' }] as Said[]) {
      await expectVerdict(await post(said, { authorization }), 'expired')
      await expectVerdict(await post(said, { query }), 'expired')
    }
    await expectVerdict(await post({ unique_key }), 'expired')

    expect((await post({ unique_key: present.unique_key! })).status).toBe(202)
    expect(await asked).toEqual(acked)
  })
})

describe('the unique_key of a push', () => {
  test('is 32 hex digits of one call and one device, the same in a resend, and answers as its device', async () => {
    await using eager = await startService({
      PUBSUB_REDIS_URL: redis.url,
      APP_PUSH_ROUNDTRIP_WAIT: '20000',
      APP_PUSH_RESEND_INTERVAL: '100',
    })
    for (const device_id of ['x', 'y'])
      await registerPhone(eager.publicUrl, { sip_user_id: '1904', token: `token-${device_id}`, device_id })
    const keys = new Set<string>()
    for (const callId of ['keys-1', 'keys-2']) {
      const asked = askPbx(eager.publicUrl, { sip_user_id: '1904', call_id: callId })
      await eager.pushed(callId, 6)
      const found = new Set(eager.pushesOf(callId).map(push => push.unique_key!))
      expect(found.size).toBe(2)
      for (const key of found) {
        expect(key).toMatch(/^[0-9a-f]{32}$/)
        keys.add(key)
      }
      const [first, second] = [...found]
      // As the published iOS app may write it.
      const asUuid = first!.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-').toUpperCase()
      const { status } = await post({ unique_key: asUuid, message_start_time: '1.5', available: 'True' })
      expect(status).toBe(202)
      expect(await asked).toEqual(acked)
      await expectVerdict(await post({ unique_key: second! }), 'answered_elsewhere')
      expect((await post({ unique_key: first!, available: 'False' })).status).toBe(202)
    }
    expect(keys.size).toBe(4)
  })

  test('says no for its phone: the PBX hears unavailable', async () => {
    const asked = askPbx(service.publicUrl, { sip_user_id: '1902', call_id: 'key-says-no' })
    const { unique_key = '' } = await service.pushed('key-says-no')
    expect((await post({ unique_key, message_start_time: '1', available: 'False' })).status).toBe(202)
    expect(await asked).toEqual(naked('unavailable'))
  })

  test('is forgotten with its wake, two minutes after it, where no timeline tells of it', async () => {
    await using untold = await startService({ PUBSUB_REDIS_URL: redis.url, TIMELINES_MAX: '0' })
    const asked = askPbx(untold.publicUrl, { sip_user_id: '1902', call_id: 'untold' })
    const { unique_key = '' } = await untold.pushed('untold')
    expect((await post({ unique_key, available: 'False' })).status).toBe(202)
    expect(await asked).toEqual(naked('unavailable'))
    const leftMs = await redis.client.pttl(`hookswitch:unique-key:${unique_key}`)
    expect(leftMs).toBeWithin(60_000, 180_001)
  })
})
