// Sends pushes to Android phones through Firebase Cloud Messaging, one app to a sender. firebase-admin signs in and
// sends; it costs 47 MB and a tenth of a second to load, so it is loaded when the first Android app appears. Its own
// retries are all but off: retrying, and when to stop, is the pusher's business.
import type { App } from 'firebase-admin/app'
import type { Messaging } from 'firebase-admin/messaging'
import type PQueue from 'p-queue'
import { assert } from '../base/result.ts'
import { type Clock, MS_PER_MINUTE } from '../base/units.ts'
import { failureOf, outcomeOf } from './fcmFailure.ts'
import { createGoogleSignIn, type GoogleSignIn } from './googleSignIn.ts'
import type { PushOutcome, PushPayload, PushSender } from './push.ts'
import { withinLimit } from './sendLimit.ts'

/** Google's limit for the keys and values of `data` ("About FCM messages"). */
export const FCM_DATA_BYTES_MAX = 4_096

/** One sending, signing in included. Longer than any healthy answer, about as long as the shortest common wait. */
export const FCM_SEND_LIMIT_MS = 4_000

/** Sendings at once in this process. Bun opens at most 256 HTTP connections for all its purposes, and firebase-admin
 *  keeps one up to 15 s when Google does not answer. Further pushes wait in line, where the end of their call still
 *  calls them off. At Google's usual 0.1 s these are 1,000 pushes a second. */
export const FCM_SENDINGS_MAX = 100

/** Google's token endpoint is given up after this time: all pushes of the app wait for it. */
const SIGN_IN_LIMIT_MS = 3_000

/** Least time between two fresh sign-ins that a refused access token brought about. */
const SIGN_INS_APART_MS = MS_PER_MINUTE

/** One app as APPS_FILE and its service account name it. */
export interface FcmApp {
  platform: 'android'
  app: string
  projectId: string
  /** The project's number, by which phones may name it. Pushes do without. */
  senderId?: string
  clientEmail: string
  /** PEM. A secret. */
  privateKey: string
}

export interface FcmSenderOptions {
  app: FcmApp
  /** One queue for the whole process, which runs at most FCM_SENDINGS_MAX at once. */
  sendings: PQueue
  clock: Clock
  limits?: Partial<{ sendMs: number; signInMs: number }>
}

/** Loads firebase-admin now, so that the first push need not wait for it. Further calls cost nothing. */
export const preloadFirebase = async (): Promise<void> => {
  await loadFirebase()
}

/** Sends data messages of high priority that are delivered now or never. Data over 4,096 bytes is 'refused' unsent.
 *  UNREGISTERED is 'token-gone' since the sending, an INVALID_ARGUMENT too when it is about the token; quota, 5xx and
 *  an unreachable Google are 'retry-later' with Google's `Retry-After`; all else is 'refused' with Google's code. */
export function createFcmSender(options: FcmSenderOptions): PushSender {
  const { app: settings, clock, sendings } = options
  const sendLimitMs = options.limits?.sendMs ?? FCM_SEND_LIMIT_MS
  const signInLimitMs = options.limits?.signInMs ?? SIGN_IN_LIMIT_MS
  let firebase: Promise<Firebase> | undefined
  let signedInAnewAtMs = Number.NEGATIVE_INFINITY
  let isClosed = false

  return {
    async send(target, payload, signal) {
      const data = dataOf(payload)
      const bytes = bytesOf(data)
      if (bytes > FCM_DATA_BYTES_MAX)
        return { kind: 'refused', reason: `data of ${bytes} bytes, at most ${FCM_DATA_BYTES_MAX}` }
      return withinLimit(signal, sendLimitMs, limited => sendOnce(target.token, data, limited))
    },
    async close() {
      isClosed = true
      await discard()
    },
  }

  async function sendOnce(
    token: string,
    data: Record<string, string>,
    signal: AbortSignal,
  ): Promise<PushOutcome> {
    if (isClosed) return { kind: 'retry-later', afterMs: 0, reason: 'the sender is closed' }
    const sentAtMs = clock()
    firebase ??= openFirebase(settings, createGoogleSignIn(settings, clock, signInLimitMs))
    try {
      const { messaging, signIn } = await firebase
      // firebase-admin signs in by itself, but then nothing would keep the push of a call from going out although
      // the call ended meanwhile: `send` can't be called off.
      await signIn.getAccessToken()
      const message = { token, data, android: { priority: 'high' as const, ttl: 0 } }
      // The queue is not given the signal: an aborted task would free its place while its request is still under way.
      const id = await sendings.add(async () => (signal.aborted ? undefined : messaging.send(message)))
      if (id === undefined) return { kind: 'retry-later', afterMs: 0, reason: 'the wait is over' }
      return { kind: 'accepted', id }
    } catch (thrown) {
      const failure = failureOf(thrown, token, clock)
      // An access token may be revoked within its hour; firebase-admin would keep it to the end.
      if (failure.status === 401 && clock() - signedInAnewAtMs >= SIGN_INS_APART_MS) {
        signedInAnewAtMs = clock()
        await discard()
      }
      return outcomeOf(failure, sentAtMs)
    }
  }

  async function discard(): Promise<void> {
    const opened = firebase
    firebase = undefined
    // One that failed to open has nothing to close; its pushes said why.
    await opened?.then(
      ({ close }) => close(),
      () => undefined,
    )
  }
}

interface Firebase {
  messaging: Messaging
  signIn: GoogleSignIn
  close(): Promise<void>
}

let loaded: Promise<FirebaseModules> | undefined
type FirebaseModules = Awaited<ReturnType<typeof importFirebase>>
const importFirebase = async () => ({
  ...(await import('firebase-admin/app')),
  ...(await import('firebase-admin/messaging')),
})
const loadFirebase = (): Promise<FirebaseModules> => {
  loaded ??= importFirebase()
  return loaded
}

/** firebase-admin keeps its apps by name for the whole process. */
let appsOpened = 0

async function openFirebase(settings: FcmApp, signIn: GoogleSignIn): Promise<Firebase> {
  const modules = await loadFirebase()
  appsOpened++
  const app: App = modules.initializeApp(
    { credential: signIn, projectId: settings.projectId },
    `${settings.app} ${appsOpened}`,
  )
  const messaging = modules.getMessaging(app)
  limitRetries(messaging)
  return { messaging, signIn, close: () => modules.deleteApp(app) }
}

/** firebase-admin repeats a 503 up to four times, waiting as long as `Retry-After` says, with no way to call it off:
 *  the push of a call that ended meanwhile would still go out. Only the repetition that comes at once is left to it,
 *  after a kept connection turned out to be closed. The setting is private, hence the assertion. */
function limitRetries(messaging: Messaging): void {
  const { messagingRequestHandler } = messaging as unknown as {
    messagingRequestHandler?: { httpClient?: { retry?: FirebaseRetries } }
  }
  const retry = messagingRequestHandler?.httpClient?.retry
  assert(typeof retry?.maxRetries === 'number', 'firebase-admin keeps its retries where 14.5.1 did')
  Object.assign(retry, {
    maxRetries: 1,
    statusCodes: [],
    ioErrorCodes: ['ECONNRESET'],
  } satisfies FirebaseRetries)
}

interface FirebaseRetries {
  maxRetries: number
  statusCodes: number[]
  ioErrorCodes: string[]
}

/** FCM carries strings alone. */
const dataOf = (payload: PushPayload): Record<string, string> =>
  Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, String(value)]))

const bytesOf = (data: Record<string, string>): number =>
  Object.entries(data).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  )
