// A front's side of the wakes that agents ask for, where Redis does what it is asked and answers too late.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { once } from 'node:events'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection, RedisUnavailable } from '../../src/redis/connect.ts'
import { openSubscriber } from '../../src/redis/subscriber.ts'
import { openWakeRequests } from '../../src/redis/wakeRequests/wakeRequests.ts'
import { openWakeService } from '../../src/union/serveWakes.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log
const CALL = JSON.stringify({ account: 'a.1', callId: 'd1', phonenumber: '1', callerId: '' })
const asked = { call: CALL, channel: 'answers', waitMs: 60_000 }

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis([])
})
afterAll(() => redis[Symbol.asyncDispose]())

test('a front holds a request once that it took, though the answer to its taking was lost', async () => {
  const settings = { url: redis.url, connectTimeoutMs: 1_000 }
  const commands = openRedis(settings, 'commands', log)
  const store = openWakeRequests(commands)
  const subscriber = openSubscriber({ connection: openRedis(settings, 'subscriber', log), commands, log })
  await subscriber.whole()
  await isReady(commands)
  let takings = 0
  const { promise: isHeld, resolve: markHeld } = Promise.withResolvers<void>()
  const heldFor: string[] = []
  const service = openWakeService({
    store: {
      ...store,
      take: async (id, front) => {
        const taken = await store.take(id, front)
        takings += 1
        if (takings === 1) throw new RedisUnavailable('no answer in time')
        return taken
      },
    },
    openBlocking: () => openRedis(settings, 'blocking', log),
    listen: subscriber.listen,
    front: 'front-1',
    hold: ({ callId }) => {
      heldFor.push(callId)
      markHeld()
      return Promise.resolve({ status: 'ACK', reason: 'confirmed' })
    },
    canHold: () => true,
    clock: Date.now,
    log,
  })
  await store.ask('wake-1', asked)
  await isHeld
  expect(heldFor).toEqual(['d1'])
  expect(takings).toBe(2)
  await service.stop()
  service.close()
  subscriber.close()
  commands.disconnect()
})

test('a front puts down what another one has', async () => {
  const commands = openRedis({ url: redis.url, connectTimeoutMs: 1_000 }, 'commands', log)
  const store = openWakeRequests(commands)
  await isReady(commands)
  await store.ask('wake-2', asked)
  expect((await store.take('wake-2', 'front-1'))?.call).toBe(CALL)
  expect(await store.take('wake-2', 'front-2')).toBeUndefined()
  expect((await store.take('wake-2', 'front-1'))?.call).toBe(CALL)
  commands.disconnect()
})

test('a front that dies before it takes what it popped leaves nothing behind, whether or not the agent can still cancel', async () => {
  await redis.client.flushall()
  const settings = { url: redis.url, connectTimeoutMs: 1_000 }
  const [commands, blocking] = [openRedis(settings, 'commands', log), openRedis(settings, 'blocking', log)]
  const store = openWakeRequests(commands)
  await Promise.all([commands, blocking].map(isReady))
  const pop = async () => {
    let id: string | null = null
    while (id === null) id = await store.next(blocking, 1)
    return id
  }
  const kept = () => redis.client.keys('hookswitch:{wake-requests}*')
  const request = 'hookswitch:{wake-requests}:wake-3'
  await store.ask('wake-3', asked)
  expect(await pop()).toBe('wake-3')
  // From here on the agent may be gone, too: the request itself is all there is, and it expires.
  expect(await kept()).toEqual([request])
  expect(await redis.client.pttl(request)).toBeGreaterThan(0)
  expect(await store.askAgain('wake-3')).toBe(true)
  expect(await pop()).toBe('wake-3')
  await store.cancel('wake-3')
  expect(await kept()).toEqual([request])
  blocking.disconnect()
  commands.disconnect()
})

async function isReady(connection: RedisConnection): Promise<void> {
  if (connection.status !== 'ready') await once(connection, 'ready')
}
