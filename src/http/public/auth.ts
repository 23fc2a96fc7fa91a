// The app's credentials on device routes, which somebody else vouches for: an upstream service, or an issuer of JWTs.
// The token that lets an app answer a call is another matter (`confirmationTokens.ts`).
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'
import { canonicalAccount } from '../../base/account.ts'
import { fail, messageOf, ok, type Result } from '../../base/result.ts'
import { MS_PER_MINUTE, toSeconds } from '../../base/units.ts'
import { bearerOf } from '../credentials.ts'
import { forbidden, type Problem, unauthorized, unavailable } from '../problems.ts'
import { ASK_TIMEOUT_MS, createUpstream } from './upstream.ts'

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
  /** How long the upstream service or the issuer is waited for; tests wait less. */
  authTimeoutMs?: number
}

/** For the log: which service could not be asked, and why. The app is told neither. */
export type OnAuthTrouble = (who: 'AUTH_URL' | 'AUTH_JWKS_URL', reason: string) => void

export function createAppAuth(
  settings: AppAuthSettings,
  onTrouble: OnAuthTrouble = () => undefined,
): AuthenticateApp {
  switch (settings.authMode) {
    case 'none':
      return async () => ok(undefined)
    case 'upstream':
      return askUpstream(settings, onTrouble)
    case 'jwt':
      return verifyAppJwt(settings, onTrouble)
  }
}

function askUpstream(settings: AppAuthSettings, onTrouble: OnAuthTrouble): AuthenticateApp {
  const { authUrl, authTimeoutMs: timeoutMs, authAccountField } = settings
  const ask = createUpstream({
    url: authUrl!,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    onTrouble: reason => onTrouble('AUTH_URL', reason),
  })
  return async (request, account) => {
    const answer = await ask(request)
    if (!answer.ok) return answer
    return compareAccount((answer.value as Record<string, unknown> | null)?.[authAccountField], account)
  }
}

/** Clocks of issuers and phones differ from ours by so much at most. */
const CLOCK_TOLERANCE_SECONDS = 60

/** Fetches of the issuer's keys beside the regular ones, in any minute: a token may be signed with a key that is newer
 *  than ours, and anybody can claim so. */
const EXTRA_FETCHES_MAX = 20

const RETRY_AFTER_FETCHES_SECONDS = 5

function verifyAppJwt(settings: AppAuthSettings, onTrouble: OnAuthTrouble): AuthenticateApp {
  const keys = createRemoteJWKSet(new URL(settings.authJwksUrl!), {
    timeoutDuration: settings.authTimeoutMs ?? ASK_TIMEOUT_MS,
    // `mayFetch` below decides whether the keys are fetched anew for a key that is unknown; jose itself must not.
    cooldownDuration: Number.POSITIVE_INFINITY,
  })
  const mayFetch = createBudget(EXTRA_FETCHES_MAX, MS_PER_MINUTE)

  const wanted = {
    issuer: settings.authIssuer!,
    audience: settings.authAudience!,
    requiredClaims: ['exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  }

  async function verified(token: string): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, keys, wanted)).payload
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSMultipleMatchingKeys)) throw thrown
      // The token names no key, and the issuer has several: while it changes them, for one.
      for await (const key of thrown)
        try {
          return (await jwtVerify(token, key, wanted)).payload
        } catch (refused) {
          if (!(refused instanceof errors.JWSSignatureVerificationFailed)) throw refused
        }
      throw new errors.JWSSignatureVerificationFailed()
    }
  }

  async function claimsIn(token: string): Promise<JWTPayload> {
    const payload = await verified(token)
    if (payload.iat !== undefined && payload.iat > toSeconds(Date.now()) + CLOCK_TOLERANCE_SECONDS)
      throw new errors.JWTClaimValidationFailed('issued in the future', payload, 'iat', 'check_failed')
    return payload
  }

  function refuse(thrown: unknown): { ok: false; failure: Problem } {
    if (!isIssuersFault(thrown)) return fail(unauthorized(describeJoseError(thrown as errors.JOSEError)))
    onTrouble('AUTH_JWKS_URL', messageOf(thrown).replaceAll(settings.authJwksUrl!, 'AUTH_JWKS_URL'))
    return fail(unavailable('the issuer’s keys can’t be had now'))
  }

  return async (request, account) => {
    const token = bearerOf(request)
    if (token === undefined) return fail(unauthorized('the bearer token is missing'))
    let payload: JWTPayload
    try {
      payload = await claimsIn(token)
    } catch (thrown) {
      if (!couldBeNewKeys(thrown)) return refuse(thrown)
      if (!mayFetch())
        return fail(unavailable('the issuer’s keys were fetched too often', RETRY_AFTER_FETCHES_SECONDS))
      try {
        await keys.reload()
        payload = await claimsIn(token)
      } catch (again) {
        return refuse(again)
      }
    }
    return compareAccount(payload[settings.authAccountField], account)
  }
}

/** The issuer may have changed its keys since we fetched them, under new names or the old ones. */
const couldBeNewKeys = (thrown: unknown): boolean =>
  thrown instanceof errors.JWKSNoMatchingKey || thrown instanceof errors.JWSSignatureVerificationFailed

/** @returns a function that says whether it may be done once more: so many times in any window. */
function createBudget(max: number, windowMs: number): () => boolean {
  const times: number[] = []
  return () => {
    const nowMs = performance.now()
    while (times.length > 0 && times[0]! <= nowMs - windowMs) times.shift()
    if (times.length >= max) return false
    times.push(nowMs)
    return true
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
  // A number beyond 2^53 is not the one that was written: it could be a neighbour's.
  const isNamed = typeof theirs === 'string' || Number.isSafeInteger(theirs)
  if (isNamed && canonicalAccount(String(theirs)) === account) return ok(undefined)
  return fail(forbidden('the credentials are another account’s'))
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
