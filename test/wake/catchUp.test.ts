// Redis was away, and thousands of waits, streams and abandoned waits have to ask it: nobody is left behind, and Redis is
// not asked about all of them at once.
import { describe, expect, test } from 'bun:test'
import pino from 'pino'
import { RedisUnavailable } from '../../src/redis/connect.ts'
import { createCatchUp } from '../../src/wake/catchUp.ts'
import type { FromWaitWorker } from '../../src/wake/waitMessages.ts'
import { openWaitRoom } from '../../src/wake/waitRoom.ts'

const log = pino({ level: 'silent' })
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** Stands in for Redis: answers a turn later, what is asked beyond `capacity` at a time with a failure. */
function createRedis(capacity: number) {
  let underWay = 0
  const redis = {
    asked: [] as number[],
    mostAtOnce: 0,
    isAway: false,
    async ask(item: number): Promise<void> {
      redis.asked.push(item)
      redis.mostAtOnce = Math.max(redis.mostAtOnce, ++underWay)
      const isTooMuch = underWay > capacity
      await turn()
      underWay--
      if (redis.isAway || isTooMuch) throw new RedisUnavailable('no answer in time')
    },
  }
  return redis
}

describe('what is asked about', () => {
  test('is each item once, not all at once', async () => {
    const redis = createRedis(1_000)
    const answered = new Set<number>()
    const all = Promise.withResolvers<void>()
    const catchUp = createCatchUp<number>({
      async ask(item) {
        await redis.ask(item)
        if (answered.add(item).size === 5_000) all.resolve()
      },
      log,
    })
    for (let item = 0; item < 5_000; item++) catchUp.add(item)
    await all.promise
    expect(redis.asked).toHaveLength(5_000)
    expect(redis.mostAtOnce).toBe(200)
  })

  test('is asked again until it is answered, one at a time while Redis is away', async () => {
    const redis = createRedis(1_000)
    redis.isAway = true
    const answered = new Set<number>()
    const all = Promise.withResolvers<void>()
    const retried = Promise.withResolvers<void>()
    const catchUp = createCatchUp<number>({
      async ask(item) {
        if (redis.asked.length === 202) retried.resolve()
        await redis.ask(item)
        if (answered.add(item).size === 1_000) all.resolve()
      },
      log,
    })
    for (let item = 0; item < 1_000; item++) catchUp.add(item)
    // The two hundred of the beginning, and then one by one.
    await retried.promise
    expect(redis.asked.length).toBeLessThanOrEqual(203)
    redis.isAway = false
    await all.promise
    expect([...answered].sort((one, other) => one - other)).toEqual(
      Array.from({ length: 1_000 }, (_, i) => i),
    )
  })

  test('is asked once more when it is added while its answer is on its way', async () => {
    const redis = createRedis(10)
    const catchUp = createCatchUp<number>({ ask: redis.ask, log })
    for (let times = 0; times < 5; times++) catchUp.add(7)
    expect(redis.asked).toEqual([7])
    await turn()
    await turn()
    await turn()
    expect(redis.asked).toEqual([7, 7])
  })

  test('is nothing that was dropped, nor the eldest beyond the limit', async () => {
    const redis = createRedis(1_000)
    const catchUp = createCatchUp<number>({ ask: redis.ask, itemsMax: 3, log })
    for (let item = 0; item < 205; item++) catchUp.add(item)
    // 200 are under way; 200 and 201 make room for 203 and 204.
    catchUp.drop(203)
    for (let times = 0; times < 6; times++) await turn()
    expect(redis.asked.slice(200)).toEqual([202, 204])
  })
})

test('no wait is left behind after a gap, though Redis answers in time only a few of those that ask at once', async () => {
  const COUNT = 500
  const redis = createRedis(150)
  const over: Extract<FromWaitWorker, { kind: 'over' }>[] = []
  const all = Promise.withResolvers<void>()
  const room = openWaitRoom({
    wakes: {
      begin: async (_wake, _waiter, waitMs) => ({
        how: 'begun',
        leftMs: waitMs,
        secret: 's',
        devices: [PHONE],
      }),
      async look(_wake, waiter) {
        await redis.ask(waiter.id)
        return { state: 'confirmed', device: 'phone' }
      },
      end: () => expect.unreachable('no deadline has come'),
      leave: () => expect.unreachable('nobody has left'),
      leaveRecord: () => expect.unreachable('nobody has joined'),
    },
    devices: { list: async () => [PHONE], learned: async () => true },
    inbox: 'inbox',
    roundtripWaitMs: 60_000,
    resendIntervalMs: 30_000,
    canHear: () => true,
    send(message) {
      if (message.kind === 'over' && over.push(message) === COUNT) all.resolve()
    },
    clock: Date.now,
    log,
  })
  for (let id = 1; id <= COUNT; id++)
    room.obey({ kind: 'wait', id, account: 'a', callId: `c${id}`, arrivedAtMs: Date.now(), isResumed: false })
  await turn()
  room.catchUp()
  await all.promise
  expect(new Set(over.map(({ id }) => id)).size).toBe(COUNT)
  expect(over.every(({ outcome }) => outcome.status === 'ACK')).toBe(true)
})

const PHONE = {
  id: 'phone',
  app: 'com.example.phone',
  platform: 'android' as const,
  token: 'token',
  isSandbox: false,
  registeredAtMs: 0,
  lastSeenMs: 0,
}
