// What timelines may cost: entries of one call, calls of one account, timelines in all, their time to live, and the
// memory of who records while Redis is away.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection, RedisUnavailable } from '../../src/redis/connect.ts'
import {
  CALLS_OF_ACCOUNT_MAX,
  ENTRIES_MAX,
  FIRST_ENTRIES_MAX,
  openKeptTimelines,
  openTimelines,
  type TimelineLot,
} from '../../src/redis/timelines/timelines.ts'
import { openTimelineReader } from '../../src/timeline/reader.ts'
import { createRecorder, type Recorder } from '../../src/timeline/recorder.ts'
import { startCluster } from '../harness/cluster.ts'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log
const DAY_SECONDS = 24 * 60 * 60
const TIMELINES_MAX = 20

let redis: TestRedis
let connection: RedisConnection
beforeAll(async () => {
  redis = await startRedis()
  connection = await connect(redis.url)
})
afterAll(async () => {
  connection.disconnect()
  await redis.close()
})
beforeEach(async () => {
  await redis.client.flushall()
})

async function connect(url: string): Promise<RedisConnection> {
  const opened = openRedis({ url, connectTimeoutMs: 1_000 }, 'commands', log)
  await new Promise(resolve => opened.once('ready', () => resolve(undefined)))
  return opened
}

/** One that writes to Redis, and how many entries it dropped. */
function recorderAt(
  append: (lots: TimelineLot[], nowMs: number) => Promise<void>,
  by = 'tester',
): {
  recorder: Recorder
  dropped: () => number
} {
  let dropped = 0
  const onDropped = () => {
    dropped += 1
  }
  const everyCall = { count: () => undefined, has: () => true }
  const settings = { append, by, share: everyCall, showsFullNumbers: true, clock: Date.now, log, onDropped }
  return { recorder: createRecorder(settings), dropped: () => dropped }
}

const storeOf = (at: RedisConnection) => openTimelines(at, { timelinesMax: TIMELINES_MAX })
const readerOf = (at: RedisConnection) =>
  openTimelineReader(openKeptTimelines(at), { showsFullNumbers: true, clock: Date.now })
const explained = (index: number) =>
  ({ what: 'app-explained', account: 'a', reason: `reason ${index}` }) as const

async function read(id: string, at = connection) {
  const found = await readerOf(at).read(id)
  if (found?.kind !== 'call') throw new Error(`no timeline of ${id}`)
  return found
}

describe('one timeline', () => {
  for (const { how, lotSize } of [
    { how: 'in one lot', lotSize: 10_000 },
    { how: 'in many lots', lotSize: 70 },
  ])
    test(`keeps its first and its newest entries, and says how many it left out, written ${how}`, async () => {
      const { append } = storeOf(connection)
      const total = 1_000
      for (let from = 0; from < total; from += lotSize) {
        const { recorder } = recorderAt(append, `tester from ${from}`)
        for (let index = from; index < Math.min(total, from + lotSize); index++)
          recorder.add('flood', explained(index), { atMs: 1_000 + index })
        await recorder.close()
      }
      const { lines, leftOut } = await read('flood')
      const reasons = lines.map(line => Number(String(line.fields.reason).replace('reason ', '')))
      expect(lines).toHaveLength(ENTRIES_MAX)
      expect(leftOut).toBe(total - ENTRIES_MAX)
      const newest = ENTRIES_MAX - FIRST_ENTRIES_MAX
      expect(reasons).toEqual([
        ...Array.from({ length: FIRST_ENTRIES_MAX }, (_, index) => index),
        ...Array.from({ length: newest }, (_, index) => total - newest + index),
      ])
    })

  test('lives for a day', async () => {
    const { recorder } = recorderAt(storeOf(connection).append)
    recorder.add('a-call', explained(1), { account: 'account' })
    await recorder.close()
    for (const key of [
      'hookswitch:timeline:a-call',
      'hookswitch:timelines-of:account',
      'hookswitch:timelines',
    ])
      expect(await redis.client.ttl(key)).toBeWithin(DAY_SECONDS - 60, DAY_SECONDS + 1)
  })

  test('has an entry once, though it was written twice because an answer was lost', async () => {
    const { append } = storeOf(connection)
    let isFirst = true
    const { recorder } = recorderAt(async (lots, nowMs) => {
      await append(lots, nowMs)
      if (isFirst) {
        isFirst = false
        throw new RedisUnavailable('Command timed out')
      }
    })
    recorder.add('doubled', explained(1))
    await eventually(
      'a second try',
      async () => (await redis.client.llen('hookswitch:timeline:doubled')) === 2,
    )
    await recorder.close()
    expect((await read('doubled')).lines).toHaveLength(1)
  })
})

describe('in all', () => {
  test('the oldest make room', async () => {
    const { append } = storeOf(connection)
    for (let index = 0; index < TIMELINES_MAX + 5; index++) {
      const entries = [`{"atMs":${index},"n":${index},"by":"b","entry":{"what":"over"}}`]
      await append([{ id: `call-${index}`, entries, leftOut: 0, atMs: index }], index)
    }
    // What is written to an older one does not make it newer, and one that was deleted begins anew.
    for (const index of [6, 0]) {
      const entries = [`{"atMs":${index},"n":100,"by":"b","entry":{"what":"over"}}`]
      await append([{ id: `call-${index}`, entries, leftOut: 0, atMs: index }], TIMELINES_MAX + 5)
    }
    const kept = await redis.client.keys('hookswitch:timeline:*')
    const newest = Array.from({ length: TIMELINES_MAX - 1 }, (_, index) => `call-${index + 6}`)
    expect(kept.map(key => key.replace('hookswitch:timeline:', '')).toSorted()).toEqual(
      ['call-0', ...newest].toSorted(),
    )
    expect((await read('call-6')).lines).toHaveLength(2)
    expect(await redis.client.zcard('hookswitch:timelines')).toBe(TIMELINES_MAX)
  })

  test('unique keys stay as long as the timeline that they name, and never shorter than a wake lives', async () => {
    const { append } = storeOf(connection)
    const keyOf = (index: number) => index.toString(16).padStart(32, '0')
    const nameOf = (index: number) => `hookswitch:unique-key:${keyOf(index)}`
    for (let index = 0; index < TIMELINES_MAX + 5; index++) {
      const kept = `hookswitch:wake:{call-${index}}:7 phone`
      await redis.client.set(nameOf(index), kept, 'PX', 240_000)
      const uniqueKeys = [keyOf(index)]
      await append([{ id: `call-${index}`, entries: ['{}'], leftOut: 0, atMs: index, uniqueKeys }], index)
    }
    expect(await redis.client.ttl(nameOf(4))).toBeWithin(240, 601)
    expect(await redis.client.ttl(nameOf(5))).toBeWithin(86_000, 86_401)
    const { ofUniqueKey, read: readKept } = openKeptTimelines(connection)
    expect(await ofUniqueKey(keyOf(5))).toBe('call-5')
    expect(await readKept('call-5')).toEqual({ entries: ['{}'], leftOut: 0 })
    expect(await readKept('call-4')).toEqual({ entries: [], leftOut: 0 })
  })

  test('an account lists its newest calls', async () => {
    const { append } = openTimelines(connection, { timelinesMax: 10_000 })
    const { recorder } = recorderAt(append)
    const total = CALLS_OF_ACCOUNT_MAX + 20
    for (let index = 0; index < total; index++)
      recorder.add(`c-${index}`, { what: 'over' }, { account: 'busy', atMs: 1_000 + index })
    await recorder.close()
    const calls = await openKeptTimelines(connection).callsOf('busy')
    expect(calls).toHaveLength(CALLS_OF_ACCOUNT_MAX)
    expect(calls[0]!.id).toBe(`c-${total - 1}`)
  })
})

describe('while Redis is away', () => {
  test('entries wait in bounded memory, what is beyond is dropped and counted, and the rest is written', async () => {
    let isAway = true
    let written = 0
    const { recorder, dropped } = recorderAt(async lots => {
      if (isAway) throw new RedisUnavailable('away')
      for (const lot of lots) written += lot.entries.length
    })
    const total = 70_000
    for (let index = 0; index < total; index++) recorder.add(`call-${index % 20_000}`, { what: 'over' })
    expect(dropped()).toBe(20_000)
    isAway = false
    await eventually('all that waited', () => written === 50_000)
    recorder.add('later', { what: 'over' })
    await recorder.close()
    expect(written).toBe(50_001)
    expect(dropped()).toBe(20_000)
  })

  test('closing takes no longer than a second, and what comes then is dropped', async () => {
    const { recorder, dropped } = recorderAt(() => new Promise(() => undefined))
    recorder.add('a-call', { what: 'over' })
    await recorder.close()
    recorder.add('a-call', { what: 'over' })
    expect(dropped()).toBe(1)
  })

  test('an entry that is too long is dropped', () => {
    const { recorder, dropped } = recorderAt(async () => undefined)
    recorder.add('a-call', { what: 'failure', cause: 'x'.repeat(3_000) })
    expect(dropped()).toBe(1)
  })
})

describe('on a Cluster', () => {
  test('timelines, indexes and the bound in all work the same', async () => {
    await using cluster = await startCluster(3)
    const at = await connect(cluster.settings.PUBSUB_REDIS_URL!)
    const { recorder } = recorderAt(storeOf(at).append)
    for (let index = 0; index < TIMELINES_MAX + 10; index++)
      recorder.add(
        `call-${index}`,
        { what: 'over' },
        { account: `account-${index % 3}`, atMs: 1_000 + index },
      )
    await recorder.close()
    const keys = await cluster.keys()
    expect(keys.filter(key => key.startsWith('hookswitch:timeline:'))).toHaveLength(TIMELINES_MAX)
    expect(keys.filter(key => key.startsWith('hookswitch:timelines-of:'))).toHaveLength(3)
    const found = await readerOf(at).read('account-0')
    expect(found?.kind).toBe('account')
    at.disconnect()
  })
})
