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

const claim = async (dialId: string, fence = 1) => {
  const call = { dialId, orgId: 'org', userId: 'user', fence, steps: 0, fields: { kind: 'bot-call' } }
  expect(await calls.claim('first', call)).toBe('claimed')
  return call
}

const move = (dialId: string, from: string, to: string) => calls.move(dialId, { from, to, marker: '{}' })

test('a call that is taken over twice by the same agent is taken over once', async () => {
  await claim('twice')
  const once = await move('twice', 'first', 'second')
  expect(once).toMatchObject({ dialId: 'twice', fence: 2, owner: 'second' })
  expect(await move('twice', 'first', 'second')).toEqual(once)
  expect(await calls.ownedBy('first')).toEqual([])
  expect(await calls.ownedBy('second')).toEqual(['twice'])
})

test('a call that another agent was faster to take over is not taken over, and does not count as owned', async () => {
  await claim('raced')
  await move('raced', 'first', 'third')
  expect(await move('raced', 'first', 'fourth')).toBeUndefined()
  expect(await calls.ownedBy('fourth')).toEqual([])
  expect(await calls.ownedBy('third')).toEqual(['raced'])
})

test('a leaver moves a call only under the fence that it has', async () => {
  const { fence } = await claim('fenced')
  expect(
    await calls.move('fenced', { from: 'first', fence: fence + 1, to: 'second', marker: '{}' }),
  ).toBeUndefined()
  expect(await calls.move('fenced', { from: 'first', fence, to: 'second', marker: '{}' })).toMatchObject({
    fence: 2,
  })
})

async function heardOn(channel: string) {
  const heard: string[] = []
  const subscriber = redis.client.duplicate()
  subscriber.on('message', (_channel: string, text: string) => void heard.push(text))
  await subscriber.subscribe(channel)
  return {
    async all() {
      await subscriber.ping()
      subscriber.disconnect()
      return heard
    },
  }
}

test('what goes by one name is said once, whoever says it', async () => {
  const ear = await heardOn('names')
  await calls.publishOnce('one', 'names', 'first')
  await calls.publishOnce('one', 'names', 'again')
  await calls.publishOnce('other', 'names', 'last')
  expect(await ear.all()).toEqual(['first', 'last'])
})

test('one who overheard a message answers it unless the owner has noted or answered it', async () => {
  const call = await claim('overheard')
  const ear = await heardOn('overheard')
  const note = { note: '{}', isContested: true }
  expect(await calls.note(call, { name: 'noted', ...note })).toBe('noted')
  // Said again, because the answer was lost.
  expect(await calls.note(call, { name: 'noted', ...note })).toBe('noted')
  await calls.answerForOwner('overheard', 'noted', 'for the owner that will answer')
  expect(await calls.step(call, { number: 1, event: 'by the owner', answers: 'noted' })).toBe('done')
  await calls.answerForOwner('overheard', 'noted', 'for the owner that has answered')
  expect(await calls.note(call, { name: 'noted', ...note })).toBe('taken')
  await calls.answerForOwner('overheard', 'unheard', 'for the owner')
  expect(await calls.step(call, { number: 2, event: 'too late', answers: 'unheard' })).toBe('done')
  expect(await ear.all()).toEqual(['by the owner', 'for the owner'])
})

test('the last event of a call frees its dial id in the same step', async () => {
  const call = await claim('last')
  expect(await calls.step(call, { number: 1, event: '{}', isLast: true })).toBe('done')
  expect(await calls.ownerOf('last')).toBeNull()
  expect(await calls.step(call, { number: 1, event: '{}', isLast: true })).toBe('done')
  expect(await calls.step(call, { number: 2, event: '{}' })).toBe('fenced')
})

test('a last step that is sent again when the dial id has had another call meanwhile was done', async () => {
  const first = await claim('again')
  const last = { number: 1, event: '{}', isLast: true }
  expect(await calls.step(first, last)).toBe('done')
  const second = await claim('again', 20)
  expect(await calls.step(first, last)).toBe('done')
  expect(await calls.step(second, last)).toBe('done')
  expect(await calls.step(first, last)).toBe('done')
  const third = await claim('again', 30)
  await calls.release('first', third)
  expect(await calls.step(first, last)).toBe('done')
  expect(await calls.step(second, { ...last, number: 2 })).toBe('fenced')
})

test('a step that is sent again after the call is over was done, or not, whatever became of the call', async () => {
  const call = await claim('over')
  expect(await calls.step(call, { number: 1, event: '{}' })).toBe('done')
  const adopted = (await move('over', 'first', 'second'))!
  expect(await calls.step(adopted, { number: 2, event: '{}' })).toBe('done')
  expect(await calls.step(call, { number: 1, event: '{}' })).toBe('done')
  expect(await calls.step(call, { number: 2, event: '{}' })).toBe('fenced')
  await calls.release('second', adopted)
  expect(await calls.step(call, { number: 1, event: '{}' })).toBe('done')
  expect(await calls.step(call, { number: 2, event: '{}' })).toBe('fenced')
  expect(await calls.step(adopted, { number: 2, event: '{}' })).toBe('done')
  expect(await calls.step(adopted, { number: 3, event: '{}' })).toBe('fenced')
})
