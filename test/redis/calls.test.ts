// The record of a call in Redis, where a step's answer may be lost and the step be sent again.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { type CallStore, openCalls } from '../../src/redis/calls/calls.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

let redis: TestRedis
let connection: RedisConnection
let calls: CallStore

beforeAll(async () => {
  redis = await startRedis()
  const log = pino({ level: 'silent' }) as unknown as Log
  connection = openRedis({ url: redis.url, connectTimeoutMs: 1_000 }, 'commands', log)
  calls = openCalls(connection)
  if (connection.status !== 'ready')
    await new Promise<void>(resolve => connection.once('ready', () => resolve()))
})
afterAll(async () => {
  connection.disconnect()
  await redis.close()
})

const claim = async (dialId: string) => {
  const call = { dialId, orgId: 'org', userId: 'user', fence: 1, steps: 0, fields: { kind: 'bot-call' } }
  expect(await calls.claim('first', call)).toBe('claimed')
  return call
}

test('a call that is taken over twice by the same agent is taken over once', async () => {
  await claim('twice')
  const once = await calls.adopt('twice', 'first', 'second')
  expect(once).toMatchObject({ dialId: 'twice', fence: 2 })
  expect(await calls.adopt('twice', 'first', 'second')).toEqual(once)
  expect(await calls.ownedBy('first')).toEqual([])
  expect(await calls.ownedBy('second')).toEqual(['twice'])
})

test('a call that another agent was faster to take over is not taken over, and does not count as owned', async () => {
  await claim('raced')
  await calls.adopt('raced', 'first', 'third')
  expect(await calls.adopt('raced', 'first', 'fourth')).toBeUndefined()
  expect(await calls.ownedBy('fourth')).toEqual([])
  expect(await calls.ownedBy('third')).toEqual(['raced'])
})

test('a message that goes by two names is said once, whichever is used', async () => {
  const heard: string[] = []
  const subscriber = redis.client.duplicate()
  subscriber.on('message', (_channel: string, text: string) => void heard.push(text))
  await subscriber.subscribe('names')
  await calls.publishOnce(['own', 'common'], 'names', 'from the former owner')
  await calls.publishOnce(['common'], 'names', 'from the new owner')
  await calls.publishOnce(['own'], 'names', 'again')
  await calls.publishOnce(['other'], 'names', 'last')
  await subscriber.ping()
  expect(heard).toEqual(['from the former owner', 'last'])
  subscriber.disconnect()
})

test('a step that is sent again after the call is over was done, or not, whatever became of the call', async () => {
  const call = await claim('over')
  expect(await calls.step(call, { number: 1, event: '{}' })).toBe('done')
  const adopted = (await calls.adopt('over', 'first', 'second'))!
  expect(await calls.step(adopted, { number: 2, event: '{}' })).toBe('done')
  expect(await calls.step(call, { number: 1, event: '{}' })).toBe('done')
  expect(await calls.step(call, { number: 2, event: '{}' })).toBe('fenced')
  await calls.release('second', adopted)
  expect(await calls.step(call, { number: 1, event: '{}' })).toBe('done')
  expect(await calls.step(call, { number: 2, event: '{}' })).toBe('lost')
  expect(await calls.step(adopted, { number: 2, event: '{}' })).toBe('done')
  expect(await calls.step(adopted, { number: 3, event: '{}' })).toBe('lost')
})
