// Hearing channels as a backend does: many listeners on one subscription, each until they leave, on one server and on a
// Cluster.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'
import { type Backend, openBackend } from '../../src/backend/backend.ts'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { SERVER_AND_CLUSTER } from '../harness/cluster.ts'
import { eventually } from '../harness/internal.ts'

const log = pino({ level: 'silent' }) as unknown as Log

describe.each(SERVER_AND_CLUSTER)('on %s', (_, start) => {
  let redis: RedisConnection
  let subscriber: RedisConnection
  let backend: Backend
  let close: () => PromiseLike<void>
  beforeAll(async () => {
    const started = await start()
    const settings = { url: started.url, connectTimeoutMs: 2_000 }
    redis = openRedis(settings, 'commands', log)
    await new Promise(resolve => redis.once('ready', resolve))
    const open = () => {
      subscriber = openRedis(settings, 'subscriber', log)
      return subscriber
    }
    backend = openBackend(redis, open, log)
    close = started.close
  })
  afterAll(async () => {
    backend.close()
    redis.disconnect()
    await close()
  })

  test('each listener hears until it leaves, and the last one ends the subscription', async () => {
    const heard: [string, string][] = []
    const ear = (name: string) => ({ onMessage: (text: string) => void heard.push([name, text]) })
    const leaveFirst = await backend.listen('c', ear('first'))
    const leaveSecond = await backend.listen('c', ear('second'))
    await backend.publish('c', '1')
    await eventually('both', () => heard.length === 2)
    leaveFirst()
    // Twice is once.
    leaveFirst()
    await backend.publish('c', '2')
    await eventually('the second', () => heard.length === 3)
    leaveSecond()
    const leaveThird = await backend.listen('c', ear('third'))
    await backend.publish('c', '3')
    await eventually('the third', () => heard.length === 4)
    leaveThird()
    await backend.listen('end', ear('end'))
    await backend.publish('c', '4')
    await backend.publish('end', '5')
    await eventually('the end', () => heard.length === 5)
    expect(heard).toEqual([
      ['first', '1'],
      ['second', '1'],
      ['second', '2'],
      ['third', '3'],
      ['end', '5'],
    ])
  })

  test('what is listened to is heard again after a gap, and whoever listens is told of it', async () => {
    const told: string[] = []
    await backend.listen('gap', {
      onMessage: text => void told.push(text),
      onLost: () => void told.push('lost'),
      onBack: () => void told.push('back'),
    })
    subscriber.disconnect(true as never)
    if (told.length === 0) await eventually('the loss', () => told.includes('lost'))
    // A Cluster's connection is opened anew by hand, once it is down.
    if (subscriber.status === 'end' || subscriber.status === 'close') await subscriber.connect()
    await eventually('the return', () => told.includes('back'))
    await backend.publish('gap', 'after')
    await eventually('a message', () => told.includes('after'))
    expect(told.indexOf('lost')).toBeLessThan(told.indexOf('back'))
  })
})
