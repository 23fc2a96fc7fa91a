// The dead-letter list: newest first, bounded, without passwords, and nothing older than thirty days in it.
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { DEAD_LETTER_DAYS, type JobQueue, openJobs } from '../../src/redis/jobs/jobs.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const LIST = 'some.calls'
const DEAD = `${LIST}:dead`
const NOW_MS = Date.parse('2026-11-30T12:00:00Z')

let redis: TestRedis
let connection: RedisConnection
let jobs: JobQueue
beforeAll(async () => {
  redis = await startRedis()
  const log = pino({ level: 'silent' }) as unknown as Log
  connection = openRedis({ url: redis.url, connectTimeoutMs: 1_000 }, 'commands', log)
  jobs = openJobs(connection, 'an-agent')
  await new Promise(resolve => connection.once('ready', resolve))
})
afterAll(async () => {
  connection.disconnect()
  await redis.close()
})
beforeEach(() => redis.client.flushall())

const letters = async () =>
  (await redis.client.lrange(DEAD, 0, -1)).map(
    text => JSON.parse(text) as { reason: string; at: string; job: string },
  )

const bury = (job: string, daysAgo: number) =>
  jobs.moveToDead(LIST, job, 'malformed', NOW_MS - daysAgo * DAY_MS)

test('a job leaves the in-flight list for it, as it came', async () => {
  const job = '{ "type":"asp-call",  "dial_id": 7 }'
  await redis.client.rpush(LIST, job)
  expect(await jobs.take(connection, LIST, 1)).toBe(job)
  await bury(job, 0)
  expect(await letters()).toEqual([{ reason: 'malformed', at: '2026-11-30T12:00:00.000Z', job }])
  expect(await jobs.inFlight(LIST)).toEqual([])
})

test('the list goes by itself when no letter has come for thirty days', async () => {
  await bury('x', 0)
  const left = await redis.client.ttl(DEAD)
  expect(left).toBeGreaterThan(DEAD_LETTER_DAYS * 24 * 60 * 60 - 60)
  expect(left).toBeLessThanOrEqual(DEAD_LETTER_DAYS * 24 * 60 * 60)
})

test('each new letter lets those go that are older', async () => {
  for (const daysAgo of [30.9, 30.01, 29.99, 1]) await bury(`${daysAgo} days`, daysAgo)
  expect((await letters()).map(each => each.job)).toEqual(['1 days', '29.99 days', '30.01 days', '30.9 days'])
  await bury('now', 0)
  expect((await letters()).map(each => each.job)).toEqual(['now', '1 days', '29.99 days'])
})

test('and so does the hourly look, where none comes', async () => {
  for (const daysAgo of [40, 20]) await bury(`${daysAgo} days`, daysAgo)
  await jobs.expireDead(LIST, NOW_MS)
  expect((await letters()).map(each => each.job)).toEqual(['20 days'])
  await jobs.expireDead(LIST, NOW_MS + 11 * DAY_MS)
  expect(await redis.client.exists(DEAD)).toBe(0)
  await jobs.expireDead(LIST, NOW_MS)
})

test('letters of others, which can not be read, stay', async () => {
  for (const foreign of ['no JSON', '[]', '7', 'null', '{"at":7}', '{}'])
    await redis.client.rpush(DEAD, foreign)
  await bury('now', 0)
  expect(await redis.client.llen(DEAD)).toBe(7)
})

const PASSWORD = 'hunter2'
test.each([
  [
    'a job',
    `{"type":"bot-call","auth":"true","sip_auth_username":"bob","sip_auth_password":"${PASSWORD}"}`,
    'bob',
  ],
  [
    'a password that is a number',
    `{"type":"bot-call","sip_auth_password":${'1'.repeat(9)},"dial_id":"d"}`,
    '"dial_id":"d"',
  ],
  ['one in another case', `{"SIP_Auth_Password":"${PASSWORD}","dial_id":"d"}`, '"dial_id":"d"'],
  [
    'one under another name',
    `{"passwd":"${PASSWORD}","pwd":"${PASSWORD}","sip_auth_pass":"${PASSWORD}","dial_id":"d"}`,
    '"dial_id":"d"',
  ],
  ['one in a list', `[{"job":{"sip_auth_password":"${PASSWORD}"}}]`, '[secret]'],
  [
    'one in a text',
    JSON.stringify({ dial_id: 'd', job: `{"sip_auth_password":"${PASSWORD}"}` }),
    '"dial_id":"d"',
  ],
  ['a list of passwords', `{"sip_auth_password":["${PASSWORD}"],"dial_id":"d"}`, '"dial_id":"d"'],
  ['one that is cut', `{"dial_id":"d","sip_auth_password":"${PASSWORD}`, '"dial_id":"d"'],
  ['one without quotes', `dial_id=d sip_auth_password: ${PASSWORD} more`, 'dial_id=d'],
  ['a token', `{"api_token":"${PASSWORD}","dial_id":"d"}`, '"dial_id":"d"'],
])('no password is kept: %s', async (_, job, kept) => {
  await bury(job, 0)
  const [letter] = await letters()
  expect(letter!.job).toContain(kept)
  expect(letter!.job).toContain('[secret]')
  expect(letter!.job).not.toContain(PASSWORD)
  expect(letter!.job).not.toContain('1'.repeat(9))
})

test('a job without one is kept to the byte, also if it speaks of passwords', async () => {
  for (const job of ['{ "a" : 1 }', 'no JSON', '{"note":"no password needed"}']) {
    await bury(job, 0)
    expect((await letters())[0]!.job).toBe(job)
  }
})
