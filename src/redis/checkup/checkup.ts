// Examines Redis as the service will use it: opens connections by the same settings, asks the server what it is and
// how it is set, and tries what calls need of it. Every connection is closed again; what is written for a trial
// carries a name of its own and an expiry. What the answers mean to a person is said here and in the files beside.
import { compareClocks, type Finding, fine, problem, warning } from '../../base/finding.ts'
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { type Clock, MS_PER_SECOND, toSeconds } from '../../base/units.ts'
import { parseRedisUrl, type RedisTarget } from '../../config/redisUrl.ts'
import { openRedis, type RedisConnection, type RedisSettings } from '../connect.ts'
import { isCluster } from '../scripts.ts'
import { readServer } from './server.ts'
import { tryChannels, tryRights } from './trial.ts'

export interface RedisCheckupOptions {
  settings: RedisSettings
  /** Job lists: the backend's names, which must be lists, and ours to read and write. */
  jobLists: readonly string[]
  clock: Clock
  log: Log
  /** For the connection; each command has its own limit. */
  limitMs: number
}

/** Round trips to take the median of. */
const ROUND_TRIPS = 11

/** A wake takes two or three round trips, a dialled call a dozen. */
const SLOW_MS = 10

/** Never rejects: what can't be asked is a finding. */
export async function examineRedis(options: RedisCheckupOptions): Promise<Finding[]> {
  const { settings, log, clock } = options
  const target = parseRedisUrl(settings.url)
  if (!target.ok) return []
  const connection = openRedis(settings, 'commands', log)
  try {
    const refusal = await connected(connection, options.limitMs)
    if (refusal !== undefined) return [refusalFinding(refusal, target.value)]
    const nodes = isCluster(connection) && 'nodes' in connection ? connection.nodes('master') : [connection]
    const findings = await Promise.all([
      fine('redis connection', `Redis answers (${describe(target.value, nodes.length)}).`),
      ...nodes.map((node, index) => readServer(node, target.value, nodes.length > 1 ? index + 1 : undefined)),
      timeRoundTrip(connection),
      readClock(connection, clock),
      tryRights(connection, options.jobLists),
      tryChannels(connection, () => openRedis(settings, 'subscriber', log)),
    ])
    return findings.flat()
  } finally {
    connection.disconnect()
  }
}

/** @returns undefined once it is usable, else why not. */
function connected(connection: RedisConnection, limitMs: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const onError = (error: Error & { lastNodeError?: Error }) =>
    resolve(error.lastNodeError?.message ?? error.message)
  const timer = setTimeout(() => resolve(`no answer within ${toSeconds(limitMs)} s`), limitMs)
  connection.on('error', onError)
  connection.once('ready', () => resolve(undefined))
  return promise.finally(() => {
    clearTimeout(timer)
    connection.off('error', onError)
  })
}

/** Redis' own words, and what they mean. The first that fits. */
const REFUSALS: { words: RegExp; what: string; todo: string }[] = [
  {
    words: /NOAUTH|WRONGPASS|invalid password|without any password/i,
    what: 'Redis refuses the password',
    todo: 'Put the right one into PUBSUB_REDIS_URL (redis://user:password@host); a special character is written %XX there.',
  },
  {
    words: /cluster support disabled/i,
    what: 'PUBSUB_REDIS_URL names several nodes, and they are no Cluster',
    todo: 'Name one server alone, or use redis+sentinel:// for a master with replicas.',
  },
  {
    words: /CLUSTERDOWN/i,
    what: 'The Cluster is down',
    todo: 'Not all of its slots are served: see CLUSTER INFO and CLUSTER NODES.',
  },
  {
    words: /unknown command .?sentinel/i,
    what: 'PUBSUB_REDIS_URL names Sentinels, and what answers is none',
    todo: 'Name the Sentinels (their port is 26379 by default), or use redis:// for the server itself.',
  },
  {
    words: /certificate|self.signed|\bTLS\b|\bSSL\b/i,
    what: 'The TLS connection to Redis fails',
    todo: 'Name its CA in NODE_EXTRA_CA_CERTS, and in rediss:// a host name that stands in its certificate.',
  },
  {
    words: /unknown command/i,
    what: 'Redis is too old',
    todo: 'Version 6.2 is needed: jobs are taken by BLMOVE.',
  },
]

function refusalFinding(words: string, target: RedisTarget): Finding {
  const known = REFUSALS.find(each => each.words.test(words))
  if (known) return problem('redis connection', `${known.what} (${words.slice(0, 120)}).`, known.todo)
  const isEncrypted = target.server.tls !== undefined
  return problem(
    'redis connection',
    `Redis can't be reached at ${addressOf(target)}: ${words}.`,
    `Start it, or mend PUBSUB_REDIS_URL; see that no firewall stands between.${
      isEncrypted ? ' A server without TLS gives no answer to rediss:// either.' : ''
    }`,
  )
}

const addressOf = (target: RedisTarget): string => {
  if (target.kind === 'single') return `${target.server.host}:${target.server.port}`
  const nodes = target.kind === 'cluster' ? target.nodes : target.sentinels
  return nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
}

function describe(target: RedisTarget, masters: number): string {
  const tls = target.server.tls ? ', TLS' : ''
  if (target.kind === 'cluster') return `Cluster, ${masters} masters${tls}`
  if (target.kind === 'sentinel') return `Sentinel, master ${target.masterName}${tls}`
  return `${addressOf(target)}${tls}`
}

async function timeRoundTrip(connection: RedisConnection): Promise<Finding[]> {
  const tookMs: number[] = []
  try {
    for (let trip = 0; trip < ROUND_TRIPS; trip++) {
      const startedMs = performance.now()
      await connection.call('PING')
      tookMs.push(performance.now() - startedMs)
    }
  } catch (thrown) {
    return [problem('redis round trip', `Redis stops answering: ${messageOf(thrown)}.`, 'See its own log.')]
  }
  const medianMs = tookMs.sort((a, b) => a - b)[Math.floor(ROUND_TRIPS / 2)]!
  const time = `${medianMs.toFixed(1)} ms`
  if (medianMs < SLOW_MS) return [fine('redis round trip', `A round trip to Redis takes ${time}.`)]
  return [
    warning(
      'redis round trip',
      `A round trip to Redis takes ${time}; every step of a call waits for one or more.`,
      'Run Redis in the same zone as the service, and nothing slow in it (SLOWLOG GET).',
    ),
  ]
}

async function readClock(connection: RedisConnection, clock: Clock): Promise<Finding[]> {
  const askedAtMs = clock()
  try {
    const [seconds, micros] = (await connection.call('TIME')) as [string, string]
    const theirsMs = Number(seconds) * MS_PER_SECOND + Number(micros) / 1_000
    return [compareClocks('Redis', theirsMs - (askedAtMs + clock()) / 2)]
  } catch {
    // TIME may be forbidden to our user; the other clocks are compared too.
    return []
  }
}
