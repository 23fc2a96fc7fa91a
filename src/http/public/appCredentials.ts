// How an app that answers a call, or asks how it stands, shows which phone it is. Published apps log their user out on
// any 401, so a 401 says one thing alone: a bearer token that claims to be ours is not. Whatever else proves nothing is a
// verdict.

import { readUniqueKey } from '../../redis/wakes/uniqueKeys.ts'
import type { Credential, Verdict } from '../../redis/wakes/wakes.ts'
import { type Confirmation, type ConfirmationTokens, namesUsAsIssuer } from './confirmationTokens.ts'

/** What a request shows. */
export interface ShownCredentials {
  /** Of the `Authorization` header, whoever's it is. */
  bearer: string | undefined
  /** `token` of the URL. */
  urlToken: string | undefined
  /** Fields beside the token. Each that is there must be the same as the token's. */
  uniqueKey: string | undefined
  account: string | undefined
  deviceId: string | undefined
}

export type KnownApp =
  /** `isBearer`: the app is known by a bearer token, whose misuse is a 401. */
  | { kind: 'known'; credential: Credential; isBearer: boolean }
  | { kind: 'verdict'; verdict: Extract<Verdict, 'unknown' | 'expired'> }
  /** `reason`: a sentence for the caller. `isOurs`: the token is right, and a field beside it is another call's or device's. */
  | { kind: 'forged'; reason: string; isOurs: boolean }

export interface AppCredentialsOptions {
  tokens: Pick<ConfirmationTokens, 'verify' | 'claims'>
  /** Unique keys alone admit nobody. */
  isJwtRequired: boolean
}

export function createAppCredentials({ tokens, isJwtRequired }: AppCredentialsOptions) {
  async function byToken(token: string, shown: ShownCredentials, isBearer: boolean): Promise<KnownApp> {
    const verified = await tokens.verify(token)
    if (verified.kind === 'expired') return EXPIRED
    if (verified.kind === 'refused') return { kind: 'forged', reason: verified.reason, isOurs: false }
    const fitting = fit(verified.confirmation, shown)
    if (typeof fitting === 'string') return { kind: 'forged', reason: fitting, isOurs: true }
    return { kind: 'known', credential: fitting, isBearer }
  }

  return {
    async read(shown: ShownCredentials): Promise<KnownApp> {
      const { bearer, urlToken, uniqueKey } = shown
      if (isOurs(bearer)) return byToken(bearer, shown, true)
      if (urlToken !== undefined) {
        const known = await byToken(urlToken, shown, false)
        if (known.kind !== 'forged') return known
        if (known.isOurs) return UNKNOWN
      }
      // A URL that was cut or changed on its way proves nothing, and takes nothing from the key.
      const key = isJwtRequired ? undefined : readUniqueKey(uniqueKey ?? '')
      if (key === undefined) return UNKNOWN
      return { kind: 'known', credential: { by: 'key', uniqueKey: key }, isBearer: false }
    },

    /** What the URL's token says, unverified, where the unique key beside it may prove it. Where Redis finds a wake by that
     *  key, the answer is the one that `read` would have led to; where it finds none, `read` decides. So the requests of
     *  most apps cost no check of a signature. */
    claimed(shown: ShownCredentials): Credential | undefined {
      const { bearer, urlToken, uniqueKey } = shown
      if (isJwtRequired || urlToken === undefined || uniqueKey === undefined || isOurs(bearer))
        return undefined
      const claims = tokens.claims(urlToken)
      const fitting = claims && fit(claims, shown)
      if (typeof fitting !== 'object' || fitting.uniqueKey === undefined) return undefined
      return { ...fitting, uniqueKey: fitting.uniqueKey, by: 'claims' }
    },
  }
}

const isOurs = (bearer: string | undefined): bearer is string =>
  bearer !== undefined && namesUsAsIssuer(bearer)

const EXPIRED: KnownApp = { kind: 'verdict', verdict: 'expired' }
const UNKNOWN: KnownApp = { kind: 'verdict', verdict: 'unknown' }

/** @returns what does not fit, as a sentence. */
function fit(
  { account, callId, deviceId, wake }: Confirmation,
  shown: ShownCredentials,
): Extract<Credential, { by: 'token' }> | string {
  if (shown.account !== undefined && shown.account !== account)
    return 'the token is for another account than sip_user_id'
  if (shown.deviceId !== undefined && shown.deviceId !== deviceId)
    return 'the token is for another device than device_id'
  const credential = { by: 'token', wake: { account, callId }, device: deviceId } as const
  const named = wake === undefined ? credential : { ...credential, name: wake }
  // Pushes of former versions had the call's id there.
  if (shown.uniqueKey === undefined || shown.uniqueKey === callId) return named
  const uniqueKey = readUniqueKey(shown.uniqueKey)
  return uniqueKey === undefined ? MISFIT : { ...named, uniqueKey }
}

export const MISFIT = 'the token is for another call than unique_key'
