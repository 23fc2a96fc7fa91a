// Each thing that the doctor finds at Redis, provoked at a real one.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { parseRedisUrl } from '../../src/config/redisUrl.ts'
import { examineRedis } from '../../src/redis/checkup/checkup.ts'
import { readServers } from '../../src/redis/checkup/server.ts'
import { startCluster } from '../harness/cluster.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { startSentinel } from '../harness/sentinel.ts'
import { startTls } from '../harness/tlsRedis.ts'
import { only, silence, troubles } from './findings.ts'
import { openLine } from './line.ts'

const examine = (url: string, { clock = Date.now, limitMs = 3_000 } = {}) =>
  examineRedis({
    settings: { url, connectTimeoutMs: limitMs },
    jobLists: ['talkiq-asp.calls', 'talkiq-bot.calls'],
    clock,
    log: silence,
    limitMs,
  })

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis(['--appendonly', 'yes'])
})
afterAll(() => redis.close())

describe('a Redis in good order', () => {
  test('has every finding ok, and leaves no key behind', async () => {
    const findings = await examine(redis.url)
    expect(troubles(findings)).toEqual([])
    expect(findings.map(each => each.check).toSorted()).toEqual([
      'clock',
      'redis connection',
      'redis memory',
      'redis persistence',
      'redis pub/sub',
      'redis rights',
      'redis round trip',
      'redis version',
    ])
    // How fast Redis answers is the machine's business.
    const rest = findings.filter(each => each.check !== 'redis round trip')
    expect(rest.filter(each => each.todo !== '')).toEqual([])
    expect(await redis.client.keys('*')).toEqual([])
  })

  test('so is a Cluster, each master by itself, and a master behind Sentinels', async () => {
    await using cluster = await startCluster(2)
    await using sentinel = await startSentinel()
    const [ofCluster, ofSentinel] = await Promise.all([
      examine(cluster.settings.PUBSUB_REDIS_URL!),
      examine(sentinel.settings.PUBSUB_REDIS_URL!),
    ])
    expect(only(ofCluster, 'redis connection').what).toContain('Cluster, 2 masters')
    // What holds for all of them is said once.
    expect(ofCluster.filter(each => each.check === 'redis version').map(each => each.what)).toEqual([
      expect.stringContaining('Every Redis master is version'),
    ])
    expect(only(ofSentinel, 'redis connection').what).toContain('Sentinel, master')
    // Neither of these test servers keeps its data; there is nothing else to say of them.
    for (const findings of [ofCluster, ofSentinel])
      expect(troubles(findings).every(each => each.includes('redis persistence'))).toBe(true)
    // A replica would take the place of the master.
    expect(only(ofSentinel, 'redis persistence').level).toBe('warning')
  })
})

describe('a Redis that can not be used', () => {
  test('because nobody listens', async () => {
    const finding = only(await examine(`redis://127.0.0.1:${await freePort()}`), 'redis connection')
    expect(finding).toMatchObject({ level: 'problem', what: expect.stringContaining("can't be reached") })
    expect(finding.todo).toContain('PUBSUB_REDIS_URL')
  })

  test('because it hangs: the report does not', async () => {
    await using hung = await startRedis()
    hung.pause()
    const finding = only(await examine(hung.url, { limitMs: 300 }), 'redis connection')
    hung.resume()
    expect(finding).toMatchObject({
      level: 'problem',
      what: expect.stringContaining('no answer within 0.3 s'),
    })
  })

  test('because the password is wrong or missing, which is not repeated', async () => {
    await using locked = await startRedis()
    await locked.client.config('SET', 'requirepass', 'right-password')
    for (const url of [`redis://:wrong-password@127.0.0.1:${locked.port}`, locked.url]) {
      const finding = only(await examine(url), 'redis connection')
      expect(finding).toMatchObject({
        level: 'problem',
        what: expect.stringContaining('refuses the password'),
      })
      expect(JSON.stringify(finding)).not.toContain('wrong-password')
    }
  })

  test('because several nodes are named and there is no Cluster', async () => {
    const finding = only(await examine(`${redis.url},redis://localhost:${redis.port}`), 'redis connection')
    expect(finding).toMatchObject({ level: 'problem', what: expect.stringContaining('no Cluster') })
  })

  test('because the Sentinels that are named are none', async () => {
    const finding = only(await examine(`redis+sentinel://127.0.0.1:${redis.port}/main`), 'redis connection')
    expect(finding).toMatchObject({ level: 'problem', what: expect.stringContaining('names Sentinels') })
  })

  test('because its certificate is not trusted', async () => {
    await using tls = await startTls()
    const finding = only(await examine(tls.settings.PUBSUB_REDIS_URL!), 'redis connection')
    expect(finding).toMatchObject({ level: 'problem', what: expect.stringContaining('TLS') })
    expect(finding.todo).toContain('NODE_EXTRA_CA_CERTS')
  })

  test('because it speaks no TLS', async () => {
    const finding = only(
      await examine(redis.url.replace('redis:', 'rediss:'), { limitMs: 500 }),
      'redis connection',
    )
    expect(finding.level).toBe('problem')
    expect(finding.todo).toContain('rediss://')
  })
})

describe('a Redis of the wrong kind', () => {
  test('that is too old', async () => {
    const version = /redis_version:(\d+\.\d+\.\d+)/.exec(await redis.client.info('server'))![1]!
    const old = '5.0.9999999'.slice(0, version.length)
    await using line = await openLine(redis.port, { replace: { from: version, to: old } })
    const finding = only(await examine(`redis://127.0.0.1:${line.port}`), 'redis version')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('6.2 is needed: jobs are taken by BLMOVE')
  })

  test('that is a node of a Cluster, named alone', async () => {
    await using cluster = await startCluster(1)
    const finding = only(await examine(cluster.settings.PUBSUB_REDIS_URL!), 'redis topology')
    expect(finding).toMatchObject({ level: 'problem', what: expect.stringContaining('node of a Cluster') })
  })

  test('that is a Sentinel or a replica, named as the server', async () => {
    await using sentinels = await startSentinel()
    const url = sentinels.settings.PUBSUB_REDIS_URL!
    const sentinelPort = /sentinel:\/\/[^:]*:(\d+)/.exec(url)![1]!
    const ofSentinel = await examine(`redis://127.0.0.1:${sentinelPort}`)
    expect(ofSentinel.some(each => each.level === 'problem' && each.what.includes('Sentinel'))).toBe(true)

    await using replica = await startRedis(['--replicaof', '127.0.0.1', String(redis.port)])
    const finding = only(await examine(replica.url), 'redis topology')
    expect(finding).toMatchObject({ level: 'problem', what: expect.stringContaining('is a replica') })
  })
})

describe('a Redis that is set dangerously', () => {
  test('that keeps nothing', async () => {
    await using forgetful = await startRedis()
    const finding = only(await examine(forgetful.url), 'redis persistence')
    expect(finding).toMatchObject({ level: 'problem', what: expect.stringContaining('appendonly is off') })
    expect(finding.todo).toContain('appendonly yes')
  })

  test('that can not write what it should keep', async () => {
    // As Redis tells it when its disk is full.
    const info = (await redis.client.info()).replace('aof_last_write_status:ok', 'aof_last_write_status:err')
    const target = parseRedisUrl(redis.url)
    if (!target.ok) throw new Error(target.failure)
    const { findings } = await readServers([{ call: async () => info }], target.value)
    expect(only(findings, 'redis persistence')).toMatchObject({
      level: 'problem',
      what: expect.stringContaining('aof_last_write_status'),
    })
  })

  test('that throws keys away, or would', async () => {
    await using evicting = await startRedis(['--maxmemory-policy', 'allkeys-lru'])
    expect(only(await examine(evicting.url), 'redis memory').level).toBe('warning')
    await evicting.client.config('SET', 'maxmemory', '100mb')
    expect(only(await examine(evicting.url), 'redis memory')).toMatchObject({
      level: 'problem',
      what: expect.stringContaining('allkeys-lru'),
    })
  })

  test('that is nearly full', async () => {
    await using full = await startRedis()
    const used = /used_memory:(\d+)/.exec(await full.client.info('memory'))![1]!
    await full.client.config('SET', 'maxmemory', used)
    expect(only(await examine(full.url), 'redis memory')).toMatchObject({
      level: 'problem',
      what: expect.stringContaining('% of its maxmemory'),
    })
  })
})

describe('a Redis that does not let us', () => {
  const asUser = async (name: string, ...rules: string[]) => {
    await redis.client.call('ACL', 'SETUSER', name, 'reset', 'on', '>secret', ...rules)
    return examine(`redis://${name}:secret@127.0.0.1:${redis.port}`)
  }

  test('use pub/sub', async () => {
    const finding = only(await asUser('deaf', '~*', '+@all', 'resetchannels'), 'redis pub/sub')
    expect(finding).toMatchObject({
      level: 'problem',
      what: expect.stringContaining('Pub/sub does not work'),
    })
  })

  test('run scripts, move jobs, or write keys of the backend', async () => {
    const told = troubles(
      await asUser('weak', '~hookswitch:*', '~talkiq-*', '&*', '+@all', '-eval', '-blmove'),
    )
    expect(told).toEqual([
      expect.stringMatching(
        /^problem redis rights: We can't write keys under redswitch\., write keys under redswitch_history\., run scripts \(EVAL\), move jobs \(BLMOVE\): NOPERM /,
      ),
    ])
  })

  test('read the job lists', async () => {
    const told = troubles(await asUser('blind', '~hookswitch:*', '~redswitch*', '&*', '+@all'))
    expect(told).toEqual([
      expect.stringContaining("problem redis rights: We can't read talkiq-asp.calls, read "),
    ])
  })

  test('see how it is set', async () => {
    const finding = only(await asUser('shy', '~*', '&*', '+@all', '-info'), 'redis version')
    expect(finding).toMatchObject({ level: 'warning', what: expect.stringContaining('does not tell') })
  })
})

test('a job list that is something else is told', async () => {
  await redis.client.set('talkiq-bot.calls', 'not a list')
  const finding = only(await examine(redis.url), 'redis job lists')
  await redis.client.del('talkiq-bot.calls')
  expect(finding).toMatchObject({
    level: 'problem',
    what: expect.stringContaining('talkiq-bot.calls is a string'),
  })
})

test('a Redis far away is told as slow', async () => {
  await using line = await openLine(redis.port, { delayMs: 30 })
  const finding = only(await examine(`redis://127.0.0.1:${line.port}`), 'redis round trip')
  expect(finding).toMatchObject({
    level: 'warning',
    what: expect.stringContaining('A round trip to Redis takes'),
  })
})

test('a clock that is wrong is told, by how far and in which direction', async () => {
  const late = only(await examine(redis.url, { clock: () => Date.now() - 10_000 }), 'clock')
  expect(late).toMatchObject({ level: 'warning', what: expect.stringMatching(/\d+ s behind Redis/) })
  const early = only(await examine(redis.url, { clock: () => Date.now() + 3_600_000 }), 'clock')
  expect(early).toMatchObject({ level: 'problem', what: expect.stringMatching(/3[56]\d\d s ahead of Redis/) })
  expect(early.todo).toContain('NTP')
})
