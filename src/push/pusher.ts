// The push room's door: takes a push for any device, finds the sender of its app, and tries again while the vendor
// says "later" and somebody still waits for the call. Senders open at the first push of their app and environment
// and close when APPS_FILE changes their credentials.
import PQueue from 'p-queue'
import type { Log } from '../base/log.ts'
import { mask } from '../base/log.ts'
import { assertNever, messageOf } from '../base/result.ts'
import { type Clock, toSeconds } from '../base/units.ts'
import { createApnsSender } from './apns.ts'
import { createProviderTokens, type ProviderTokens } from './apnsToken.ts'
import type { Apps } from './apps.ts'
import type { AppEntry } from './appsFile.ts'
import { createFcmSender, FCM_SENDINGS_MAX, preloadFirebase } from './fcm.ts'
import { createLogSender } from './logSender.ts'
import {
  type Platform,
  type PushOutcome,
  type PushPayload,
  type PushSender,
  type PushTarget,
  vendorOf,
} from './push.ts'

/** Pushes under way in this process, those that wait for their next try included. At the vendors' usual 0.1 s that is
 *  50,000 a second, far beyond what one process holds calls for; each takes some 6 KB. Beyond it: 'retry-later'. */
export const PUSHES_MAX = 5_000

/** Tries of one push are at least this far apart, doubling up to the second value. */
const BACKOFF_MS = 250
const BACKOFF_MAX_MS = 4_000

/** At close, pushes under way get this long for their answer. */
const CLOSE_LIMIT_MS = 5_000

export interface PusherOptions {
  apps: Apps
  log: Log
  clock: Clock
  /** Told of each sending, retries included: for metrics. `seconds` from sending to the vendor's answer. */
  onPush?: (sent: {
    platform: Platform
    app: string
    outcome: PushOutcome['kind']
    /** Of one that was not accepted. */
    reason?: string
    seconds: number
  }) => void
  /** APNS_MESSAGE_OVER_VOIP. Default true. */
  sendsMessagesOverVoip?: boolean
  /** 0 to 1, for the jitter. */
  random?: () => number
  /** Another way to open a sender. The default sends to Apple and Google. */
  openSender?: OpenSender
  pushesMax?: number
}

/** Opens the sender of one app and, for Apple, one environment. */
export type OpenSender = (
  entry: AppEntry,
  isSandbox: boolean,
  common: {
    clock: Clock
    providerTokens: ProviderTokens
    fcmSendings: PQueue
    sendsMessagesOverVoip: boolean
  },
) => PushSender

export interface Pusher {
  /** Sends one push and retries passing faults until `signal` aborts. Never rejects.
   *  @param superseded ends the retries alone: a sending under way then still comes to its answer, because a gone
   *  token and a dead connection are only found out by waiting for it.
   *  @returns the last outcome; 'retry-later' at once when PUSHES_MAX are under way or the pusher is closed;
   *  'refused' for an app that is not in APPS_FILE. */
  push(
    target: PushTarget,
    payload: PushPayload,
    signal: AbortSignal,
    superseded?: AbortSignal,
  ): Promise<PushOutcome>
  /** Takes no further push, lets those under way end (at most 5 s), closes the senders. */
  close(): Promise<void>
}

interface OpenedSender {
  sender: PushSender
  version: string
  sendings: Set<Promise<unknown>>
}

export function createPusher(options: PusherOptions): Pusher {
  const { apps, log, clock } = options
  const random = options.random ?? Math.random
  const pushesMax = options.pushesMax ?? PUSHES_MAX
  const openSender = options.openSender ?? openVendorSender
  const common = {
    clock,
    providerTokens: createProviderTokens(clock),
    fcmSendings: new PQueue({ concurrency: FCM_SENDINGS_MAX }),
    sendsMessagesOverVoip: options.sendsMessagesOverVoip ?? true,
  }
  const logSender: OpenedSender = { sender: createLogSender(log), version: '', sendings: new Set() }
  /** By app, platform of its entry, environment: at most twice the entries of APPS_FILE. */
  const senders = new Map<string, OpenedSender>()
  const closing = new AbortController()
  const pushes = new Set<Promise<unknown>>()
  const stopListening = apps.onChange(() => {
    closeOutdated()
    preload()
  })
  preload()

  return {
    async push(target, payload, signal, superseded) {
      if (closing.signal.aborted) return later('the pusher is closed')
      if (pushes.size >= pushesMax) {
        log.warn({ platform: target.platform, app: target.app, pushesMax }, 'too many pushes under way')
        return later('too many pushes under way')
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      pushes.add(promise)
      try {
        return await pushUntilAnswered(target, payload, signal, superseded)
      } finally {
        pushes.delete(promise)
        resolve()
      }
    },

    async close() {
      closing.abort()
      stopListening()
      await within(CLOSE_LIMIT_MS, Promise.all(pushes))
      const opened = [...senders.values()]
      senders.clear()
      await Promise.all(opened.map(({ sender }) => sender.close()))
    },
  }

  async function pushUntilAnswered(
    target: PushTarget,
    payload: PushPayload,
    signal: AbortSignal,
    superseded?: AbortSignal,
  ): Promise<PushOutcome> {
    const ends = [signal, closing.signal, ...(superseded ? [superseded] : [])]
    for (let tries = 1; ; tries++) {
      const outcome = await sendOnce(target, payload, signal)
      const isLast = outcome.kind !== 'retry-later' || signal.aborted
      logOutcome(target, payload, outcome, { tries, isLast })
      if (isLast) return outcome
      // Never before the vendor's wish; the jitter keeps a thousand pushes from coming back in one moment.
      const backoffMs = Math.min(BACKOFF_MS * 2 ** (tries - 1), BACKOFF_MAX_MS)
      const delayMs = Math.max(outcome.afterMs, backoffMs / 2) + random() * (backoffMs / 2)
      await pause(delayMs, ends)
      if (ends.some(end => end.aborted)) return outcome
    }
  }

  async function sendOnce(
    target: PushTarget,
    payload: PushPayload,
    signal: AbortSignal,
  ): Promise<PushOutcome> {
    const opened = senderOf(target)
    if (!opened) return { kind: 'refused', reason: 'the app is not in APPS_FILE' }
    const sentAtMs = clock()
    const sending = opened.sender.send(target, payload, signal).catch((thrown): PushOutcome => {
      // Senders turn every failure into an outcome, so this is a bug: it costs one push, never the process.
      log.error({ err: thrown, platform: target.platform, app: target.app }, 'a push sender failed')
      return { kind: 'refused', reason: messageOf(thrown) }
    })
    opened.sendings.add(sending)
    const outcome = await sending
    opened.sendings.delete(sending)
    options.onPush?.({
      platform: target.platform,
      app: target.app,
      outcome: outcome.kind,
      ...('reason' in outcome ? { reason: outcome.reason } : {}),
      seconds: toSeconds(clock() - sentAtMs),
    })
    return outcome
  }

  function senderOf(target: PushTarget): OpenedSender | undefined {
    if (apps.isOpen) return logSender
    const entry = apps.find(target.app, target.platform)
    if (!entry) return undefined
    const key = keyOf(entry, target.isSandbox)
    const opened = senders.get(key)
    if (opened?.version === entry.version) return opened
    if (opened) retire(opened)
    const sender = openSender(entry, target.isSandbox, common)
    const fresh: OpenedSender = { sender, version: entry.version, sendings: new Set() }
    senders.set(key, fresh)
    return fresh
  }

  function closeOutdated(): void {
    const versions = new Set(apps.all().map(entry => entry.version))
    for (const [key, opened] of senders) {
      if (versions.has(opened.version)) continue
      senders.delete(key)
      retire(opened)
    }
  }

  /** Its sendings end first. Each has a time limit, so this ends; nobody needs to wait for it. */
  function retire(opened: OpenedSender): void {
    void Promise.all(opened.sendings)
      .then(() => opened.sender.close())
      .catch(thrown => log.warn({ reason: messageOf(thrown) }, 'an outdated push sender did not close'))
  }

  /** Loading firebase-admin takes a tenth of a second, which the first call need not wait for. */
  function preload(): void {
    if (options.openSender || !apps.all().some(({ platform }) => vendorOf(platform) === 'fcm')) return
    preloadFirebase().catch(thrown => log.error({ err: thrown }, 'firebase-admin could not be loaded'))
  }

  function logOutcome(
    { platform, app, token }: PushTarget,
    { type }: PushPayload,
    outcome: PushOutcome,
    { tries, isLast }: { tries: number; isLast: boolean },
  ): void {
    const fields = { platform, app, device: mask(token), type, tries }
    switch (outcome.kind) {
      case 'accepted':
        return log.debug({ ...fields, id: outcome.id }, 'push accepted')
      case 'token-gone':
        return log.info(fields, 'push token is gone')
      case 'refused':
        return log.warn({ ...fields, reason: outcome.reason }, 'push refused')
      case 'retry-later':
        // An outage would fill the log with every try of every push.
        if (!isLast) return log.debug({ ...fields, reason: outcome.reason }, 'push will be tried again')
        return log.warn({ ...fields, reason: outcome.reason }, 'push not accepted while the wait ran')
      default:
        return assertNever(outcome)
    }
  }
}

const openVendorSender: OpenSender = ({ settings }, isSandbox, { clock, fcmSendings, ...apple }) =>
  settings.platform === 'apns'
    ? createApnsSender({ app: settings, isSandbox, clock, ...apple })
    : createFcmSender({ app: settings, sendings: fcmSendings, clock })

/** FCM knows no environments. */
const keyOf = ({ platform, settings }: AppEntry, isSandbox: boolean): string =>
  `${settings.app} ${platform} ${settings.platform === 'apns' && isSandbox}`

const later = (reason: string): PushOutcome => ({ kind: 'retry-later', afterMs: BACKOFF_MS, reason })

/** Resolves after `ms`, or as soon as one of the signals aborts. */
function pause(ms: number, signals: AbortSignal[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const end = () => resolve()
  for (const signal of signals) {
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  }
  return promise.finally(() => {
    clearTimeout(timer)
    for (const signal of signals) signal.removeEventListener('abort', end)
  })
}

/** Resolves with `work`, or after `limitMs`. */
async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, limitMs)
  await Promise.race([work, over])
  clearTimeout(timer)
}
