// The operators' room, put together: counts for the last hour, this process's card, and the live feed, on a connection
// to Redis of their own, so that a wake never waits for a page with a thousand calls. Other rooms tell it
// what happened; it asks them once a second how they are, and steers nothing.

import type { Log } from '../base/log.ts'
import { maskNumber } from '../base/masking.ts'
import type { Clock } from '../base/units.ts'
import type { Config } from '../config/config.ts'
import { openAgentDirectory } from '../redis/agents/directory.ts'
import { openCalls } from '../redis/calls/calls.ts'
import { openRedis } from '../redis/connect.ts'
import { openPace } from '../redis/jobs/pace.ts'
import { openQueues } from '../redis/jobs/queues.ts'
import { openMinutes } from '../redis/pods/minutes.ts'
import { type HeldWaits, openPods, type PodCard } from '../redis/pods/pods.ts'
import { openHourView } from './hourView.ts'
import { openLiveFeed } from './liveFeed.ts'
import { openLiveView, WAITS_SHOWN_MAX } from './liveView.ts'
import { startMinuteCounts } from './minuteCounts.ts'
import { startPodCard } from './podCard.ts'
import { keepRecentProblems } from './recentProblems.ts'
import { createSinceWhen } from './sinceWhen.ts'

export interface OperateOptions {
  config: Config
  /** Names this process in Redis. */
  pod: string
  version: string
  clock: Clock
  log: Log
}

/** How the process is, asked whenever its card is written. */
export interface Standing {
  readiness: () => { obstacles: readonly string[]; warnings: readonly string[] }
  /** A front's waits, whole; they are masked here. */
  waits?: (eldestMax: number) => HeldWaits
  switches: () => Map<string, boolean>
  /** By switch: phones registered there that can be pushed. */
  registered: () => Map<string, number>
}

export type Operate = ReturnType<typeof openOperate>

export function openOperate({ config, pod, version, clock, log }: OperateOptions) {
  const { redisUrl: url, redisConnectTimeoutMs: connectTimeoutMs, showsFullNumbers } = config
  const redis = openRedis({ url, connectTimeoutMs }, 'commands', log)
  const pods = openPods(redis)
  const minutes = openMinutes(redis)
  const tally = startMinuteCounts({ store: minutes, clock, log })
  const lately = keepRecentProblems(clock)
  const queues = openQueues(redis, [config.jobListAsp, config.jobListBot, config.jobListLoad])
  const read = openLiveView({
    pods,
    directory: openAgentDirectory(redis),
    calls: openCalls(redis),
    queues,
    pace: openPace(redis),
    clock,
    readHour: openHourView(minutes, clock),
    showsFullNumbers,
  })
  const feed = openLiveFeed({
    read,
    about: { pod, version, isMasked: !showsFullNumbers },
    clock,
    log,
  })
  const startedAtMs = clock()
  let card: ReturnType<typeof startPodCard> | undefined

  const sinceWhen = createSinceWhen(clock)

  function cardOf(standing: Standing): PodCard {
    const waits = standing.waits?.(WAITS_SHOWN_MAX)
    const { obstacles, warnings } = standing.readiness()
    const isFull = waits !== undefined && waits.held >= waits.max
    const since = sinceWhen.look([...obstacles, ...warnings, ...(isFull ? ['full'] : [])])
    const registered = standing.registered()
    return {
      pod,
      role: config.role,
      version,
      startedAtMs,
      writtenAtMs: clock(),
      obstacles: [...obstacles],
      warnings: [...warnings],
      since: Object.fromEntries(since),
      residentBytes: process.memoryUsage.rss(),
      ...(waits ? { waits: showsFullNumbers ? waits : masked(waits) } : {}),
      switches: [...standing.switches()].map(([name, isReady]) => ({
        name,
        isReady,
        ...(registered.has(name) ? { registered: registered.get(name)! } : {}),
      })),
      lately: lately.all(),
    }
  }

  return {
    tally,
    lately,
    feed,
    queues,

    /** Shows this process from now on. */
    show(standing: Standing): void {
      card = startPodCard({ store: pods, card: () => cardOf(standing), log })
      // At once, rather than a second later.
      redis.on('ready', card.show)
    },

    /** Whether Redis takes what we write. */
    isRedisReady: () => redis.status === 'ready' && card?.isFresh() === true,

    /** The last thing that the process does: until then operators see how it ends. */
    async close(): Promise<void> {
      feed.close()
      await Promise.all([tally.close(), card?.close()])
      redis.disconnect()
    },
  }
}

const masked = (waits: HeldWaits): HeldWaits => ({
  ...waits,
  eldest: waits.eldest.map(wait => ({
    ...wait,
    account: maskNumber(wait.account),
    ...(wait.caller === undefined ? {} : { caller: maskNumber(wait.caller) }),
  })),
})
