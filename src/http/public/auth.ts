// Tokens and credentials; the only file that imports jose. Two kinds live here: the confirmation token, which we
// sign ourselves and which alone lets an app answer a call, and the app's credentials on device routes, which
// somebody else vouches for (an upstream service, or an issuer of JWTs).

import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { canonicalAccount } from '../../base/account.ts'
import { fail, messageOf, ok, type Result } from '../../base/result.ts'
import type { NamedSecret } from '../../config/kinds.ts'
import type { ConfirmationClaims } from '../../wake/wakeDesk.ts'
import { bearerOf } from '../credentials.ts'
import { forbidden, type Problem, unauthorized, unavailable } from '../problems.ts'
import {
  ALGORITHM,
  AUDIENCE,
  type Confirmation,
  createOwnTokens,
  ISSUER,
  type OwnTokens,
} from './ownTokens.ts'

export interface ConfirmationTokens {
  sign(claims: ConfirmationClaims): Promise<string>
  /** @returns a sentence for the caller: missing, malformed, expired, wrong key, wrong audience. */
  verify(token: string): Promise<Result<Confirmation, string>>
}

interface TokenKeys {
  own: OwnTokens
  /** By `kid`, for jose. */
  secrets: Map<string, Uint8Array>
}

/** @param secrets newest first; it signs, and all verify. Fetched at the first use, because it may be in Redis. */
export function createConfirmationTokens(secrets: () => Promise<readonly NamedSecret[]>): ConfirmationTokens {
  let fetched: Promise<TokenKeys> | undefined
  const keys = () => {
    fetched ??= secrets().then(prepareKeys, thrown => {
      fetched = undefined
      throw thrown
    })
    return fetched
  }

  return {
    async sign(claims) {
      return (await keys()).own.sign(claims)
    },

    async verify(token) {
      const known = await keys()
      const recognised = known.own.recognise(token)
      return recognised ? ok(recognised) : judge(token, known.secrets)
    },
  }
}

function prepareKeys(secrets: readonly NamedSecret[]): TokenKeys {
  const encoder = new TextEncoder()
  return {
    own: createOwnTokens(secrets),
    secrets: new Map(secrets.map(({ kid, secret }) => [kid, encoder.encode(secret)])),
  }
}

async function judge(token: string, known: Map<string, Uint8Array>): Promise<Result<Confirmation, string>> {
  try {
    const { payload } = await jwtVerify(token, ({ kid }) => known.get(kid ?? '') ?? refuseKey(), {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ['sub', 'jti', 'exp', 'device_id'],
    })
    return ok({ account: payload.sub!, callId: payload.jti!, deviceId: String(payload.device_id) })
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError) return fail(describe(thrown))
    throw thrown
  }
}

function refuseKey(): never {
  throw new errors.JWKSNoMatchingKey()
}

function describe(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the token's claim ${error.claim} is not what it must be`
  if (error instanceof errors.JWKSNoMatchingKey) return 'the token is signed with a key that is not ours'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the token is not signed with our key'
  return 'the token is malformed'
}

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
      return fail(unauthorized(describe(thrown as errors.JOSEError)))
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

function compareAccount(theirs: unknown, account: string | undefined): Result<undefined, Problem> {
  if (account === undefined) return ok(undefined)
  const isNamed = typeof theirs === 'string' || typeof theirs === 'number'
  if (isNamed && canonicalAccount(String(theirs)) === account) return ok(undefined)
  return fail(forbidden('the credentials are another account’s'))
}
