// The front role, put together: the wake half, and its doors for PBXs, apps and dialplans. Whatever is opened here is closed
// here, in the order that a shutdown wants: take no new wait, let the running ones end, then let go.

import { createRareLog } from '../base/rareLog.ts'
import { openDialplanDoor } from '../dialplan/door.ts'
import type { Obstacle } from '../http/internal/probes.ts'
import { listen, localUrlOf, urlOf } from '../http/listen.ts'
import { createPublicApp, PUBLIC_LISTENER } from '../http/public/app.ts'
import { createAppAuth } from '../http/public/auth.ts'
import { createConfirmationTokens } from '../http/public/confirmationTokens.ts'
import { PLATFORMS } from '../push/push.ts'
import { openRedis } from '../redis/connect.ts'
import { readPersistence } from '../redis/persistence.ts'
import type { HeldWaits } from '../redis/pods/pods.ts'
import { openRateLimit } from '../redis/rateLimit.ts'
import { sharedSecret } from '../redis/sharedSecret.ts'
import { createAppStatistics } from '../wake/appStatistics.ts'
import { dialplanPlace, listenAt, publicPlace } from './listeners.ts'
import { type FrontNotes, openWakeRooms, type WakeRoomsOptions } from './wakeRooms.ts'

export type Front = Awaited<ReturnType<typeof openFront>>

export async function openFront(options: WakeRoomsOptions, notes: FrontNotes) {
  const { config, apps, metrics, log } = options
  const redisSettings = { url: config.redisUrl, connectTimeoutMs: config.redisConnectTimeoutMs }
  const redis = openRedis(redisSettings, 'commands', log)
  const tokens = createConfirmationTokens(async () =>
    config.jwtSecrets.length > 0 ? config.jwtSecrets : [{ kid: 'shared', secret: await sharedSecret(redis) }],
  )
  const rooms = await openWakeRooms(options, notes, { redis, sign: tokens.sign })
  const { pool, desk, verdicts, isReady } = rooms
  // Prometheus sees no rise in a counter whose first value is 1: counters that alerts watch begin at 0.
  for (const reason of ['busy', 'timeout', 'push-refused'])
    metrics.incomingCalls.inc({ status: 'NAK', reason }, 0)
  for (const platform of PLATFORMS) metrics.pushes.inc({ platform, outcome: 'refused' }, 0)
  const beforeScrape = () => {
    metrics.waits.set(pool.size)
    metrics.waitsMax.set(config.waitsMax)
    metrics.verdictStreams.set(verdicts.size)
    metrics.redisReady.set(isReady() ? 1 : 0)
    metrics.legacy.redisHealth.set(isReady() ? 1 : 0)
  }

  const noteAuthTrouble = createRareLog(log, Date.now)
  const { app: publicApp, direct } = createPublicApp({
    verdicts,
    hold: rooms.hold,
    news: rooms.news,
    registration: rooms.registration,
    registrar: rooms.registrar,
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
    isDraining: rooms.isDraining,
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
            hold: rooms.hold,
            isPbx: config.pbxAllow,
            isDraining: rooms.isDraining,
            metrics,
            clock: Date.now,
            log,
          }),
        )
  rooms.serveAgents()
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

    /** What keeps this front from taking PBXs' requests. */
    obstacles: (): Obstacle[] => (isReady() ? [] : ['redis']),

    /** The requests that are held now: their number, and the oldest one by one. */
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
        ...(call.isJob ? { isJob: true as const } : {}),
        ...held,
      })),
    }),

    /** Takes no new waits. Resolves when all running waits have their outcome, at most after the longest wait. */
    async drain(): Promise<void> {
      door?.stopAccepting()
      await rooms.drain()
    },

    async close(): Promise<void> {
      rooms.leaveAgents()
      await door?.close()
      await publicApp.stop()
      await rooms.close()
      apps.close()
      redis.disconnect()
    },
  }
}
