// Examines Redis as the service will use it: opens connections by the same settings, asks the server what it is and
// how it is set, and tries what calls need of it. Every connection is closed again; what is written for a trial
// carries a name of its own and an expiry. What the answers mean to a person is said here and in the files beside.

import { failureWords } from '../../base/failureWords.ts'
import { compareClocks, type Finding, fine, problem, warning } from '../../base/finding.ts'
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { findSpeaker, orMistake, SPEAKER_WORDS, type Speaker } from '../../base/speaker.ts'
import { type Clock, MS_PER_SECOND, toSeconds } from '../../base/units.ts'
import { parseRedisUrl, type RedisNode, type RedisTarget } from '../../config/redisUrl.ts'
import { openRedis, type RedisConnection, type RedisSettings } from '../connect.ts'
import { isCluster } from '../scripts.ts'
import { readServers } from './server.ts'
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
    const refusal = await refusalOf(connection, target.value, options.limitMs)
    if (refusal) return [refusal]
    const nodes = isCluster(connection) && 'nodes' in connection ? connection.nodes('master') : [connection]
    const { isUsable, findings } = await readServers(nodes, target.value)
    // What is tried at a replica or a Sentinel fails in a dozen ways that all say the same.
    if (!isUsable) return findings
    const tried = await Promise.all([
      timeRoundTrip(connection),
      readClock(connection, clock),
      tryRights(connection, options.jobLists),
      tryChannels(connection, () => openRedis(settings, 'subscriber', log)),
    ])
    if (connection.status !== 'ready') return [brokenOff(target.value)]
    const answers = fine('redis connection', `Redis answers (${describe(target.value, nodes.length)}).`)
    return withoutEcho([answers, ...findings, ...tried.flat()])
  } finally {
    connection.disconnect()
  }
}

/** A Redis that is full or can't write its disk refuses every write: of the trials that say it again, nothing is left. */
function withoutEcho(findings: Finding[]): Finding[] {
  const isRefusing = findings.some(
    ({ level, check }) => level === 'problem' && (check === 'redis memory' || check === 'redis persistence'),
  )
  const isEcho = ({ check, what }: Finding) => check === 'redis rights' && /\b(OOM|MISCONF)\b/.test(what)
  return isRefusing ? findings.filter(each => !isEcho(each)) : findings
}

const brokenOff = (target: RedisTarget): Finding =>
  problem(
    'redis connection',
    `Redis at ${addressOf(target)} takes us in, and then the connection breaks off.`,
    "See its own log, and what stands between (a proxy's time-out, CLIENT KILL).",
  )

/** @returns undefined once it is usable. */
async function refusalOf(
  connection: RedisConnection,
  target: RedisTarget,
  limitMs: number,
): Promise<Finding | undefined> {
  const speaker = () => findSpeaker(firstNodeOf(target), limitMs / 2)
  const first = await orMistake(connected(connection, limitMs), speaker, each =>
    mistakenFinding(each, target, addressOf(target)),
  )
  if ('mistake' in first) return first.mistake
  return first.outcome && refusalFinding(first.outcome, target, speaker)
}

/** @returns undefined once it is usable, else why not. */
function connected(connection: RedisConnection, limitMs: number): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  const onError = (error: Error & { lastNodeError?: Error }) => resolve(error.lastNodeError ?? error)
  const timer = setTimeout(() => resolve(new Error(`no answer within ${toSeconds(limitMs)} s`)), limitMs)
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
    words: /unknown command .?hello/i,
    what: 'Redis is too old',
    todo: 'Version 6.2 is needed: jobs are taken by BLMOVE.',
  },
  {
    words: /certificate|self.signed/i,
    what: 'The TLS connection to Redis fails',
    todo: 'Name its CA in NODE_EXTRA_CA_CERTS, and in rediss:// a host name that stands in its certificate.',
  },
]

async function refusalFinding(
  error: Error,
  target: RedisTarget,
  speaker: () => Promise<Speaker>,
): Promise<Finding> {
  const check = 'redis connection'
  // Redis' own words decide; shown are plain ones where there are any.
  const shown = failureWords(error) ?? error.message.slice(0, WORDS_LENGTH_MAX)
  if (/unknown command .?sentinel/i.test(error.message)) return noSentinel()
  const known = REFUSALS.find(each => each.words.test(error.message))
  if (known) return problem(check, `${known.what}: ${shown}.`, known.todo)
  const at = addressOf(target)
  const mistaken = mistakenFinding(await speaker(), target, at)
  if (mistaken) return mistaken
  const todo = 'Start it, or mend PUBSUB_REDIS_URL; see that no firewall stands between.'
  return problem(check, `Redis can't be reached at ${at}: ${shown}.`, todo)
}

/** Of Redis' own words about a refusal, before they quote a script. */
const WORDS_LENGTH_MAX = 120

const firstNodeOf = (target: RedisTarget): RedisNode => {
  if (target.kind === 'single') return target.server
  return (target.kind === 'cluster' ? target.nodes : target.sentinels)[0]!
}

/** When something answers there that is not what the URL says. @returns undefined when it is. */
function mistakenFinding(speaker: Speaker, target: RedisTarget, at: string): Finding | undefined {
  const check = 'redis connection'
  const isEncrypted = target.server.tls !== undefined
  switch (speaker) {
    case 'redis-tls':
      if (isEncrypted) return undefined
      return problem(
        check,
        `Redis at ${at} speaks TLS, and PUBSUB_REDIS_URL says ${schemeOf(target)}.`,
        `Write ${schemeOf(target, 's')} in PUBSUB_REDIS_URL, and name its CA in NODE_EXTRA_CA_CERTS if it is your own.`,
      )
    case 'sentinel':
      if (target.kind === 'sentinel' && !isEncrypted) return undefined
      return problem(
        check,
        `What listens at ${at} is a Redis Sentinel, and PUBSUB_REDIS_URL does not say so.`,
        'Write redis+sentinel://host:port,host:port/<name of the master>.',
      )
    case 'redis':
      if (!isEncrypted) return target.kind === 'sentinel' ? noSentinel() : undefined
      return problem(
        check,
        `Redis at ${at} speaks no TLS, and PUBSUB_REDIS_URL says ${schemeOf(target)}.`,
        'Write redis:// in place of rediss://, or name the port that speaks TLS (tls-port in redis.conf).',
      )
    case 'silent':
    case 'unreachable':
      return undefined
    default:
      return problem(
        check,
        `What listens at ${at} is ${SPEAKER_WORDS[speaker]}, not Redis.`,
        `Mend host and port in PUBSUB_REDIS_URL: Redis has port 6379 by default, Sentinels 26379.`,
      )
  }
}

const noSentinel = (): Finding =>
  problem(
    'redis connection',
    'PUBSUB_REDIS_URL names Sentinels, and what answers is an ordinary Redis.',
    'Name the Sentinels (their port is 26379 by default), or use redis:// for the server itself.',
  )

/** As the URL begins. */
const schemeOf = ({ kind, server }: RedisTarget, tls = server.tls ? 's' : ''): string =>
  `redis${tls}${kind === 'sentinel' ? '+sentinel' : ''}://`

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
