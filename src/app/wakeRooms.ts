// The wake half, put together without its doors: the pushes, the wait workers, the verdict streams, what apps and phones
// register, and the wakes that agents ask for. The doors through which PBXs and apps reach it are opened elsewhere. Whatever
// is opened here is closed here.

import { errorReportSettingsOf } from '../errors/reports.ts'
import { appNamesOf } from '../push/apps.ts'
import { createPusher, type OpenSender } from '../push/pusher.ts'
import { openRedis, type RedisConnection } from '../redis/connect.ts'
import { openDevices } from '../redis/devices/devices.ts'
import { inboxChannel, verdictChannel } from '../redis/keys.ts'
import { DEAF_AFTER_MS } from '../redis/selfTest.ts'
import { openSubscriber } from '../redis/subscriber.ts'
import { openWakeRequests } from '../redis/wakeRequests/wakeRequests.ts'
import { openWakes } from '../redis/wakes/wakes.ts'
import type { TimelineRoom } from '../timeline/open.ts'
import type { Recorder } from '../timeline/recorder.ts'
import type { Traces } from '../timeline/traced.ts'
import { createRegistrar } from '../union/registrar.ts'
import { openWakeService, type WakeService } from '../union/serveWakes.ts'
import { openCallNews } from '../wake/callNews.ts'
import type { DevicePushOptions } from '../wake/devicePush.ts'
import { openRegistrationDesk } from '../wake/registration.ts'
import { openVerdictRoom } from '../wake/verdictRoom.ts'
import { openWaitPool } from '../wake/waitPool.ts'
import type { IncomingCall } from '../wake/wake.ts'
import { openWakeDesk } from '../wake/wakeDesk.ts'
import { createWakeEvents, type OnWakeAnswered } from '../wake/wakeEvents.ts'
import type { RoleOptions } from './roleOptions.ts'

export interface WakeRoomsOptions extends RoleOptions {
  /** The wait workers' program; tests pass one that can be made to crash. */
  waitProgram?: URL
  /** Opens a sender for a vendor; tests pass one that stands in for Apple and Google. */
  openSender?: OpenSender
}

/** What the live page shows of wakes, beside the metrics. */
export interface FrontNotes {
  pushed: (platform: string, outcome: string, failure?: { app: string; reason: string }) => void
  answered: OnWakeAnswered
  timeline: Recorder
  kept: TimelineRoom['kept']
  traces: Traces | undefined
}

export type WakeRooms = Awaited<ReturnType<typeof openWakeRooms>>

/** @param redis for commands; whoever opened it closes it. @param sign signs the tokens by which apps confirm. */
export async function openWakeRooms(
  options: WakeRoomsOptions,
  notes: FrontNotes,
  { redis, sign }: { redis: RedisConnection; sign: DevicePushOptions['sign'] },
) {
  const { config, apps, metrics, log, pod } = options
  const redisSettings = { url: config.redisUrl, connectTimeoutMs: config.redisConnectTimeoutMs }
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

  const desk = openWakeDesk({
    push: pusher.push,
    sign,
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
  const news = openCallNews({
    wakes,
    kept: notes.kept,
    devices,
    cancel: desk.cancel,
    events,
    clock: Date.now,
    log,
  })
  const registration = openRegistrationDesk({
    devices,
    knowsApp: (app, platform) => apps.isOpen || apps.find(app, platform) !== undefined,
    push: pusher.push,
    metrics,
    clock: Date.now,
    log,
  })
  const registrar = createRegistrar({
    devices,
    wakes,
    appNames: () => appNamesOf(apps),
    keepMs: config.registrationKeepMs,
    timeline: notes.timeline,
    onRegister: result => metrics.registers.inc({ source: 'pbx', result }),
    onConfirmation: verdict => metrics.registerConfirmations.inc({ source: 'pbx', verdict }),
    clock: Date.now,
    log,
  })
  let isDraining = false
  let wakeService: WakeService | undefined
  const isReady = () => redis.status === 'ready' && pool.deafForMs < DEAF_AFTER_MS

  return {
    pool,
    desk,
    verdicts,
    news,
    registration,
    registrar,
    isReady,
    isDraining: () => isDraining,

    /** Holds a PBX's request until its outcome. @returns the limit by which no further wait can be held. */
    hold: (call: IncomingCall, dropped: AbortSignal) => desk.hold(pool, call, dropped),

    /** From now on this process takes wakes that agents ask for. */
    serveAgents(): void {
      wakeService = openWakeService({
        store: openWakeRequests(redis),
        openBlocking: () => openRedis(redisSettings, 'blocking', log),
        listen: subscriber.listen,
        front: pod,
        hold: (call, dropped, how) => desk.hold(pool, { ...call, isJob: true }, dropped, how),
        canHold: () => !isDraining && isReady() && pool.size < config.waitsMax,
        clock: Date.now,
        log,
      })
    },

    /** Takes no new waits. Resolves when all running waits have their outcome, at most after the longest wait. */
    async drain(): Promise<void> {
      isDraining = true
      verdicts.drain()
      await wakeService?.stop()
      await Promise.race([pool.emptied(), Bun.sleep(config.roundtripWaitMs)])
    },

    leaveAgents: () => wakeService?.close(),

    async close(): Promise<void> {
      await verdicts.close()
      subscriber.close()
      await pool.close()
      await pusher.close()
    },
  }
}
