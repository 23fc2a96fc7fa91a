// "Why didn't my phone ring?" for wakes: each story from the PBX's request to its answer, by real requests, as the
// internal API tells it afterwards.
import { describe, expect, test } from 'bun:test'
import { answer, appleToken, askPbx, endCall, postForm, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { ACCEPTED, startVendorService, type VendorPush } from '../harness/vendor.ts'
import { ask, callsOf, entryOf, kinds, timelineOf } from './reading.ts'

const NUMBER = '+31612345678'

const SETTINGS = { APP_PUSH_ROUNDTRIP_WAIT: '20000', APP_PUSH_RESEND_INTERVAL: '100' }
/** Three processes on one Redis; `hasty` waits for no app for long. */
const [redis, service, other, hasty] = forAllTests(
  startVendorService,
  SETTINGS,
  { ...SETTINGS, LOG_FULL_NUMBERS: 'true' },
  { ...SETTINGS, APP_PUSH_ROUNDTRIP_WAIT: '300' },
)

const register = (account: string, more: Record<string, string> = {}, platform?: 'apns' | 'android') =>
  registerPhone(service.publicUrl, { sip_user_id: account, token: `token-of-${account}`, ...more }, platform)

const wake = (account: string, callId: string, at = service, signal?: AbortSignal) =>
  askPbx(at.publicUrl, { sip_user_id: account, call_id: callId, phonenumber: NUMBER }, signal)

const pushOf = (callId: string) => (push: VendorPush) => push.payload.call_id === callId

/** The app answers a push of one process at the same or another one. */
async function confirm(callId: string, from = service, at = from, fields?: Record<string, string>) {
  const { payload } = await from.sent(pushOf(callId))
  return answer(payload as Record<string, string>, { baseUrl: at.publicUrl, ...(fields ? { fields } : {}) })
}

const timeline = (callId: string, until = 'outcome', count = 1) =>
  timelineOf(service.internalUrl, callId, until, count)

/** When a vendor answers a push is its own business. */
const isNoPush = (kind: string): boolean => !kind.startsWith('push-')

describe('a wake', () => {
  test('is told from the request to the answer, whichever processes took part', async () => {
    await register('100200301')
    const asked = wake('100200301', 'whole')
    await service.sent(pushOf('whole'), 2)
    await confirm('whole', service, other)
    expect((await asked).body).toBe('status=ACK')
    await timeline('whole', 'app-answered')
    const told = await timeline('whole')
    // On a busy machine further pushes leave before the answer is there, and their vendor's answers come behind it.
    expect(kinds(told).filter(isNoPush)).toEqual(['request', 'devices-found', 'app-answered', 'outcome'])
    expect(kinds(told).filter(kind => kind === 'push-sent').length).toBeGreaterThanOrEqual(2)
    expect(kinds(told).indexOf('push-sent')).toBe(2)
    expect(told.summary).toMatch(/^The phone was woken: its app confirmed \d+ ms after the push/)
    expect(entryOf(told, 'devices-found').text).toMatch(/^1 device is registered: an Android phone \(/)
    expect(told.entries.find(({ what }) => what === 'push-answered')!.text).toMatch(
      /^Google accepted the push to the Android phone after \d+ ms\.$/,
    )
    expect(told.entries.filter(({ what }) => what === 'push-sent')[1]!.text).toBe(
      'No confirmation yet: the push is sent again to the phone (attempt 2).',
    )
    expect(entryOf(told, 'outcome')).toMatchObject({ status: 'ACK', reason: 'confirmed' })
    expect(entryOf(told, 'outcome').round_trip_ms).toBeNumber()
    expect(entryOf(told, 'app-answered').by).not.toBe(entryOf(told, 'outcome').by)
    expect(told.left_out).toBe(0)
  })

  test('of an account without a device says that it must register', async () => {
    await wake('100200302', 'nobody')
    const told = await timeline('nobody')
    expect(kinds(told)).toEqual(['request', 'outcome'])
    expect(told.summary).toContain('no device is registered for this account')
  })

  test("whose push is refused has Apple's word, and what it means", async () => {
    await register('100200303', { token: appleToken('303') }, 'apns')
    hasty.decide = () => ({ kind: 'refused', reason: 'BadDeviceToken' })
    expect((await wake('100200303', 'refused', hasty)).reason).toBe('push-refused')
    hasty.decide = () => ACCEPTED
    const told = await timeline('refused')
    expect(told.entries.find(each => each.what === 'push-answered')).toMatchObject({
      outcome: 'refused',
      reason: 'BadDeviceToken',
      platform: 'apns',
    })
    expect(told.summary).toStartWith(
      'The phone did not ring, because Apple refused the push (BadDeviceToken): the push token belongs to the other environment',
    )
  })

  test('whose tokens are gone says so, and that the device is forgotten', async () => {
    await register('100200304')
    service.decide = () => ({ kind: 'token-gone', sinceMs: Date.now() })
    await wake('100200304', 'gone')
    service.decide = () => ACCEPTED
    const told = await timeline('gone', 'device-forgotten')
    expect(entryOf(told, 'push-answered').outcome).toBe('token-gone')
    expect((await timeline('gone')).summary).toContain('Google says that its push token is gone')
  })

  test('whose app comes too late says by how much', async () => {
    await register('100200305')
    expect((await wake('100200305', 'late', hasty)).reason).toBe('timeout')
    expect(await confirm('late', hasty)).toEqual({ status: 404, verdict: 'expired' })
    const told = await timeline('late', 'app-answered')
    expect(kinds(told).slice(-2)).toEqual(['outcome', 'app-answered'])
    expect(told.summary).toMatch(/^The phone did not ring in time: its app confirmed .+ after the wait of/)
  })

  test('whose app never comes names who took the push', async () => {
    await register('100200306')
    await wake('100200306', 'silent', hasty)
    expect((await timeline('silent')).summary).toMatch(
      /^The phone did not ring: Google accepted the push, but no app confirmed within \d+ ms/,
    )
  })

  test('that is declined, left by the caller, or answered elsewhere says so', async () => {
    await register('100200307')
    const declined = wake('100200307', 'declined')
    await confirm('declined', service, service, { available: 'false' })
    expect((await declined).reason).toBe('unavailable')
    expect((await timeline('declined')).summary).toContain('its app answered that it is not available')

    const leaving = new AbortController()
    const left = wake('100200307', 'left', service, leaving.signal)
    await service.sent(pushOf('left'))
    leaving.abort()
    await expect(left).rejects.toThrow()
    expect((await timeline('left')).summary).toContain('because the caller was gone after')

    const elsewhere = wake('100200307', 'elsewhere')
    await service.sent(pushOf('elsewhere'))
    expect(await endCall(service.publicUrl, 'elsewhere', 'answered_elsewhere')).toBe(200)
    await elsewhere
    const told = await timeline('elsewhere')
    expect(kinds(told).filter(isNoPush).slice(-2)).toEqual(['call-ended', 'outcome'])
    expect(told.summary).toContain('because it was answered elsewhere')
  })

  test('that is asked for twice tells of the request that joined', async () => {
    await register('100200308')
    const first = wake('100200308', 'twice')
    await service.sent(pushOf('twice'))
    const second = wake('100200308', 'twice')
    await timeline('twice', 'joined')
    await confirm('twice')
    await Promise.all([first, second])
    const told = await timeline('twice', 'outcome', 2)
    expect(entryOf(told, 'joined').text).toContain('shares its wait')
    expect(told.summary).toStartWith('The phone was woken: its app confirmed')
  })

  test('of a ring group tells its accounts apart', async () => {
    await register('100200309')
    const asked = [wake('100200309', 'group'), wake('100200310', 'group')]
    await confirm('group')
    await Promise.all(asked)
    const { summary, entries } = await timeline('group', 'outcome', 2)
    expect(summary).toMatch(/Account …309: The phone was woken.+Account …310: The phone did not ring/)
    expect(entries.find(each => each.reason === 'no-device')!.text).toEndWith('(Account …310.)')
    const { calls } = await callsOf(service.internalUrl, '100200310', 1)
    expect(calls[0]).toMatchObject({ id: 'group' })
    expect(calls[0]!.summary).toStartWith('The phone did not ring, because no device')
  })
})

describe('reading', () => {
  test('by account gives its calls, the newest first', async () => {
    await wake('100200320', 'older')
    await wake('100200320', 'newer')
    const { account, calls } = await callsOf(service.internalUrl, '100200320', 2)
    expect(account).toBe('100200320')
    expect(calls.map(call => call.id)).toEqual(['newer', 'older'])
    expect(calls[0]!.at).toBeWithin(Date.now() / 1_000 - 60, Date.now() / 1_000 + 1)
  })

  test('what nobody knows is a 404', async () => {
    const response = await ask(service.internalUrl, 'never-was')
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status: 404, detail: expect.stringContaining('24 hours') })
  })

  test('times are seconds since the epoch, in order, to the millisecond', async () => {
    await wake('100200321', 'timed')
    const times = (await timeline('timed')).entries.map(each => each.at)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]!).toBeWithin(Date.now() / 1_000 - 60, Date.now() / 1_000 + 1)
  })
})

describe('numbers and accounts', () => {
  test('are masked in what is shown and in what is kept', async () => {
    await register('100200330')
    const asked = wake('100200330', 'masked')
    await confirm('masked')
    await asked
    const told = await timeline('masked')
    expect(entryOf(told, 'request')).toMatchObject({ account: '…330', phonenumber: '…678' })
    const kept = (await redis.client.lrange('hookswitch:timeline:masked', 0, -1)).join()
    for (const shown of [JSON.stringify(told), kept]) {
      expect(shown).not.toContain(NUMBER)
      expect(shown).not.toContain('100200330')
      expect(shown).not.toContain('token-of-')
      expect(shown).not.toContain('eyJhbGci')
      expect(shown).not.toContain('response_api')
    }
  })

  test('are whole with LOG_FULL_NUMBERS, and masked again by a process without it', async () => {
    await askPbx(other.publicUrl, { sip_user_id: '100200331', call_id: 'shown', phonenumber: NUMBER })
    const told = await timelineOf(other.internalUrl, 'shown', 'outcome')
    expect(entryOf(told, 'request')).toMatchObject({ account: '100200331', phonenumber: NUMBER })
    expect(entryOf(await timeline('shown'), 'request')).toMatchObject({
      account: '…331',
      phonenumber: '…678',
    })
  })
})

describe('the unique_key of a push', () => {
  const post = (path: string, fields: Record<string, string>) =>
    postForm(`${other.publicUrl}/api/${path}/`, fields)

  test('finds the timeline of its call, whichever phone of it had the push', async () => {
    await register('100200401', { device_id: 'a' })
    await register('100200401', { device_id: 'b', token: 'token-b' })
    const asked = wake('100200401', 'by-key')
    await service.sent(pushOf('by-key'), 2)
    await confirm('by-key')
    await asked
    const whole = await timeline('by-key')
    const keys = new Set(
      service.pushes.filter(pushOf('by-key')).map(({ payload }) => String(payload.unique_key)),
    )
    expect(keys.size).toBe(2)
    for (const key of keys) {
      expect(await timelineOf(service.internalUrl, key, 'outcome')).toEqual(whole)
      const leftSeconds = await redis.client.ttl(`hookswitch:unique-key:${key}`)
      expect(leftSeconds).toBeWithin(86_000, 86_401)
    }
  })

  test('names the call in hangup-reason and log-metrics, of its own account alone', async () => {
    await register('100200402')
    await register('100200403', { token: 'token-of-another' })
    const asked = wake('100200402', 'explained-by-key')
    const { payload } = await service.sent(pushOf('explained-by-key'))
    const unique_key = String(payload.unique_key)
    const mine = { sip_user_id: '100200402', unique_key }
    expect((await post('hangup-reason', { ...mine, reason: 'in a lift' })).status).toBe(200)
    for (const name of [unique_key, 'explained-by-key'])
      expect(
        (await post('hangup-reason', { sip_user_id: '100200403', unique_key: name, reason: 'not mine' }))
          .status,
      ).toBe(200)
    expect(
      (await post('hangup-reason', { ...mine, unique_key: 'no-call-of-anybody', reason: 'x' })).status,
    ).toBe(200)
    const report = { os: 'ios', call_setup_successful: 'false', failed_reason: 'NO_AUDIO', mos: '1.5' }
    expect((await post('log-metrics', { ...mine, ...report })).status).toBe(200)
    expect(
      (
        await post('hangup-reason', {
          sip_user_id: '100200402',
          unique_key: 'explained-by-key',
          reason: 'last',
        })
      ).status,
    ).toBe(200)
    await confirm('explained-by-key')
    await asked

    await timeline('explained-by-key', 'app-explained', 2)
    const told = await timeline('explained-by-key')
    const reasons = told.entries.filter(({ what }) => what === 'app-explained').map(each => each.reason)
    expect(reasons).toEqual(['in a lift', 'last'])
    expect(entryOf(told, 'app-reported').text).toBe(
      'The app reports of the call: call_setup_successful false, failed_reason NO_AUDIO, mos 1.5.',
    )
    expect((await ask(service.internalUrl, 'no-call-of-anybody')).status).toBe(404)
  })

  test('still does when the wake’s record has gone', async () => {
    await register('100200404')
    const asked = wake('100200404', 'much-later', hasty)
    const { payload } = await hasty.sent(pushOf('much-later'))
    await asked
    await timeline('much-later')
    const unique_key = String(payload.unique_key)
    await redis.client.del('hookswitch:wake:{much-later}:100200404')
    for (const name of [unique_key, 'much-later'])
      await post('hangup-reason', { sip_user_id: '100200404', unique_key: name, reason: `by ${name.length}` })
    const told = await timeline('much-later', 'app-explained', 2)
    expect(told.entries.filter(({ what }) => what === 'app-explained')).toHaveLength(2)
  })
})
