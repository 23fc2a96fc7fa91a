// A PBX says that a phone has registered: by what RFC 8599 says in the Contact the phone becomes a device, and by
// registering after a push it confirms the wake, at whichever process that waits.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { idOfToken } from '../../src/redis/devices/devices.ts'
import { appOf } from '../../src/union/registrar.ts'
import { acked, answer, askPbx, naked, postJson, proceeds, registerPhone } from '../harness/client.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'

let redis: TestRedis
let first: TestService
let second: TestService

const start = (more = {}) =>
  startService({
    PUBSUB_REDIS_URL: redis.url,
    APP_PUSH_ROUNDTRIP_WAIT: '20000',
    APP_PUSH_RESEND_INTERVAL: '60000',
    LOG_FULL_NUMBERS: 'true',
    ...more,
  })

beforeAll(async () => {
  redis = await startRedis()
  ;[first, second] = await Promise.all([start(), start()])
})
afterAll(async () => {
  await Promise.all([first.kill(), second.kill()])
  await redis.close()
})

const contactOf = (token: string, app = 'example-project') =>
  `"" <sip:a@192.0.2.1:5060;transport=tcp;pn-provider=fcm;pn-param=${app};pn-prid=${token.replace(':', '%3A')}>`

/** The PBX tells of a REGISTER. */
async function tell(
  account: string,
  token: string,
  more: Record<string, unknown> = {},
  service = first,
): Promise<unknown> {
  const body = { sip_user_id: account, contact: contactOf(token), expires: 600, ...more }
  const response = await postJson(`${service.publicUrl}/api/registered/`, body)
  expect(response.status).toBe(200)
  return response.json()
}

async function devicesOf(account: string): Promise<{ device_id: string; app: string; platform: string }[]> {
  const response = await fetch(`${first.internalUrl}/api/devices/${account}`)
  return ((await response.json()) as { devices: { device_id: string; app: string; platform: string }[] })
    .devices
}
const tokensOf = async (account: string) => (await devicesOf(account)).map(each => each.device_id).sort()

const told = (device: string, confirmed = 0) => ({ device, confirmed })

describe.concurrent('a phone that registers', () => {
  test('is a device from its first REGISTER until it unregisters', async () => {
    expect(await tell('801', 'fcm:801')).toEqual(told('created'))
    expect(await tell('801', 'fcm:801')).toEqual(told('updated'))
    expect(await devicesOf('801')).toMatchObject([
      { device_id: idOfToken('fcm:801'), app: 'example-project', platform: 'android' },
    ])
    expect(await tell('801', 'fcm:801', { expires: 0 })).toEqual(told('removed'))
    expect(await tell('801', 'fcm:801', { expires: 0 })).toEqual(told('none'))
    expect(await askPbx(first.publicUrl, { sip_user_id: '801' })).toEqual(naked('no-device'))
  })

  test('stands beside the account’s other phones, and in each of its own accounts', async () => {
    await tell('802', 'fcm:802a')
    await tell('802', 'fcm:802b')
    await tell('803', 'fcm:802a')
    expect(await tokensOf('802')).toEqual([idOfToken('fcm:802a'), idOfToken('fcm:802b')].sort())
    await tell('802', 'fcm:802a', { expires: 0 })
    expect(await tokensOf('802')).toEqual([idOfToken('fcm:802b')])
    expect(await tokensOf('803')).toEqual([idOfToken('fcm:802a')])
    expect(await tell('802', '', { contact: '*', expires: 0 })).toEqual(told('removed'))
    expect(await tokensOf('802')).toEqual([])
  })

  test('leaves alone what its app registered by HTTP, which confirms as ever', async () => {
    await registerPhone(first.publicUrl, { sip_user_id: '804', token: 'fcm:804', app: 'example-project' })
    expect(await tell('804', 'fcm:804')).toEqual(told('updated'))
    const held = askPbx(first.publicUrl, { sip_user_id: '804', call_id: 'by-http' })
    const push = await first.pushed('by-http')
    expect(await tell('804', 'fcm:804')).toEqual(told('updated'))
    expect(await answer(push, { baseUrl: first.publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
    expect(await tell('804', 'fcm:804', { expires: 0 })).toEqual(told('none'))
    expect(await devicesOf('804')).toHaveLength(1)
  })

  test.each([
    ['says nothing of push', '<sip:805@192.0.2.1>'],
    ['says it badly', '<sip:805@192.0.2.1;pn-provider=webpush;pn-param=p;pn-prid=tokentoken>'],
  ])('and %s is no device', async (_, contact) => {
    expect(await tell('805', '', { contact })).toEqual(told('none'))
    expect(await devicesOf('805')).toEqual([])
  })

  test('is kept for REGISTRATION_KEEP, and then is neither shown nor pushed', async () => {
    await tell('806', 'fcm:806')
    const key = 'hookswitch:devices:{806}'
    const slot = idOfToken('fcm:806')
    const kept = JSON.parse((await redis.client.hget(key, slot))!) as {
      keptUntilMs: number
      lastSeenMs: number
    }
    expect(kept.keptUntilMs - kept.lastSeenMs).toBe(30 * 24 * 3_600_000)
    await redis.client.hset(key, slot, JSON.stringify({ ...kept, keptUntilMs: Date.now() - 1 }))
    expect(await devicesOf('806')).toEqual([])
    expect(await askPbx(first.publicUrl, { sip_user_id: '806' })).toEqual(naked('no-device'))
    await tell('806', 'fcm:806b')
    expect(await redis.client.hkeys(key)).toEqual([idOfToken('fcm:806b')])
  })
})

describe.concurrent('a REGISTER after the push', () => {
  test('confirms the wake at the other process, and stands in the timeline', async () => {
    await tell('811', 'fcm:811', { user_agent: 'ExamplePhone/1' })
    const held = askPbx(first.publicUrl, { sip_user_id: '811', call_id: 'woken' })
    await first.pushed('woken')
    expect(await tell('811', 'fcm:811', {}, second)).toEqual(told('updated', 1))
    expect(await held).toEqual(acked)
    let story = ''
    await eventually('the timeline to have it', async () => {
      story = await (await fetch(`${first.internalUrl}/api/timeline/woken`)).text()
      return story.includes('"registered"') && story.includes('"outcome"')
    })
    expect(story).toContain('Confirmed by REGISTER after ')
    expect(story).toContain(`registered from the PBX, expires `)
    const counted = await readMetrics(second.internalUrl)
    expect(
      counted.get('hookswitch_register_confirmations_total{source="pbx",verdict="proceed"}'),
    ).toBeGreaterThan(0)
    // How long it took is kept, and goes on with the device when the phone registers again.
    const answers = async () =>
      (
        JSON.parse((await redis.client.hget('hookswitch:devices:{811}', idOfToken('fcm:811'))) ?? '{}') as {
          answers?: string
        }
      ).answers
    await eventually('the answer to be kept', async () => /^0,[0,]*1$/.test((await answers()) ?? ''))
    const kept = await answers()
    await tell('811', 'fcm:811')
    expect(await answers()).toBe(kept!)
  })

  test('of another phone of the account confirms nothing, nor does one before the push', async () => {
    await tell('812', 'fcm:812')
    const held = askPbx(first.publicUrl, { sip_user_id: '812', call_id: 'other-phone' })
    await first.pushed('other-phone')
    expect(await tell('812', 'fcm:812b')).toEqual(told('created'))
    expect(await tell('812', 'fcm:812', {}, second)).toEqual(told('updated', 1))
    expect(await held).toEqual(acked)
    // It goes on registering while it is awake: a later call is confirmed by nothing before its own push.
    expect(await tell('812', 'fcm:812')).toEqual(told('updated', 1))
    await redis.client.del('hookswitch:pushed:{812}')
    expect(await tell('812', 'fcm:812')).toEqual(told('updated'))
  })

  test('in one account confirms nothing in another one of the same phone', async () => {
    await tell('813', 'fcm:813')
    await tell('814', 'fcm:813')
    const held = askPbx(first.publicUrl, { sip_user_id: '813', call_id: 'two-accounts' })
    await first.pushed('two-accounts')
    expect(await tell('814', 'fcm:813')).toEqual(told('updated'))
    expect(await tell('813', 'fcm:813')).toEqual(told('updated', 1))
    expect(await held).toEqual(acked)
  })

  test('that is too late hears so, and the wake of a former call under the same id is not confirmed', async () => {
    await tell('815', 'fcm:815')
    const held = askPbx(first.publicUrl, { sip_user_id: '815', call_id: 'again' })
    await first.pushed('again')
    await postJson(`${first.publicUrl}/api/call-ended/`, { call_id: 'again', reason: 'caller_hangup' })
    expect(await held).toEqual(naked('caller-gone'))
    expect(await tell('815', 'fcm:815')).toEqual(told('updated', 0))
    const anew = askPbx(first.publicUrl, { sip_user_id: '815', call_id: 'again' })
    await first.pushed('again', 2)
    expect(await tell('815', 'fcm:815')).toEqual(told('updated', 1))
    expect(await anew).toEqual(acked)
  })

  test('that unregisters confirms nothing', async () => {
    await tell('816', 'fcm:816')
    const held = askPbx(first.publicUrl, { sip_user_id: '816', call_id: 'gone' })
    await first.pushed('gone')
    expect(await tell('816', 'fcm:816', { expires: 0 })).toEqual(told('removed'))
    expect(await tell('816', 'fcm:816')).toEqual(told('created', 1))
    expect(await held).toEqual(acked)
  })
})

test('nothing that was printed has a push token in it', () => {
  const printed = `${first.output()}${second.output()}`
  expect(printed).not.toMatch(/"token":"fcm:8/)
})

describe('the app of APPS_FILE', () => {
  const known = [
    { app: 'com.example.phone', platform: 'apns', topic: 'com.example.phone.voip', teamId: 'TEAM123456' },
    { app: 'com.example.android', platform: 'gcm', projectId: 'example-project', senderId: '929724111839' },
  ] as const
  const phone = { token: 't', isSandbox: false }
  test.each([
    ['by topic', { vendor: 'apns', appName: 'com.example.phone' }, 'com.example.phone'],
    [
      'by topic and team',
      { vendor: 'apns', appName: 'com.example.phone', teamId: 'TEAM123456' },
      'com.example.phone',
    ],
    ['of another team', { vendor: 'apns', appName: 'com.example.phone', teamId: 'TEAM999999' }, undefined],
    ['by project', { vendor: 'fcm', appName: 'example-project' }, 'com.example.android'],
    ['by sender', { vendor: 'fcm', appName: '929724111839' }, 'com.example.android'],
    ['of the other vendor', { vendor: 'fcm', appName: 'com.example.phone' }, undefined],
    ['that is none', { vendor: 'fcm', appName: 'other-project' }, undefined],
  ] as const)('%s', (_, address, app) => {
    expect(appOf({ ...phone, ...address }, known)?.app).toBe(app!)
  })

  test('is whatever the phone says where there is no such file', () => {
    expect(appOf({ ...phone, vendor: 'apns', appName: 'a.b' }, undefined)).toEqual({
      app: 'a.b',
      platform: 'apns',
    })
  })
})
