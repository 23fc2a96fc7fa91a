// The API at an agent's own process, and what a caller of the API sees when that process is killed: 504 while nobody
// steers the call, and an answer as soon as another agent has taken it over.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { GATEWAY } from '../../dial/stage.ts'
import { eventually } from '../../harness/internal.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { startTestSwitch, type TestSwitch } from '../../switch/testSwitch.ts'
import { apiAt, aspCall, type OwnApi, openOwnApi } from './api.ts'

let redis: TestRedis
let testSwitch: TestSwitch
let impatient: OwnApi
const agents: TestService[] = []
beforeAll(async () => {
  ;[redis, testSwitch] = await Promise.all([startRedis(), startTestSwitch({ msPerSecond: 100 })])
  impatient = await openOwnApi(redis.url, { answerTimeoutMs: 300 })
})
afterAll(async () => {
  await impatient.close()
  await Promise.all(agents.map(each => each.kill()))
  await testSwitch.close()
  await redis.close()
})

async function startAgent(): Promise<TestService> {
  const agent = await startService({
    PUBSUB_REDIS_URL: redis.url,
    ROLE: 'agent',
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY,
    TAKEOVER_MS: '1000',
  })
  agents.push(agent)
  return agent
}

test('a call outlives its agent, and is steered again by the next', async () => {
  const first = await startAgent()
  const api = apiAt(first.internalUrl)
  await eventually('the agent dials', async () => (await api.get('/readyz')).status === 200)
  const { body: made } = await api.post('/api/calls', aspCall())
  const path = `/api/calls/${made.dial_id}`
  await eventually('both talk', async () => (await api.get(path)).body.legs?.[1]?.state === 'answered')
  expect((await api.post(`${path}/stop-playback`)).status).toBe(200)

  await first.kill()
  const unheard = await impatient.post(`${path}/stop-playback`)
  expect([unheard.status, unheard.body.detail]).toEqual([
    504,
    'no agent listens; stop-playback was not obeyed, and can be tried again',
  ])
  await eventually('the death shows', async () => !(await impatient.get(path)).body.is_owner_alive)

  const second = apiAt((await startAgent()).internalUrl)
  await eventually('the takeover', async () => (await second.get(path)).body.is_owner_alive)
  const answer = await second.post(`${path}/hangup`)
  expect([answer.status, answer.body.event]).toEqual([200, 'hangup'])
  await eventually('its end', async () => (await second.get(path)).status === 404)
})
