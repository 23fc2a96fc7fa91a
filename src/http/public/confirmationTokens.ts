// The confirmation token, which the service signs itself: it entitles one device to answer one wake. Signed for the
// push, verified when the app answers; both by jose, with keys that are imported once.
import { CompactSign, decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose'
import { canonicalAccount } from '../../base/account.ts'
import { toSeconds } from '../../base/units.ts'
import type { NamedSecret } from '../../config/kinds.ts'
import type { ConfirmationClaims } from '../../wake/devicePush.ts'
import { describeJoseError } from './auth.ts'

const ISSUER = 'hookswitch'
const AUDIENCE = 'call-response'
const ALGORITHM = 'HS256'
const HMAC_SHA256 = { name: 'HMAC', hash: 'SHA-256' }

const encoder = new TextEncoder()

/** The wake's name is a small number. It stands in `iat`, which is that many millionths of a second before the whole second of
 *  signing (less than 0.1 s). So the token needs no claim beside those that its contract names. */
const WAKES_A_SECOND = 1_000_000

/** What a verified confirmation token entitles to: one device's answer to one call. `wake` is missing in tokens that an
 *  operator's own script has signed, in whole seconds: those confirm whichever wake of the call waits. */
export type Confirmation = Pick<ConfirmationClaims, 'account' | 'callId' | 'deviceId' | 'wake'>

export type VerifiedToken =
  | { kind: 'valid'; confirmation: Confirmation }
  | { kind: 'expired' }
  /** `reason`: a sentence for the caller. */
  | { kind: 'refused'; reason: string }

export interface ConfirmationTokens {
  sign(claims: ConfirmationClaims): Promise<string>
  verify(token: string): Promise<VerifiedToken>
  /** What a token says of itself; its signature is not looked at. @returns undefined where `verify` would refuse it for
   *  what it says, or find it expired. */
  claims(token: string): Confirmation | undefined
}

interface TokenKeys {
  newest: { kid: string; key: CryptoKey }
  byKid: Map<string, CryptoKey>
}

/** @param secrets newest first; it signs, and all verify. Fetched at the first use, because it may be in Redis. */
export function createConfirmationTokens(secrets: () => Promise<readonly NamedSecret[]>): ConfirmationTokens {
  let fetched: Promise<TokenKeys> | undefined
  const keys = () => {
    fetched ??= secrets().then(importKeys)
    // A failure reaches every caller that awaits these keys. The next caller fetches them anew.
    fetched.catch(() => {
      fetched = undefined
    })
    return fetched
  }

  return {
    async sign({ account, callId, deviceId, wake, issuedAtSeconds, expiresAtSeconds }) {
      const { kid, key } = (await keys()).newest
      const claims = {
        device_id: deviceId,
        iss: ISSUER,
        aud: AUDIENCE,
        sub: account,
        jti: callId,
        iat: issuedAtSeconds - (wake ?? 0) / WAKES_A_SECOND,
        exp: expiresAtSeconds,
      }
      // `SignJWT` would make the same token, but copies the claims first.
      return new CompactSign(encoder.encode(JSON.stringify(claims)))
        .setProtectedHeader({ alg: ALGORITHM, kid })
        .sign(key)
    },

    async verify(token) {
      const { byKid } = await keys()
      try {
        const { payload } = await jwtVerify(token, ({ kid }) => byKid.get(kid ?? '') ?? refuseKey(), {
          algorithms: [ALGORITHM],
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ['sub', 'jti', 'exp', 'device_id'],
        })
        return { kind: 'valid', confirmation: confirmationIn(payload) }
      } catch (thrown) {
        // jose checks the signature first: an expired token was signed by us.
        if (thrown instanceof errors.JWTExpired) return { kind: 'expired' }
        if (thrown instanceof errors.JOSEError) return { kind: 'refused', reason: describeJoseError(thrown) }
        throw thrown
      }
    },

    claims(token) {
      const payload = payloadOf(token)
      if (!payload) return undefined
      const { iss, aud, sub, jti, iat = 0, exp } = payload
      const isWhole = typeof sub === 'string' && typeof jti === 'string' && typeof iat === 'number'
      if (!isWhole || iss !== ISSUER || aud !== AUDIENCE || payload.device_id === undefined) return undefined
      // As jose counts: the token is over when the second of its expiry begins.
      if (typeof exp !== 'number' || exp <= Math.floor(toSeconds(Date.now()))) return undefined
      return confirmationIn(payload)
    },
  }
}

function confirmationIn({ sub, jti, iat = 0, device_id: deviceId }: JWTPayload): Confirmation {
  const wake = Math.round((Math.ceil(iat) - iat) * WAKES_A_SECOND)
  const named = wake === 0 ? {} : { wake }
  return { account: canonicalAccount(sub!), callId: jti!, deviceId: String(deviceId), ...named }
}

/** Whether a bearer token claims to be ours. Apps send bearers of other services along, or what is no JWT at all. */
export const namesUsAsIssuer = (token: string): boolean => payloadOf(token)?.iss === ISSUER

/** @returns undefined for what is no JWT. */
function payloadOf(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token)
  } catch {
    // This is no JWT: it says nothing.
    return undefined
  }
}

async function importKeys(secrets: readonly NamedSecret[]): Promise<TokenKeys> {
  const imported = await Promise.all(
    secrets.map(async ({ kid, secret }) => {
      const bytes = encoder.encode(secret)
      return { kid, key: await crypto.subtle.importKey('raw', bytes, HMAC_SHA256, false, ['sign', 'verify']) }
    }),
  )
  return { newest: imported[0]!, byKid: new Map(imported.map(({ kid, key }) => [kid, key])) }
}

function refuseKey(): never {
  throw new errors.JWKSNoMatchingKey()
}
