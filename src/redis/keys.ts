// Every key and channel name, in one place. The names under `hookswitch:` are ours; the others are the wire that
// redswitch's users already speak. A `{tag}` keeps keys that one script touches on one Cluster slot.

const PREFIX = 'hookswitch:'

/** HASH, one account's devices: slot → JSON. Kept for ever; registrations have no expiry. */
export const devicesKey = (account: string): string => `${PREFIX}devices:{${account}}`

/** HASH, one wake's record. Expires when late apps need no verdict any more. */
export const wakeKey = (wake: WakeId): string => `${PREFIX}wake:{${tagged(wake.callId)}}:${wake.account}`

/** SET, the accounts that one call wakes: the PBX names a call by its id alone when it has ended. */
export const wokenAccountsKey = (callId: string): string => `${PREFIX}woken:{${tagged(callId)}}`

/** Channel, one wait worker's inbox. One per worker, not one per call: that is several times as fast. */
export const inboxChannel = (pod: string, worker: number): string => `${PREFIX}inbox:${pod}:${worker}`

/** STRING, the confirmation tokens' key that pods share when no `JWT_SECRETS` are set. */
export const SHARED_SECRET_KEY = `${PREFIX}jwt-secret`

/** Prefix of the rate limits' counters. They expire after their minute. */
export const RATE_PREFIX = `${PREFIX}rate`

/** What names one wake. One call may wake several accounts (a ring group), each with devices of its own. */
export interface WakeId {
  account: string
  callId: string
}

/** A call id is the PBX's own text; a brace in it would move the end of the hash tag. */
const tagged = (callId: string): string => (/[{}]/.test(callId) ? encodeURIComponent(callId) : callId)
