// Phones that register at a real switch, by SIP over UDP and with the push parameters of RFC 8599 as phones encode them:
// they become devices, and their next REGISTER confirms the wake.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createSocket } from 'node:dgram'
import { acked, askPbx } from '../harness/client.ts'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { ESL_PASSWORD, ESL_URL, REGISTRAR } from './settings.ts'

const VOIP = 'ab'.repeat(32)
const ALERT = 'cd'.repeat(32)
const GOOGLE = 'pn-provider=fcm;pn-param=example-project;pn-prid=c0ffee%3AAPA91bEXAMPLE_x-1;pn-timeout=0'

export function registrationTests(): void {
  if (REGISTRAR === '') {
    test.skip('phones register: FREESWITCH_REGISTRAR is not set', () => undefined)
    return
  }
  let redis: TestRedis
  let service: TestService
  beforeAll(async () => {
    redis = await startRedis()
    service = await startService({
      ROLE: 'all',
      PUBSUB_REDIS_URL: redis.url,
      ESL_URL,
      ESL_PASSWORD,
      APP_PUSH_ROUNDTRIP_WAIT: '20000',
      APP_PUSH_RESEND_INTERVAL: '60000',
    })
  })
  afterAll(async () => {
    await service.kill()
    await redis.close()
  })

  const devicesOf = async (account: string) => {
    const response = await fetch(`${service.internalUrl}/api/devices/${account}`)
    return ((await response.json()) as { devices: { app: string; platform: string }[] }).devices
  }

  test.each([
    ['Google', '1900', GOOGLE, { app: 'example-project', platform: 'android' }],
    [
      'Apple',
      '1901',
      `pn-provider=apns;pn-param=TEAM123456.com.example.phone.voip%26remote;pn-prid=${VOIP}%3Avoip%26${ALERT}%3Aremote`,
      { app: 'com.example.phone', platform: 'apns' },
    ],
    [
      'Linphone’s older words',
      '1902',
      'app-id=929724111839;pn-type=firebase;pn-tok=d0d0%3AAPA91bLEGACY',
      { app: '929724111839', platform: 'android' },
    ],
  ])('with the words of %s is a device until it unregisters', async (_, user, parameters, device) => {
    await register(user, parameters)
    await eventually('the device', async () => (await devicesOf(user)).length === 1)
    expect(await devicesOf(user)).toMatchObject([device])
    await register(user, parameters, 0)
    await eventually('no device', async () => (await devicesOf(user)).length === 0)
  })

  test('is a device beside another of its account when both were there before anybody listened', async () => {
    const phones = ['first', 'second', 'third'].map((token, place) => ({
      parameters: `pn-provider=fcm;pn-param=example-project;pn-prid=${token}%3AAPA91b`,
      at: `sip:1904@192.0.2.${place}:5060`,
    }))
    for (const { parameters, at } of phones) await register('1904', parameters, 600, at)
    await using later = await startRedis()
    await using listener = await startService({
      ROLE: 'all',
      PUBSUB_REDIS_URL: later.url,
      ESL_URL,
      ESL_PASSWORD,
    })
    await eventually('the devices', async () => {
      const response = await fetch(`${listener.internalUrl}/api/devices/1904`)
      const { devices } = (await response.json()) as { devices?: unknown[] }
      return devices?.length === phones.length
    })
    for (const { parameters, at } of phones) await register('1904', parameters, 0, at)
  })

  test('and registers again after its push confirms the wake', async () => {
    await register('1903', GOOGLE)
    await eventually('the device', async () => (await devicesOf('1903')).length === 1)
    const held = askPbx(service.publicUrl, { sip_user_id: '1903', call_id: 'real-register' })
    await service.pushed('real-register')
    await register('1903', GOOGLE)
    expect(await held).toEqual(acked)
    await register('1903', GOOGLE, 0)
  })
}

let cseq = 0

/** One REGISTER from a port of its own. Resolves with the switch's 200. @throws on any other answer, or none in 5 s.
 *  @param at where the phone wants to be called, if not at that port. */
export async function register(
  user: string,
  parameters: string,
  expiresSeconds = 600,
  at?: string,
): Promise<void> {
  const [host = '', port] = REGISTRAR.split(':')
  const socket = createSocket('udp4')
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const limit = setTimeout(() => reject(new Error('the switch does not answer a REGISTER')), 5_000)
  try {
    socket.on('message', bytes => {
      const [line = ''] = bytes.toString('latin1').split('\r\n')
      if (!line.startsWith('SIP/2.0 1')) resolve(line)
    })
    await new Promise<void>(bound => socket.bind(0, host, bound))
    const contact = at ?? `sip:${user}@${host}:${socket.address().port}`
    cseq += 1
    const lines = [
      `REGISTER sip:${host} SIP/2.0`,
      `Via: SIP/2.0/UDP ${host}:${socket.address().port};branch=z9hG4bK${crypto.randomUUID()}`,
      `From: <sip:${user}@${host}>;tag=${cseq}`,
      `To: <sip:${user}@${host}>`,
      `Call-ID: ${crypto.randomUUID()}`,
      `CSeq: ${cseq} REGISTER`,
      `Contact: <${contact};${parameters}>`,
      `Expires: ${expiresSeconds}`,
      'Max-Forwards: 70',
      'Content-Length: 0',
    ]
    socket.send(`${lines.join('\r\n')}\r\n\r\n`, Number(port), host)
    expect(await promise).toStartWith('SIP/2.0 200')
  } finally {
    clearTimeout(limit)
    socket.close()
  }
}
