// The internal API for callers in TypeScript: Eden knows each route, each field and each refusal by its type, with
// nothing generated. That this file compiles is half of the test.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { treaty } from '@elysiajs/eden'
import type { InternalApi } from '../../../src/http/internal/app.ts'
import { newDialId, openStage, type Stage, until } from '../../dial/stage.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { untilApiReady } from './api.ts'

const ADMIN_TOKEN = 'the-token-of-the-operators'

let stage: Stage
let service: TestService
beforeAll(async () => {
  stage = await openStage()
  ;[service] = await Promise.all([
    startService({ PUBSUB_REDIS_URL: stage.redis.url, ADMIN_TOKEN }),
    stage.agent().isReady,
  ])
  await untilApiReady(service.internalUrl)
})
afterAll(async () => {
  await service.kill()
  await stage.close()
})

const apiOf = (token = ADMIN_TOKEN) =>
  treaty<InternalApi>(service.internalUrl, { headers: { authorization: `Bearer ${token}` } })

test('a call is made, followed, steered and hung up, typed all the way', async () => {
  const { api } = apiOf()
  const call = api.calls({ dial_id: newDialId() })
  const dial_id = newDialId()
  expect((await call.get()).error?.status).toBe(404)

  const followed = await api.calls({ dial_id }).events.get()
  const types: string[] = []
  const following = (async () => {
    for await (const message of followed.data!) {
      if (message.event === 'state') types.push(message.data.call?.dial_id ?? 'none')
      else if (message.event === 'end') types.push(message.data.kind)
      else types.push(message.data.type)
    }
  })()

  const made = await api.calls.post({
    kind: 'asp-call',
    dial_id,
    org_id: 'org',
    user_id: 'user',
    call_provider: 'acme',
    caller_number: '15581110001',
    callee_number: '15581110002',
    caller_id_lega: '15581110002',
    caller_id_legb: '15581110001',
  })
  expect(made.data).toEqual({ dial_id, list: 'talkiq-asp.calls', queued: true, waiting: expect.any(Number) })

  const states = async (): Promise<string[]> => {
    const { data } = await api.calls({ dial_id }).get()
    return data?.legs.map(leg => leg.state) ?? []
  }
  await until('both talk', async () => (await states()).join() === 'answered,answered')
  const whisper = await api.calls({ dial_id }).whisper.post({})
  // Each status has its own type; all of these are problems.
  expect([whisper.error?.status, whisper.error?.value]).toMatchObject([
    409,
    { title: 'Conflict', detail: 'whisper not obeyed: nobody barges in on this call' },
  ])
  const hangup = await api.calls({ dial_id }).hangup.post()
  expect(hangup.data?.event).toBe('hangup')
  await following
  expect([types[0], types[1], types.at(-1)]).toEqual(['none', 'call-start', 'over'])
  expect((await api.calls.get()).data).toEqual({ calls: [], total: 0 })
})

test('what is wrong with a call is typed too', async () => {
  const { api } = apiOf()
  const wrong = await api.calls.post({
    kind: 'bot-call',
    org_id: 'org',
    user_id: 'user',
    phone_number: 'sip:a b',
    caller_id: '1',
  })
  if (wrong.error?.status !== 400) throw new Error('not refused')
  expect(wrong.error.value.errors).toEqual([{ field: 'phone_number', detail: expect.any(String) }])
  // @ts-expect-error: there is no such kind.
  expect((await api.calls.post({ kind: 'fax' })).status).toBe(400)
  // @ts-expect-error: play wants a path.
  expect((await api.calls({ dial_id: 'x' })['play-now'].post({})).status).toBe(400)
})

test('the token is asked for', async () => {
  const { status } = await apiOf('wrong').api.calls.get()
  expect(status).toBe(401)
})
