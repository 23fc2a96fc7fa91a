// Seeing and steering calls over HTTP: each command is answered when the call's agent has answered, by whichever
// process is asked. The processes that are asked here have no agents of their own.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { botJob, newDialId, openStage, SOUND, type Stage, until } from '../../dial/stage.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { type Api, apiAt, aspCall, type OwnApi, openOwnApi, untilApiReady } from './api.ts'

let stage: Stage
let services: TestService[]
let api: Api
let other: Api
let impatient: OwnApi
beforeAll(async () => {
  stage = await openStage()
  const env = { PUBSUB_REDIS_URL: stage.redis.url }
  ;[services] = await Promise.all([
    Promise.all([startService(env), startService(env)]),
    stage.agent().isReady,
  ])
  await Promise.all(services.map(each => untilApiReady(each.internalUrl)))
  ;[api, other] = services.map(each => apiAt(each.internalUrl)) as [Api, Api]
  impatient = await openOwnApi(stage.redis.url, { answerTimeoutMs: 300 })
})
afterAll(async () => {
  await impatient.close()
  await Promise.all(services.map(each => each.kill()))
  await stage.close()
})

let phones: [string, string, string]
let tests = 0
const living = new Set<string>()
beforeEach(() => {
  tests += 1
  const digits = `1557${String(tests).padStart(4, '0')}`
  phones = [`${digits}001`, `${digits}002`, `${digits}003`]
})
afterEach(async () => {
  for (const dialId of living) await api.post(`/api/calls/${dialId}/hangup`)
  living.clear()
})

const legOf = (destination: string) => stage.switch.channels().find(each => each.destination === destination)

/** A call whose two sides talk, made through the API. */
async function talk(): Promise<string> {
  const body = aspCall({ caller_number: phones[0], callee_number: phones[1] })
  const { dial_id: dialId } = (await api.post('/api/calls', body)).body
  living.add(dialId)
  await until('the two talk', () => legOf(phones[0])?.bridgedTo !== undefined)
  await until('the record says so', async () => {
    const { body: call } = await api.get(`/api/calls/${dialId}`)
    return call.legs?.length === 2 && call.legs.every((leg: { state: string }) => leg.state === 'answered')
  })
  return dialId
}

async function parked(phone: string): Promise<string> {
  const { type: kind, ...fields } = botJob(newDialId(), { phone_number: phone })
  const { dial_id: dialId } = (await api.post('/api/calls', { kind, ...fields })).body
  living.add(dialId)
  await until('it is parked', () => legOf(phone)?.isParked === true)
  return dialId
}

const barge = (dialId: string) => ({
  path: `/api/calls/${dialId}/barge`,
  body: { phone_number: phones[2], caller_id: '15550000009' },
})

describe('a living call', () => {
  test('is shown with its legs, its switch, its owner and since when', async () => {
    const beforeMs = Date.now()
    const dialId = await talk()
    const [one, list] = await Promise.all([other.get(`/api/calls/${dialId}`), other.get('/api/calls')])
    expect(one.status).toBe(200)
    expect(one.body).toEqual({
      dial_id: dialId,
      kind: 'asp-call',
      org_id: 'org',
      user_id: 'user',
      since: expect.any(String),
      legs: [
        { side: '0', state: 'answered' },
        { side: '1', state: 'answered' },
      ],
      wakes: [],
      bargers: [],
      switch: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      core_uuid: stage.switch.coreUuid,
      owner: expect.stringMatching(/^agent-/),
      is_owner_alive: true,
    })
    expect(Date.parse(one.body.since)).toBeWithin(beforeMs - 1, Date.now() + 1)
    expect(list.body).toEqual({ calls: [one.body], total: 1 })
  })

  test('is shown with its bargers until they have left', async () => {
    const dialId = await talk()
    const { path, body } = barge(dialId)
    const { barge_id } = (await api.post(path, body)).body
    const bargers = async () => (await api.get(`/api/calls/${dialId}`)).body.bargers
    await until('the barger listens', async () => (await bargers())[0]?.state === 'answered')
    expect(await bargers()).toEqual([{ barge_id, state: 'answered', mode: 'mute' }])
    await api.post(`/api/calls/${dialId}/hangup`, { barge_id })
    await until('they have left', async () => (await bargers()).length === 0)
  })

  test('makes its dial id unusable for another', async () => {
    const dialId = await talk()
    await stage.redis.client.del(`hookswitch:queued:{talkiq-asp.calls}:${dialId}`)
    const answer = await other.post('/api/calls', aspCall({ dial_id: dialId }))
    expect([answer.status, answer.body.detail]).toEqual([409, `a call of dial_id ${dialId} lives`])
  })
})

describe('a command', () => {
  test('is answered when the agent has answered, whichever process is asked', async () => {
    const dialId = await talk()
    const { path, body } = barge(dialId)
    const barged = await other.post(path, body)
    expect(barged.status).toBe(200)
    expect(barged.body).toEqual({
      type: 'ack',
      event: 'barge',
      command_id: expect.any(String),
      barge_id: expect.any(String),
    })
    await until('the barger listens', () => legOf(phones[2])?.eavesdrops !== undefined)
    const { barge_id } = barged.body
    for (const [command, asked] of [
      ['whisper', api],
      ['threeway', other],
      ['unthreeway', api],
      ['mute', other],
    ] as const) {
      const answer = await asked.post(
        `/api/calls/${dialId}/${command}`,
        command === 'mute' ? { barge_id } : {},
      )
      expect([command, answer.status, answer.body.event, answer.body.barge_id]).toEqual([
        command,
        200,
        command,
        barge_id,
      ])
    }
    for (const command of ['play', 'play-now', 'start-background', 'stop-background']) {
      const answer = await api.post(`/api/calls/${dialId}/${command}`, { path: SOUND })
      expect([command, answer.status, answer.body.event]).toEqual([command, 200, command])
    }
    expect((await api.post(`/api/calls/${dialId}/stop-playback`)).status).toBe(200)
    expect((await api.post(`/api/calls/${dialId}/hangup`)).body).toMatchObject({
      type: 'ack',
      event: 'hangup',
    })
    await until('nothing is left', () => legOf(phones[0]) === undefined && legOf(phones[1]) === undefined)
    await until('it is forgotten', async () => (await api.get(`/api/calls/${dialId}`)).status === 404)
  })

  test('of one caller is not answered by the answer to another', async () => {
    const dialId = await talk()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const asked = index % 2 ? api : other
        return index % 4 < 2
          ? asked.post(`/api/calls/${dialId}/stop-playback`)
          : asked.post(`/api/calls/${dialId}/whisper`)
      }),
    )
    expect(answers.map(answer => answer.status)).toEqual(
      answers.map((_, index) => (index % 4 < 2 ? 200 : 409)),
    )
  })

  test('that the agent can not obey is 409 with its cause', async () => {
    const dialId = await talk()
    for (const [command, body, cause] of [
      ['whisper', {}, 'nobody barges in on this call'],
      ['hangup', { barge_id: 'nobody' }, 'no barger with this barge_id'],
      ['play', { path: '/no/such/file.wav' }, 'the switch has no such file'],
    ] as const) {
      const answer = await api.post(`/api/calls/${dialId}/${command}`, body)
      expect([answer.status, answer.body.detail]).toEqual([409, `${command} not obeyed: ${cause}`])
      expect(answer.body.cause).toBe(cause)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
    }
  })

  test('to no call is 404', async () => {
    for (const command of ['hangup', 'stop-playback', 'whisper']) {
      const answer = await api.post(`/api/calls/no-such-call/${command}`)
      expect([answer.status, answer.body.detail]).toEqual([404, 'no such call: no-such-call'])
    }
    expect((await api.get('/api/calls/no-such-call')).status).toBe(404)
  })

  test.each([
    ['play', {}, ['path']],
    ['play-now', { path: '../../etc/passwd' }, ['path']],
    ['start-background', { path: 'http://203.0.113.7/a.wav' }, ['path']],
    ['stop-background', { path: null }, ['path']],
    ['barge', {}, ['phone_number', 'caller_id']],
    ['barge', { phone_number: '1', caller_id: '1', auth: true }, ['sip_auth_username', 'sip_auth_password']],
    ['hangup', { barge_id: 7 }, ['barge_id']],
    ['whisper', { barge_id: {} }, ['barge_id']],
    ['bridge', {}, ['dial_id2']],
    ['fly', {}, ['command']],
    ['bot-call', {}, ['command']],
  ])('%s with %o is 400 and names %o', async (command, body, fields) => {
    const answer = await api.post(`/api/calls/any-call/${command}`, body)
    expect(answer.status).toBe(400)
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toEqual(fields)
  })

  test('that is unknown is refused with those that there are', async () => {
    const { body } = await api.post('/api/calls/any-call/fly')
    expect(body.detail).toStartWith('command must be one of hangup, barge, whisper, mute')
    const commands = body.detail.replace('command must be one of ', '').split(', ')
    for (const command of commands)
      expect((await api.post(`/api/calls/any-call/${command}`)).body.detail).not.toContain('must be one of')
  })

  test('cut off in the middle of its body is none', async () => {
    const dialId = await talk()
    expect((await api.post(`/api/calls/${dialId}/hangup`, '{"barge_id": "6b1')).status).toBe(400)
    expect(legOf(phones[0])).toBeDefined()
  })

  test('goes to the dial id only, whatever its path looks like', async () => {
    for (const dialId of ['a%20b', 'a%2Fb', 'hookswitch:agents', 'x'.repeat(129)])
      expect((await api.post(`/api/calls/${dialId}/hangup`)).status).toBe(400)
  })
})

describe('two parked calls', () => {
  test('are bridged by naming one of them and the other', async () => {
    const [first, second] = [await parked(phones[0]), await parked(phones[1])]
    const answer = await other.post(`/api/calls/${first}/bridge`, { dial_id2: second })
    expect([answer.status, answer.body.event]).toEqual([200, 'bridge'])
    await until('they talk', () => legOf(phones[0])?.bridgedTo === legOf(phones[1])?.uuid)
  })

  test('are bridged on their switch, where a bot call can be made too', async () => {
    const switchPath = `/api/switches/${stage.switch.coreUuid}`
    const { type: _, dial_id: _none, ...bot } = botJob('', { phone_number: phones[1] })
    const made = await other.post(`${switchPath}/bot-call`, bot)
    expect([made.status, made.body.event]).toEqual([200, 'bot-call'])
    living.add(made.body.dial_id)
    const first = await parked(phones[0])
    await until('both are parked', () => legOf(phones[1])?.isParked === true)
    const answer = await api.post(`${switchPath}/bridge`, { dial_id1: first, dial_id2: made.body.dial_id })
    expect(answer.status).toBe(200)
    await until('they talk', () => legOf(phones[0])?.bridgedTo === legOf(phones[1])?.uuid)
  })

  test('are refused with what is wrong', async () => {
    const first = await parked(phones[0])
    const asp = await talkTo(phones[1], phones[2])
    const answers = await Promise.all([
      api.post(`/api/calls/${first}/bridge`, { dial_id2: 'nobody' }),
      api.post(`/api/calls/${first}/bridge`, { dial_id2: first }),
      api.post(`/api/calls/${first}/bridge`, { dial_id2: asp }),
      api.post(`/api/switches/${crypto.randomUUID()}/bridge`, { dial_id1: first, dial_id2: asp }),
      api.post('/api/switches/not-a-uuid/bridge', { dial_id1: first, dial_id2: asp }),
      api.post(`/api/switches/${stage.switch.coreUuid}/bridge`, { dial_id1: first }),
    ])
    expect(answers.map(answer => [answer.status, answer.body.detail])).toEqual([
      [404, 'no such call: nobody'],
      [409, 'bridge not obeyed: a call is not bridged to itself'],
      [409, `bridge not obeyed: the call ${asp} is not a parked one`],
      [404, 'no such switch'],
      [400, expect.stringContaining('core_uuid')],
      [400, expect.stringContaining('dial_id2')],
    ])
  })

  async function talkTo(caller: string, callee: string): Promise<string> {
    const body = aspCall({ caller_number: caller, callee_number: callee })
    const { dial_id: dialId } = (await api.post('/api/calls', body)).body
    living.add(dialId)
    await until('the two talk', () => legOf(caller)?.bridgedTo !== undefined)
    await until('the caller has answered', async () => {
      const { body: call } = await api.get(`/api/calls/${dialId}`)
      return call.legs?.[0]?.state === 'answered'
    })
    return dialId
  }
})

describe('504', () => {
  /** A call as Redis shows it whose agent does nothing any more. */
  const orphan = async (): Promise<string> => {
    const dialId = newDialId()
    const record = {
      dialId,
      orgId: 'org',
      userId: 'user',
      fence: 1,
      steps: 1,
      owner: 'gone',
      'state.0': 'answered',
    }
    await stage.redis.client.hset(`hookswitch:call:{${dialId}}`, record)
    return dialId
  }

  test('is a call whose agent is gone: certainly not obeyed', async () => {
    const answer = await impatient.post(`/api/calls/${await orphan()}/hangup`)
    expect([answer.status, answer.body.detail]).toEqual([
      504,
      'no agent listens; hangup was not obeyed, and can be tried again',
    ])
  })

  test('is an agent that says nothing: whether it obeys is unknown', async () => {
    const dialId = await orphan()
    const deaf = stage.redis.client.duplicate()
    await deaf.subscribe(dialId)
    const answer = await impatient.post(`/api/calls/${dialId}/hangup`)
    deaf.disconnect()
    expect([answer.status, answer.body.detail]).toEqual([
      504,
      'no answer within 0.3 s; whether hangup is still obeyed is unknown',
    ])
  })

  test('is spared to those whose call finds another agent in time', async () => {
    const dialId = await orphan()
    const agent = stage.redis.client.duplicate()
    agent.on('message', (_, text: string) => {
      const { type, command_id } = JSON.parse(text) as Record<string, string>
      if (type === 'hangup')
        void stage.redis.client.publish(dialId, JSON.stringify({ type: 'ack', event: type, command_id }))
    })
    const answer = api.post(`/api/calls/${dialId}/hangup`)
    await until('it was said once', async () => {
      const [, listeners] = await stage.redis.client.pubsub('NUMSUB', dialId)
      return Number(listeners) === 1
    })
    await agent.subscribe(dialId)
    expect((await answer).body).toMatchObject({ type: 'ack', event: 'hangup' })
    agent.disconnect()
  })

  test('leaves no subscription behind', async () => {
    await until('only the agent listens', async () => {
      const channels = (await stage.redis.client.pubsub('CHANNELS', '*')) as string[]
      return channels.every(each => each.startsWith('hookswitch:') || each === stage.switch.coreUuid)
    })
  })
})
