// Sends pushes to Apple, one app and one of Apple's two environments to a sender. apns2 builds the notification and
// reads Apple's refusals; its transport is ours, because on Bun its own fails on every send. Retrying later is the
// pusher's business; only a refused provider token is mended here.
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { ApnsClient, ApnsError, Errors, Host, Notification, Priority, PushType } from 'apns2'
import { messageOf } from '../base/result.ts'
import { type Clock, toSeconds } from '../base/units.ts'
import type { ApnsKey, ProviderTokens } from './apnsToken.ts'
import {
  type ApnsAnswer,
  type ApnsTransport,
  ApnsUnreachable,
  openTransport,
  TRANSPORT_LIMITS,
  type TransportLimits,
} from './apnsTransport.ts'
import { carries, type PushOutcome, type PushPayload, type PushSender, type PushTarget } from './push.ts'
import { retryAfterMs } from './retryAfter.ts'
import { withinLimit } from './sendLimit.ts'

/** Apple's limit for a VoIP push ("Generating a remote notification"). */
export const APNS_PAYLOAD_BYTES_MAX = 5_120

/** One sending, connection included. Longer than any healthy answer, about as long as the shortest common wait. */
export const APNS_SEND_LIMIT_MS = 4_000

/** The wait before another try where Apple sends no `Retry-After`, as is usual. */
const RETRY_MS = 500

/** A phone that is off is told when it comes back, within a day. */
const MESSAGE_LIFETIME_SECONDS = 24 * 60 * 60

/** One app as APPS_FILE names it. */
export interface ApnsApp extends ApnsKey {
  platform: 'apns'
  app: string
  /** `<bundle id>.voip`. */
  topic: string
}

export interface ApnsSenderOptions {
  app: ApnsApp
  /** A `message` for which there is no alert token goes over the VoIP topic. Default true. */
  sendsMessagesOverVoip?: boolean
  /** Apple's development host instead of the production one. */
  isSandbox: boolean
  /** One holder for the whole process. */
  providerTokens: ProviderTokens
  clock: Clock
  limits?: Partial<TransportLimits & { sendMs: number }>
  /** Told the headers of each of Apple's answers. */
  onAnswer?: (headers: ApnsAnswer['headers']) => void
}

/** Sends VoIP pushes: they are the only kind the app's token is good for. A `message` goes out as an alert where the app
 *  gave a token for that; else the same way as a call, if the settings say so, because Apple forbids it there.
 *  A `cancel` is refused unsent (see `carries`), a payload over 5,120 bytes too. Connects at the first push.
 *  Answers other than 200: 410 is 'token-gone' since Apple's timestamp; 429, 5xx and an unreachable Apple are
 *  'retry-later'; a refused provider token is renewed once; all else is 'refused' with Apple's reason. BadDeviceToken
 *  is among those: it may only mean a development token at the production host. */
export function createApnsSender(options: ApnsSenderOptions): PushSender {
  const { app, clock, providerTokens } = options
  const limits = { ...TRANSPORT_LIMITS, sendMs: APNS_SEND_LIMIT_MS, ...options.limits }
  const host = options.isSandbox ? Host.development : Host.production
  const transport = openTransport(host, clock, limits)
  const client = new Http2ApnsClient(app, host, transport, options.onAnswer)

  return {
    async send(target, payload, signal) {
      const isAlert = payload.type === 'message' && target.alertToken !== undefined
      const notification = isAlert
        ? alertOf(target.alertToken!, payload, app.topic, clock)
        : notificationOf(target, payload, app.topic)
      const refusal = isAlert
        ? undefined
        : refusalOf(notification, payload, options.sendsMessagesOverVoip ?? true)
      if (refusal) return { kind: 'refused', reason: refusal }
      return withinLimit(signal, limits.sendMs, limited => sendMendingToken(notification, limited))
    },
    close: () => transport.close(),
  }

  async function sendMendingToken(notification: Notification, signal: AbortSignal): Promise<PushOutcome> {
    const token = providerTokens.current(app)
    const outcome = await sendOnce(notification, token, signal)
    if (outcome.kind !== 'refused' || !PROVIDER_TOKEN_REASONS.has(outcome.reason)) return outcome
    const renewed = providerTokens.renew(app, token)
    return renewed ? sendOnce(notification, renewed, signal) : outcome
  }

  async function sendOnce(
    notification: Notification,
    token: string,
    signal: AbortSignal,
  ): Promise<PushOutcome> {
    const sending: Sending = { id: randomUUID(), token, signal, answer: undefined }
    const sentAtMs = clock()
    try {
      await currentSending.run(sending, () => client.send(notification))
      return { kind: 'accepted', id: firstOf(sending.answer?.headers['apns-id']) ?? sending.id }
    } catch (thrown) {
      if (thrown instanceof ApnsUnreachable)
        return { kind: 'retry-later', afterMs: RETRY_MS, reason: thrown.message }
      if (!(thrown instanceof ApnsError)) return { kind: 'refused', reason: messageOf(thrown) }
      return outcomeOf(thrown, retryAfterMs(sending.answer?.headers['retry-after'], clock), sentAtMs)
    }
  }
}

/** What a sending needs beside the notification. apns2 hands neither through, so it travels beside apns2's call. */
interface Sending {
  id: string
  token: string
  signal: AbortSignal
  answer: ApnsAnswer | undefined
}
const currentSending = new AsyncLocalStorage<Sending>()

/** apns2 with another transport. Its own is undici's pool, which Bun replaces by an incomplete one of its own. */
class Http2ApnsClient extends ApnsClient {
  constructor(app: ApnsApp, host: string, transport: ApnsTransport, onAnswer: ApnsSenderOptions['onAnswer']) {
    // keepAlive false: the transport pings by itself.
    super({ team: app.teamId, keyId: app.keyId, signingKey: app.signingKey, host, keepAlive: false })
    ;(this as unknown as { client: { request: typeof request } }).client = { request }

    async function request(built: { path: string; headers: Record<string, string>; body: string }) {
      const sending = currentSending.getStore()
      if (!sending) throw new Error('a push was sent past its sender')
      const headers = {
        ...built.headers,
        // apns2 signs a token for each client, Apple counts them for each key: ours is shared.
        authorization: `bearer ${sending.token}`,
        // apns2 leaves out 10, Apple's default. Said plainly it can be seen in a trace.
        'apns-priority': String(Priority.immediate),
        'apns-id': sending.id,
      }
      const answer = await transport.request({ path: built.path, headers, body: built.body }, sending.signal)
      sending.answer = answer
      onAnswer?.(answer.headers)
      return { statusCode: answer.status, body: { json: async () => JSON.parse(answer.text) } }
    }
  }
}

function notificationOf(target: PushTarget, payload: PushPayload, topic: string): Notification {
  return new Notification(target.token, {
    type: PushType.voip,
    topic,
    priority: Priority.immediate,
    // Deliver now or never: a phone that was off must not ring for a call of yesterday.
    expiration: 0,
    aps: {},
    data: payload,
  })
}

/** The text is shown by iOS itself, as an app that is not running can't. The topic of alerts is the bundle's id. */
function alertOf(token: string, payload: PushPayload, topic: string, clock: Clock): Notification {
  return new Notification(token, {
    type: PushType.alert,
    topic: topic.replace(/\.voip$/, ''),
    priority: Priority.immediate,
    expiration: Math.floor(toSeconds(clock())) + MESSAGE_LIFETIME_SECONDS,
    alert: String(payload.message),
    data: payload,
  })
}

function refusalOf(
  notification: Notification,
  payload: PushPayload,
  sendsMessagesOverVoip: boolean,
): string | undefined {
  if (payload.type === 'message' && !sendsMessagesOverVoip) return 'no alert token to send a message to'
  if (!carries('apns', payload.type)) return `no VoIP push of type ${payload.type}`
  const bytes = Buffer.byteLength(JSON.stringify(notification.buildApnsOptions()))
  if (bytes > APNS_PAYLOAD_BYTES_MAX) return `payload of ${bytes} bytes, at most ${APNS_PAYLOAD_BYTES_MAX}`
  return undefined
}

/** Apple refuses the sender, not the push. */
const PROVIDER_TOKEN_REASONS: ReadonlySet<string> = new Set([
  Errors.expiredProviderToken,
  Errors.invalidProviderToken,
])

/** Source: "Handling notification responses from APNs", the table of reasons. */
function outcomeOf(error: ApnsError, vendorWishMs: number | undefined, sentAtMs: number): PushOutcome {
  const { statusCode, reason } = error
  if (statusCode === 410)
    return { kind: 'token-gone', sinceMs: Number.isFinite(error.timestamp) ? error.timestamp : sentAtMs }
  // IdleTimeout has status 400 but is about the connection, not the push.
  if (statusCode === 429 || statusCode >= 500 || reason === Errors.idleTimeout)
    return { kind: 'retry-later', afterMs: vendorWishMs ?? RETRY_MS, reason }
  return { kind: 'refused', reason: reason === Errors.unknownError ? `status ${statusCode}` : reason }
}

const firstOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header
