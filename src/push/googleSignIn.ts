// Signs a service account in at Google and gets the access token that FCM wants. firebase-admin could do it by
// itself, but without a time limit: one lost answer of the token endpoint would hold up every push of the app until
// TCP gives up. It asks here instead, through its own interface for credentials.
import { sign } from 'node:crypto'
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_MINUTE, MS_PER_SECOND, toSeconds } from '../base/units.ts'

/** Google's token endpoint, also the assertion's audience ("Using OAuth 2.0 for server to server applications"). */
const TOKEN_URL = 'https://oauth2.googleapis.com/token'
/** The one thing it is used for. */
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging'
/** Google allows an hour at most. The assertion is used once, at once. */
const ASSERTION_LIFETIME_SECONDS = 600

/** An access token is renewed this long before its end, a minute before firebase-admin would ask for it. */
const RENEWED_AHEAD_MS = 6 * MS_PER_MINUTE
/** After a failure the one before serves this long until Google is asked again. */
const ASKED_AGAIN_AFTER_MS = MS_PER_MINUTE / 2

/** Google did not sign the account in. */
export class GoogleSignInError extends Error {
  override name = 'GoogleSignInError'
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined

  constructor(message: string, status?: number, cause?: unknown) {
    super(message, { cause })
    this.status = status
  }
}

export interface GoogleAccount {
  clientEmail: string
  /** PEM, RSA. A secret. */
  privateKey: string
}

/** In this shape firebase-admin takes it as a credential. */
export interface GoogleSignIn {
  /** The access token to use now; asks Google only when there is none or it ends soon. Callers share one request.
   *  @throws {GoogleSignInError} when Google refuses or can't be reached and no access token is good any more. */
  getAccessToken(): Promise<{ access_token: string; expires_in: number }>
}

interface AccessToken {
  token: string
  endsAtMs: number
}

/** @param limitMs for one request to Google. */
export function createGoogleSignIn(account: GoogleAccount, clock: Clock, limitMs: number): GoogleSignIn {
  let held: AccessToken | undefined
  let asking: Promise<AccessToken> | undefined
  let askAgainAtMs = 0

  return {
    async getAccessToken() {
      const { token, endsAtMs } = await current()
      return { access_token: token, expires_in: Math.floor(toSeconds(endsAtMs - clock())) }
    },
  }

  async function current(): Promise<AccessToken> {
    if (held && (lastsFor(held, RENEWED_AHEAD_MS) || (clock() < askAgainAtMs && lastsFor(held, 0))))
      return held
    asking ??= ask().finally(() => {
      asking = undefined
    })
    return asking
  }

  async function ask(): Promise<AccessToken> {
    try {
      held = await signIn(account, clock, limitMs)
    } catch (thrown) {
      askAgainAtMs = clock() + ASKED_AGAIN_AFTER_MS
      if (!held || !lastsFor(held, 0)) throw thrown
    }
    return held
  }

  function lastsFor({ endsAtMs }: AccessToken, ms: number): boolean {
    return endsAtMs - clock() > ms
  }
}

async function signIn(account: GoogleAccount, clock: Clock, limitMs: number): Promise<AccessToken> {
  const { status, body } = await post(signAssertion(account, clock()), limitMs)
  if (status !== 200) {
    // Google's two fields (RFC 6749, section 5.2) hold no secret.
    const words = [body?.error, body?.error_description].filter(word => typeof word === 'string')
    throw new GoogleSignInError(`sign-in refused with ${status} ${words.join(': ')}`.trim(), status)
  }
  const { access_token: token, expires_in: lifetimeSeconds } = body ?? {}
  if (typeof token !== 'string' || typeof lifetimeSeconds !== 'number')
    throw new GoogleSignInError("sign-in answered with something that isn't a token")
  return { token, endsAtMs: clock() + lifetimeSeconds * MS_PER_SECOND }
}

async function post(
  assertion: string,
  limitMs: number,
): Promise<{ status: number; body: Record<string, unknown> | undefined }> {
  const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion })
  try {
    const response = await fetch(TOKEN_URL, {
      method: 'POST',
      body: form,
      signal: AbortSignal.timeout(limitMs),
    })
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : undefined }
  } catch (thrown) {
    throw new GoogleSignInError(`sign-in failed: ${messageOf(thrown)}`, undefined, thrown)
  }
}

function signAssertion({ clientEmail, privateKey }: GoogleAccount, nowMs: number): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const iat = Math.floor(toSeconds(nowMs))
  const claims = {
    iss: clientEmail,
    aud: TOKEN_URL,
    scope: SCOPE,
    iat,
    exp: iat + ASSERTION_LIFETIME_SECONDS,
  }
  const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
}
