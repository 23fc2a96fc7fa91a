// Phones that register at FreeSWITCH: one agent of the switch hears it, the phone is a device, and its next REGISTER
// confirms the wake that another process holds. Agents die, and nothing stays lost.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { idOfToken } from '../../src/redis/devices/devices.ts'
import type { PodCard } from '../../src/redis/pods/pods.ts'
import { acked, askPbx, naked } from '../harness/client.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

let redis: TestRedis
let phoneSwitch: TestSwitch
let front: TestService
let agents: TestService[]

const settings = () => ({
  PUBSUB_REDIS_URL: redis.url,
  ESL_URL: `127.0.0.1:${phoneSwitch.port}`,
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '60000',
  TAKEOVER_MS: '600',
  LOG_FULL_NUMBERS: 'true',
})
const startAgent = () => startService({ ...settings(), ROLE: 'agent' })

beforeAll(async () => {
  redis = await startRedis()
  phoneSwitch = await startTestSwitch({ msPerSecond: 100 })
  phoneSwitch.register({ user: '900', uri: uriOf('fcm:900') })
  // The switch lists the newest phone of an account alone.
  for (const token of ['fcm:908-1', 'fcm:908-2', 'fcm:908-3'])
    phoneSwitch.register({ user: '908', uri: uriOf(token) })
  ;[front, ...agents] = await Promise.all([
    startService({ ...settings(), ROLE: 'front' }),
    startAgent(),
    startAgent(),
  ])
  await eventually('the first list to be read', () => isDevice('900', 'fcm:900'))
})
afterAll(async () => {
  await Promise.all([front, ...agents].map(each => each.kill()))
  await phoneSwitch.close()
  await redis.close()
})

const uriOf = (token: string) =>
  `sip:x@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=example-project;pn-prid=${token}`
const slots = (account: string) => redis.client.hkeys(`hookswitch:devices:{${account}}`)
const isDevice = async (account: string, token: string) => (await slots(account)).includes(idOfToken(token))
const register = (user: string, token: string, expiresSeconds = 600) =>
  phoneSwitch.register({ user, uri: uriOf(token), expiresSeconds })
const listeners = () =>
  phoneSwitch
    .records(0, ['command'])
    .filter(each => 'command' in each && each.command.startsWith('event plain CUSTOM'))

/** As the processes' cards tell it: phones that are registered at the switch; undefined: nobody has told. */
async function registeredOnCards(): Promise<number | undefined> {
  const names = await redis.client.smembers('hookswitch:pods')
  const cards = await Promise.all(names.map(name => redis.client.get(`hookswitch:pod:{${name}}`)))
  return cards
    .flatMap(card => (JSON.parse(card ?? '{"switches":[]}') as PodCard).switches)
    .find(each => each.registered !== undefined)?.registered
}

describe('a phone of FreeSWITCH', () => {
  test('that was registered before anybody listened is a device, and one agent alone listens', async () => {
    expect(await isDevice('900', 'fcm:900')).toBe(true)
    expect(listeners()).toHaveLength(1)
  })

  test('that was registered beside others of its account is a device as they are', async () => {
    await eventually('all three', async () => (await slots('908')).length === 3)
    for (const token of ['fcm:908-1', 'fcm:908-2', 'fcm:908-3']) register('908', token, 0)
    await eventually('none of them', async () => (await slots('908')).length === 0)
  })

  test('is a device by registering, and none by unregistering', async () => {
    await eventually('the phone of the list on the card', async () => (await registeredOnCards()) === 1)
    register('901', 'fcm:901')
    await eventually('the device', () => isDevice('901', 'fcm:901'))
    // Again, from another port: it is one phone.
    register('901', 'fcm:901')
    await eventually('both on the card', async () => (await registeredOnCards()) === 2)
    register('901', 'fcm:901', 0)
    await eventually('no device', async () => (await slots('901')).length === 0)
    await eventually('one on the card', async () => (await registeredOnCards()) === 1)
    expect(await askPbx(front.publicUrl, { sip_user_id: '901' })).toEqual(naked('no-device'))
  })

  test('is woken, and confirms by its next REGISTER', async () => {
    register('902', 'fcm:902')
    await eventually('the device', () => isDevice('902', 'fcm:902'))
    const held = askPbx(front.publicUrl, { sip_user_id: '902', call_id: 'woken-by-register' })
    await front.pushed('woken-by-register')
    register('902', 'fcm:902')
    expect(await held).toEqual(acked)
    await eventually('the timeline to have it', async () => {
      const story = await (await fetch(`${front.internalUrl}/api/timeline/woken-by-register`)).text()
      return (
        story.includes('Confirmed by REGISTER after ') &&
        story.includes(`registered from FreeSWITCH 127.0.0.1:${phoneSwitch.port}, expires `)
      )
    })
    const counted = await Promise.all(agents.map(each => readMetrics(each.internalUrl)))
    const confirmed = counted.map(
      each => each.get('hookswitch_register_confirmations_total{source="freeswitch",verdict="proceed"}') ?? 0,
    )
    expect(confirmed.sort()).toEqual([0, 1])
  })

  test.each([
    ['no name that an account may have', 'a b', 'fcm:903'],
    ['a contact that is none', '904', '>;pn-prid=<'],
  ])('with %s stops nobody from hearing the next', async (_, user, token) => {
    register(user, token)
    register('905', `fcm:after-${token.length}`)
    await eventually('the next', () => isDevice('905', `fcm:after-${token.length}`))
    expect(await redis.client.exists(`hookswitch:devices:{${user}}`)).toBe(0)
  })

  test('that registers while its listener is dead is a device within the takeover', async () => {
    const counts = await Promise.all(agents.map(each => readMetrics(each.internalUrl)))
    const heard = counts.map(
      each => each.get('hookswitch_registers_total{source="freeswitch",result="created"}') ?? 0,
    )
    const listener = heard.indexOf(Math.max(...heard))
    await agents[listener]!.kill()
    register('906', 'fcm:906')
    await eventually('the device', () => isDevice('906', 'fcm:906'))
    expect(listeners()).toHaveLength(2)
  })

  test('is read from the list after the switch was away', async () => {
    phoneSwitch.dropSockets()
    register('907', 'fcm:907')
    await eventually('the device', () => isDevice('907', 'fcm:907'))
  })
})
