// The confirmation token alone lets an app answer a call: which tokens are refused, and that a refused one changes
// nothing for the call that waits.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { base64url, decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { acked, askPbx, confirm, postForm, proceeds, registerPhone } from '../../harness/client.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { JWT_SECRETS, SECRETS, signConfirmation } from '../../harness/tokens.ts'

let redis: TestRedis
let service: TestService

const wake = { account: '1901', callId: 'waits', deviceId: 'phone' }
let held: Promise<unknown>

beforeAll(async () => {
  redis = await startRedis()
  service = await startService({
    PUBSUB_REDIS_URL: redis.url,
    JWT_SECRETS,
    APP_PUSH_ROUNDTRIP_WAIT: '60000',
    RATE_LIMIT: '0',
  })
  await registerPhone(service.publicUrl, { sip_user_id: '1901', device_id: 'phone' })
  held = askPbx(service.publicUrl, { sip_user_id: '1901', call_id: 'waits' })
  await service.pushed('waits')
})
afterAll(async () => {
  await service.kill()
  await redis.close()
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

const refusals: Record<string, () => Promise<string>> = {
  'one of a single letter': async () => 'x',
  'one that is no JWT': async () => 'not.a.token',
  'one cut short': async () => (await signConfirmation(wake)).slice(0, -3),
  'one with a part too many': async () => `${await signConfirmation(wake)}.more`,
  'one of ten thousand characters': async () => 'a'.repeat(10_000),
  'one with an expiry in the past': () => signConfirmation({ ...wake, expiresAt: nowSeconds - 1 }),
  'one signed with a foreign key under our kid': () => signConfirmation({ ...wake, secret: SECRETS.foreign }),
  'one signed with a foreign key under its own kid': () =>
    signConfirmation({ ...wake, kid: 'foreign', secret: SECRETS.foreign }),
  'one signed with our key under the other key’s kid': () =>
    signConfirmation({ ...wake, kid: 'older', secret: SECRETS.newest }),
  'one for another audience': () => signConfirmation({ ...wake, audience: 'hookswitch-devices' }),
  'one of another issuer': () => signConfirmation({ ...wake, issuer: 'somebody' }),
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

describe('a confirmation is refused with 401 for', () => {
  for (const [why, makeToken] of Object.entries(refusals)) {
    test(why, async () => {
      const token = await makeToken()
      const inHeader = await postForm(
        `${service.publicUrl}/api/call-response/`,
        { unique_key: 'waits', message_start_time: '0' },
        { headers: { authorization: `Bearer ${token}` } },
      )
      const inUrl = await postForm(`${service.publicUrl}/api/call-response/?token=${token}`, {
        unique_key: 'waits',
        message_start_time: '0',
      })
      for (const response of [inHeader, inUrl]) {
        expect(response.status).toBe(401)
        expect(response.headers.get('content-type')).toBe('application/problem+json')
        expect(response.headers.get('www-authenticate')).toBe('Bearer')
        const text = await response.text()
        expect(JSON.parse(text)).toMatchObject({ status: 401, title: 'Unauthorized' })
        expect(token.length > 5 && text.includes(token)).toBe(false)
      }
    })
  }

  test('no token at all', async () => {
    const fields = { unique_key: 'waits', message_start_time: '0' }
    for (const query of ['', '?', '?token=', '?tok=en']) {
      const response = await postForm(`${service.publicUrl}/api/call-response/${query}`, fields)
      expect(response.status).toBe(401)
    }
  })

  test('a right token with another device’s id beside it', async () => {
    const token = await signConfirmation(wake)
    const fields = { device_id: 'other' }
    expect((await confirm(service.publicUrl, { token, callId: 'waits', fields })).status).toBe(401)
  })

  test('a right token with another call’s unique_key beside it', async () => {
    const token = await signConfirmation(wake)
    expect((await confirm(service.publicUrl, { token, callId: 'another' })).status).toBe(401)
  })
})

test('the newest key signs', async () => {
  const token = new URL((await service.pushed('waits')).response_api!).searchParams.get('token')!
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', kid: 'newest' })
})

test('after all these refusals the call still waits, and a token of the older key confirms it', async () => {
  const token = await signConfirmation({ ...wake, kid: 'older', secret: SECRETS.older })
  const fields = { device_id: 'phone' }
  expect(await confirm(service.publicUrl, { token, callId: 'waits', fields })).toEqual(proceeds)
  expect(await held).toEqual(acked)
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
