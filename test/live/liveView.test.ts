// What is seen of all processes: from their cards and from the records of calls, masked, bounded, and with nothing
// of a job but its numbers.
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openLiveView } from '../../src/live/liveView.ts'
import { openAgentDirectory } from '../../src/redis/agents/directory.ts'
import { openCalls } from '../../src/redis/calls/calls.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { openPace } from '../../src/redis/jobs/pace.ts'
import { openQueues } from '../../src/redis/jobs/queues.ts'
import { openPods, type PodCard } from '../../src/redis/pods/pods.ts'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { hourOf, NOW_MS } from './madeUp.ts'

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
    pace: openPace(connection),
    clock: () => NOW_MS,
    readHour: () => hourOf(() => ({})),
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
    {
      agent: 'living',
      switchName: 'fs:8021',
      coreUuid: 'core',
      isDraining: false,
      sinceMs: 1_650_000_000_000,
    },
    5_000,
  )
  await redis.client.sadd('hookswitch:agents', 'dead')
  await claim('living', 'call-1', {
    'state.0': 'answered',
    'state.1': 'ringing',
    'since.1': '1700000005000',
    'barger.b1': 'answered/whisper/1700000009000/15105550103',
    'barger.b2': 'ended/mute/1700000009000/15105550104',
    'barger.b3': 'ringing/mute/1700000009000/sip:agent-2/x@10.0.0.9',
    // Of an older version.
    'barger.b4': 'answered/mute',
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
        { side: '0', state: 'answered', sinceMs: null, number: '…101' },
        { side: '1', state: 'ringing', sinceMs: 1_700_000_005_000, number: '…102' },
      ],
      bargers: [
        { bargeId: 'b1', state: 'answered', mode: 'whisper', sinceMs: 1_700_000_009_000, phone: '…103' },
        {
          bargeId: 'b3',
          state: 'ringing',
          mode: 'mute',
          sinceMs: 1_700_000_009_000,
          phone: 'sip:agent-2/x@10.0.0.9',
        },
        { bargeId: 'b4', state: 'answered', mode: 'mute', sinceMs: null, phone: '' },
      ],
      switchName: 'fs:8021',
      owner: 'living',
      isOwnerAlive: true,
    },
    expect.objectContaining({ dialId: 'call-2', owner: 'dead', isOwnerAlive: false, sinceMs: null }),
  ])
  expect(look.agents).toEqual([
    { agent: 'dead', switchName: '', state: 'dead', sinceMs: null, calls: 1 },
    { agent: 'living', switchName: 'fs:8021', state: 'connected', sinceMs: 1_650_000_000_000, calls: 1 },
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
  await redis.client.rpush('jobs', JSON.stringify({ dial_id: 'd0', queued_at: 1_700_000_000.5 }), 'b')
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
      nextQueuedAtMs: 1_700_000_000_500,
      nextHash: expect.any(String),
      isNoList: false,
      eldestDeadAt: '',
      dead: 2,
      newestDead: [
        { reason: 'expired', at: '2026-01-01T00:00:00Z', dialId: 'd1' },
        { reason: 'unreadable', at: '', dialId: '' },
      ],
    },
  ])
})

test('a key that is no list hides nothing else', async () => {
  await redis.client.hset('jobs', 'a', 'hash')
  await openPods(connection).show(cardOf('a'))
  const look = await lookWith()()
  expect(look.queues).toMatchObject([{ list: 'jobs', isNoList: true, waiting: 0 }])
  expect(look.pods).toHaveLength(1)
})

test('a switch shows its pace, and the phones that registered there, as the process that listens tells it', async () => {
  await openAgentDirectory(connection).renew(
    { agent: 'living', switchName: 'fs:8021', coreUuid: 'core', isDraining: false },
    5_000,
  )
  const pods = openPods(connection)
  await pods.show({ ...cardOf('deaf'), switches: [{ name: 'fs:8021', isReady: true }] })
  await pods.show({ ...cardOf('listens'), switches: [{ name: 'fs:8021', isReady: true, registered: 312 }] })
  const pace = openPace(connection)
  // Two turns of 20 s each.
  for (let turn = 0; turn < 2; turn++) await pace.turn('core', { sessions: 1, perSecond: 1 / 20 })
  const [seen] = (await lookWith()()).switches
  expect(seen).toMatchObject({ name: 'fs:8021', registered: 312 })
  expect(seen!.paceAheadSeconds).toBeGreaterThan(20)
  expect(seen!.paceAheadSeconds).toBeLessThanOrEqual(40)
})
