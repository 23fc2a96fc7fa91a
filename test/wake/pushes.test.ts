// The pushes of one wake: what an app finds in them, when they are sent again, and what ends them. The vendor is the
// test itself.
import { beforeAll, describe, expect, test } from 'bun:test'
import { decodeJwt } from 'jose'
import type { PushOutcome } from '../../src/push/push.ts'
import {
  acked,
  answer,
  appleToken,
  askPbx,
  naked,
  proceeds,
  refuses,
  registerPhone,
} from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { ACCEPTED, startVendorService } from '../harness/vendor.ts'

const WAIT_MS = 1_400
const INTERVAL_MS = 400

const settings = (waitMs: number, intervalMs: number) => ({
  APP_API_URL: 'https://wake.example.com/',
  APP_PUSH_ROUNDTRIP_WAIT: String(waitMs),
  APP_PUSH_RESEND_INTERVAL: String(intervalMs),
})
/** `patient` waits so long, and sends again so late, that what ends a call there has ended it at once. */
const [, service, patient] = forAllTests(
  startVendorService,
  settings(WAIT_MS, INTERVAL_MS),
  settings(60_000, 60_000),
)

/** What the vendor says to a push token; the others are accepted. */
const outcomes = new Map<string, PushOutcome>()
beforeAll(() => {
  for (const each of [service, patient]) each.decide = ({ target }) => outcomes.get(target.token) ?? ACCEPTED
})

const callsTo = (callId: string, at = service) =>
  at.pushes.filter(({ payload }) => payload.call_id === callId && payload.type === 'call')

const register = (fields: Record<string, string>, platform?: 'apns' | 'gcm' | 'android') =>
  registerPhone(service.publicUrl, fields, platform)

/** The app answers: at the service, whatever the address that the settings gave the apps. */
const answerPush = (push: { payload: Record<string, unknown> }, fields = {}) =>
  answer(push.payload as Record<string, string>, { baseUrl: service.publicUrl, fields })

describe.concurrent('the push of a call', () => {
  test('tells the app whose call it is, where to answer, until when, and with what token', async () => {
    await register({ sip_user_id: '401', token: appleToken('401'), sandbox: 'true' }, 'apns')
    const held = askPbx(service.publicUrl, {
      sip_user_id: '401',
      phonenumber: '+31501234567',
      caller_id: 'Jos Bakker',
      call_id: 'told',
    })
    const push = await service.sent(({ payload }) => payload.call_id === 'told')
    const { payload } = push

    expect(push.target).toMatchObject({
      platform: 'apns',
      app: 'com.example.phone',
      token: appleToken('401'),
      isSandbox: true,
    })
    const token = String(payload.token)
    expect(payload).toEqual({
      type: 'call',
      unique_key: expect.stringMatching(/^[0-9a-f]{32}$/) as never,
      phonenumber: '+31501234567',
      caller_id: 'Jos Bakker',
      response_api: `https://wake.example.com/api/call-response/?token=${token}`,
      message_start_time: expect.any(Number) as never,
      attempt: 1,
      call_id: 'told',
      vg_cid: 'told',
      token,
      expires_at: expect.any(Number) as never,
      call_uuid: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
    })

    const claims = decodeJwt(token)
    expect(claims).toMatchObject({ iss: 'hookswitch', aud: 'call-response', sub: '401', jti: 'told' })
    expect(claims.device_id).toMatch(/^t-[0-9a-f]{16}$/)
    // The two minutes in which a late app still gets its verdict, on top of the wait; whole seconds.
    expect(claims.exp! - Number(payload.expires_at)).toBeWithin(120, 121.1)
    expect(Number(payload.expires_at) - claims.iat!).toBeWithin(WAIT_MS / 1_000 - 0.1, WAIT_MS / 1_000 + 1.1)

    expect(await answerPush(push)).toEqual(proceeds)
    expect(await held).toEqual(acked)
  })

  test('is sent again in every interval but the last, with a rising attempt and the same ids', async () => {
    await register({ sip_user_id: '402' })
    expect(await askPbx(service.publicUrl, { sip_user_id: '402', call_id: 'again' })).toEqual(
      naked('timeout'),
    )
    const payloads = callsTo('again').map(each => each.payload)
    expect(payloads.map(each => each.attempt)).toEqual([1, 2, 3])
    for (const same of ['token', 'call_uuid', 'expires_at', 'response_api'])
      expect(new Set(payloads.map(each => each[same])).size).toBe(1)
    const startTimes = payloads.map(each => Number(each.message_start_time))
    expect(startTimes).toEqual(startTimes.toSorted((a, b) => a - b))
  })

  test('is not sent again after the confirmation', async () => {
    await register({ sip_user_id: '403' })
    await register({ sip_user_id: '404' })
    const confirmed = askPbx(service.publicUrl, { sip_user_id: '403', call_id: 'confirmed' })
    const silent = askPbx(service.publicUrl, { sip_user_id: '404', call_id: 'silent' })
    await answerPush(await service.sent(({ payload }) => payload.call_id === 'confirmed'))
    expect(await confirmed).toEqual(acked)
    // One, but for a machine on which the answer took longer than a push's interval.
    const sentUntilThen = callsTo('confirmed').length
    expect(await silent).toEqual(naked('timeout'))
    expect(callsTo('silent').length).toBe(3)
    expect(callsTo('confirmed').length).toBe(sentUntilThen)
  })

  test('goes to all devices of the account, and no longer to one that said no', async () => {
    for (const id of ['desk', 'pocket'])
      await register({ sip_user_id: '405', token: `token-${id}`, device_id: id })
    const held = askPbx(service.publicUrl, { sip_user_id: '405', call_id: 'two' })
    const push = await service.sent(
      ({ target, payload }) => payload.call_id === 'two' && target.token === 'token-desk',
    )
    expect(decodeJwt(String(push.payload.token)).device_id).toBe('desk')
    const attemptsOf = (token: string) =>
      callsTo('two').flatMap(({ target, payload }) => (target.token === token ? [payload.attempt] : []))
    expect(await answerPush(push, { available: 'false' })).toEqual(proceeds)
    expect(await held).toEqual(naked('timeout'))
    // The second one may be under way when the app says no.
    expect(attemptsOf('token-desk')).not.toContain(3)
    expect(attemptsOf('token-pocket')).toEqual([1, 2, 3])
  })

  test('ends with NAK unavailable at once when every device has said no', async () => {
    for (const id of ['left', 'right'])
      await register({ sip_user_id: '406', token: `token-${id}`, device_id: id })
    const held = askPbx(patient.publicUrl, { sip_user_id: '406', call_id: 'both-no' })
    for (const id of ['left', 'right']) {
      const push = await patient.sent(
        ({ target, payload }) => payload.call_id === 'both-no' && target.token === `token-${id}`,
      )
      expect(await answerPush(push, { available: 'False' })).toEqual(proceeds)
    }
    expect(await held).toEqual(naked('unavailable'))
    expect(callsTo('both-no', patient).length).toBe(2)
  })

  test('goes out once to a phone that registered for that, and again to the others', async () => {
    await register({ sip_user_id: '410', token: 'token-once', device_id: 'once', push_profile: 'once' })
    await register({ sip_user_id: '410', token: 'token-often', device_id: 'often', push_profile: 'normal' })
    expect(await askPbx(service.publicUrl, { sip_user_id: '410', call_id: 'once' })).toEqual(naked('timeout'))
    const tokens = callsTo('once').map(each => each.target.token)
    expect(tokens.filter(each => each === 'token-once')).toHaveLength(1)
    expect(tokens.filter(each => each === 'token-often')).toHaveLength(3)
  })

  test('does not go to a phone that must not be disturbed, and if there is no other the PBX hears so at once', async () => {
    await register({ sip_user_id: '411', token: 'token-quiet', device_id: 'quiet', dnd: 'true' })
    const ask = (callId: string) => askPbx(service.publicUrl, { sip_user_id: '411', call_id: callId })
    expect(await ask('all-quiet')).toEqual(naked('unavailable'))
    await register({ sip_user_id: '411', token: 'token-loud', device_id: 'loud', dnd: 'False' })
    const held = ask('one-quiet')
    expect(await answerPush(await service.sent(({ target }) => target.token === 'token-loud'))).toEqual(
      proceeds,
    )
    expect(await held).toEqual(acked)
    expect(service.pushes.filter(({ target }) => target.token === 'token-quiet')).toEqual([])
    await register({ sip_user_id: '411', token: 'token-quiet', device_id: 'quiet' })
    const again = ask('none-quiet')
    const push = await service.sent(({ target }) => target.token === 'token-quiet')
    expect(await answerPush(push)).toEqual(proceeds)
    expect(await again).toEqual(acked)
  })

  test('is followed by a cancel to the other Android phones when one confirms', async () => {
    const phones = { winner: 'android', other: 'android', old: 'gcm' } as const
    for (const [id, platform] of Object.entries(phones))
      await register({ sip_user_id: '412', token: `token-${id}`, device_id: id }, platform)
    await register({ sip_user_id: '412', token: 'ab'.repeat(32), device_id: 'iphone' }, 'apns')
    const held = askPbx(service.publicUrl, { sip_user_id: '412', call_id: 'one-of-four' })
    const sentTo = (id: string, type: string) =>
      service.sent(
        ({ target, payload }) =>
          payload.call_id === 'one-of-four' && payload.type === type && target.token === `token-${id}`,
      )
    const pushes = await Promise.all([sentTo('other', 'call'), sentTo('old', 'call')])
    expect(await answerPush(await sentTo('winner', 'call'))).toEqual(proceeds)
    expect(await held).toEqual(acked)
    for (const [index, id] of ['other', 'old'].entries())
      expect((await sentTo(id, 'cancel')).payload).toEqual({
        type: 'cancel',
        unique_key: pushes[index]!.payload.unique_key!,
        call_id: 'one-of-four',
        reason: 'answered_elsewhere',
      })
    const cancelled = service.pushes.filter(
      ({ payload }) => payload.call_id === 'one-of-four' && payload.type === 'cancel',
    )
    expect(cancelled.map(({ target }) => target.token).toSorted()).toEqual(['token-old', 'token-other'])
  })

  test('ends the call at once when every token is gone, and late apps hear that it expired', async () => {
    await register({ sip_user_id: '407', token: 'token-407' })
    outcomes.set('token-407', { kind: 'token-gone', sinceMs: Date.now() + 60_000 })
    expect(await askPbx(patient.publicUrl, { sip_user_id: '407', call_id: 'gone' })).toEqual(
      naked('push-refused'),
    )
    expect(callsTo('gone', patient).length).toBe(1)
    expect(await answerPush(callsTo('gone', patient)[0]!)).toEqual(refuses('expired'))
    expect(await askPbx(patient.publicUrl, { sip_user_id: '407', call_id: 'gone-2' })).toEqual(
      naked('no-device'),
    )
  })

  test('ends with NAK push-refused at the end of the wait when every push was refused', async () => {
    await register({ sip_user_id: '408', token: 'token-408' })
    outcomes.set('token-408', { kind: 'refused', reason: 'BadTopic' })
    expect(await askPbx(service.publicUrl, { sip_user_id: '408', call_id: 'refused' })).toEqual(
      naked('push-refused'),
    )
    expect(callsTo('refused').length).toBe(3)
  })

  test('is tried again while the vendor asks for patience', async () => {
    await register({ sip_user_id: '409', token: 'token-409' })
    outcomes.set('token-409', { kind: 'retry-later', afterMs: 0, reason: 'overloaded' })
    const held = askPbx(service.publicUrl, { sip_user_id: '409', call_id: 'patience' })
    await service.sent(({ target }) => target.token === 'token-409')
    outcomes.delete('token-409')
    const push = await service.sent(({ target }) => target.token === 'token-409', 2)
    expect(await answerPush(push)).toEqual(proceeds)
    expect(await held).toEqual(acked)
  })
})
