// One wake from end to end, over every route and in every form that PBXs and apps use: the exact words of the wire.
import { describe, expect, test } from 'bun:test'
import { acked, answer, appleToken, askPbx, naked, postForm, postJson, proceeds } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { startService } from '../harness/service.ts'

const [, service] = forAllTests(startService, { APP_PUSH_ROUNDTRIP_WAIT: '10000' })

const device = { token: appleToken('one'), app: 'com.example.phone' }

/** The app's part: finds the push of the call and confirms it. */
async function confirmPushed(callId: string) {
  return answer(await service.pushed(callId), { baseUrl: service.publicUrl })
}

describe('a wake', () => {
  for (const platform of ['apns', 'gcm', 'android'])
    for (const [encoding, post] of [
      ['form', postForm],
      ['JSON', postJson],
    ] as const)
      for (const slash of ['/', '']) {
        test(`goes from ${platform}-device${slash} to status=ACK in ${encoding}`, async () => {
          const account = `${platform}-${encoding}${slash === '' ? '' : '-slash'}`
          const callId = `call-${account}`
          const url = (route: string) => `${service.publicUrl}/api/${route}${slash}`

          const registered = await post(url(`${platform}-device`), { sip_user_id: account, ...device })
          expect(registered.status).toBe(201)
          expect(await registered.text()).toBe('')

          const call = { sip_user_id: account, phonenumber: '+31 (0)50-123 x4', call_id: callId }
          const held = post(url('incoming-call'), call)
          const push = await service.pushed(callId)
          expect(push.platform).toBe(platform)
          const confirmed = await post(`${url('call-response')}?token=${tokenOf(push.response_api!)}`, {
            unique_key: callId,
            message_start_time: String(push.message_start_time),
          })
          expect(confirmed.status).toBe(202)
          expect(await confirmed.text()).toBe('{"verdict":"proceed"}')

          const answered = await held
          expect(answered.status).toBe(200)
          expect(answered.headers.get('content-type')).toBe('text/plain')
          expect(answered.headers.get('x-hookswitch-reason')).toBe('confirmed')
          expect(await answered.text()).toBe('status=ACK')
        })
      }

  test('is answered in JSON to a PBX that asks for JSON', async () => {
    await postForm(`${service.publicUrl}/api/android-device/`, { sip_user_id: 'json-pbx', ...device })
    const held = postForm(
      `${service.publicUrl}/api/incoming-call/`,
      { sip_user_id: 'json-pbx', phonenumber: '1', call_id: 'call-json-pbx' },
      { headers: { accept: 'application/json' } },
    )
    await confirmPushed('call-json-pbx')

    const answered = await held
    expect(answered.status).toBe(200)
    expect(answered.headers.get('content-type')).toStartWith('application/json')
    expect(answered.headers.get('x-hookswitch-reason')).toBe('confirmed')
    const body = (await answered.json()) as { waited_ms: number }
    expect(body).toEqual({
      status: 'ACK',
      reason: 'confirmed',
      call_id: 'call-json-pbx',
      device_id: expect.stringMatching(/^t-[0-9a-f]{16}$/),
      waited_ms: expect.any(Number),
    } as never)
    expect(Number.isInteger(body.waited_ms)).toBe(true)
  })

  test('without a device ends at once with status=NAK, in text and in JSON', async () => {
    expect(await askPbx(service.publicUrl, { sip_user_id: 'nobody', call_id: 'call-nobody' })).toEqual(
      naked('no-device'),
    )
    const inJson = await postForm(
      `${service.publicUrl}/api/incoming-call/`,
      { sip_user_id: 'nobody', phonenumber: '1', call_id: 'call-nobody-json' },
      { headers: { accept: 'application/json, text/plain;q=0.9' } },
    )
    expect(await inJson.json()).toEqual({
      status: 'NAK',
      reason: 'no-device',
      call_id: 'call-nobody-json',
      device_id: null,
      waited_ms: expect.any(Number),
    })
  })

  test('takes sip_user_id as a JSON number', async () => {
    const registered = await postJson(`${service.publicUrl}/api/apns-device/`, {
      sip_user_id: 123456789,
      ...device,
    })
    expect(registered.status).toBe(201)
    const held = postJson(`${service.publicUrl}/api/incoming-call/`, {
      sip_user_id: 123456789,
      phonenumber: 31501234567,
      call_id: 'call-number',
    })
    expect(await confirmPushed('call-number')).toEqual(proceeds)
    expect(await (await held).text()).toBe('status=ACK')
  })

  test('takes an account with a domain, and an anonymous caller whatever its spelling', async () => {
    const account = 'reception@pbx.example.com'
    await postForm(`${service.publicUrl}/api/gcm-device/`, { sip_user_id: account, ...device })
    for (const phonenumber of ['anonymous', 'Anonymous']) {
      const callId = `call-${phonenumber}`
      const held = askPbx(service.publicUrl, { sip_user_id: account, phonenumber, call_id: callId })
      expect(await confirmPushed(callId)).toEqual(proceeds)
      expect(await held).toEqual(acked)
    }
  })

  test('without call_id gets a UUID', async () => {
    await postForm(`${service.publicUrl}/api/android-device/`, { sip_user_id: 'no-id', ...device })
    const held = postForm(
      `${service.publicUrl}/api/incoming-call/`,
      { sip_user_id: 'no-id', phonenumber: '1' },
      { headers: { accept: 'application/json' } },
    )
    const arrival = await service.logged(line => line.msg === 'incoming call' && line.account === '…-id')
    const callId = String(arrival.callId)
    expect(callId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(await confirmPushed(callId)).toEqual(proceeds)
    expect(await (await held).json()).toMatchObject({ status: 'ACK', call_id: callId })
  })

  test('takes any printable call_id, whatever Redis or a URL would make of it', async () => {
    await postForm(`${service.publicUrl}/api/android-device/`, { sip_user_id: 'odd', ...device })
    for (const callId of ['{a}b@10.0.0.1;x=1', '}{', '100%25', 'a:b&c=d?e#f', '"quoted\\"']) {
      const held = askPbx(service.publicUrl, { sip_user_id: 'odd', call_id: callId })
      expect(await confirmPushed(callId)).toEqual(proceeds)
      expect(await held).toEqual(acked)
    }
  })
})

const tokenOf = (url: string): string => new URL(url).searchParams.get('token')!
