// Opens connections to Redis: one server, Sentinel or Cluster, with or without TLS, from one URL. The only room
// that imports ioredis. Connections reconnect by themselves for ever; a command sent while there is none, or
// unanswered for too long, fails at once as `RedisUnavailable`, so that no caller hangs. A connection that stays silent
// is closed, and made anew, to another server if there is one by then.
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { parseRedisUrl, type RedisNode, type RedisTarget } from '../config/redisUrl.ts'
import { teachTracingChannels } from './tracing.ts'

teachTracingChannels()

export type RedisConnection = Redis | Cluster

export interface RedisSettings {
  url: string
  connectTimeoutMs: number
}

/** Redis can't be asked right now: not connected, too slow, read-only after a failover, full. Callers answer with
 *  their own "try later"; the cause is kept for the log. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable'

  /** In Redis' or its client's own words, which the message may put plainly. */
  get #said(): string {
    return this.cause instanceof Error ? this.cause.message : this.message
  }

  /** Redis answered, and will answer the same until somebody changes it: a key of another type, a right that our user
   *  lacks, a command that this Redis does not know. */
  get isLasting(): boolean {
    return LASTING.test(this.#said)
  }

  /** The command has never left this process, so Redis can't carry it out later. */
  get isUnsent(): boolean {
    return UNSENT.test(this.#said)
  }
}

/** ioredis's words where it has no connection to write to. */
const UNSENT = /^(Stream isn't writeable|Cluster isn't ready)\b/

const LASTING = /^(WRONGTYPE|NOPERM|NOAUTH|WRONGPASS)\b|^ERR unknown command/

/** A PBX must have its NAK within a second when Redis hangs, so a command gets less than that. */
export const COMMAND_TIMEOUT_MS = 800

/** Nothing has come for so long after something was asked: the server is stopped, or the way to it drops everything,
 *  and no error ever tells. A blocking pop must end sooner by itself. Redis itself stands still for a second or two now
 *  and then (a fork, a slow script). */
export const SILENT_AFTER_MS = 3_000

/** Who asked nothing for so long is asked for a PONG: so a server that has fallen silent is left within four seconds, used
 *  or not. */
const ASKED_EVERY_MS = 500

/** Nobody waits for a timeline: its connection is asked rarely, and left when its next write finds nobody. */
const TIMELINES_ASKED_EVERY_MS = 2_000

/** A peer that lives answers the end of a connection at once; a silent one is not waited for. */
const DISCONNECT_TIMEOUT_MS = 200

/** For one Sentinel's answer; then the next one is asked. */
const SENTINEL_TIMEOUT_MS = 1_000

/** What a connection is for. Commands fail fast, and so do those of timelines, which nobody waits for; a subscriber must wait
 *  for its server to come back; a blocking pop has no reply for as long as there is no job. */
export type RedisPurpose = 'commands' | 'timelines' | 'subscriber' | 'blocking'

const isOfCommands = (purpose: RedisPurpose): boolean => purpose === 'commands' || purpose === 'timelines'

/** Opens one connection and returns at once; it connects in the background and keeps reconnecting. */
export function openRedis(settings: RedisSettings, purpose: RedisPurpose, log: Log): RedisConnection {
  const target = parseRedisUrl(settings.url)
  if (!target.ok) throw new Error(`PUBSUB_REDIS_URL ${target.failure}`)
  const connection = connect(target.value, purpose, optionsFor(purpose, settings))
  if (purpose === 'subscriber') leaveSilenceToSelfTest(connection)
  // A blocking pop asks by itself.
  if (purpose === 'commands') keepAsking(connection, ASKED_EVERY_MS)
  if (purpose === 'timelines') keepAsking(connection, TIMELINES_ASKED_EVERY_MS)
  // ioredis throws an unhandled 'error' into the process without a listener. One line per outage, not per attempt.
  let isDown = false
  connection.on('error', (error: Error) => {
    if (!isDown)
      log.warn({ purpose, reason: messageOf(error) }, 'redis connection lost or refused; reconnecting')
    isDown = true
  })
  connection.on('ready', () => {
    if (isDown) log.info({ purpose }, 'redis connection is back')
    isDown = false
  })
  return connection
}

function connect(target: RedisTarget, purpose: RedisPurpose, options: RedisOptions): RedisConnection {
  const OwnRedis = isOfCommands(purpose) ? GatheringRedis : Redis
  switch (target.kind) {
    case 'single':
      return new OwnRedis({ ...target.server, ...options })
    case 'sentinel': {
      const { sentinels, masterName: name, server } = target
      // ioredis leaves both in the clear unless told otherwise.
      const tls = server.tls ? { enableTLSForSentinelMode: true, sentinelTLS: server.tls } : {}
      return new OwnRedis({ ...server, ...options, ...tls, sentinels, name })
    }
    case 'cluster': {
      const { host: _host, port: _port, ...credentials } = target.server
      if (purpose === 'subscriber') return connectToAny(target.nodes, { ...credentials, ...options })
      return new Cluster(target.nodes, {
        redisOptions: { ...credentials, ...options },
        // ioredis would connect to the address behind a node's name, and certificates name names.
        ...(credentials.tls ? { dnsLookup: (name, callback) => callback(null, name) } : {}),
        enableOfflineQueue: options.enableOfflineQueue ?? true,
        // Gathers as well, by node.
        enableAutoPipelining: isOfCommands(purpose),
        clusterRetryStrategy: backoffMs,
      })
    }
  }
}

/** Writes what is asked in one turn of the event loop together, at its end: a write to a socket costs more than a command.
 *  ioredis's own gathering makes a second promise and a second queue for each command, and holds back what is asked while an
 *  earlier lot is unanswered. */
class GatheringRedis extends Redis {
  #corked: Redis['stream'] | undefined
  /** How many commands were given to it. */
  askedCount = 0

  override sendCommand(...[command, pipeline]: Parameters<Redis['sendCommand']>): unknown {
    this.askedCount += 1
    if (!pipeline && this.status === 'ready') this.#gather(this.stream)
    return super.sendCommand(command, pipeline)
  }

  #gather(stream: Redis['stream']): void {
    if (this.#corked === stream) return
    this.#corked = stream
    stream.cork()
    setImmediate(() => {
      if (this.#corked === stream) this.#corked = undefined
      stream.uncork()
    })
  }
}

/** A subscriber in a Cluster: every node hears what is published at any, so it is an ordinary connection to one of them,
 *  and to another when that is lost. ioredis's own changes its node without telling, and its listeners miss a gap. */
function connectToAny(nodes: readonly RedisNode[], options: RedisOptions): Redis {
  let index = Math.floor(Math.random() * nodes.length)
  const connection = new Redis({
    ...options,
    ...nodes[index],
    retryStrategy(attempt) {
      index = (index + 1) % nodes.length
      // Read again by each attempt to connect.
      Object.assign(connection.options, nodes[index])
      return backoffMs(attempt)
    },
  })
  return connection
}

/** Asks for a PONG where nothing else was asked since the last look: otherwise an idle connection to a server that has fallen
 *  silent is found out, and left, only after somebody needs it. A Cluster's nodes are asked in any case: what is asked of
 *  the whole may pass some of them by. */
function keepAsking(connection: RedisConnection, everyMs: number): void {
  let seenCount = 0
  const ask = () => {
    if (connection instanceof GatheringRedis && connection.askedCount !== seenCount) {
      seenCount = connection.askedCount
      return
    }
    const nodes = connection instanceof Cluster ? connection.nodes() : [connection]
    for (const node of nodes) {
      // Neither the answer nor a failure matters: `socketTimeout` closes a connection on which nothing comes, and the listener
      // for 'error' logs the outage.
      if (node.status === 'ready') node.ping().catch(() => undefined)
    }
    if (connection instanceof GatheringRedis) seenCount = connection.askedCount
  }
  const timer = setInterval(ask, everyMs)
  // One that is closed while it reconnects never tells its end.
  timer.unref()
  connection.once('end', () => clearInterval(timer))
}

/** ioredis's timer runs before the socket is read: a process that was stopped for a while with something asked would
 *  throw away the messages that wait in its socket. So the timer guards the making of a connection alone; the
 *  subscriber's self-test, which counts beats, guards one that stands. */
function leaveSilenceToSelfTest(connection: RedisConnection): void {
  const options = connection.options as RedisOptions
  connection.on('ready', () => {
    delete options.socketTimeout
  })
  connection.on('close', () => {
    options.socketTimeout = SILENT_AFTER_MS
  })
}

function optionsFor(purpose: RedisPurpose, settings: RedisSettings): RedisOptions {
  const shared: RedisOptions = {
    connectTimeout: settings.connectTimeoutMs,
    socketTimeout: SILENT_AFTER_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    retryStrategy: backoffMs,
    keepAlive: 10_000,
    noDelay: true,
    autoResendUnfulfilledCommands: false,
    // A replica that was a master until a moment ago refuses writes: reconnect, and find the new master.
    reconnectOnError: error => (error.message.startsWith('READONLY') ? 1 : false),
  }
  switch (purpose) {
    case 'commands':
    case 'timelines':
      return {
        ...shared,
        commandTimeout: COMMAND_TIMEOUT_MS,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
      }
    case 'subscriber':
      // The subscriber subscribes again by itself at 'ready', because it may have to look first at what it missed. So
      // ioredis may keep no subscription for the return.
      return { ...shared, autoResubscribe: false, enableOfflineQueue: false, maxRetriesPerRequest: null }
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
