// Every key and channel name, in one place. The names under `hookswitch:` are ours; the others are the wire that
// redswitch's users already speak. A `{tag}` keeps keys that one script touches on one Cluster slot.
import { canonicalAccount } from '../base/account.ts'

const PREFIX = 'hookswitch:'

/** HASH, one account's devices: slot → JSON. Kept for ever; registrations have no expiry. */
export const devicesKey = (account: string): string => `${PREFIX}devices:{${canonicalAccount(account)}}`

/** HASH, which of an account's SIP-registered phones were pushed for which waiting wakes: `<device> <record>` → how, and
 *  until when. On the devices' slot. Expires with the last of the waits. */
export const pushedKey = (account: string): string => `${PREFIX}pushed:{${canonicalAccount(account)}}`

/** HASH, one wake's record. Expires when late apps need no verdict any more. */
export const wakeKey = (wake: WakeId): string => `${PREFIX}wake:{${tagged(wake.callId)}}:${wake.account}`

/** STRING, the record that a phone's unique key belongs to, and its device. In a Cluster the key is made so that both lie
 *  on one slot. Expires with the record, or with the timeline that tells of the wake. */
export const uniqueKeyKey = (uniqueKey: string): string => `${PREFIX}unique-key:${uniqueKey}`

/** Channel, where one process hears of wakes whose phones hold verdict streams at it. */
export const verdictChannel = (pod: string): string => `${PREFIX}verdicts:${pod}`

/** SET, the accounts that one call wakes: the PBX names a call by its id alone when it has ended. */
export const wokenAccountsKey = (callId: string): string => `${PREFIX}woken:{${tagged(callId)}}`

/** Channel, one wait worker's inbox. One per worker, not one per call: that is several times as fast. */
export const inboxChannel = (pod: string, worker: number): string => `${PREFIX}inbox:${pod}:${worker}`

/** Channel, one subscriber's own: what it publishes to itself to see whether messages arrive. */
export const selfTestChannel = (id: string): string => `${PREFIX}self-test:${id}`

/** STRING, the confirmation tokens' key that pods share when no `JWT_SECRETS` are set. */
export const SHARED_SECRET_KEY = `${PREFIX}jwt-secret`

/** Prefix of the rate limits' counters. They expire after their minute. */
export const RATE_PREFIX = `${PREFIX}rate`

/** What names one wake. One call may wake several accounts (a ring group), each with devices of its own. */
export interface WakeId {
  account: string
  callId: string
}

/** The wake that a record's key names. */
export function wakeIdOf(key: string): WakeId {
  const end = key.lastIndexOf('}:')
  const tag = key.slice(key.indexOf('{') + 1, end)
  return { callId: tag.includes('%') ? decodeURIComponent(tag) : tag, account: key.slice(end + 2) }
}

/** A call id is the PBX's own text: a brace in it would move the end of the hash tag, and a blank ends what scripts read.
 *  Whatever is encoded has a percent sign in it, and what had one is encoded, so that it can be read back. */
const tagged = (callId: string): string =>
  /[^\x21-\x7e]|[{}%]/.test(callId) ? encodeURIComponent(callId) : callId

/** HASH, one dialled call's state: who owns it, on which switch, which legs live. Gone when the call is over. */
export const callKey = (dialId: string): string => `${PREFIX}call:{${dialId}}`

/** HASH, how far a call's owners had come when it was over. Expires after minutes. */
export const callOverKey = (dialId: string): string => `${PREFIX}over:{${dialId}}`

/** SET, agents whose jobs of this dial id were given to others: they must not dial it any more. */
export const revokedKey = (dialId: string): string => `${PREFIX}revoked:{${dialId}}`

/** STRING, a message was published outside its call's own order: not a second time under that name. */
export const saidKey = (channel: string, name: string): string => `${PREFIX}said:{${tagged(channel)}}:${name}`

/** SET, names of all agents that live, or died and are not yet removed. */
export const AGENTS_KEY = `${PREFIX}agents`

/** STRING with an expiry, an agent's card: it lives. All on one Cluster slot, so that one command looks at all. */
export const agentLeaseKey = (agent: string): string => `${PREFIX}{agents}:${agent}`

/** STRING, the agent was declared dead. */
export const deadAgentKey = (agent: string): string => `${PREFIX}{agents}:${agent}:dead`

/** Channel, one agent's inbox, for hand-overs. */
export const agentChannel = (agent: string): string => `${PREFIX}agent-inbox:${agent}`

/** SET, the dial ids of the calls that an agent owns: what a survivor takes over. */
export const ownedCallsKey = (agent: string): string => `${PREFIX}owned:${agent}`

/** SET, the core UUIDs of the switches whose channel an agent owns. */
export const ownedChannelsKey = (agent: string): string => `${PREFIX}agent-switches:${agent}`

/** LIST, jobs that an agent has taken and not yet dialled. The tag keeps it on its job list's Cluster slot. */
export const inFlightKey = (list: string, agent: string): string => `${PREFIX}in-flight:{${list}}:${agent}`

/** STRING with an expiry, one giving back of a job was done. On its list's slot, as one script writes all. */
export const putBackKey = (list: string, name: string): string => `${PREFIX}put-back:{${list}}:${name}`

/** HASH, what was queued for a dial id through the internal API. On its list's slot, as one script writes both. */
export const queuedKey = (list: string, dialId: string): string => `${PREFIX}queued:{${list}}:${dialId}`

/** HASH, what was queued under a caller's own key for the request. */
export const askedKey = (list: string, key: string): string => `${PREFIX}asked:{${list}}:${key}`

/** LIST, ids of the wakes that agents ask for and no front has taken yet. On one slot with the one below. */
export const WAKE_REQUESTS_KEY = `${PREFIX}{wake-requests}`

/** HASH, one wake that was asked for: who asks, which front has it, how it stands. Expires minutes after its end. */
export const wakeRequestKey = (id: string): string => `${WAKE_REQUESTS_KEY}:${id}`

/** Channel, where one agent hears of the wakes that it asked for. */
export const wakeAnswersChannel = (agent: string): string => `${PREFIX}wake-answers:${agent}`

/** Channel, where one front hears that a wake is not wanted any more; as long as it listens it lives. */
export const wakeFrontChannel = (front: string): string => `${PREFIX}wake-front:${front}`

/** STRING, when the next session of a switch may begin. Expires after minutes. */
export const paceKey = (coreUuid: string): string => `${PREFIX}pace:{${coreUuid}}`

/** LIST, jobs that can't be dialled, each with its reason. */
export const deadLetterKey = (list: string): string => `${list}:dead`

/** In which order a call's ids stand in the key of its active sides: as redswitch's README says, or as its code did. */
export const ACTIVE_KEYS = ['dial.org.user', 'org.user.dial'] as const
export type ActiveKey = (typeof ACTIVE_KEYS)[number]

/** LIST, redswitch's own: one `ACTIVE.<side>` for each answered side. */
export const activeCallKey = (
  { dialId, orgId, userId }: CallOwnerIds,
  order: ActiveKey = 'dial.org.user',
): string =>
  order === 'dial.org.user'
    ? `redswitch.${dialId}.${orgId}.${userId}`
    : `redswitch.${orgId}.${userId}.${dialId}`

/** LIST, redswitch's own: what was published about the user's newest call, newest first. */
export const historyKey = (user: Pick<CallOwnerIds, 'orgId' | 'userId'>): string =>
  `redswitch_history.${user.orgId}.${user.userId}`

/** HASH, who answers on a switch's channel (`<core_uuid>`), as a call's record; gone with its last agent. */
export const switchChannelKey = (coreUuid: string): string => `${PREFIX}switch:{${coreUuid}}`

/** HASH, how far the owners of a switch's channel had come when the last one left. Expires after minutes. */
export const switchChannelOverKey = (coreUuid: string): string => `${PREFIX}switch-over:{${coreUuid}}`

/** SET, names of the pods that showed themselves and did not leave. */
export const PODS_KEY = `${PREFIX}pods`

/** STRING with an expiry, what one pod tells operators of itself: it lives. */
export const podKey = (pod: string): string => `${PREFIX}pod:{${pod}}`

/** HASH, what all pods counted in one minute (of the epoch) for the live page. Expires after two hours. */
export const minuteKey = (minute: number): string => `${PREFIX}minute:{${minute}}`

/** LIST, what happened in one wake or dialled call, in order. A call id that is a dial id too shares one. */
export const timelineKey = (id: string): string => `${PREFIX}timeline:${id}`

/** ZSET, an account's newest wakes and dialled calls, by time. */
export const timelinesOfKey = (account: string): string =>
  `${PREFIX}timelines-of:${canonicalAccount(account)}`

/** ZSET, all timelines, by when they began: the oldest make room. */
export const TIMELINES_KEY = `${PREFIX}timelines`

/** Whose call it is, as the wire names it. */
export interface CallOwnerIds {
  dialId: string
  orgId: string
  userId: string
}
