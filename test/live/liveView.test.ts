// What is seen of all processes: from their cards and from the records of calls, masked, bounded, and with nothing
// of a job but its numbers.
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openLiveView } from '../../src/live/liveView.ts'
import { openAgentDirectory } from '../../src/redis/agents/directory.ts'
import { openCalls } from '../../src/redis/calls/calls.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { openQueues } from '../../src/redis/jobs/queues.ts'
import { openPods, type PodCard } from '../../src/redis/pods/pods.ts'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log

let redis: TestRedis
let connection: RedisConnection

beforeAll(async () => {
  redis = await startRedis()
  connection = openRedis({ url: redis.url, connectTimeoutMs: 1_000 }, 'commands', log)
  await eventually('a connection', () => connection.status === 'ready')
})
beforeEach(async () => void (await redis.client.flushall()))
afterAll(async () => {
  connection.disconnect()
  await redis.close()
})

const lookWith = (showsFullNumbers = false) =>
  openLiveView({
    pods: openPods(connection),
    directory: openAgentDirectory(connection),
    calls: openCalls(connection),
    queues: openQueues(connection, ['jobs']),
    readHour: async () => ({
      minutes: [],
      totals: { trips: { times: 0, p50: null, p95: null, p99: null }, pushes: {}, wakes: {}, hangups: {} },
    }),
    showsFullNumbers,
  })

const cardOf = (pod: string, youngerByMs = 0): PodCard => ({
  pod,
  role: 'front',
  version: '1',
  startedAtMs: 0,
  writtenAtMs: 0,
  obstacles: [],
  residentBytes: 84_000_000,
  switches: [],
  lately: [],
  waits: {
    held: 2,
    max: 10,
    waitMs: 4_000,
    workers: 1,
    deafForMs: 0,
    eldest: [
      { callId: `${pod}-old`, account: '…123', heldForMs: 3_000 - youngerByMs, attempts: 3 },
      { callId: `${pod}-new`, account: '…123', heldForMs: 1_000 - youngerByMs, attempts: 1 },
    ],
  },
})

const JOB = {
  caller_number: '15105550101',
  callee_number: '15105550102',
  sip_auth_password: 'a-password-that-nobody-may-see',
}

const claim = (agent: string, dialId: string, fields: Record<string, string> = {}) =>
  openCalls(connection).claim(agent, {
    dialId,
    orgId: 'org',
    userId: 'user-4711',
    fence: 1,
    steps: 0,
    fields: {
      kind: 'asp-call',
      job: JSON.stringify(JOB),
      side: '0',
      a: 'uuid-a',
      b: 'uuid-b',
      switch: 'fs:8021',
      ...fields,
    },
  })

test('the waits of all processes are one list, the eldest first; a silent process holds none', async () => {
  const pods = openPods(connection)
  await pods.show(cardOf('a'))
  await pods.show(cardOf('b', 500))
  await pods.show(cardOf('killed'))
  await redis.client.pexpire('hookswitch:pod:{killed}', 20_000)

  const { pods: seen, waits } = await lookWith()()
  expect(seen.map(pod => [pod.pod, pod.isSilent])).toEqual([
    ['a', false],
    ['b', false],
    ['killed', true],
  ])
  expect(waits).toMatchObject({ held: 4, heldMax: 20 })
  expect(waits.eldest.map(wait => wait.callId)).toEqual(['a-old', 'b-old', 'a-new', 'b-new'])

  await pods.leave('a')
  await redis.client.del('hookswitch:pod:{killed}')
  expect((await lookWith()()).pods.map(pod => pod.pod)).toEqual(['b'])
  expect(await redis.client.smembers('hookswitch:pods')).toEqual(['b'])
})

test('a call shows its legs, bargers and owner, its numbers masked, and nothing else of its job', async () => {
  const directory = openAgentDirectory(connection)
  await directory.renew(
    { agent: 'living', switchName: 'fs:8021', coreUuid: 'core', isDraining: false },
    5_000,
  )
  await redis.client.sadd('hookswitch:agents', 'dead')
  await claim('living', 'call-1', {
    'state.0': 'answered',
    'state.1': 'ringing',
    'barger.b1': 'answered/whisper',
    'barger.b2': 'ended/mute',
    since: '1700000000000',
  })
  await claim('dead', 'call-2')

  const look = await lookWith()()
  expect(look.calls).toEqual([
    {
      dialId: 'call-1',
      kind: 'asp-call',
      orgId: 'org',
      userId: '…711',
      sinceMs: 1_700_000_000_000,
      legs: [
        { side: '0', state: 'answered', number: '…101' },
        { side: '1', state: 'ringing', number: '…102' },
      ],
      bargers: [{ bargeId: 'b1', state: 'answered', mode: 'whisper' }],
      switchName: 'fs:8021',
      owner: 'living',
      isOwnerAlive: true,
    },
    expect.objectContaining({ dialId: 'call-2', owner: 'dead', isOwnerAlive: false, sinceMs: null }),
  ])
  expect(look.agents).toEqual([
    { agent: 'dead', switchName: '', state: 'dead', calls: 1 },
    { agent: 'living', switchName: 'fs:8021', state: 'connected', calls: 1 },
  ])
  expect(JSON.stringify(look)).not.toContain('password')
  expect(JSON.stringify(look)).not.toContain(JOB.caller_number)
  expect((await lookWith(true)()).calls[0]!.legs[0]!.number).toBe(JOB.caller_number)
})

test('of more calls than a page can show the same ones are shown on', async () => {
  await openAgentDirectory(connection).renew(
    { agent: 'living', switchName: 'fs:8021', coreUuid: 'core', isDraining: false },
    5_000,
  )
  for (let index = 0; index < 230; index++) await claim('living', `call-${index}`)
  const look = lookWith()
  const first = await look()
  expect(first.calls).toHaveLength(200)
  expect(first.callsTotal).toBe(230)
  for (let index = 0; index < 50; index++) await claim('living', `later-${index}`)
  expect((await look()).calls.map(call => call.dialId)).toEqual(first.calls.map(call => call.dialId))
})

test('dead letters show their reason and dial id, whatever was put there', async () => {
  await redis.client.rpush('jobs', 'a', 'b')
  const job = JSON.stringify({ dial_id: 'd1', ...JOB })
  await redis.client.lpush(
    'jobs:dead',
    'no JSON',
    JSON.stringify({ reason: 'expired', at: '2026-01-01T00:00:00Z', job }),
  )
  const { queues } = await lookWith()()
  expect(queues).toEqual([
    {
      list: 'jobs',
      waiting: 2,
      dead: 2,
      newestDead: [
        { reason: 'expired', at: '2026-01-01T00:00:00Z', dialId: 'd1' },
        { reason: 'unreadable', at: '', dialId: '' },
      ],
    },
  ])
})
