// What a backend does with Redis, seen from its side of the wire: it queues a job, says something on a channel and
// counts who heard it, hears what is said there, reads a user's history, and looks at which calls there are. The
// command line is such a backend. Nothing here knows what a job or a message means.
import type { Log } from '../log.ts'
import { messageOf } from '../result.ts'
import { type AgentCard, openAgentRoll } from './agents.ts'
import { type CallRecord, openCalls } from './calls.ts'
import { openRedis, type RedisConnection, type RedisSettings, RedisUnavailable } from './connect.ts'
import { historyKey } from './keys.ts'
import { isCluster, reachable } from './scripts.ts'

/** What hears one channel. */
export interface Ear {
  onMessage: (text: string) => void
  /** The connection is lost: what is published now is not heard. */
  onLost?: () => void
  /** The channel is heard again, after a gap. */
  onBack?: () => void
}

/** An agent that lives, or one that died and whose calls nobody has taken over yet. */
export interface SeenAgent {
  agent: string
  /** Undefined: it died. */
  card: AgentCard | undefined
}

/** A living call and the agent that owns it. */
export interface OwnedCall {
  record: CallRecord
  owner: SeenAgent
}

export interface Backend {
  /** Puts a job at the end of its list. @returns how many jobs wait there now, this one included. */
  queueJob(list: string, job: string): Promise<number>
  /** Hears a channel from the moment that this resolves. One ear for each channel. */
  listen(channel: string, ear: Ear): Promise<void>
  /** Resolves when a channel's messages of before have been heard: they come on another connection than what is asked
   *  meanwhile. (In a Cluster but for those still on their way between two nodes.) */
  caughtUp(channel: string): Promise<void>
  /** @returns how many subscribers got it, our own ear included; undefined in a Cluster, where nobody knows. */
  publish(channel: string, message: string): Promise<number | undefined>
  /** The call of that dial id, or undefined when none lives. */
  findCall(dialId: string): Promise<CallRecord | undefined>
  /** The agents that there are. */
  agents(): Promise<SeenAgent[]>
  /** All living calls, in no particular order. */
  calls(): Promise<OwnedCall[]>
  /** The events of a user's newest call, newest first, as they were published. */
  history(user: { orgId: string; userId: string }): Promise<string[]>
  close(): void
}

/** Connects. @throws RedisUnavailable from here and from every method; here at the first refusal already, because
 *  somebody waits at a terminal, and when the signal aborts. */
export async function openBackend(
  settings: RedisSettings,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<Backend> {
  const opened: RedisConnection[] = []
  const ears = new Map<string, Ear>()
  const open = async (purpose: 'commands' | 'subscriber') => {
    const connection = openRedis(settings, purpose, log)
    opened.push(connection)
    await ready(connection, settings.connectTimeoutMs, signal)
    return connection
  }
  const close = () => {
    // Nobody wants to hear of a loss that is our own doing.
    ears.clear()
    for (const connection of opened) connection.disconnect()
  }

  let redis: RedisConnection
  try {
    redis = await open('commands')
  } catch (thrown) {
    close()
    throw thrown
  }
  const store = openCalls(redis)
  const roll = openAgentRoll(redis)
  const agents = async () => [...(await roll.all())].map(([agent, card]) => ({ agent, card }))

  let subscriber: Promise<RedisConnection> | undefined
  const openSubscriber = async () => {
    const connection = await open('subscriber')
    connection.on('message', (channel: string, text: string) => ears.get(channel)?.onMessage(text))
    connection.on('close', () => {
      for (const ear of ears.values()) ear.onLost?.()
    })
    // Ready comes before the resubscribing of ioredis has been answered; SUBSCRIBE again is harmless, and its reply
    // says that we hear.
    connection.on('ready', () => {
      for (const [channel, ear] of ears)
        connection.subscribe(channel).then(
          () => ear.onBack?.(),
          thrown => log.debug({ reason: messageOf(thrown) }, 'not heard yet; the next reconnect tries again'),
        )
    })
    return connection
  }

  return {
    queueJob: (list, job) => reachable(redis.rpush(list, job)),

    async listen(channel, ear) {
      subscriber ??= openSubscriber()
      ears.set(channel, ear)
      await reachable((await subscriber).subscribe(channel))
    },

    async caughtUp(channel) {
      if (subscriber) await reachable((await subscriber).subscribe(channel))
    },

    async publish(channel, message) {
      const receivers = await reachable(redis.publish(channel, message))
      // A node counts its own subscribers only.
      return isCluster(redis) ? undefined : receivers
    },

    findCall: dialId => store.find(dialId),
    agents,

    async calls() {
      const owners = await agents()
      const found = await Promise.all(
        owners.map(async owner => {
          const dialIds = await store.ownedBy(owner.agent)
          const records = await Promise.all(dialIds.map(store.find))
          return records.flatMap(record => (record ? [{ record, owner }] : []))
        }),
      )
      return found.flat()
    },

    history: user => reachable(redis.lrange(historyKey(user), 0, -1)),
    close,
  }
}

function ready(connection: RedisConnection, limitMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onError = (error: Error) => reject(new RedisUnavailable(error.message, { cause: error }))
  const onAbort = () => reject(new RedisUnavailable('not waited for'))
  const timer = setTimeout(() => reject(new RedisUnavailable(`no connection within ${limitMs} ms`)), limitMs)
  connection.on('error', onError)
  connection.once('ready', resolve)
  signal.addEventListener('abort', onAbort)
  return promise.finally(() => {
    clearTimeout(timer)
    connection.off('error', onError)
    connection.off('ready', resolve)
    signal.removeEventListener('abort', onAbort)
  })
}
