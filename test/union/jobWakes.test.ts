// A job for a sleeping app, through real processes: an agent without push keys asks, a front pushes, the phone registers at the
// switch, and is rung. The front is killed in the middle, and so is the agent: the phone is pushed once.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { idOfToken } from '../../src/redis/devices/devices.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

let redis: TestRedis
let phoneSwitch: TestSwitch
let fronts: TestService[]
let agents: TestService[]

const startOne = (role: 'front' | 'agent') =>
  startService({
    PUBSUB_REDIS_URL: redis.url,
    ESL_URL: `127.0.0.1:${phoneSwitch.port}`,
    GATEWAY: 'talk_call_provider',
    APP_PUSH_ROUNDTRIP_WAIT: '60000',
    APP_PUSH_RESEND_INTERVAL: '60000',
    TAKEOVER_MS: '600',
    ROLE: role,
  })

beforeAll(async () => {
  redis = await startRedis()
  phoneSwitch = await startTestSwitch({ msPerSecond: 100, answerAfterMs: 20 })
  fronts = [await startOne('front')]
  agents = [await startOne('agent')]
  register()
  await eventually('the device', async () =>
    (await redis.client.hkeys('hookswitch:devices:{1000}')).includes(idOfToken('fcm:1000')),
  )
})
afterAll(async () => {
  await Promise.all([...fronts, ...agents].map(each => each.kill()))
  await phoneSwitch.close()
  await redis.close()
})

const register = () =>
  phoneSwitch.register({
    user: '1000',
    uri: 'sip:1000@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=example-project;pn-prid=fcm:1000',
  })

const isAnswered = (dialId: string, side: string) => async () =>
  (await redis.client.hget(`hookswitch:call:{${dialId}}`, `state.${side}`)) === 'answered'

async function hangUp(dialId: string): Promise<void> {
  await redis.client.publish(dialId, JSON.stringify({ type: 'hangup' }))
  await eventually('its end', async () => (await redis.client.exists(`hookswitch:call:{${dialId}}`)) === 0)
}

const queue = (dialId: string) =>
  redis.client.rpush(
    'talkiq-asp.calls',
    JSON.stringify({
      ...{ type: 'asp-call', dial_id: dialId, org_id: 'o', user_id: 'u', call_provider: 'p' },
      ...{ caller_number: '15550000001', caller_id_lega: '15550000009' },
      ...{ callee_account: '1000', caller_id_legb: '15550000001' },
    }),
  )

test('a phone is pushed by a front, registers, and is rung by the agent', async () => {
  await queue('plain')
  const push = await fronts[0]!.pushed('plain')
  expect(push.phonenumber).toContain('01')
  await eventually('the call to tell of it', async () => {
    const { wakes } = (await (await fetch(`${fronts[0]!.internalUrl}/api/calls/plain`)).json()) as {
      wakes: { side: string; state: string; since: string }[]
    }
    return wakes.some(({ side, state, since }) => side === '1' && state === 'pushed' && since !== null)
  })
  register()
  await eventually('the two to talk', isAnswered('plain', '1'))
  const counted = await readMetrics(agents[0]!.internalUrl)
  expect(counted.get('hookswitch_job_wakes_total{result="confirmed"}')).toBe(1)
  const words = ['A front is asked to wake', 'A push is sent', 'is awake', 'The two phones are connected']
  await eventually('the timeline to have it', async () => {
    const story = await (await fetch(`${fronts[0]!.internalUrl}/api/timeline/plain`)).text()
    return words.every(each => story.includes(each))
  })
  await hangUp('plain')
})

test('a front that is killed after its push is replaced, and the phone is not pushed again', async () => {
  await queue('front-dies')
  await fronts[0]!.pushed('front-dies')
  await eventually('the push to be noted', () => isNoted('front-dies'))
  const [dying] = fronts
  fronts = [await startOne('front')]
  await dying!.kill()
  await eventually('another front to have it', async () =>
    (await (await fetch(`${fronts[0]!.internalUrl}/api/timeline/front-dies`)).text()).includes(
      'shares its wait',
    ),
  )
  register()
  await eventually('the two to talk', isAnswered('front-dies', '1'))
  expect(fronts[0]!.pushesOf('front-dies')).toEqual([])
  await hangUp('front-dies')
})

test('an agent that is killed in the middle leaves the wake to its successor', async () => {
  await queue('agent-dies')
  await fronts[0]!.pushed('agent-dies')
  const [dying] = agents
  agents = [await startOne('agent')]
  await dying!.kill()
  await agents[0]!.logged(line => line.msg === 'call taken over')
  register()
  await eventually('the two to talk', isAnswered('agent-dies', '1'))
  expect(fronts[0]!.pushesOf('agent-dies')).toHaveLength(1)
  await hangUp('agent-dies')
})

async function requestOf(callId: string): Promise<Record<string, string>> {
  const keys = await redis.client.keys('hookswitch:{wake-requests}:*')
  const requests = await Promise.all(keys.map(each => redis.client.hgetall(each)))
  return requests.find(each => each.call?.includes(`"${callId}"`)) ?? {}
}

const isNoted = async (callId: string) => (await requestOf(callId)).state === 'pushed'
