// Channels over a connection that breaks: what was being subscribed or left at that moment, and what is heard first
// when the connection is back.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { type Channels, openChannels } from '../../src/redis/channels.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { openValve, type Valve } from '../chaos/valve.ts'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log

let redis: TestRedis
let valve: Valve
let subscriber: RedisConnection
let channels: Channels
let heard: string[]
let onReturn: () => Promise<void>

beforeEach(async () => {
  redis = await startRedis()
  valve = await openValve(redis.port)
  subscriber = openRedis(
    { url: `redis://127.0.0.1:${valve.port}`, connectTimeoutMs: 1_000 },
    'subscriber',
    log,
  )
  onReturn = async () => undefined
  channels = openChannels(subscriber, () => onReturn())
  heard = []
})
afterEach(async () => {
  subscriber.disconnect()
  valve.close()
  await redis.close()
})

const hear = (message: string) => void heard.push(message)
const breakConnection = () => {
  valve.set('cut')
  valve.set('open')
}
const listenersOf = async (channel: string) =>
  Number(((await redis.client.pubsub('NUMSUB', channel)) as [string, number])[1])
/** Publishes until somebody hears it. */
const publish = (channel: string, message: string) =>
  eventually(`a listener on ${channel}`, async () => (await redis.client.publish(channel, message)) > 0)

test('a subscription that is on its way when the connection breaks is made again', async () => {
  await channels.listen('one', hear)
  valve.set('stalled')
  const listening = channels.listen('two', hear)
  await Bun.sleep(20)
  breakConnection()
  await listening
  await publish('two', 'hello')
  await eventually('it is heard', () => heard.length === 1)
})

test('a channel that is being left when the connection breaks is left at its return', async () => {
  await channels.listen('one', hear)
  await channels.listen('two', hear)
  valve.set('stalled')
  const left = channels.unlisten('one').catch(thrown => thrown.name)
  await Bun.sleep(20)
  breakConnection()
  expect(await left).toBe('RedisUnavailable')
  await eventually('the other is heard again', async () => (await listenersOf('two')) === 1)
  await eventually('it is left', async () => (await listenersOf('one')) === 0)
})

test('until the return is told nobody is subscribed, and then only who still listens', async () => {
  const { promise: isTold, resolve: tell } = Promise.withResolvers<void>()
  let returns = 0
  onReturn = () => {
    returns += 1
    return isTold
  }
  await channels.listen('one', hear)
  await channels.listen('two', hear)
  breakConnection()
  await eventually('the return', () => returns === 1)
  const { promise: isThreeHeard, resolve: markThree } = Promise.withResolvers<void>()
  void channels.listen('three', hear).then(markThree)
  // It has reached Redis when this is answered, and what was sent before it on the same connection too.
  await channels.unlisten('one')
  expect(await Promise.all(['one', 'two', 'three'].map(listenersOf))).toEqual([0, 0, 0])
  tell()
  await isThreeHeard
  expect(await Promise.all(['one', 'two', 'three'].map(listenersOf))).toEqual([0, 1, 1])
  await publish('two', 'to us')
  await eventually('it is heard', () => heard.length > 0)
  expect(heard).toEqual(['to us'])
})

test('what is listened to is whole until the connection breaks, and again when its return is told', async () => {
  const { promise: isTold, resolve: tell } = Promise.withResolvers<void>()
  let returns = 0
  onReturn = () => {
    returns += 1
    return isTold
  }
  await channels.listen('one', hear)
  expect(channels.isWhole).toBe(true)
  breakConnection()
  await eventually('the return', () => returns === 1)
  expect(channels.isWhole).toBe(false)
  tell()
  await channels.whole()
  expect(channels.isWhole).toBe(true)
  expect(await listenersOf('one')).toBe(1)
})

test('who leaves is heard to the end, when that was asked for', async () => {
  await channels.listen('one', hear)
  valve.set('stalled')
  const left = channels.unlisten('one', { isHeardToTheEnd: true })
  expect(await redis.client.publish('one', 'last word')).toBe(1)
  valve.set('open')
  await left
  expect(heard).toEqual(['last word'])
})
