// A wake on a Cluster: the unique key of each phone lies on the slot of its wake's record, whatever the call is called, so
// that one script finds both; and whoever asks again is led by the living.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { openDevices } from '../../src/redis/devices/devices.ts'
import { openWakeRequests } from '../../src/redis/wakeRequests/wakeRequests.ts'
import { openWakes, type WakeStore } from '../../src/redis/wakes/wakes.ts'
import { type ClusterTopology, startCluster } from '../harness/cluster.ts'
import { eventually } from '../harness/internal.ts'

const log = pino({ level: 'silent' }) as unknown as Log

let cluster: ClusterTopology
let connection: RedisConnection
let ear: RedisConnection
let wakes: WakeStore

beforeAll(async () => {
  cluster = await startCluster(3)
  const settings = { url: cluster.settings.PUBSUB_REDIS_URL!, connectTimeoutMs: 1_000 }
  connection = openRedis(settings, 'commands', log)
  ear = openRedis(settings, 'subscriber', log)
  await new Promise(resolve => connection.once('ready', () => resolve(undefined)))
  await ear.subscribe('inbox-that-lives')
  wakes = openWakes(connection)
  const devices = openDevices(connection, { devicesPerAccountMax: 10 })
  for (const deviceId of ['one', 'two'])
    await devices.register(
      '1',
      { platform: 'android', app: 'a', token: `t-${deviceId}`, isSandbox: false, deviceId },
      1,
    )
})
afterAll(async () => {
  connection.disconnect()
  ear.disconnect()
  await cluster[Symbol.asyncDispose]()
})

const WAIT_MS = 20_000
const living = { inbox: 'inbox-that-lives', id: 1 }

test('a unique key confirms its wake in one script, on whichever node the call lies', async () => {
  for (let call = 0; call < 200; call++) {
    const wake = { account: '1', callId: `{odd} call ${call}%` }
    const { how, secret, devices } = await wakes.begin(wake, living, WAIT_MS)
    expect([how, devices.map(({ id }) => id).toSorted()]).toEqual(['begun', ['one', 'two']])
    const [one, two] = ['one', 'two'].map(id => wakes.uniqueKeyOf(wake, secret, id))
    expect(one).toMatch(/^[0-9a-f]{32}$/)
    expect(await wakes.answer({ by: 'key', uniqueKey: two! }, { isAvailable: true })).toEqual({
      verdict: 'proceed',
      by: { wake, device: 'two' },
    })
    expect(await wakes.answer({ by: 'key', uniqueKey: one! }, { isAvailable: true })).toEqual({
      verdict: 'answered_elsewhere',
      by: { wake, device: 'one' },
    })
    const beside = { by: 'token', wake, device: 'two' } as const
    expect((await wakes.answer({ ...beside, uniqueKey: two! }, { isAvailable: true })).verdict).toBe(
      'proceed',
    )
    expect((await wakes.answer({ ...beside, uniqueKey: one! }, { isAvailable: true })).verdict).toBe('misfit')
  }
})

test('who joins a wait whose process is dead leads it, whichever node hears of that', async () => {
  const heard: string[] = []
  ear.on('message', (_channel: string, line: string) => heard.push(line))
  for (let call = 0; call < 20; call++) {
    const wake = { account: '1', callId: `dead-${call}` }
    await wakes.begin(wake, { inbox: 'inbox-of-the-dead', id: 7 }, WAIT_MS)
    expect((await wakes.begin(wake, { ...living, id: 100 + call }, WAIT_MS)).how).toBe('joined')
    const found = await wakes.look(wake, { ...living, id: 100 + call })
    expect(found).toMatchObject({ state: 'waiting', isFirst: true })
  }
  // What one node publishes reaches the others a moment later.
  const leads = () =>
    new Set(heard.filter(line => line.includes(' lead unsure')).map(line => line.split(' ')[0])).size
  await eventually('word to all who lead', () => leads() === 20)
})

test('a wake that is asked for is taken, told of, asked for again when its front is dead, and cancelled', async () => {
  const requests = openWakeRequests(connection)
  const blocking = openRedis(
    { url: cluster.settings.PUBSUB_REDIS_URL!, connectTimeoutMs: 1_000 },
    'blocking',
    log,
  )
  await new Promise(resolve => blocking.once('ready', () => resolve(undefined)))
  const heard: string[] = []
  const listener = (_channel: string, line: string) => heard.push(line)
  ear.on('message', listener)
  await ear.subscribe('asker')
  const asked = { call: '{"account":"1"}', channel: 'asker', waitMs: WAIT_MS }
  expect(await requests.ask('1.0', asked)).toMatchObject({ state: 'asked', front: undefined })
  expect(await requests.next(blocking, 1)).toBe('1.0')
  expect(await requests.take('1.0', 'dead-front')).toMatchObject({
    call: asked.call,
    waitMs: WAIT_MS,
    attempts: 0,
  })
  await requests.tell({ id: '1.0', state: 'pushed', reason: '' }, 1)
  expect(await requests.isFrontAlive('dead-front')).toBe(false)
  expect(await requests.askAgain('1.0', 'dead-front')).toBe(true)
  expect(await requests.next(blocking, 1)).toBe('1.0')
  expect(await requests.take('1.0', 'front')).toMatchObject({ attempts: 1 })
  await requests.tell({ id: '1.0', state: 'confirmed', reason: 'confirmed' })
  await requests.tell({ id: '1.0', state: 'failed', reason: 'late' })
  await eventually('word of it', () => heard.includes('1.0 confirmed confirmed'))
  expect(heard.filter(line => line.startsWith('1.0'))).toEqual(['1.0 pushed ', '1.0 confirmed confirmed'])
  expect((await requests.ask('1.0', asked)).state).toBe('confirmed')
  await requests.ask('1.1', asked)
  await requests.cancel('1.1')
  expect((await requests.ask('1.1', asked)).state).toBe('cancelled')
  expect(await requests.next(blocking, 0.1)).toBeNull()
  ear.off('message', listener)
  blocking.disconnect()
})
