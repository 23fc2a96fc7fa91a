// How long a device takes to answer stands in its record: it goes on with the push token when the phone registers again,
// by HTTP or by SIP, and goes with the device. On one server and on a Cluster alike.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { type DeviceStore, idOfToken, openDevices } from '../../src/redis/devices/devices.ts'
import { devicesKey } from '../../src/redis/keys.ts'
import { type ClusterTopology, startCluster } from '../harness/cluster.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log
const HISTORY = '16,0,0,0,40'

let server: TestRedis
let cluster: ClusterTopology
const connections: RedisConnection[] = []

beforeAll(async () => {
  ;[server, cluster] = await Promise.all([startRedis(), startCluster(3)])
  for (const url of [server.url, cluster.settings.PUBSUB_REDIS_URL!])
    connections.push(openRedis({ url, connectTimeoutMs: 1_000 }, 'commands', log))
  await Promise.all(
    connections.map(each => new Promise<void>(resolve => each.once('ready', () => resolve()))),
  )
})
afterAll(async () => {
  for (const each of connections) each.disconnect()
  await server.close()
  await cluster[Symbol.asyncDispose]()
})

for (const [where, index] of [
  ['one server', 0],
  ['a Cluster', 1],
] as const)
  describe(`on ${where}`, () => {
    let redis: RedisConnection
    let devices: DeviceStore
    beforeAll(() => {
      redis = connections[index]!
      devices = openDevices(redis, { devicesPerAccountMax: 3 })
    })

    const register = (account: string, token: string, more: { deviceId?: string; name?: string } = {}) =>
      devices.register(
        account,
        { platform: 'android', app: 'a', token, isSandbox: false, ...more },
        Date.now(),
      )
    const registerSip = (account: string, token: string) =>
      devices.registerSip(account, {
        nowMs: Date.now(),
        isOld: false,
        device: { platform: 'android', app: 'a', token, isSandbox: false, keptUntilMs: Date.now() + 60_000 },
      })
    const answersOf = async (account: string) =>
      Object.fromEntries((await devices.list(account)).map(({ token, answers }) => [token, answers]))

    test('it is kept for the one device, each time anew, and every other field stays', async () => {
      await register('1', 'one', { deviceId: 'one', name: 'a "name", with {braces} and "answers":"1"' })
      await register('1', 'two', { deviceId: 'two' })
      const before = await devices.list('1')
      for (const answers of ['0,1', HISTORY]) expect(await devices.learned('1', 'one', answers)).toBe(true)
      const after = await devices.list('1')
      expect(after).toEqual(before.map(each => (each.id === 'one' ? { ...each, answers: HISTORY } : each)))
    })

    test('of a device without an id of its own it is kept too', async () => {
      await register('2', 'only')
      expect(await devices.learned('2', idOfToken('only'), HISTORY)).toBe(true)
      expect(await answersOf('2')).toEqual({ only: HISTORY })
    })

    test('it goes on when the same token registers again, also with a device_id that is new, and checks in', async () => {
      await register('3', 'token')
      await devices.learned('3', idOfToken('token'), HISTORY)
      await register('3', 'token')
      expect(await answersOf('3')).toEqual({ token: HISTORY })
      await register('3', 'token', { deviceId: 'install' })
      expect(await answersOf('3')).toEqual({ token: HISTORY })
      await devices.seen('3', Date.now())
      expect(await answersOf('3')).toEqual({ token: HISTORY })
      expect(await devices.learned('3', 'install', '0,2')).toBe(true)
      expect(await answersOf('3')).toEqual({ token: '0,2' })
    })

    test('it goes on when a phone registers again by SIP, and when its app registers by HTTP', async () => {
      await registerSip('4', 'sip')
      await devices.learned('4', idOfToken('sip'), HISTORY)
      await registerSip('4', 'sip')
      expect(await answersOf('4')).toEqual({ sip: HISTORY })
      await register('4', 'sip')
      expect(await answersOf('4')).toEqual({ sip: HISTORY })
      await registerSip('4', 'sip')
      expect(await answersOf('4')).toEqual({ sip: HISTORY })
    })

    test('it goes with the device, and is not another phone’s', async () => {
      await register('5', 'old')
      await devices.learned('5', idOfToken('old'), HISTORY)
      await register('5', 'new')
      expect(await answersOf('5')).toEqual({ new: undefined })
      expect(await devices.learned('5', idOfToken('old'), HISTORY)).toBe(false)
      await devices.learned('5', idOfToken('new'), HISTORY)
      await devices.remove('5', { token: 'new', platform: 'android', app: 'a' })
      expect(await devices.learned('5', idOfToken('new'), HISTORY)).toBe(false)
      expect(await devices.list('5')).toEqual([])
      await register('5', 'new')
      expect(await answersOf('5')).toEqual({ new: undefined })
      await registerSip('6', 'sip')
      await devices.learned('6', idOfToken('sip'), HISTORY)
      await devices.removeSip('6', 'sip')
      await registerSip('6', 'sip')
      expect(await answersOf('6')).toEqual({ sip: undefined })
    })

    test.each(['"', 'x","token":"y', '1e9', ' ', '{}'])(
      'what is no history (%p) is not passed on',
      async odd => {
        const key = devicesKey('7')
        await register('7', 'token')
        const [slot = '', json = ''] = Object.entries(await redis.hgetall(key))[0]!
        await redis.hset(key, slot, JSON.stringify({ ...JSON.parse(json), answers: odd }))
        await register('7', 'token')
        expect(await answersOf('7')).toEqual({ token: undefined })
      },
    )
  })
