// The last hour: what processes count in memory, how it comes together in Redis, and how it is read back.
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { MS_PER_MINUTE } from '../../src/base/units.ts'
import { openHourView } from '../../src/live/hourView.ts'
import { minuteOf, startMinuteCounts } from '../../src/live/minuteCounts.ts'
import { openRedis, type RedisConnection, RedisUnavailable } from '../../src/redis/connect.ts'
import { openMinutes } from '../../src/redis/pods/minutes.ts'
import { eventually } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log
/** In the middle of a minute: nothing here takes half of one. */
const NOW_MS = 29_900_000 * MS_PER_MINUTE + MS_PER_MINUTE / 2

let redis: TestRedis
let connection: RedisConnection
let nowMs: number
const clock = () => nowMs

beforeAll(async () => {
  redis = await startRedis()
  connection = openRedis({ url: redis.url, connectTimeoutMs: 1_000 }, 'commands', log)
  await eventually('a connection', () => connection.status === 'ready')
})
beforeEach(async () => {
  nowMs = NOW_MS
  await redis.client.flushall()
})
afterAll(async () => {
  connection.disconnect()
  await redis.close()
})

test('what two processes count in one minute stands in one place, and goes by itself', async () => {
  const store = openMinutes(connection)
  const [one, other] = [startMinuteCounts({ store, clock, log }), startMinuteCounts({ store, clock, log })]
  one.pushed('apns', 'accepted')
  one.woken('confirmed', 300)
  one.legsEnded('USER_BUSY', 2)
  other.pushed('apns', 'accepted')
  other.pushed('android', 'refused')
  other.woken('timeout')
  await Promise.all([one.close(), other.close()])

  const { minutes, totals } = await openHourView(store, clock)()
  expect(minutes).toHaveLength(1)
  expect(minutes[0]).toMatchObject({
    minute: minuteOf(NOW_MS),
    pushes: { accepted: 2, refused: 1 },
    wakes: { confirmed: 1, timeout: 1 },
    trips: { times: 1 },
  })
  expect(totals).toMatchObject({
    pushes: { 'apns.accepted': 2, 'android.refused': 1 },
    hangups: { USER_BUSY: 2 },
  })
  const [key] = await redis.client.keys('hookswitch:minute:*')
  const leftSeconds = await redis.client.ttl(key!)
  expect(leftSeconds).toBeGreaterThan(7_000)
  expect(leftSeconds).toBeLessThanOrEqual(7_200)
})

test('minutes of an hour ago are left out, and a settled one is read once', async () => {
  const store = openMinutes(connection)
  const read: number[] = []
  const noting = (minute: number) => {
    read.push(minute)
    return store.read(minute)
  }
  const view = openHourView({ read: noting }, clock)
  await store.add(minuteOf(NOW_MS) - 60, new Map([['wake.timeout', 1]]))
  await store.add(minuteOf(NOW_MS) - 59, new Map([['wake.confirmed', 1]]))
  expect((await view()).totals.wakes).toEqual({ confirmed: 1 })
  expect(read).toHaveLength(60)
  nowMs += 10
  await view()
  expect(read).toHaveLength(63)

  nowMs += MS_PER_MINUTE
  expect((await view()).totals.wakes).toEqual({})
})

test('counts wait while Redis is away, and none is lost', async () => {
  const store = openMinutes(connection)
  let isAway = true
  const add: typeof store.add = async (minute, counts) => {
    if (isAway) throw new RedisUnavailable('away')
    await store.add(minute, counts)
  }
  const tally = startMinuteCounts({ store: { add }, clock, log })
  tally.woken('confirmed', 100)
  await tally.close()
  isAway = false
  tally.woken('confirmed', 100)
  await tally.close()
  expect((await openHourView(store, clock)()).totals.wakes).toEqual({ confirmed: 2 })
})
