// Confirmation tokens as a test may need them, right and wrong: signed with jose, as the service does it, with keys
// that the service got as JWT_SECRETS. So a test can answer for thousands of phones without reading their pushes.
import { SignJWT } from 'jose'

export const SECRETS = {
  newest: 'n'.repeat(32),
  older: 'o'.repeat(40),
  foreign: 'f'.repeat(32),
}

/** The value of JWT_SECRETS that knows the first two. */
export const JWT_SECRETS = `newest:${SECRETS.newest},older:${SECRETS.older}`

export interface TokenOptions {
  account: string
  callId: string
  deviceId: string
  kid?: string
  secret?: string
  issuer?: string
  audience?: string
  /** Seconds since the epoch. */
  expiresAt?: number
}

/** Signs one. @param options what is not said is as the service itself would have it. */
export function signConfirmation(options: TokenOptions): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  return new SignJWT({ device_id: options.deviceId })
    .setProtectedHeader({ alg: 'HS256', kid: options.kid ?? 'newest' })
    .setIssuer(options.issuer ?? 'hookswitch')
    .setAudience(options.audience ?? 'call-response')
    .setSubject(options.account)
    .setJti(options.callId)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(options.expiresAt ?? nowSeconds + 120)
    .sign(new TextEncoder().encode(options.secret ?? SECRETS.newest))
}
