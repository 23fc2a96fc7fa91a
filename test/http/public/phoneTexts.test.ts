// What an account may be called, and what a phone may say of itself when it registers. What a PBX may send as text is in
// texts.test.ts.
import { describe, expect, test } from 'bun:test'
import { appleToken, postJson, registerPhone } from '../../harness/client.ts'
import { forAllTests } from '../../harness/forAllTests.ts'
import { startVendorService } from '../../harness/vendor.ts'
import { JSON_TYPE, rings } from './ringing.ts'

const [, service] = forAllTests(startVendorService, { RATE_LIMIT: '0', APP_PUSH_ROUNDTRIP_WAIT: '20000' })

describe('an account', () => {
  test.each([
    ['bob@EXAMPLE.com', 'bob@example.com'],
    ['carol@example.com', 'carol@Example.COM'],
    ['Dave@example.com', ' Dave@EXAMPLE.COM\r\n'],
    ['501', ' 501 '],
  ])('that registered as %j is woken as %j', async (registered, asked) => {
    expect(
      await registerPhone(service.publicUrl, { sip_user_id: registered, token: `of-${asked.length}` }),
    ).toBe(201)
    const body = new URLSearchParams({ sip_user_id: asked, phonenumber: '1', call_id: '{id}' })
    expect(await rings(service, body.toString().replace('%7Bid%7D', '{id}'))).toEqual({
      phonenumber: '1',
      caller_id: '',
    })
    const devices = await fetch(`${service.internalUrl}/api/devices/${encodeURIComponent(registered.trim())}`)
    expect(((await devices.json()) as { devices: unknown[] }).devices.length).toBe(1)
    expect(await postStatus('check-in', { sip_user_id: asked })).toBe(200)
    expect(await postStatus('hangup-reason', { sip_user_id: asked, unique_key: 'u' })).toBe(200)
  })

  test('has a user part of which every letter counts', async () => {
    expect(await registerPhone(service.publicUrl, { sip_user_id: 'Erin@example.com' })).toBe(201)
    expect(await postStatus('check-in', { sip_user_id: 'erin@example.com' })).toBe(404)
    expect(await postStatus('check-in', { sip_user_id: 'Erin@EXAMPLE.com' })).toBe(200)
  })

  test('as a JSON number is its digits, however many', async () => {
    for (const account of ['0', '123456789', '9007199254740993', '12345678901234567890123']) {
      const register = await fetch(`${service.publicUrl}/api/android-device/`, {
        method: 'POST',
        headers: { 'content-type': JSON_TYPE },
        body: `{"sip_user_id":${account},"token":"t","app":"com.example.phone"}`,
      })
      expect(register.status).toBe(201)
      expect(await postStatus('check-in', { sip_user_id: account })).toBe(200)
    }
  })

  const postStatus = async (route: string, fields: Record<string, string>) =>
    (await postJson(`${service.publicUrl}/api/${route}/`, fields)).status
})

describe.concurrent('a phone', () => {
  /** An account without a device, which a registration creates. */
  const anybody = () => `tokens-${crypto.randomUUID()}`
  const register = async (platform: string, fields: Record<string, unknown>) => {
    const answer = await postJson(`${service.publicUrl}/api/${platform}-device/`, {
      sip_user_id: 'tokens',
      app: 'com.example.phone',
      ...fields,
    })
    return { status: answer.status, text: await answer.text() }
  }

  const FCM = `c2aK9dHaR_6QMm:APA91b${'Hun-Xz_8'.repeat(16)}`
  const NONE = [
    '{length=32,bytes=0x1234567890abcdef...deadbeef}',
    '{length = 32, bytes = 0x12345678 90abcdef ... }',
    `<${'12345678 '.repeat(8).trim()}>`,
    'undefined',
    'null',
    '(null)',
    'nil',
    'NULL',
    'None',
    'Optional("abcd")',
    '[object Object]',
    '<null>',
    '',
    '   ',
  ]

  test.each(NONE)('with the push token %j is refused, whatever it is', async token => {
    for (const platform of ['apns', 'gcm', 'android']) {
      const { status, text } = await register(platform, { token })
      expect([platform, status]).toEqual([platform, 400])
      expect(JSON.parse(text).errors.map((each: { field: string }) => each.field)).toEqual(['token'])
    }
  })

  test.each([
    FCM,
    'deadbeef',
    'ab'.repeat(31),
    'ab'.repeat(101),
    `${'ab'.repeat(31)}abc`,
    `${'ab'.repeat(31)}zz`,
  ])('of Apple with %j is refused', async token =>
    expect((await register('apns', { token })).status).toBe(400),
  )

  test.each(['ab'.repeat(32), 'AB'.repeat(32), 'ab'.repeat(80), 'ab'.repeat(100), ` ${'cd'.repeat(32)}\r\n`])(
    'of Apple with %j is taken',
    async token => expect((await register('apns', { token, sip_user_id: anybody() })).status).toBe(201),
  )

  test.each([FCM, ` ${FCM}\n`, 'APA91bGcm', 'nullable', 'none-of-these:APA91b'])(
    'of Google with %j is taken',
    async token => expect((await register('android', { token, sip_user_id: anybody() })).status).toBe(201),
  )

  test('may be called anything, and say anything of itself', async () => {
    const long = 'Wilhelmina’s telephone '.repeat(40)
    const told = { name: long, os_version: '18\t1', client_version: `9\u0000`, remote_logging_id: '\u202ex' }
    const fields = { sip_user_id: 'named', token: appleToken('named'), ...told }
    expect((await register('apns', fields)).status).toBe(201)
    const { devices } = (await (await fetch(`${service.internalUrl}/api/devices/named`)).json()) as {
      devices: Record<string, unknown>[]
    }
    expect(devices[0]).toMatchObject({ os_version: '18 1', client_version: '9', remote_logging_id: 'x' })
    expect([...String(devices[0]!.name)].length).toBeWithin(250, 256)
  })
})

test('nothing of all this was a failure of the service', () => {
  expect(service.log.filter(line => line.level === 'error')).toEqual([])
})
