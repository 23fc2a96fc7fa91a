// A vendor says that a push token is gone: the device is forgotten, unless it has registered again since.
import { beforeAll, describe, expect, test } from 'bun:test'
import type { PushOutcome } from '../../src/push/push.ts'
import { acked, answer, askPbx, naked, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { ACCEPTED, startVendorService, type VendorPush } from '../harness/vendor.ts'

/** What the vendor says to a push token; the others are accepted. */
const outcomes = new Map<string, PushOutcome>()
/** What happens before the vendor has its answer. */
const whileDeciding = new Map<string, () => Promise<unknown>>()

const [redis, service] = forAllTests(startVendorService, {
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '60000',
})
beforeAll(async () => {
  service.decide = async ({ target }) => {
    await whileDeciding.get(target.token)?.()
    return outcomes.get(target.token) ?? ACCEPTED
  }
})

const register = (account: string, token: string, device_id: string) =>
  registerPhone(service.publicUrl, { sip_user_id: account, token, device_id })
const ask = (account: string, callId: string) =>
  askPbx(service.publicUrl, { sip_user_id: account, call_id: callId })
const slotsOf = async (account: string) =>
  (await redis.client.hkeys(`hookswitch:devices:{${account}}`)).toSorted()
const isOf = (callId: string, token: string) => (push: VendorPush) =>
  push.payload.call_id === callId && push.target.token === token
const forgotten = () => service.logged(line => line.msg.includes('device forgotten'))

test('a device whose token is gone is forgotten, and the call goes on with the others', async () => {
  await register('1401', 'gone', 'first')
  await register('1401', 'alive', 'second')
  outcomes.set('gone', { kind: 'token-gone', sinceMs: Date.now() + 1_000 })
  const held = ask('1401', 'one-gone')
  const push = await service.sent(isOf('one-gone', 'alive'))
  await forgotten()
  expect(await slotsOf('1401')).toEqual(['second'])
  await answer(push.payload as Record<string, string>, { baseUrl: service.publicUrl })
  expect(await held).toEqual(acked)
})

test('a device that registered again after its token was gone is kept', async () => {
  await register('1402', 'reinstalled', 'phone')
  outcomes.set('reinstalled', { kind: 'token-gone', sinceMs: Date.now() - 60_000 })
  expect(await ask('1402', 'kept')).toEqual(naked('push-refused'))
  expect(await slotsOf('1402')).toEqual(['phone'])
})

test('a device that renews its token while the vendor refuses the old one is kept', async () => {
  await register('1403', 'worn', 'phone')
  outcomes.set('worn', { kind: 'token-gone', sinceMs: Date.now() + 60_000 })
  whileDeciding.set('worn', () => register('1403', 'renewed', 'phone'))
  expect(await ask('1403', 'renewing')).toEqual(naked('push-refused'))
  expect(await slotsOf('1403')).toEqual(['phone'])
  const held = ask('1403', 'after-renewal')
  const push = await service.sent(isOf('after-renewal', 'renewed'))
  await answer(push.payload as Record<string, string>, { baseUrl: service.publicUrl })
  expect(await held).toEqual(acked)
})

test('a push that is refused for a reason of ours forgets nobody', async () => {
  await register('1404', 'refused', 'phone')
  outcomes.set('refused', { kind: 'refused', reason: 'TopicDisallowed' })
  const held = ask('1404', 'our-fault')
  const push = await service.sent(isOf('our-fault', 'refused'))
  await service.logged(line => line.callId === 'our-fault' && line.msg === 'push refused')
  expect(await slotsOf('1404')).toEqual(['phone'])
  await answer(push.payload as Record<string, string>, { baseUrl: service.publicUrl })
  expect(await held).toEqual(acked)
})

describe('a refusal that nothing in this call can mend', () => {
  const final = {
    BadDeviceToken: 'BadDeviceToken',
    DeviceTokenNotForTopic: 'DeviceTokenNotForTopic',
    InvalidProviderToken: 'InvalidProviderToken',
    SENDER_ID_MISMATCH: 'messaging/mismatched-credential: SenderId mismatch',
    PERMISSION_DENIED: 'messaging/unknown-error: PERMISSION_DENIED',
  }
  for (const [name, reason] of Object.entries(final))
    test(`(${name}) ends the call at once when it was the last phone, and forgets nobody`, async () => {
      const account = `final-${name}`
      await register(account, account, 'phone')
      outcomes.set(account, { kind: 'refused', reason })
      expect(await ask(account, account)).toEqual(naked('push-refused'))
      expect(service.pushes.filter(isOf(account, account))).toHaveLength(1)
      expect(await slotsOf(account)).toEqual(['phone'])
    })

  test('leaves the call to the other phones', async () => {
    await register('1407', 'refused-1407', 'first')
    await register('1407', 'good-1407', 'second')
    outcomes.set('refused-1407', { kind: 'refused', reason: 'BadDeviceToken' })
    const held = ask('1407', 'goes-on')
    await service.logged(line => line.callId === 'goes-on' && line.msg === 'push refused')
    const push = await service.sent(isOf('goes-on', 'good-1407'))
    await answer(push.payload as Record<string, string>, { baseUrl: service.publicUrl })
    expect(await held).toEqual(acked)
  })
})

test('one device that said no and one whose token is gone are nobody left: NAK unavailable', async () => {
  await register('1405', 'gone-too', 'first')
  await register('1405', 'says-no', 'second')
  outcomes.set('gone-too', { kind: 'token-gone', sinceMs: Date.now() + 1_000 })
  const held = ask('1405', 'nobody-left')
  const push = await service.sent(isOf('nobody-left', 'says-no'))
  await answer(push.payload as Record<string, string>, {
    baseUrl: service.publicUrl,
    fields: { available: 'false' },
  })
  expect(await held).toEqual(naked('unavailable'))
})
