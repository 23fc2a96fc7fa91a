// What a backend does with Redis, seen from its side of the wire: it queues a job, says something on a channel and
// counts who heard it, hears what is said there, reads a user's history, and looks at which calls there are. The
// command line is such a backend, and so is the internal API. Nothing here knows what a job or a message means.
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { nameOf } from '../dial/control/messages.ts'
import { type AgentCard, openAgentDirectory } from '../redis/agents/directory.ts'
import { type CallRecord, openCalls } from '../redis/calls/calls.ts'
import {
  COMMAND_TIMEOUT_MS,
  openRedis,
  type RedisConnection,
  type RedisSettings,
  RedisUnavailable,
} from '../redis/connect.ts'
import { type JobQueued, type JobRequest, openJobRequests } from '../redis/jobs/jobRequests.ts'
import { waitingJobsOf } from '../redis/jobs/queues.ts'
import { historyKey } from '../redis/keys.ts'
import { isCluster, reachable } from '../redis/scripts.ts'
import { type Listener, openSubscriber, type Subscriber } from '../redis/subscriber.ts'
import { type KeptTimelines, openKeptTimelines } from '../redis/timelines/timelines.ts'

/** An agent that lives, or one that died and whose calls nobody has taken over yet. */
export interface SeenAgent {
  agent: string
  /** Undefined: the agent died. */
  card: AgentCard | undefined
}

/** A living call and the agent that owns it. */
export interface OwnedCall {
  record: CallRecord
  owner: SeenAgent
}

/** @throws RedisUnavailable from every method. */
export interface Backend {
  /** Puts a job at the end of its list. @returns how many jobs wait there now, this one included. */
  queueJob(list: string, job: string): Promise<number>
  /** The same for a job that its backend may ask for twice. */
  queueOnce(request: JobRequest): Promise<JobQueued>
  /** The jobs that wait in a list, the next first, at most `max` of `total`; none of a key that is no list. */
  waiting(list: string, max: number): Promise<{ jobs: string[]; total: number }>
  /** Hears a channel from the moment that this resolves. @returns what ends the hearing. */
  listen(channel: string, listener: Listener): Promise<() => void>
  /** Resolves when the listener has heard all messages that were published before: messages and answers come over two
   *  connections. (In a Cluster but for those still on their way between two nodes.) */
  caughtUp(): Promise<void>
  /** @returns how many subscribers got it, our own connection included; undefined in a Cluster, where nobody knows. */
  publish(channel: string, message: string): Promise<number | undefined>
  /** The call of that dial id, or undefined when none lives. */
  findCall(dialId: string): Promise<CallRecord | undefined>
  /** Whether an agent has noted or answered a message that was said to a call. */
  isTaken(dialId: string, text: string): Promise<boolean>
  /** The call with its owner. */
  findOwned(dialId: string): Promise<OwnedCall | undefined>
  /** All agents that are known. */
  agents(): Promise<SeenAgent[]>
  /** The living calls, in no particular order, at most `max` of `total`. */
  calls(max?: number): Promise<{ calls: OwnedCall[]; total: number }>
  /** The timelines of wakes and calls, kept for a day. */
  timelines: KeptTimelines
  /** The events of a user's newest call, newest first, as they were published. */
  history(user: { orgId: string; userId: string }): Promise<string[]>
  close(): void
}

/** A backend over connections that come back by themselves: the one for commands is the caller's, the one that listens
 *  is opened at the first use and closed with the backend. */
export function openBackend(
  redis: RedisConnection,
  openConnection: () => RedisConnection | Promise<RedisConnection>,
  log: Log,
): Backend {
  const store = openCalls(redis)
  const directory = openAgentDirectory(redis)
  const requests = openJobRequests(redis)
  const agents = async () => [...(await directory.all())].map(([agent, card]) => ({ agent, card }))
  const hearing = hearChannels(redis, openConnection, log)

  return {
    queueJob: (list, job) => reachable(redis.rpush(list, job)),
    queueOnce: requests.queue,
    waiting: (list, max) => waitingJobsOf(redis, list, max),
    listen: hearing.listen,
    caughtUp: hearing.caughtUp,

    async publish(channel, message) {
      const receivers = await reachable(redis.publish(channel, message))
      // In a Cluster each node counts its own subscribers only.
      return isCluster(redis) ? undefined : receivers
    },

    findCall: dialId => store.find(dialId),
    isTaken: (dialId, text) => store.isTaken(dialId, nameOf(text)),

    async findOwned(dialId) {
      const [record, agent] = await Promise.all([store.find(dialId), store.ownerOf(dialId)])
      if (!record || agent === null) return undefined
      return { record, owner: { agent, card: await directory.card(agent) } }
    },

    agents,

    async calls(max = Number.POSITIVE_INFINITY) {
      const owned = await Promise.all(
        (await agents()).map(async owner => {
          const dialIds = await store.ownedBy(owner.agent)
          return dialIds.map(dialId => ({ dialId, owner }))
        }),
      )
      const all = owned.flat()
      const found = await Promise.all(
        all.slice(0, max).map(async ({ dialId, owner }) => ({ record: await store.find(dialId), owner })),
      )
      const calls = found.flatMap(({ record, owner }) => (record ? [{ record, owner }] : []))
      // Some of these calls have ended since their ids were read.
      return { calls, total: all.length - (found.length - calls.length) }
    },

    timelines: openKeptTimelines(redis),
    history: user => reachable(redis.lrange(historyKey(user), 0, -1)),
    close: hearing.close,
  }
}

/** Opens the subscriber at the first use. */
function hearChannels(
  commands: RedisConnection,
  openConnection: () => RedisConnection | Promise<RedisConnection>,
  log: Log,
) {
  let opening: Promise<Subscriber> | undefined
  const open = async () => openSubscriber({ connection: await openConnection(), commands, log })

  return {
    async listen(channel: string, listener: Listener): Promise<() => void> {
      opening ??= open()
      const subscriber = await reachable(opening)
      const subscription = subscriber.listen(channel, listener)
      const leave = () => {
        subscription
          .leave()
          .catch(thrown => log.debug({ reason: messageOf(thrown) }, 'not unsubscribed: redis is away'))
      }
      try {
        await inTime(subscription.confirmed)
      } catch (thrown) {
        leave()
        throw thrown
      }
      return leave
    },

    async caughtUp(): Promise<void> {
      if (opening) await inTime(opening.then(subscriber => subscriber.caughtUp()))
    },

    close(): void {
      void opening?.then(
        subscriber => subscriber.close(),
        // The subscription never stood.
        () => undefined,
      )
    },
  }
}

/** A subscriber waits until its server comes back; a backend's request must not wait so long. */
function inTime<Reply>(reply: Promise<Reply>): Promise<Reply> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new RedisUnavailable(`no subscription within ${COMMAND_TIMEOUT_MS} ms`)),
    COMMAND_TIMEOUT_MS,
  )
  return reachable(Promise.race([reply, late])).finally(() => clearTimeout(timer))
}

/** Connects, for somebody who waits at a terminal. @throws RedisUnavailable at the first refusal already, and when the
 *  signal aborts. */
export async function connectBackend(
  settings: RedisSettings,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<Backend> {
  const opened: RedisConnection[] = []
  const open = async (purpose: 'commands' | 'subscriber') => {
    const connection = openRedis(settings, purpose, log)
    opened.push(connection)
    await ready(connection, settings.connectTimeoutMs, signal)
    return connection
  }
  const disconnect = () => {
    for (const connection of opened) connection.disconnect()
  }
  try {
    const backend = openBackend(await open('commands'), () => open('subscriber'), log)
    return {
      ...backend,
      close() {
        backend.close()
        disconnect()
      },
    }
  } catch (thrown) {
    disconnect()
    throw thrown
  }
}

function ready(connection: RedisConnection, limitMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onError = (error: Error) => reject(new RedisUnavailable(messageOf(error), { cause: error }))
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
