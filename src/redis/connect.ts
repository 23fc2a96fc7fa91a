// Opens connections to Redis: one server, Sentinel or Cluster, with or without TLS, from one URL. The only room
// that imports ioredis. Connections reconnect by themselves for ever; a command sent while there is none, or
// unanswered for too long, fails at once as `RedisUnavailable`, so that no caller hangs.
import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Log } from '../log.ts'
import { fail, messageOf, ok, type Result } from '../result.ts'

export type RedisConnection = Redis | Cluster

export interface RedisSettings {
  url: string
  connectTimeoutMs: number
}

/** Redis can't be asked right now: not connected, too slow, read-only after a failover, full. Callers answer with
 *  their own "try later"; the cause is kept for the log. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable'
}

/** A PBX must have its NAK within a second when Redis hangs, so a command gets less than that. */
const COMMAND_TIMEOUT_MS = 800

/** What a connection is for. Commands fail fast; a subscriber must wait for its server to come back; a blocking
 *  pop has no reply for as long as there is no job. */
export type RedisPurpose = 'commands' | 'subscriber' | 'blocking'

/** Opens one connection and returns at once; it connects in the background and keeps reconnecting. */
export function openRedis(settings: RedisSettings, purpose: RedisPurpose, log: Log): RedisConnection {
  const target = parseRedisUrl(settings.url)
  if (!target.ok) throw new Error(`PUBSUB_REDIS_URL ${target.failure}`)
  const connection = connect(target.value, optionsFor(purpose, settings))
  // ioredis throws an unhandled 'error' into the process without a listener. One line per outage, not per attempt.
  let isDown = false
  connection.on('error', (error: Error) => {
    if (!isDown)
      log.warn({ purpose, reason: error.message }, 'redis connection lost or refused; reconnecting')
    isDown = true
  })
  connection.on('ready', () => {
    if (isDown) log.info({ purpose }, 'redis connection is back')
    isDown = false
  })
  return connection
}

function connect(target: RedisTarget, options: RedisOptions): RedisConnection {
  switch (target.kind) {
    case 'single':
      return new Redis({ ...target.server, ...options })
    case 'sentinel':
      return new Redis({ ...target.server, ...options, sentinels: target.sentinels, name: target.masterName })
    case 'cluster': {
      const { host: _host, port: _port, ...credentials } = target.server
      return new Cluster(target.nodes, {
        redisOptions: { ...credentials, ...options },
        enableOfflineQueue: options.enableOfflineQueue ?? false,
        enableAutoPipelining: options.enableAutoPipelining ?? false,
        clusterRetryStrategy: backoffMs,
      })
    }
  }
}

function optionsFor(purpose: RedisPurpose, settings: RedisSettings): RedisOptions {
  const shared: RedisOptions = {
    connectTimeout: settings.connectTimeoutMs,
    retryStrategy: backoffMs,
    keepAlive: 10_000,
    noDelay: true,
    autoResendUnfulfilledCommands: false,
    // A replica that was a master until a moment ago refuses writes: reconnect, and find the new master.
    reconnectOnError: error => (error.message.startsWith('READONLY') ? 1 : false),
  }
  switch (purpose) {
    case 'commands':
      return {
        ...shared,
        commandTimeout: COMMAND_TIMEOUT_MS,
        enableOfflineQueue: false,
        enableAutoPipelining: true,
        maxRetriesPerRequest: 0,
      }
    case 'subscriber':
      return { ...shared, autoResubscribe: true, maxRetriesPerRequest: null }
    case 'blocking':
      return { ...shared, enableOfflineQueue: false, maxRetriesPerRequest: 0 }
  }
}

const BACKOFF_MIN_MS = 50
const BACKOFF_MAX_MS = 1_000

/** Doubles up to a second, with jitter so that a hundred pods don't come back in the same millisecond. */
function backoffMs(attempt: number): number {
  const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempt, 10))
  return ceilingMs / 2 + Math.random() * (ceilingMs / 2)
}

interface Server {
  host: string
  port: number
  username?: string
  password?: string
  db?: number
  tls?: ConnectionOptions
}

export type RedisTarget =
  | { kind: 'single'; server: Server }
  | { kind: 'cluster'; server: Server; nodes: { host: string; port: number }[] }
  | {
      kind: 'sentinel'
      server: Omit<Server, 'host' | 'port'>
      sentinels: { host: string; port: number }[]
      masterName: string
    }

const DEFAULT_PORT = 6379
const DEFAULT_SENTINEL_PORT = 26379

/** Reads `PUBSUB_REDIS_URL`. Credentials stand in the first node's URL and count for all nodes.
 *  @returns a sentence that never repeats the URL, because it may hold a password. */
export function parseRedisUrl(url: string): Result<RedisTarget, string> {
  try {
    if (url.startsWith('redis+sentinel://') || url.startsWith('rediss+sentinel://'))
      return ok(parseSentinel(url))
    const [first, ...rest] = url.split(',').map(each => each.trim())
    const server = parseServer(first ?? '')
    if (rest.length === 0) return ok({ kind: 'single', server })
    const others = rest.map(each => parseServer(each.includes('://') ? each : `redis://${each}`))
    return ok({
      kind: 'cluster',
      server,
      nodes: [server, ...others].map(({ host, port }) => ({ host, port })),
    })
  } catch (thrown) {
    return fail(messageOf(thrown))
  }
}

function parseServer(text: string): Server {
  if (!URL.canParse(text)) throw new Error('must be a redis:// or rediss:// URL')
  const { protocol, hostname, port, username, password, pathname } = new URL(text)
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    throw new Error('must begin with redis:// or rediss://')
  const db = pathname.length > 1 ? Number(pathname.slice(1)) : 0
  if (!Number.isInteger(db)) throw new Error('has a database that is not a number')
  return {
    host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: port === '' ? DEFAULT_PORT : Number(port),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(db === 0 ? {} : { db }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

/** `redis+sentinel://[user:password@]host:port,host:port/masterName[/db]`: several hosts are no URL of the standard. */
function parseSentinel(url: string): RedisTarget {
  const [scheme = '', rest = ''] = url.split('+sentinel://')
  const slash = rest.indexOf('/')
  if (slash < 0) throw new Error('names no master: redis+sentinel://host:port,host:port/masterName')
  const authority = rest.slice(0, slash)
  const [masterName = '', db = ''] = rest.slice(slash + 1).split('/')
  const at = authority.lastIndexOf('@')
  const {
    host: _host,
    port: _port,
    ...server
  } = parseServer(`${scheme}://${authority.slice(0, at + 1)}unused/${db}`)
  const sentinels = authority
    .slice(at + 1)
    .split(',')
    .map(each => {
      const { hostname, port } = new URL(`redis://${each}`)
      return { host: hostname, port: port === '' ? DEFAULT_SENTINEL_PORT : Number(port) }
    })
  return { kind: 'sentinel', server, sentinels, masterName: decodeURIComponent(masterName) }
}
