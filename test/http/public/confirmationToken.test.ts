// By what an app is known that answers a call: which tokens confirm, what those hear that do not, and that they change
// nothing for the call that waits; the unique key is in uniqueKey.test.ts. Published apps log their user out on any 401, so it is the answer to one
// thing alone: a bearer token that claims to be ours and is not, or is another call's.
import { beforeAll, describe, expect, test } from 'bun:test'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { acked, askPbx, confirm, postForm, postJson, proceeds, registerPhone } from '../../harness/client.ts'
import { forAllTests } from '../../harness/forAllTests.ts'
import { startService } from '../../harness/service.ts'
import { JWT_SECRETS, SECRETS, signConfirmation } from '../../harness/tokens.ts'
import { encode, expectVerdict, nowSeconds, postAnswer, type Said, tokenIn } from './answering.ts'

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

const post = (said: Said, shown?: { query?: string; authorization?: string }) =>
  postAnswer(service, said, shown)
const fields = { unique_key: 'waits', message_start_time: '0' }

async function expectUnauthorized(response: Response, token: string): Promise<void> {
  expect(response.status).toBe(401)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({ status: 401, title: 'Unauthorized' })
  expect(text).not.toContain(token)
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
