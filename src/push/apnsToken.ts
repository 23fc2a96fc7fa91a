// Apple's provider tokens: the JWT that says which team sends, signed with the team's .p8 key. One holder serves all
// senders of the process, because Apple counts the tokens it sees for a key, whatever app or host they come by.
import { createPrivateKey, sign } from 'node:crypto'
import { type Clock, MS_PER_MINUTE, toSeconds } from '../base/units.ts'

/** A token is replaced at this age. Apple refuses one older than 60 minutes. */
const TOKEN_LIFETIME_MS = 50 * MS_PER_MINUTE

/** Least time between two replacements that a refusal brought about: more than one new token in 20 minutes draws
 *  429 TooManyProviderTokenUpdates ("Establishing a token-based connection to APNs"). */
const RENEWALS_APART_MS = 20 * MS_PER_MINUTE

/** A clock that goes back by less is being disciplined, by more was wrong. */
const CLOCK_STEP_MS = MS_PER_MINUTE

/** Who signs: ids as Apple's developer account shows them, and the .p8 file's text. */
export interface ApnsKey {
  teamId: string
  keyId: string
  /** PEM, PKCS #8, P-256. A secret. */
  signingKey: string
}

export interface ProviderTokens {
  /** The token to send with now. */
  current(key: ApnsKey): string
  /** Called when Apple refused `refused`.
   *  @returns a token worth one more try: a new one, or the one that took its place meanwhile; undefined when a new
   *  one was made because of a refusal less than 20 minutes ago. */
  renew(key: ApnsKey, refused: string): string | undefined
}

interface Held {
  signingKey: string
  token: string
  issuedAtMs: number
  renewedAtMs: number
}

/** @param clock decides `iat` and age: it must be right, Apple compares it with its own. */
export function createProviderTokens(clock: Clock): ProviderTokens {
  // One entry for each key id ever named in APPS_FILE while this process lives: a handful.
  const heldByKey = new Map<string, Held>()

  const hold = (key: ApnsKey, renewedAtMs: number): Held => {
    const issuedAtMs = clock()
    const held = { signingKey: key.signingKey, token: signToken(key, issuedAtMs), issuedAtMs, renewedAtMs }
    heldByKey.set(idOf(key), held)
    return held
  }

  const holdCurrent = (key: ApnsKey): Held => {
    const held = heldByKey.get(idOf(key))
    // A key file mended under its old id signs anew at once.
    if (!held || held.signingKey !== key.signingKey) return hold(key, Number.NEGATIVE_INFINITY)
    const ageMs = clock() - held.issuedAtMs
    // A clock that was set back makes the age negative: such a token lies in Apple's future.
    return ageMs >= TOKEN_LIFETIME_MS || ageMs < -CLOCK_STEP_MS ? hold(key, held.renewedAtMs) : held
  }

  return {
    current: key => holdCurrent(key).token,
    renew(key, refused) {
      const held = holdCurrent(key)
      if (held.token !== refused) return held.token
      if (clock() - held.renewedAtMs < RENEWALS_APART_MS) return undefined
      return hold(key, clock()).token
    },
  }
}

const idOf = (key: ApnsKey): string => `${key.teamId}/${key.keyId}`

function signToken(key: ApnsKey, issuedAtMs: number): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const header = encode({ alg: 'ES256', kid: key.keyId })
  const claims = encode({ iss: key.teamId, iat: Math.floor(toSeconds(issuedAtMs)) })
  const signature = sign('sha256', Buffer.from(`${header}.${claims}`), {
    key: createPrivateKey(key.signingKey),
    // JWS wants the two numbers side by side, not OpenSSL's DER (RFC 7518, section 3.4).
    dsaEncoding: 'ieee-p1363',
  })
  return `${header}.${claims}.${signature.toString('base64url')}`
}
