// No answer of the internal listener holds a whole phone number, a password, a token, or a character that steers its
// reader: all routes are walked with numbers and secrets that are known.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { devicesKey } from '../../../src/redis/keys.ts'
import { openStage, type Stage, until } from '../../dial/stage.ts'
import { postForm } from '../../harness/client.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { type Api, apiAt, aspCall, untilApiReady } from './api.ts'
import { type EventReader, readEvents } from './eventReader.ts'

const NUMBERS = ['15581234001', '15581234002', '15581234003', '15581234004', '15581234005', '15581234006']
const [CALLER, CALLEE, BARGER, USER, WAKER, LOOSE] = NUMBERS as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const SECRETS = [
  'sip-password-of-a-job',
  'sip-password-of-a-barger',
  'nested-sip-password',
  'push-token-of-a-phone',
  'api-token-of-a-stranger',
]
const [JOB_PASSWORD, BARGE_PASSWORD, NESTED_PASSWORD, PUSH_TOKEN, API_TOKEN] = SECRETS as [
  string,
  string,
  string,
  string,
  string,
]
const BIDI = '\u202e\u2066'
const STEERING = `${BIDI}\x1b[2J\x9b`
const ACCOUNT = '4711'

let stage: Stage
let service: TestService
let whole: TestService
let api: Api
beforeAll(async () => {
  stage = await openStage()
  const env = { PUBSUB_REDIS_URL: stage.redis.url, APP_PUSH_ROUNDTRIP_WAIT: '300' }
  ;[service, whole] = await Promise.all([
    startService(env),
    startService({ ...env, LOG_FULL_NUMBERS: 'true' }),
    stage.agent().isReady,
  ])
  await Promise.all([service, whole].map(each => untilApiReady(each.internalUrl)))
  api = apiAt(service.internalUrl)
})
afterAll(async () => {
  await Promise.all([service.kill(), whole.kill()])
  await stage.close()
})

const textOf = (reader: EventReader) => JSON.stringify(reader.events)

/** Every answer that the listener gave, and whatever it streamed. */
const answers: string[] = []

async function get(path: string): Promise<void> {
  const { status, body } = await api.get(path)
  answers.push(`${path} ${status} ${typeof body === 'string' ? body : JSON.stringify(body)}`)
}

async function post(path: string, body?: unknown): Promise<Record<string, string>> {
  const answer = await api.post(path, body)
  answers.push(`${path} ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

test('walking all routes shows none of it', async () => {
  // A phone whose name was made to mislead, and a wake of it that nobody confirms.
  const device = { sip_user_id: ACCOUNT, token: PUSH_TOKEN, app: 'com.example.phone', name: 'Ann' }
  await postForm(`${service.publicUrl}/api/android-device/`, device)
  const kept = devicesKey(ACCOUNT)
  for (const [slot, text] of Object.entries(await stage.redis.client.hgetall(kept)))
    await stage.redis.client.hset(kept, slot, text.replace('Ann', `Ann${BIDI}`))
  await postForm(`${service.publicUrl}/api/incoming-call/`, {
    sip_user_id: ACCOUNT,
    phonenumber: WAKER,
    caller_id: 'Ann',
    call_id: 'a-wake',
  })

  // A call with logins, and everybody who listens and speaks to it.
  const dialId = 'a-call'
  const events: EventReader = await readEvents(`${service.internalUrl}/api/calls/${dialId}/events`)
  const feed = await readEvents(`${service.internalUrl}/api/live`)
  const call = aspCall({ dial_id: dialId, user_id: USER, caller_number: CALLER, callee_number: CALLEE })
  await post('/api/calls', call)
  await post('/api/calls', { ...call, caller_number: LOOSE })
  await until(
    'they talk',
    async () =>
      (await api.get(`/api/calls/${dialId}`)).body.legs?.filter(
        (leg: { state: string }) => leg.state === 'answered',
      ).length === 2,
  )
  await post(`/api/calls/${dialId}/barge`, {
    phone_number: BARGER,
    caller_id: LOOSE,
    auth: 'true',
    sip_auth_username: 'bob',
    sip_auth_password: BARGE_PASSWORD,
  })
  await post(`/api/calls/${dialId}/whisper`, { barge_id: 'nobody' })
  const strangers = [
    { type: `transfer to ${LOOSE}`, to: LOOSE, note: `call ${LOOSE} back${STEERING}`, at: Number(LOOSE) },
    { type: 'barge', phone_number: Number(BARGER), caller_id: LOOSE, sip_auth_password: BARGE_PASSWORD },
    { type: 'x', job: { sip_auth_password: NESTED_PASSWORD, list: [{ api_token: API_TOKEN }] } },
    { type: 'x', job: JSON.stringify({ sip_auth_password: NESTED_PASSWORD }) },
    { type: 'x', authorization: `Bearer ${API_TOKEN}` },
  ]
  for (const message of strangers) await stage.redis.client.publish(dialId, JSON.stringify(message))
  await stage.redis.client.publish(
    dialId,
    `{"type":"barge","sip_auth_password":"${NESTED_PASSWORD}",${STEERING}`,
  )

  // Jobs that can't be dialled, one with a login.
  const bad = {
    type: 'bot-call',
    dial_id: 'a-bad-call',
    phone_number: `${LOOSE}`,
    caller_id: `${STEERING}`,
    auth: 'true',
    sip_auth_username: 'b',
    sip_auth_password: JOB_PASSWORD,
  }
  await stage.push(bad, 'talkiq-bot.calls')
  await stage.redis.client.rpush('talkiq-bot.calls', `no JSON ${LOOSE} ${JOB_PASSWORD}`)
  await until(
    'both are dead letters',
    async () => (await stage.redis.client.llen('talkiq-bot.calls:dead')) === 2,
  )

  await until('the timelines are written', async () => {
    const told = JSON.stringify((await api.get(`/api/timeline/${dialId}`)).body)
    return told.includes('control-answered') && told.includes('barger')
  })
  const { paths } = (await api.get('/openapi/json')).body as {
    paths: Record<string, Record<string, unknown>>
  }
  const ids = {
    dial_id: [dialId, 'a-bad-call'],
    id: [dialId, 'a-wake', 'a-bad-call', ACCOUNT],
    sip_user_id: [ACCOUNT],
  } as Record<string, string[]>
  const { core_uuid: coreUuid } = (await api.get(`/api/calls/${dialId}`)).body
  const walked: string[] = []
  for (const [path, methods] of Object.entries(paths)) {
    const name = /\{(\w+)\}/.exec(path)?.[1]
    const targets =
      name === undefined ? [path] : (ids[name] ?? [coreUuid]).map(id => path.replace(`{${name}}`, id))
    for (const target of targets) {
      if (target.endsWith('/events') || target === '/api/live') continue
      if (methods.get) await get(target)
      // Without what it needs, and with numbers and secrets where they do not belong.
      if (methods.post && !target.endsWith('/hangup'))
        await post(target, {
          phone_number: `x${LOOSE}`,
          dial_id: `${LOOSE}`,
          dial_id2: 'x y',
          path: `no path ${LOOSE}`,
          sip_auth_password: JOB_PASSWORD,
          kind: LOOSE,
        })
      walked.push(target)
    }
  }
  expect(walked.length).toBeGreaterThan(20)
  for (const path of [
    '/',
    '/openapi',
    '/openapi/public/json',
    '/readyz',
    '/healthz',
    '/metrics',
    '/no/such/route',
    `/api/calls/no%20id`,
  ])
    await get(path)
  await post(`/api/calls/${dialId}/hangup`)
  await until('the stream has ended', () => textOf(events).includes('"end"'))
  await until(
    'the page was told of dead letters',
    () => textOf(feed).includes('newestDead') && textOf(feed).includes('a-bad-call'),
  )
  answers.push(textOf(events), textOf(feed))
  feed.leave()

  const all = answers.join('\n')
  // They were told of all of it.
  const words = ['…001', '…002', '…003', '…004', '…005', '[secret]', 'Ann??', 'call …006 back']
  expect(words.filter(word => !all.includes(word))).toEqual([])
  for (const each of [...NUMBERS, ...SECRETS]) {
    const at = answers.filter(answer => answer.includes(each))
    expect([each, ...at.map(answer => answer.slice(0, 60))]).toEqual([each])
  }
  for (const character of [...BIDI, '\x1b', '\\u001b', '\\u009b', '\x9b', '\\u202e'])
    expect([character, answers.filter(answer => answer.includes(character)).length]).toEqual([character, 0])
  // The same is whole where numbers are to be shown, but for secrets.
  const told = JSON.stringify((await apiAt(whole.internalUrl).get('/openapi/json')).body)
  expect(told).not.toContain(JOB_PASSWORD)
})

test('names stay, of users and of agents', async () => {
  const dialId = 'a-named-call'
  await api.post(
    '/api/calls',
    aspCall({
      dial_id: dialId,
      org_id: 'cli',
      user_id: 'agent-2',
      caller_number: CALLER,
      callee_number: CALLEE,
    }),
  )
  await until('it lives', async () => (await api.get(`/api/calls/${dialId}`)).status === 200)
  expect((await api.get(`/api/calls/${dialId}`)).body).toMatchObject({ org_id: 'cli', user_id: 'agent-2' })
  await api.post(`/api/calls/${dialId}/hangup`)
})

test('with LOG_FULL_NUMBERS numbers are whole, and secrets still are not', async () => {
  const full = apiAt(whole.internalUrl)
  const dialId = 'a-whole-call'
  const events = await readEvents(`${whole.internalUrl}/api/calls/${dialId}/events`)
  await full.post(
    '/api/calls',
    aspCall({ dial_id: dialId, user_id: USER, caller_number: CALLER, callee_number: CALLEE }),
  )
  await until('it lives', async () => (await full.get(`/api/calls/${dialId}`)).status === 200)
  expect((await full.get(`/api/calls/${dialId}`)).body.user_id).toBe(USER)
  const message = { type: 'barge', phone_number: BARGER, sip_auth_password: BARGE_PASSWORD }
  await stage.redis.client.publish(dialId, JSON.stringify(message))
  await until('it was heard', () => textOf(events).includes(BARGER))
  expect(textOf(events)).not.toContain(BARGE_PASSWORD)
  await full.post(`/api/calls/${dialId}/hangup`)
})
