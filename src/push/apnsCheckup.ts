// Asks both of Apple's push hosts whether they take one app's key and topic: a VoIP push to a device that cannot
// exist. Apple checks the sender first, so "bad device token" means that all before it is good.
import { compareClocks, type Finding, fine, HTTP_DATE_CUT_MS, problem, warning } from '../base/finding.ts'
import { messageOf } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import { type ApnsApp, createApnsSender } from './apns.ts'
import type { ProviderTokens } from './apnsToken.ts'
import type { PushOutcome } from './push.ts'

export interface ApnsCheckupOptions {
  app: ApnsApp
  /** One holder for all apps: Apple counts the tokens of a key. */
  providerTokens: ProviderTokens
  clock: Clock
  limitMs: number
}

/** Of the right form, and no device's. */
export const NO_DEVICE = '0'.repeat(64)

/** Never rejects. */
export async function examineApns(options: ApnsCheckupOptions): Promise<Finding[]> {
  try {
    options.providerTokens.current(options.app)
  } catch (thrown) {
    return [
      problem(
        'apns key',
        `The key ${options.app.keyId} can't sign: ${messageOf(thrown)}.`,
        "Use the .p8 file as Apple's developer account gives it out.",
      ),
    ]
  }
  const [production, sandbox] = await Promise.all([askApple(options, false), askApple(options, true)])
  return [...production, ...sandbox]
}

async function askApple(options: ApnsCheckupOptions, isSandbox: boolean): Promise<Finding[]> {
  const { app, clock, limitMs, providerTokens } = options
  let theirsMs = Number.NaN
  let heardAtMs = Number.NaN
  const sender = createApnsSender({
    app,
    isSandbox,
    providerTokens,
    clock,
    limits: { sendMs: limitMs, connectMs: limitMs, closeMs: 0 },
    onAnswer: headers => {
      theirsMs = Date.parse(String(headers.date)) + HTTP_DATE_CUT_MS
      heardAtMs = clock()
    },
  })
  try {
    const target = { platform: 'apns' as const, app: app.app, token: NO_DEVICE, isSandbox }
    // The sender keeps the time by itself.
    const { signal } = new AbortController()
    const outcome = await sender.send(target, { type: 'message', message: '' }, signal)
    const finding = readOutcome(outcome, app, isSandbox)
    // Apple does not always send its time.
    return Number.isNaN(theirsMs) ? [finding] : [finding, compareClocks('Apple', theirsMs - heardAtMs)]
  } finally {
    await sender.close()
  }
}

/** Reasons that are about the device alone, or about nothing. */
const GOOD_REASONS: ReadonlySet<string> = new Set([
  'BadDeviceToken',
  'DeviceTokenNotForTopic',
  'Unregistered',
])

/** Apple's reasons that are about the sender ("Handling notification responses from APNs"). */
const TODOS: Record<string, string> = {
  InvalidProviderToken:
    "keyId, teamId and keyFile must belong together, and the key must not be revoked: see Keys in Apple's developer account. A clock that is minutes wrong has the same effect.",
  ExpiredProviderToken: 'Set the clock of this machine.',
  TopicDisallowed:
    'The topic must be the bundle id of an app of this team with .voip behind it, and the key be allowed to push to it.',
  BadTopic: 'Mend the topic in APPS_FILE: the bundle id with .voip behind it.',
  BadEnvironmentKeyInToken:
    'The key was made for the other environment alone: make one for both, or for the one that your phones use.',
}

function readOutcome(outcome: PushOutcome, app: ApnsApp, isSandbox: boolean): Finding {
  const check = isSandbox ? 'apns sandbox' : 'apns production'
  const host = isSandbox ? "Apple's sandbox" : 'Apple'
  // Only development builds live there.
  const trouble = isSandbox ? warning : problem
  if (outcome.kind === 'accepted' || outcome.kind === 'token-gone' || GOOD_REASONS.has(outcome.reason))
    return fine(check, `${host} takes the key ${app.keyId} for ${app.topic}.`)
  if (outcome.reason === 'TooManyProviderTokenUpdates')
    return warning(
      check,
      `${host} has seen too many tokens of the key ${app.keyId} of late.`,
      'Ask again in twenty minutes; if that goes on, see who else signs with this key.',
    )
  const todo = TODOS[outcome.reason]
  if (todo !== undefined || outcome.kind === 'refused')
    return trouble(
      check,
      `${host} refuses the key ${app.keyId} for ${app.topic}: ${outcome.reason}.`,
      todo ?? "See Apple's list of reasons, Handling notification responses from APNs.",
    )
  return trouble(
    check,
    `${host} can't be asked: ${outcome.reason}.`,
    'Let this machine open connections to port 443 of api.push.apple.com and api.sandbox.push.apple.com, with nothing between that opens TLS.',
  )
}
