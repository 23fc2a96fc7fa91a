// A phone whose push Apple or Google refused, and which registers all the same while its call waits: it is there, so its
// REGISTER confirms the wake as that of a phone whose push arrived.
import { describe, expect, test } from 'bun:test'
import type { PushOutcome } from '../../src/push/push.ts'
import { idOfToken } from '../../src/redis/devices/devices.ts'
import { acked, askPbx, naked, postJson } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { eventually } from '../harness/internal.ts'
import { ACCEPTED, startVendorService } from '../harness/vendor.ts'

const [, service] = forAllTests(startVendorService, {
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '60000',
})

/** The PBX tells of a REGISTER. */
async function register(account: string, token: string): Promise<unknown> {
  const contact = `<sip:${account}@192.0.2.1;transport=tcp;pn-provider=fcm;pn-param=p;pn-prid=${token}>`
  const response = await postJson(`${service.publicUrl}/api/registered/`, { sip_user_id: account, contact })
  return response.json()
}

const devicesOf = async (account: string): Promise<string[]> => {
  const response = await fetch(`${service.internalUrl}/api/devices/${account}`)
  return ((await response.json()) as { devices: { device_id: string }[] }).devices.map(each => each.device_id)
}

describe('a phone whose push', () => {
  test.each<[string, PushOutcome, 'updated' | 'created']>([
    ['was refused for now', { kind: 'refused', reason: 'TopicDisallowed' }, 'updated'],
    ['was refused for good', { kind: 'refused', reason: 'SENDER_ID_MISMATCH' }, 'updated'],
    ['found its token gone', { kind: 'token-gone', sinceMs: Number.MAX_SAFE_INTEGER }, 'created'],
    ['is to be sent later', { kind: 'retry-later', afterMs: 15_000, reason: 'UNAVAILABLE' }, 'updated'],
  ])('%s confirms by its REGISTER, while another phone is still awaited', async (why, outcome, device) => {
    const account = why.replaceAll(' ', '-')
    const [refused, awaited] = [`refused-${account}`, `awaited-${account}`]
    await register(account, refused)
    await register(account, awaited)
    service.decide = ({ target }) => (target.token === refused ? outcome : ACCEPTED)
    const held = askPbx(service.publicUrl, { sip_user_id: account, call_id: account })
    await service.sent(({ payload, target }) => payload.type === 'call' && target.token === refused)
    await service.sent(({ payload, target }) => payload.type === 'call' && target.token === awaited)
    if (device === 'created')
      await eventually(
        'a forgotten device',
        async () => !(await devicesOf(account)).includes(idOfToken(refused)),
      )
    expect(await register(account, refused)).toEqual({ device, confirmed: 1 })
    expect(await held).toEqual(acked)
    const cancel = await service.sent(
      ({ payload, target }) => payload.type === 'cancel' && target.token === awaited,
    )
    expect(cancel.payload).toMatchObject({ reason: 'answered_elsewhere' })
  })

  test('was refused for good, and was the only one, comes too late: its call has its NAK', async () => {
    await register('only', 'only-one')
    service.decide = () => ({ kind: 'refused', reason: 'SENDER_ID_MISMATCH' })
    expect(await askPbx(service.publicUrl, { sip_user_id: 'only', call_id: 'only' })).toEqual(
      naked('push-refused'),
    )
    expect(await register('only', 'only-one')).toEqual({ device: 'updated', confirmed: 0 })
  })
})
