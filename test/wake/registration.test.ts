// Phones register, register again, sign off and check in: what each answer means, and which phones are woken then.
import { describe, expect, test } from 'bun:test'
import { appleToken, askPbx, naked, postForm, postJson, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { startVendorService } from '../harness/vendor.ts'

const [redis, service] = forAllTests(startVendorService, { DEVICES_PER_ACCOUNT: '3' })

type Fields = Record<string, string>

const register = (fields: Fields, platform?: 'apns' | 'gcm' | 'android') =>
  registerPhone(service.publicUrl, fields, platform)

async function post(route: string, fields: Fields, method = 'POST'): Promise<number> {
  return (await postForm(`${service.publicUrl}/api/${route}/`, fields, { method })).status
}
const remove = (fields: Fields, platform = 'android') =>
  post(`${platform}-device`, { token: 'push-token', app: 'com.example.phone', ...fields }, 'DELETE')

let calls = 0

/** The push tokens that a call to the account wakes, in order. The caller hangs up when all were pushed. */
async function woken(account: string): Promise<string[]> {
  const callId = `woken-${++calls}`
  const leaving = new AbortController()
  const asked = askPbx(service.publicUrl, { sip_user_id: account, call_id: callId }, leaving.signal).catch(
    () => undefined,
  )
  const devices = await redis.client.hlen(`hookswitch:devices:{${account}}`)
  if (devices === 0) expect(await asked).toEqual(naked('no-device'))
  else await service.sent(({ payload }) => payload.call_id === callId, devices)
  leaving.abort()
  await asked
  return service.pushes
    .filter(({ payload }) => payload.call_id === callId && payload.type === 'call')
    .map(({ target }) => target.token)
    .toSorted()
}

/** The phones that were told something by a `message` push. */
const messagesTo = (token: string) =>
  service.pushes.filter(({ target, payload }) => target.token === token && payload.type === 'message')
const messaged = (token: string) =>
  service.sent(({ target, payload }) => target.token === token && payload.type === 'message')

describe('a registration', () => {
  test('is 201 for the first phone and 200 for the same one again', async () => {
    expect(await register({ sip_user_id: '1101' })).toBe(201)
    expect(await register({ sip_user_id: '1101' })).toBe(200)
    expect(await woken('1101')).toEqual(['push-token'])
  })

  test('keeps all that the app told of itself', async () => {
    const response = await postJson(`${service.publicUrl}/api/apns-device/`, {
      sip_user_id: 1102,
      token: appleToken('1102'),
      app: 'com.example.phone',
      name: 'Jos’ iPhone',
      os_version: '18.1',
      client_version: 7,
      sandbox: true,
      remote_logging_id: 'log-1',
      device_id: 'A1:B2',
      favourite_colour: 'ignored',
    })
    expect(response.status).toBe(201)
    const stored = JSON.parse((await redis.client.hget('hookswitch:devices:{1102}', 'A1:B2'))!)
    expect(stored).toEqual({
      id: 'A1:B2',
      platform: 'apns',
      app: 'com.example.phone',
      token: appleToken('1102'),
      isSandbox: true,
      name: 'Jos’ iPhone',
      osVersion: '18.1',
      clientVersion: '7',
      remoteLoggingId: 'log-1',
      registeredAtMs: expect.any(Number),
      lastSeenMs: expect.any(Number),
    })
    expect(await redis.client.ttl('hookswitch:devices:{1102}')).toBe(-1)
  })

  test('of another phone takes the one slot of an account whose phones have no id, and the first is told', async () => {
    expect(await register({ sip_user_id: '1103', token: 'old-phone', name: 'Old' })).toBe(201)
    expect(await register({ sip_user_id: '1103', token: appleToken('new'), name: 'New' }, 'apns')).toBe(200)
    const { target, payload } = await messaged('old-phone')
    expect(target.platform).toBe('android')
    expect(payload).toEqual({
      type: 'message',
      message: expect.stringMatching(/^An other device has registered for the same account/) as never,
    })
    expect(await woken('1103')).toEqual([appleToken('new')])
    expect(messagesTo('new-phone')).toEqual([])
  })

  test('with another token tells the former one whatever its name, because every iPhone is called so', async () => {
    await register({ sip_user_id: '1104', token: 'worn', name: 'iPhone' })
    expect(await register({ sip_user_id: '1104', token: 'renewed', name: 'iPhone' })).toBe(200)
    expect((await messaged('worn')).payload.type).toBe('message')
    expect(await woken('1104')).toEqual(['renewed'])
    expect(messagesTo('renewed')).toEqual([])
    expect(await register({ sip_user_id: '1104', token: 'renewed', name: 'iPad' })).toBe(200)
    // A message that was sent is seen before the pushes of a later call.
    expect(await woken('1104')).toEqual(['renewed'])
    expect(messagesTo('renewed')).toEqual([])
  })

  test('with a device_id has a slot of its own beside the others, and renews its token there', async () => {
    expect(await register({ sip_user_id: '1105', token: 'legacy' })).toBe(201)
    expect(await register({ sip_user_id: '1105', token: 'tablet-1', device_id: 'tablet' })).toBe(201)
    expect(await register({ sip_user_id: '1105', token: 'watch-1', device_id: 'watch' })).toBe(201)
    expect(await woken('1105')).toEqual(['legacy', 'tablet-1', 'watch-1'])
    expect(await register({ sip_user_id: '1105', token: 'tablet-2', device_id: 'tablet' })).toBe(200)
    expect(await woken('1105')).toEqual(['legacy', 'tablet-2', 'watch-1'])
    expect(messagesTo('tablet-1')).toEqual([])
  })

  test('with a device_id, of a phone that had none until now, leaves its former slot', async () => {
    expect(await register({ sip_user_id: '1109', token: 'same-phone' })).toBe(201)
    expect(await register({ sip_user_id: '1109', token: 'same-phone', device_id: 'updated' })).toBe(201)
    expect(await woken('1109')).toEqual(['same-phone'])
    expect(messagesTo('same-phone')).toEqual([])
  })

  test('beyond DEVICES_PER_ACCOUNT takes the place of the one unseen for longest', async () => {
    for (const id of ['a', 'b', 'c']) {
      await register({ sip_user_id: '1106', token: `token-${id}`, device_id: id })
      // Milliseconds are the measure of "longest".
      await Bun.sleep(2)
    }
    expect(await post('check-in', { sip_user_id: '1106', device_id: 'a' })).toBe(200)
    expect(await register({ sip_user_id: '1106', token: 'token-d', device_id: 'd' })).toBe(201)
    expect(await woken('1106')).toEqual(['token-a', 'token-c', 'token-d'])
    expect((await messaged('token-b')).payload.type).toBe('message')
  })

  test('of an app that is not in APPS_FILE is 404 and leaves nothing behind', async () => {
    const response = await postForm(`${service.publicUrl}/api/android-device/`, {
      sip_user_id: '1107',
      token: 't',
      app: 'org.example.unknown',
    })
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status: 404, detail: expect.stringContaining('no app') })
    expect(await redis.client.exists('hookswitch:devices:{1107}')).toBe(0)
  })

  test('at many phones at once loses none of them', async () => {
    const statuses = await Promise.all(
      ['x', 'y', 'z'].map(id => register({ sip_user_id: '1108', token: `token-${id}`, device_id: id })),
    )
    expect(statuses).toEqual([201, 201, 201])
    expect(await woken('1108')).toEqual(['token-x', 'token-y', 'token-z'])
  })
})

describe('signing off', () => {
  test('is 200 for a device that is there and 404 from then on', async () => {
    await register({ sip_user_id: '1201' })
    expect(await remove({ sip_user_id: '1201' })).toBe(200)
    expect(await remove({ sip_user_id: '1201' })).toBe(404)
    expect(await woken('1201')).toEqual([])
  })

  test('takes token, app, platform and account to be right', async () => {
    await register({ sip_user_id: '1202' })
    expect(await remove({ sip_user_id: '1202', token: 'other' })).toBe(404)
    expect(await remove({ sip_user_id: '1202', app: 'org.example.other' })).toBe(404)
    expect(await remove({ sip_user_id: '1202' }, 'gcm')).toBe(404)
    expect(await remove({ sip_user_id: '1203' })).toBe(404)
    expect(await woken('1202')).toEqual(['push-token'])
  })

  test('of one device leaves the others', async () => {
    for (const id of ['one', 'two'])
      await register({ sip_user_id: '1204', token: `token-${id}`, device_id: id })
    expect(await remove({ sip_user_id: '1204', token: 'token-one' })).toBe(200)
    expect(await woken('1204')).toEqual(['token-two'])
  })
})

describe('a sign of life', () => {
  test('by check-in is 200 for an account with devices, else 404', async () => {
    await register({ sip_user_id: '1301', device_id: 'here' })
    const lastSeen = async () =>
      JSON.parse((await redis.client.hget('hookswitch:devices:{1301}', 'here'))!).lastSeenMs as number
    const before = await lastSeen()
    await Bun.sleep(2)
    expect(await post('check-in', { sip_user_id: '1301' })).toBe(200)
    expect(await lastSeen()).toBeGreaterThan(before)
    expect(await post('check-in', { sip_user_id: '1301', device_id: 'here' })).toBe(200)
    expect(await post('check-in', { sip_user_id: '1301', device_id: 'elsewhere' })).toBe(404)
    expect(await post('check-in', { sip_user_id: '1302' })).toBe(404)
  })

  test('by hangup-reason is logged and 200, or 404 for an account without devices', async () => {
    await register({ sip_user_id: '1303' })
    const fields = { sip_user_id: '1303', unique_key: 'call-1303', reason: 'The network is too slow' }
    expect(await post('hangup-reason', fields)).toBe(200)
    const line = await service.logged(each => each.callId === 'call-1303')
    expect(line.reason).toBe('The network is too slow')
    expect(await post('hangup-reason', { ...fields, sip_user_id: '1304' })).toBe(404)
  })

  test('keeps a registration as it was, down to its long numbers and odd letters', async () => {
    await register({ sip_user_id: '1305', device_id: 'd', name: 'Ünïcode "quoted" \\ / 😀' })
    const key = 'hookswitch:devices:{1305}'
    const before = JSON.parse((await redis.client.hget(key, 'd'))!)
    expect(await post('check-in', { sip_user_id: '1305' })).toBe(200)
    const after = JSON.parse((await redis.client.hget(key, 'd'))!)
    expect({ ...after, lastSeenMs: before.lastSeenMs }).toEqual(before)
    expect(Number.isSafeInteger(after.lastSeenMs)).toBe(true)
  })
})
