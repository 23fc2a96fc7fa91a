// A subscriber over a connection that breaks, or goes deaf: what was being subscribed or left at that moment, what is
// heard first when the connection is back, and which silence the self-test ends.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { Redis } from 'ioredis'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { openSubscriber, type Subscriber } from '../../src/redis/subscriber.ts'
import { openValve, type Valve } from '../chaos/valve.ts'
import { startCluster } from '../harness/cluster.ts'
import { eventually } from '../harness/internal.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'

const log = pino({ level: 'silent' }) as unknown as Log

let redis: TestRedis
let valve: Valve
let commands: RedisConnection
let subscriber: Subscriber
let heard: string[]
let onReturn: () => Promise<void>

beforeEach(async () => {
  redis = await startRedis()
  valve = await openValve(redis.port)
  const open = (port: number, purpose: 'commands' | 'subscriber') =>
    openRedis({ url: `redis://127.0.0.1:${port}`, connectTimeoutMs: 1_000 }, purpose, log)
  onReturn = async () => undefined
  commands = open(redis.port, 'commands')
  subscriber = openSubscriber({
    connection: open(valve.port, 'subscriber'),
    commands,
    onReturn: () => onReturn(),
    log,
  })
  heard = []
})
afterEach(async () => {
  subscriber.close()
  commands.disconnect()
  valve.close()
  await redis.close()
})

const ear = { onMessage: (message: string) => void heard.push(message) }
const hear = (channel: string) => subscriber.listen(channel, ear)
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
  await hear('one').confirmed
  valve.set('stalled')
  const { confirmed: listening } = hear('two')
  await Bun.sleep(20)
  breakConnection()
  await listening
  await publish('two', 'hello')
  await eventually('it is heard', () => heard.length === 1)
})

test('a channel that is being left when the connection breaks is left at its return', async () => {
  const one = hear('one')
  await one.confirmed
  await hear('two').confirmed
  valve.set('stalled')
  const left = one.leave().catch(thrown => thrown.name)
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
  const one = hear('one')
  await one.confirmed
  await hear('two').confirmed
  breakConnection()
  await eventually('the return', () => returns === 1)
  const { promise: isThreeHeard, resolve: markThree } = Promise.withResolvers<void>()
  void hear('three').confirmed.then(markThree)
  // It has reached Redis when this is answered, and what was sent before it on the same connection too.
  await one.leave()
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
  await hear('one').confirmed
  expect(subscriber.isWhole).toBe(true)
  breakConnection()
  await eventually('the return', () => returns === 1)
  expect(subscriber.isWhole).toBe(false)
  tell()
  await subscriber.whole()
  expect(subscriber.isWhole).toBe(true)
  expect(await listenersOf('one')).toBe(1)
})

test('who leaves is heard to the end, when that was asked for', async () => {
  const one = hear('one')
  await one.confirmed
  valve.set('stalled')
  const left = one.leave({ isHeardToTheEnd: true })
  expect(await redis.client.publish('one', 'last word')).toBe(1)
  valve.set('open')
  await left
  expect(heard).toEqual(['last word'])
})

test('two listeners of one channel hear each message, and the channel is left with the last of them', async () => {
  const [first, second] = [hear('one'), hear('one')]
  await Promise.all([first.confirmed, second.confirmed])
  await redis.client.publish('one', 'to both')
  await subscriber.caughtUp()
  await first.leave()
  await first.leave()
  await redis.client.publish('one', 'to the second')
  await subscriber.caughtUp()
  expect(heard).toEqual(['to both', 'to both', 'to the second'])
  await second.leave()
  expect(await listenersOf('one')).toBe(0)
})

test('of a gap each listener is told once, when it begins and when it is over', async () => {
  const told: string[] = []
  await subscriber.listen('one', {
    onMessage: text => void told.push(text),
    onLost: () => void told.push('lost'),
    onBack: () => void told.push('back'),
  }).confirmed
  valve.set('cut')
  await eventually('the loss', () => told.includes('lost'))
  // Some attempts to come back fail meanwhile.
  await Bun.sleep(300)
  valve.set('open')
  await eventually('the return', () => told.includes('back'))
  await redis.client.publish('one', 'after')
  await eventually('a message', () => told.includes('after'))
  expect(told).toEqual(['lost', 'back', 'after'])
})

describe('a deaf subscriber', () => {
  test('on a line that stands still is counted by PUBLISH and hears nothing; it hears again on a new line', async () => {
    const deafness: boolean[] = []
    const own = openSubscriber({
      connection: openRedis(
        { url: `redis://127.0.0.1:${valve.port}`, connectTimeoutMs: 1_000 },
        'subscriber',
        log,
      ),
      commands,
      onDeaf: isDeaf => void deafness.push(isDeaf),
      log,
    })
    await own.listen('own', ear).confirmed
    stallWhatStands()
    expect(await redis.client.publish('own', 'into the void')).toBe(1)
    await eventually('a message', async () => {
      await redis.client.publish('own', 'heard again')
      return heard.includes('heard again')
    })
    expect(heard).not.toContain('into the void')
    // It was made anew before anybody had to be told.
    expect(deafness).toEqual([false])
    own.close()
  })

  test("tells that it is deaf for as long as it can't be helped", async () => {
    const deafness: boolean[] = []
    const own = openSubscriber({
      connection: openRedis(
        { url: `redis://127.0.0.1:${valve.port}`, connectTimeoutMs: 1_000 },
        'subscriber',
        log,
      ),
      commands,
      onDeaf: isDeaf => void deafness.push(isDeaf),
      log,
    })
    await eventually('the first proof', () => deafness.length > 0)
    valve.set('stalled')
    await eventually('deafness', () => deafness.at(-1) === true)
    valve.set('open')
    await eventually('hearing', () => deafness.at(-1) === false)
    expect(deafness).toEqual([false, true, false])
    own.close()
  })

  test('at a former master, whose publishers count nobody, leaves it', async () => {
    await using master = await startRedis(['--repl-diskless-sync-delay', '0'])
    await redis.client.replicaof('127.0.0.1', master.port)
    await eventually('the replica', async () =>
      String(await redis.client.info('replication')).includes('master_link_status:up'),
    )
    let returns = 0
    const toMaster = openRedis({ url: master.url, connectTimeoutMs: 1_000 }, 'commands', log)
    const own = openSubscriber({
      connection: openRedis({ url: redis.url, connectTimeoutMs: 1_000 }, 'subscriber', log),
      commands: toMaster,
      onReturn: async () => {
        returns += 1
      },
      log,
    })
    await own.listen('one', ear).confirmed
    // A replica passes on what is published at its master.
    expect(await master.client.publish('one', 'uncounted')).toBe(0)
    await eventually('the message', () => heard.includes('uncounted'))
    await eventually('a new connection', () => returns > 0)
    own.close()
    toMaster.disconnect()
  })

  test('at a node that is cut off from its Cluster hears again at another', async () => {
    await using cluster = await startCluster(3)
    const apart = await startRedis(['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())])
    const busPort = String(((await apart.client.config('GET', 'cluster-port')) as string[])[1])
    await using _ = { [Symbol.asyncDispose]: () => apart.close() }
    const firstNode = new Redis({ port: cluster.ports[0]!, host: '127.0.0.1' })
    await firstNode.call('CLUSTER', 'MEET', '127.0.0.1', String(apart.port), busPort)
    await eventually('a Cluster of four', async () =>
      String(await apart.client.call('CLUSTER', 'INFO')).includes('cluster_known_nodes:4'),
    )
    const settings = {
      url: `redis://127.0.0.1:${apart.port},redis://127.0.0.1:${cluster.ports[0]}`,
      connectTimeoutMs: 1_000,
    }
    const connection = openRedis(settings, 'subscriber', log)
    const toAll = openRedis({ ...settings, url: cluster.settings.PUBSUB_REDIS_URL! }, 'commands', log)
    const own = openSubscriber({ connection, commands: toAll, log })
    await own.listen('one', ear).confirmed
    const isApart = () => (connection as Redis).options.port === apart.port
    if (!isApart()) {
      connection.disconnect(true)
      await eventually('the node without slots', () => isApart() && own.isWhole)
    }
    await eventually('a message from the others', async () => {
      await firstNode.publish('one', 'over the bus')
      return heard.includes('over the bus')
    })

    await apart.client.call('CLUSTER', 'RESET', 'HARD')
    await eventually('a message at another node', async () => {
      await firstNode.publish('one', 'elsewhere')
      return heard.includes('elsewhere')
    })
    expect(isApart()).toBe(false)
    own.close()
    toAll.disconnect()
    firstNode.disconnect()
  })
})

/** The lines that are there; later ones are whole. */
function stallWhatStands(): void {
  let isNow = true
  valve.set('stalled', () => isNow)
  isNow = false
}
