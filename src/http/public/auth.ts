// The app's credentials on device routes, which somebody else vouches for: an upstream service, or an issuer of JWTs.
// The token that lets an app answer a call is another matter (`confirmationTokens.ts`).
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { canonicalAccount } from '../../base/account.ts'
import { fail, messageOf, ok, type Result } from '../../base/result.ts'
import { bearerOf } from '../credentials.ts'
import { forbidden, type Problem, unauthorized, unavailable } from '../problems.ts'

/** Decides whether a request may act for an account. `account` is undefined on routes that name none. */
export type AuthenticateApp = (
  request: Request,
  account: string | undefined,
) => Promise<Result<undefined, Problem>>

export interface AppAuthSettings {
  authMode: 'none' | 'upstream' | 'jwt'
  authUrl: string | undefined
  authAccountField: string
  authJwksUrl: string | undefined
  authIssuer: string | undefined
  authAudience: string | undefined
  /** How long to wait for whom we ask; tests have less patience. */
  authTimeoutMs?: number
}

/** An upstream that is slower than this is as good as away: apps retry registrations. */
const UPSTREAM_TIMEOUT_MS = 5_000

export function createAppAuth(settings: AppAuthSettings): AuthenticateApp {
  switch (settings.authMode) {
    case 'none':
      return async () => ok(undefined)
    case 'upstream':
      return (request, account) => askUpstream(settings, request, account)
    case 'jwt':
      return verifyAppJwt(settings)
  }
}

/** The request's own credentials are shown to AUTH_URL, which knows them. Its 401 and 403 are ours too. */
async function askUpstream(
  settings: AppAuthSettings,
  request: Request,
  account: string | undefined,
): Promise<Result<undefined, Problem>> {
  const authorization = request.headers.get('authorization')
  if (authorization === null) return fail(unauthorized('the Authorization header is missing'))
  let status: number
  let answer: unknown
  try {
    const response = await fetch(settings.authUrl!, {
      headers: { authorization, accept: 'application/json' },
      signal: AbortSignal.timeout(settings.authTimeoutMs ?? UPSTREAM_TIMEOUT_MS),
      redirect: 'error',
    })
    status = response.status
    answer = status === 200 ? await response.json() : undefined
  } catch (thrown) {
    return fail(unavailable(`the authentication service did not answer: ${messageOf(thrown)}`))
  }
  if (status === 401) return fail(unauthorized('the authentication service refused the credentials'))
  if (status === 403) return fail(forbidden('the authentication service forbids it'))
  if (status !== 200) return fail(unavailable(`the authentication service answered ${status}`))
  return compareAccount((answer as Record<string, unknown> | null)?.[settings.authAccountField], account)
}

function verifyAppJwt(settings: AppAuthSettings): AuthenticateApp {
  const jwks = createRemoteJWKSet(new URL(settings.authJwksUrl!), {
    timeoutDuration: settings.authTimeoutMs ?? UPSTREAM_TIMEOUT_MS,
  })
  return async (request, account) => {
    const token = bearerOf(request)
    if (token === undefined) return fail(unauthorized('the bearer token is missing'))
    try {
      const { payload } = await jwtVerify(token, jwks, {
        issuer: settings.authIssuer!,
        audience: settings.authAudience!,
        requiredClaims: ['exp'],
      })
      return compareAccount(payload[settings.authAccountField], account)
    } catch (thrown) {
      if (isIssuersFault(thrown))
        return fail(unavailable(`the issuer's keys can't be had: ${messageOf(thrown)}`))
      return fail(unauthorized(describeJoseError(thrown as errors.JOSEError)))
    }
  }
}

/** Whether it was the issuer who failed, not the app: no connection, no answer in time, or one that holds no keys. */
function isIssuersFault(thrown: unknown): boolean {
  if (!(thrown instanceof errors.JOSEError)) return true
  // jose has no class of its own for an answer other than 200, or that is no JSON.
  const isAnswerUseless = thrown instanceof errors.JWKSInvalid || thrown.code === errors.JOSEError.code
  return thrown instanceof errors.JWKSTimeout || isAnswerUseless
}

/** What is wrong with a token, as a sentence for the caller. */
export function describeJoseError(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the token's claim ${error.claim} is not what it must be`
  if (error instanceof errors.JWKSNoMatchingKey) return 'the token is signed with a key that is not ours'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the token is not signed with our key'
  return 'the token is malformed'
}

function compareAccount(theirs: unknown, account: string | undefined): Result<undefined, Problem> {
  if (account === undefined) return ok(undefined)
  const isNamed = typeof theirs === 'string' || typeof theirs === 'number'
  if (isNamed && canonicalAccount(String(theirs)) === account) return ok(undefined)
  return fail(forbidden('the credentials are another account’s'))
}
