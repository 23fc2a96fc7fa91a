// The unique key of a push: alone it answers its call as its device, and beside a token that cannot be proven it proves what
// the token says. A key answers the one wake that it was made for.
import { beforeAll, describe, expect, test } from 'bun:test'
import { decodeJwt } from 'jose'
import { acked, askPbx, naked, postForm, registerPhone } from '../../harness/client.ts'
import { forAllTests } from '../../harness/forAllTests.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { JWT_SECRETS, SECRETS, signConfirmation } from '../../harness/tokens.ts'
import { encode, expectVerdict, nowSeconds, postAnswer, type Said, tokenIn } from './answering.ts'

const wake = { account: '1901', callId: 'waits', deviceId: 'phone' }

const [redis, service] = forAllTests(startService, {
  JWT_SECRETS,
  APP_PUSH_ROUNDTRIP_WAIT: '60000',
  RATE_LIMIT: '0',
})
beforeAll(async () => {
  await registerPhone(service.publicUrl, { sip_user_id: '1901', device_id: 'phone' })
  await registerPhone(service.publicUrl, { sip_user_id: '1902', token: 'other', device_id: 'other' })
})

const post = (said: Said, shown?: { query?: string; authorization?: string }) =>
  postAnswer(service, said, shown)

describe('a unique_key beside a token of the URL', () => {
  /** Signed by a stranger, and by nobody. */
  const unproven: Record<string, (claims: typeof wake) => Promise<string>> = {
    'a foreign signature': claims => signConfirmation({ ...claims, secret: SECRETS.foreign }),
    'a signature that was cut': async claims => (await signConfirmation(claims)).slice(0, -3),
    'no signature': async claims =>
      `${encode({ alg: 'none' })}.${encode(decodeJwt(await signConfirmation(claims)))}.`,
  }
  const post = (at: TestService, token: string, said: Said) =>
    postAnswer(at, said, { query: `?token=${token}` })

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
