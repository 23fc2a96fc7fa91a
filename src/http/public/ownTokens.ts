// Signs confirmation tokens, and recognises those that stand exactly as they are signed here. It exists for speed:
// jose's HMAC goes through WebCrypto's thread pool, once for the push and once for the answer of every call, which
// costs 45 µs of CPU each time and 0.1 ms of waiting; this takes 2 µs. Nothing is refused here. A token that is not
// recognised is jose's to judge, by the book (`auth.ts`).
import { timingSafeEqual } from 'node:crypto'
import { toSeconds } from '../../base/units.ts'
import type { NamedSecret } from '../../config/kinds.ts'
import type { ConfirmationClaims } from '../../wake/wakeDesk.ts'

export const ISSUER = 'hookswitch'
export const AUDIENCE = 'call-response'
export const ALGORITHM = 'HS256'

/** What a verified confirmation token entitles to: one device's answer to one call. */
export type Confirmation = Pick<ConfirmationClaims, 'account' | 'callId' | 'deviceId'>

export interface OwnTokens {
  sign(claims: ConfirmationClaims): string
  /** @returns undefined for whatever is not beyond doubt: that token needs jose's judgement. */
  recognise(token: string): Confirmation | undefined
}

interface Payload {
  device_id: string
  iss: string
  aud: string
  sub: string
  jti: string
  /** Seconds since the epoch. */
  iat: number
  exp: number
}

/** @param secrets newest first, at least one; it signs, and all are recognised. */
export function createOwnTokens(secrets: readonly NamedSecret[]): OwnTokens {
  const keys = secrets.map(({ kid, secret }) => ({
    header: encode({ alg: ALGORITHM, kid }),
    // Copied for each token: the key itself is hashed once.
    keyed: new Bun.CryptoHasher('sha256', secret),
  }))
  const keyedByHeader = new Map(keys.map(({ header, keyed }) => [header, keyed]))
  const newest = keys[0]!

  return {
    sign(claims) {
      const payload: Payload = {
        device_id: claims.deviceId,
        iss: ISSUER,
        aud: AUDIENCE,
        sub: claims.account,
        jti: claims.callId,
        iat: claims.issuedAtSeconds,
        exp: claims.expiresAtSeconds,
      }
      const signed = `${newest.header}.${encode(payload)}`
      return `${signed}.${hmac(newest.keyed, signed)}`
    },

    recognise(token) {
      const headerEnd = token.indexOf('.')
      const payloadEnd = token.lastIndexOf('.')
      const keyed = keyedByHeader.get(token.slice(0, headerEnd))
      if (keyed === undefined || payloadEnd === headerEnd) return undefined
      if (!isSame(token.slice(payloadEnd + 1), hmac(keyed, token.slice(0, payloadEnd)))) return undefined
      // Signed with our key, so it is what one of the pods once wrote, or an operator's own script.
      return confirmationIn(decode(token.slice(headerEnd + 1, payloadEnd)))
    },
  }
}

function confirmationIn(payload: Partial<Payload>): Confirmation | undefined {
  const { iss, aud, exp, sub, jti, device_id: deviceId } = payload
  if (iss !== ISSUER || aud !== AUDIENCE || 'nbf' in payload) return undefined
  // As jose counts: in whole seconds, and over when the second of the expiry begins.
  if (typeof exp !== 'number' || exp <= Math.floor(toSeconds(Date.now()))) return undefined
  if (typeof sub !== 'string' || typeof jti !== 'string' || typeof deviceId !== 'string') return undefined
  return { account: sub, callId: jti, deviceId }
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function decode(text: string): Partial<Payload> {
  try {
    return Object(JSON.parse(Buffer.from(text, 'base64url').toString()))
  } catch {
    // Signed with our key and no JSON: somebody else's use of it, and jose's to name.
    return {}
  }
}

const hmac = (keyed: Bun.CryptoHasher, text: string): string => keyed.copy().update(text).digest('base64url')

/** 32 bytes in base64url. */
const SIGNATURE_LENGTH = 43

const utf8 = new TextEncoder()
const [one, other] = [new Uint8Array(SIGNATURE_LENGTH), new Uint8Array(SIGNATURE_LENGTH)]

/** In a time that tells nothing of where they differ. */
function isSame(given: string, expected: string): boolean {
  // Longer in UTF-8 than it looks, it does not fit in and is none of ours.
  const isWhole = given.length === SIGNATURE_LENGTH && utf8.encodeInto(given, one).read === SIGNATURE_LENGTH
  utf8.encodeInto(expected, other)
  return isWhole && timingSafeEqual(one, other)
}
