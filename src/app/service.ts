// The process, put together by its role: the front, the agents, and the internal listener that every role has. A
// stop goes through the same rooms: nothing new is taken, what runs ends, then everything is let go.
import { version } from '../../package.json'
import { openBackend } from '../backend/backend.ts'
import { MS_PER_SECOND } from '../base/units.ts'
import { adminTokensOf } from '../config/config.ts'
import { createInternalApp, INTERNAL_LISTENER } from '../http/internal/app.ts'
import type { Readiness } from '../http/internal/probes.ts'
import { listen, urlOf } from '../http/listen.ts'
import { openOperate } from '../live/open.ts'
import { keepQueueGauges } from '../live/queueGauges.ts'
import { isWakeFault } from '../live/recentProblems.ts'
import { openRedis } from '../redis/connect.ts'
import { openDevices } from '../redis/devices/devices.ts'
import { openTimelineRoom } from '../timeline/open.ts'
import { openTracer, tracerSettingsOf } from '../tracing/tracer.ts'
import { type Agents, openAgents } from './agents.ts'
import { type Front, openFront } from './front.ts'
import { internalPlace, listenAt } from './listeners.ts'
import type { WakeRoomsOptions } from './wakeRooms.ts'

export type ServiceOptions = WakeRoomsOptions

export type Service = Awaited<ReturnType<typeof openService>>

export async function openService(options: ServiceOptions) {
  const { config, metrics, log } = options
  const redisSettings = { url: config.redisUrl, connectTimeoutMs: config.redisConnectTimeoutMs }
  // Only the API uses this connection, so that an operator's slow request never delays a wake.
  const apiRedis = openRedis(redisSettings, 'commands', log)
  const backend = openBackend(apiRedis, () => openRedis(redisSettings, 'subscriber', log), log)
  const operate = openOperate({ config, pod: options.pod, version, clock: Date.now, log })
  const { tally, lately } = operate
  const tracer = await openTracer(tracerSettingsOf(config, options.pod))
  const timelines = openTimelineRoom(
    {
      redis: { url: config.redisUrl, connectTimeoutMs: config.redisConnectTimeoutMs },
      timelinesMax: config.timelinesMax,
      showsFullNumbers: config.showsFullNumbers,
    },
    { by: options.pod, tracer, onDropped: () => metrics.timelineDropped.inc(), clock: Date.now, log },
  )
  const front: Front | undefined =
    config.role === 'agent'
      ? undefined
      : await openFront(options, {
          pushed: tally.pushed,
          timeline: timelines.recorder,
          kept: timelines.kept,
          traces: timelines.traces,
          answered(callId, { reason }, roundTripMs) {
            tally.woken(reason, roundTripMs)
            // A caller who hangs up and a person who says no are nobody's fault.
            if (isWakeFault(reason)) lately.note('wake', callId, reason)
          },
        })
  /** Opened last, because agents take jobs at once. */
  let agents: Agents | undefined
  metrics.info.set({ version, role: config.role }, 1)
  const readQueues = keepQueueGauges(operate.queues, metrics)
  const closing = new AbortController()
  let isDraining = false

  // A full Redis answers and accepts no write. A Redis whose messages do not reach an agent accepts every write.
  const isRedisReady = () => operate.isRedisReady() && !agents?.isDeaf()
  const readiness = (): Readiness => {
    const ofAgents = agents?.obstacles() ?? (config.role === 'front' ? [] : (['switch'] as const))
    // A process that serves PBXs too must not lose their traffic because its agents can't dial.
    const isAgentAlone = config.role === 'agent'
    const obstacles = [
      ...(isDraining ? (['draining'] as const) : []),
      ...(isRedisReady() ? (front?.obstacles() ?? []) : (['redis'] as const)),
      ...(isAgentAlone ? ofAgents : []),
    ]
    return { obstacles, warnings: isAgentAlone ? [] : ofAgents }
  }
  const internalApp = createInternalApp({
    readiness,
    metrics,
    beforeScrape: async () => {
      front?.beforeScrape()
      agents?.beforeScrape()
      // The front reports its own Redis connections.
      if (!front) metrics.redisReady.set(isRedisReady() ? 1 : 0)
      metrics.ready.set(readiness().obstacles.length === 0 ? 1 : 0)
      await readQueues()
    },
    adminTokens: adminTokensOf(config),
    metricsToken: config.metricsToken,
    isTrustedProxy: config.trustProxy,
    showsFullNumbers: config.showsFullNumbers,
    recorder: timelines.recorder,
    host: config.internalHost,
    closing: closing.signal,
    feed: operate.feed,
    timelines: timelines.reader,
    backend,
    devices: openDevices(apiRedis, config),
    lists: config,
    isLoadTestAllowed: config.redMode === 'load-test',
    version,
    publicAddress: { here: front?.localUrl, ofApps: config.appApiUrl },
    clock: Date.now,
    newUuid: () => crypto.randomUUID(),
    log,
  })
  await listenAt(internalPlace(config), () =>
    listen(internalApp, { hostname: config.internalHost, port: config.internalPort, ...INTERNAL_LISTENER }),
  )
  if (config.role !== 'front')
    agents = openAgents(options, {
      legsEnded: tally.legsEnded,
      dialled: tally.dialled,
      troubled: ({ kind, dialId, text }) => lately.note(kind, dialId, text),
    })

  operate.show({
    readiness,
    ...(front ? { waits: front.waits } : {}),
    switches: () => agents?.switches() ?? new Map(),
    registered: () => agents?.registered() ?? new Map(),
  })

  return {
    front,
    publicUrl: front?.publicUrl,
    internalUrl: urlOf(config.internalHost, internalApp.server?.port),

    /** Ends in good order: at most after the longest wait, or the longest call that `DRAIN_MAX` allows. */
    async stop(): Promise<void> {
      isDraining = true
      await Promise.all([front?.drain(), agents?.drain()])
      await Promise.race([letGo(), Bun.sleep(LET_GO_MAX_MS)])
    },
  }

  async function letGo(): Promise<void> {
    await front?.close()
    closing.abort()
    await timelines.close()
    await operate.close()
    await internalApp.stop()
    backend.close()
    apiRedis.disconnect()
  }
}

/** The front and the agents have limits of their own, of a second or two; operators' last requests have none. */
const LET_GO_MAX_MS = 10 * MS_PER_SECOND
