// The front role, put together: Redis, push, wait workers, the public listener. Whatever is opened here is closed
// here, in the order that a shutdown wants: take no new wait, let the running ones end, then let go.

import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { createRareLog } from '../base/rareLog.ts'
import type { Config } from '../config/config.ts'
import { openDialplanDoor } from '../dialplan/door.ts'
import { errorReportSettingsOf } from '../errors/reports.ts'
import type { Obstacle } from '../http/internal/probes.ts'
import { listen, localUrlOf, urlOf } from '../http/listen.ts'
import { createPublicApp, PUBLIC_LISTENER } from '../http/public/app.ts'
import { createAppAuth } from '../http/public/auth.ts'
import { createConfirmationTokens } from '../http/public/confirmationTokens.ts'
import { type Apps, appNamesOf } from '../push/apps.ts'
import { PLATFORMS } from '../push/push.ts'
import { createPusher, type OpenSender } from '../push/pusher.ts'
import { openRedis } from '../redis/connect.ts'
import { openDevices } from '../redis/devices/devices.ts'
import { inboxChannel, verdictChannel } from '../redis/keys.ts'
import { readPersistence } from '../redis/persistence.ts'
import type { HeldWaits } from '../redis/pods/pods.ts'
import { openRateLimit } from '../redis/rateLimit.ts'
import { DEAF_AFTER_MS } from '../redis/selfTest.ts'
import { sharedSecret } from '../redis/sharedSecret.ts'
import { openSubscriber } from '../redis/subscriber.ts'
import { openWakeRequests } from '../redis/wakeRequests/wakeRequests.ts'
import { openWakes } from '../redis/wakes/wakes.ts'
import type { TimelineRoom } from '../timeline/open.ts'
import type { Recorder } from '../timeline/recorder.ts'
import type { Traces } from '../timeline/traced.ts'
import { createRegistrar } from '../union/registrar.ts'
import { openWakeService } from '../union/serveWakes.ts'
import { createAppStatistics } from '../wake/appStatistics.ts'
import { openCallNews } from '../wake/callNews.ts'
import { openRegistrationDesk } from '../wake/registration.ts'
import { openVerdictRoom } from '../wake/verdictRoom.ts'
import { openWaitPool } from '../wake/waitPool.ts'
import { openWakeDesk } from '../wake/wakeDesk.ts'
import { createWakeEvents, type OnWakeAnswered } from '../wake/wakeEvents.ts'
import { dialplanPlace, listenAt, publicPlace } from './listeners.ts'

export interface FrontOptions {
  config: Config
  apps: Apps
  metrics: Metrics
  log: Log
  /** Names this process in Redis. */
  pod: string
  isPretty: boolean
  /** The wait workers' program; tests pass one that can be made to crash. */
  waitProgram?: URL
  /** Opens what sends to a vendor; tests pass one that stands in for Apple and Google. */
  openSender?: OpenSender
}

/** What operators are shown of it, beside the metrics. */
export interface FrontNotes {
  pushed: (platform: string, outcome: string, failure?: { app: string; reason: string }) => void
  answered: OnWakeAnswered
  timeline: Recorder
  kept: TimelineRoom['kept']
  traces: Traces | undefined
}

export type Front = Awaited<ReturnType<typeof openFront>>

export async function openFront(options: FrontOptions, notes: FrontNotes) {
  const { config, apps, metrics, log, pod } = options
  const redisSettings = { url: config.redisUrl, connectTimeoutMs: config.redisConnectTimeoutMs }
  const redis = openRedis(redisSettings, 'commands', log)
  const devices = openDevices(redis, config)
  const wakes = openWakes(redis)
  const events = createWakeEvents(log, metrics, notes.timeline, notes.answered)

  const pusher = createPusher({
    apps,
    log,
    clock: Date.now,
    sendsMessagesOverVoip: config.sendsMessagesOverVoip,
    ...(options.openSender ? { openSender: options.openSender } : {}),
    onPush: ({ platform, app, outcome, reason, seconds }) => {
      metrics.pushes.inc({ platform, outcome })
      notes.pushed(platform, outcome, reason === undefined ? undefined : { app, reason })
      metrics.pushSeconds.observe({ platform }, seconds)
    },
  })

  const tokens = createConfirmationTokens(async () =>
    config.jwtSecrets.length > 0 ? config.jwtSecrets : [{ kid: 'shared', secret: await sharedSecret(redis) }],
  )
  const desk = openWakeDesk({
    push: pusher.push,
    sign: tokens.sign,
    devices,
    uniqueKeyOf: wakes.uniqueKeyOf,
    notePushing: wakes.pushing,
    appApiUrl: config.appApiUrl ?? `http://127.0.0.1:${config.port}`,
    events,
    ...(notes.traces ? { traceparentOf: notes.traces.traceparentOf } : {}),
    clock: Date.now,
    log,
  })
  const errorReports = errorReportSettingsOf(config, pod)
  const pool = await openWaitPool({
    program: options.waitProgram ?? new URL('../../workers/wait.ts', import.meta.url),
    workers: config.waitWorkers,
    waitsMax: config.waitsMax,
    waitsPerAccountMax: config.waitsPerAccountMax,
    settings: {
      redis: redisSettings,
      roundtripWaitMs: config.roundtripWaitMs,
      resendIntervalMs: config.resendIntervalMs,
      ...(errorReports ? { errorReports } : {}),
      log: { level: config.logLevel, showsFullNumbers: config.showsFullNumbers, isPretty: options.isPretty },
    },
    inboxOf: worker => inboxChannel(pod, worker),
    onPush: due => void desk.push(pool, due),
    onJoined: desk.joined,
    onOver: desk.over,
    onCrash: () => metrics.waitWorkerCrashes.inc(),
    log,
  })
  // A counter whose first value is 1 has not risen, as Prometheus sees it: what alerts look at begins at 0.
  for (const reason of ['busy', 'timeout', 'push-refused'])
    metrics.incomingCalls.inc({ status: 'NAK', reason }, 0)
  for (const platform of PLATFORMS) metrics.pushes.inc({ platform, outcome: 'refused' }, 0)
  let isDraining = false
  const isRedisReady = () => redis.status === 'ready' && pool.deafForMs < DEAF_AFTER_MS
  const beforeScrape = () => {
    metrics.waits.set(pool.size)
    metrics.waitsMax.set(config.waitsMax)
    metrics.verdictStreams.set(verdicts.size)
    metrics.redisReady.set(isRedisReady() ? 1 : 0)
    metrics.legacy.redisHealth.set(isRedisReady() ? 1 : 0)
  }

  const noteAuthTrouble = createRareLog(log, Date.now)
  const subscriber = openSubscriber({
    connection: openRedis(redisSettings, 'subscriber', log),
    commands: redis,
    log,
  })
  const verdicts = openVerdictRoom({
    wakes,
    listen: subscriber.listen,
    channel: verdictChannel(pod),
    followersMax: config.streamsMax,
    log,
  })
  const { app: publicApp, direct } = createPublicApp({
    verdicts,
    hold: (call, dropped) => desk.hold(pool, call, dropped),
    news: openCallNews({
      wakes,
      kept: notes.kept,
      devices,
      cancel: desk.cancel,
      events,
      clock: Date.now,
      log,
    }),
    registration: openRegistrationDesk({
      devices,
      knowsApp: (app, platform) => apps.isOpen || apps.find(app, platform) !== undefined,
      push: pusher.push,
      metrics,
      clock: Date.now,
      log,
    }),
    registrar: createRegistrar({
      devices,
      wakes,
      appNames: () => appNamesOf(apps),
      keepMs: config.registrationKeepMs,
      timeline: notes.timeline,
      onRegister: result => metrics.registers.inc({ source: 'pbx', result }),
      onConfirmation: verdict => metrics.registerConfirmations.inc({ source: 'pbx', verdict }),
      clock: Date.now,
      log,
    }),
    countStatistics: createAppStatistics(metrics),
    tokens,
    isJwtRequired: config.isJwtRequired,
    authenticateApp: createAppAuth(config, (who, reason) =>
      noteAuthTrouble(who, { who, reason }, 'apps can’t be authenticated'),
    ),
    rateLimit: openRateLimit(redis, config.rateLimitPerMinute, Date.now),
    isPbx: config.pbxAllow,
    pbxToken: config.pbxToken,
    isTrustedProxy: config.trustProxy,
    isDraining: () => isDraining,
    isTracing: notes.traces !== undefined,
    clock: Date.now,
    metrics,
    log,
  })
  const door =
    config.socketPort === 0
      ? undefined
      : await listenAt(dialplanPlace(config), () =>
          openDialplanDoor({
            host: config.socketHost,
            port: config.socketPort,
            socketsMax: config.waitsMax,
            hold: (call, dropped) => desk.hold(pool, call, dropped),
            isPbx: config.pbxAllow,
            isDraining: () => isDraining,
            metrics,
            clock: Date.now,
            log,
          }),
        )
  const wakeService = openWakeService({
    store: openWakeRequests(redis),
    openBlocking: () => openRedis(redisSettings, 'blocking', log),
    listen: subscriber.listen,
    front: pod,
    hold: (call, dropped, how) => desk.hold(pool, { ...call, isJob: true }, dropped, how),
    canHold: () => !isDraining && isRedisReady() && pool.size < config.waitsMax,
    clock: Date.now,
    log,
  })
  await listenAt(publicPlace(config), () =>
    listen(publicApp, { hostname: config.host, port: config.port, ...PUBLIC_LISTENER }, direct),
  )
  warnOfLooseSettings()

  function warnOfLooseSettings(): void {
    if (config.authMode === 'none')
      log.warn('AUTH_MODE=none: anybody who reaches this listener can register a phone for any account')
    if (apps.isOpen) log.warn('APPS_FILE is not set: every app is accepted, and pushes go to this log only')
    void readPersistence(redis).then(persistence => {
      if (persistence.kind === 'lost')
        log.warn(
          'Redis keeps nothing across a restart (appendonly is off): device registrations would be lost',
        )
      if (persistence.kind === 'unknown')
        log.info({ reason: persistence.reason }, 'Redis does not tell its persistence')
    })
  }

  return {
    publicUrl: urlOf(config.host, publicApp.server?.port),
    localUrl: localUrlOf(config.host, publicApp.server?.port),
    signToken: tokens.sign,
    beforeScrape,

    /** What keeps this role from taking calls. */
    obstacles: (): Obstacle[] => (isRedisReady() ? [] : ['redis']),

    /** The requests that are held now, the eldest by name. */
    waits: (eldestMax: number): HeldWaits => ({
      held: pool.size,
      max: config.waitsMax,
      waitMs: config.roundtripWaitMs,
      workers: config.waitWorkers,
      deafForMs: Number.isSafeInteger(pool.deafForMs) ? pool.deafForMs : null,
      eldest: desk.eldest(eldestMax).map(({ call, ...held }) => ({
        callId: call.callId,
        account: call.account,
        caller: call.phonenumber,
        ...held,
      })),
    }),

    /** No new waits; resolves when the running ones have their outcome, at most after the longest wait. */
    async drain(): Promise<void> {
      isDraining = true
      verdicts.drain()
      door?.stopAccepting()
      await wakeService.stop()
      await Promise.race([pool.emptied(), Bun.sleep(config.roundtripWaitMs)])
    },

    async close(): Promise<void> {
      wakeService.close()
      await door?.close()
      await publicApp.stop()
      await verdicts.close()
      subscriber.close()
      await pool.close()
      await pusher.close()
      apps.close()
      redis.disconnect()
    },
  }
}
