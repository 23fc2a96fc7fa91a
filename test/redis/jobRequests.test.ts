// A job that is asked for twice stands in its list once, on one server and on a Cluster, where its list, its note and
// its call are on other nodes.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openRedis, type RedisConnection } from '../../src/redis/connect.ts'
import { type JobRequests, openJobRequests } from '../../src/redis/jobs/jobRequests.ts'
import { callKey } from '../../src/redis/keys.ts'
import { SERVER_AND_CLUSTER } from '../harness/cluster.ts'

const LISTS = ['talkiq-asp.calls', 'talkiq-bot.calls', 'talkiq-load.calls'] as const
const log = pino({ level: 'silent' }) as unknown as Log

describe.each(SERVER_AND_CLUSTER)('on %s', (_, start) => {
  let redis: RedisConnection
  let requests: JobRequests
  let close: () => PromiseLike<void>
  beforeAll(async () => {
    const started = await start()
    redis = openRedis({ url: started.url, connectTimeoutMs: 2_000 }, 'commands', log)
    requests = openJobRequests(redis)
    await new Promise(resolve => redis.once('ready', resolve))
    close = started.close
  })
  afterAll(async () => {
    redis.disconnect()
    await close()
  })

  const queue = (dialId: string, more: { fingerprint?: string; key?: string; list?: string } = {}) => {
    const { fingerprint = 'f', key, list = LISTS[0] } = more
    const [first, second] = LISTS.filter(each => each !== list)
    const job = JSON.stringify({ dialId, fingerprint })
    return requests.queue({ list, otherLists: [first!, second!], dialId, job, fingerprint, key })
  }

  test('a hundred same requests at once are one job each', async () => {
    const dialIds = Array.from({ length: 20 }, (_, index) => `same-${index}`)
    const answers = await Promise.all(
      dialIds.flatMap(dialId => Array.from({ length: 5 }, () => queue(dialId))),
    )
    expect(answers.filter(each => each.kind === 'queued')).toHaveLength(20)
    expect(answers.filter(each => each.kind === 'repeated')).toHaveLength(80)
    expect(await redis.llen(LISTS[0])).toBe(20)
  })

  test('a key is one request’s, whatever its dial id', async () => {
    expect((await queue('key-1', { key: 'k' })).kind).toBe('queued')
    expect(await queue('key-2', { key: 'k' })).toMatchObject({ kind: 'repeated', dialId: 'key-1' })
    expect(await queue('key-3', { key: 'k', fingerprint: 'other' })).toEqual({
      kind: 'key-reused',
      dialId: 'key-1',
    })
  })

  test('another job of the dial id waits for the first', async () => {
    expect((await queue('other')).kind).toBe('queued')
    expect((await queue('other', { fingerprint: 'other' })).kind).toBe('queued-before')
  })

  test('a dial id whose call lives is refused, but not to whoever made it', async () => {
    expect((await queue('alive')).kind).toBe('queued')
    await redis.hset(callKey('alive'), 'owner', 'agent')
    expect((await queue('alive')).kind).toBe('repeated')
    await redis.hset(callKey('foreign'), 'owner', 'agent')
    expect((await queue('foreign')).kind).toBe('alive')
    expect((await queue('foreign', { list: LISTS[1] })).kind).toBe('alive')
  })
})
