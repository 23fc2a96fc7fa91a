// The call is over before an app confirmed: the PBX drops its request, or says so. Pushes stop, and phones whose
// vendor can carry it are told.
import { beforeAll, describe, expect, test } from 'bun:test'
import {
  answer,
  appleToken,
  askPbx,
  endCall,
  naked,
  proceeds,
  refuses,
  registerPhone,
} from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { startVendorService, type VendorService } from '../harness/vendor.ts'

const SETTINGS = {
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '50',
  WAITS_PER_ACCOUNT: '100',
}
/** `other` is another process, without the calls. */
const [redis, service, other] = forAllTests(startVendorService, SETTINGS, SETTINGS)
beforeAll(async () => {
  for (const platform of ['apns', 'gcm', 'android'] as const)
    await registerPhone(
      service.publicUrl,
      {
        sip_user_id: '301',
        token: platform === 'apns' ? appleToken('one') : `token-${platform}`,
        device_id: platform,
      },
      platform,
    )
})

const isOf = (callId: string, type: string) => (push: { payload: Record<string, unknown> }) =>
  push.payload.call_id === callId && push.payload.type === type

/** A PBX asks; resolves when all three phones were pushed. */
async function holdCall(callId: string, signal?: AbortSignal) {
  const answered = askPbx(service.publicUrl, { sip_user_id: '301', call_id: callId }, signal)
  await service.sent(isOf(callId, 'call'), 3)
  return { answered }
}

const payloadOf = (callId: string) =>
  service.pushes.find(isOf(callId, 'call'))!.payload as Record<string, string>

/** What the phones were told of the call's end, when both that can be told were. */
async function cancelled(at: VendorService, callId: string) {
  await at.sent(isOf(callId, 'cancel'), 2)
  return at.pushes
    .filter(isOf(callId, 'cancel'))
    .map(({ target, payload }) => ({ platform: target.platform, ...payload }))
    .toSorted((a, b) => a.platform.localeCompare(b.platform))
}

const A_KEY = expect.stringMatching(/^[0-9a-f]{32}$/)

describe('when the PBX drops its request', () => {
  test('phones are told, except those of Apple, and a later confirmation hears that it ended', async () => {
    const leaving = new AbortController()
    const { answered } = await holdCall('dropped', leaving.signal)
    leaving.abort()
    await expect(answered).rejects.toThrow()
    const told = { type: 'cancel', unique_key: A_KEY, call_id: 'dropped', reason: 'caller-gone' }
    expect(await cancelled(service, 'dropped')).toEqual([
      { platform: 'android', ...told },
      { platform: 'gcm', ...told },
    ] as never)
    expect(await answer(payloadOf('dropped'), { baseUrl: other.publicUrl })).toEqual(refuses('ended'))
  })

  test('nothing is pushed again', async () => {
    const leaving = new AbortController()
    const { answered } = await holdCall('quiet', leaving.signal)
    leaving.abort()
    await expect(answered).rejects.toThrow()
    await service.logged(line => line.callId === 'quiet' && 'waitedMs' in line)
    // Another call's pushes are the clock: from its first ones on, two intervals pass.
    const clock = new AbortController()
    const later = askPbx(service.publicUrl, { sip_user_id: '301', call_id: 'clock' }, clock.signal)
    await service.sent(isOf('clock', 'call'), 3)
    const count = service.pushes.filter(isOf('quiet', 'call')).length
    await service.sent(isOf('clock', 'call'), 9)
    clock.abort()
    await expect(later).rejects.toThrow()
    expect(service.pushes.filter(isOf('quiet', 'call')).length).toBe(count)
  })

  test('before the phones are looked up, the call is over all the same', async () => {
    const dropped = Array.from({ length: 20 }, async (_, index) => {
      const leaving = new AbortController()
      const asked = askPbx(
        service.publicUrl,
        { sip_user_id: '301', call_id: `brief-${index}` },
        leaving.signal,
      )
      await service.logged(line => line.callId === `brief-${index}` && line.msg === 'incoming call')
      leaving.abort()
      await expect(asked).rejects.toThrow()
    })
    await Promise.all(dropped)
    for (let index = 0; index < dropped.length; index++) {
      await service.logged(line => line.callId === `brief-${index}` && line.reason === 'caller-gone')
      const state = await redis.client.hget(`hookswitch:wake:{brief-${index}}:301`, 'state')
      expect(state).toBe('ended')
    }
  })
})

describe('when the PBX says that the call is over', () => {
  for (const reason of ['caller_hangup', 'answered_elsewhere']) {
    test(`with ${reason}, its own request ends and phones are told by the process that heard it`, async () => {
      const { answered } = await holdCall(reason)
      expect(await endCall(other.publicUrl, reason, reason)).toBe(200)
      expect(await answered).toEqual(naked('caller-gone'))
      const told = { type: 'cancel', unique_key: A_KEY, call_id: reason, reason }
      expect(await cancelled(other, reason)).toEqual([
        { platform: 'android', ...told },
        { platform: 'gcm', ...told },
      ] as never)
      expect(service.pushes.some(isOf(reason, 'cancel'))).toBe(false)
    })
  }

  test('after the confirmation, phones that ring stop', async () => {
    const { answered } = await holdCall('confirmed')
    expect(await answer(payloadOf('confirmed'), { baseUrl: service.publicUrl })).toEqual(proceeds)
    expect(await answered).toMatchObject({ body: 'status=ACK' })
    expect(await endCall(service.publicUrl, 'confirmed', 'caller_hangup')).toBe(200)
    expect((await cancelled(service, 'confirmed')).map(each => each.platform)).toEqual(['android', 'gcm'])
  })
})
