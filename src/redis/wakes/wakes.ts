// The record of each wake in Redis: who waits for it and where, and what became of it. Each step is one script, so
// confirmation, timeout and hang-up can race and exactly one of them decides. The record outlives the wait by the
// grace in which late apps still get their verdict. Nothing here waits or sends pushes.

import type { Clock } from '../../base/units.ts'
import { COMMAND_TIMEOUT_MS, type RedisConnection } from '../connect.ts'
import { type Device, readDevices } from '../devices/devices.ts'
import {
  devicesKey,
  pushedKey,
  uniqueKeyKey,
  type WakeId,
  wakeIdOf,
  wakeKey,
  wokenAccountsKey,
} from '../keys.ts'
import { isAnybodyListening } from '../listeners.ts'
import { bindScript, isCluster, reachable } from '../scripts.ts'
import { wakeOfUniqueKey } from './uniqueKeyIndex.ts'
import { newWakeSecret, prepareSlots, uniqueKeyOf, wakeNameOf } from './uniqueKeys.ts'
import wakeAnswerLua from './wakeAnswer.lua' with { type: 'text' }
import wakeBeginLua from './wakeBegin.lua' with { type: 'text' }
import wakeEndLua from './wakeEnd.lua' with { type: 'text' }
import wakeFindLua from './wakeFind.lua' with { type: 'text' }
import wakeHeardLua from './wakeHeard.lua' with { type: 'text' }
import wakeJoinLua from './wakeJoin.lua' with { type: 'text' }
import wakeLeadLua from './wakeLead.lua' with { type: 'text' }
import wakeLeaveLua from './wakeLeave.lua' with { type: 'text' }
import wakeLookLua from './wakeLook.lua' with { type: 'text' }
import wakeNewsLua from './wakeNews.lua' with { type: 'text' }
import wakePushedLua from './wakePushed.lua' with { type: 'text' }
import wakeVerdictLua from './wakeVerdict.lua' with { type: 'text' }

/** How long after the wait's end an app may still ask: two minutes. The token lives as long. */
export const VERDICT_GRACE_MS = 120_000

/** PBX requests that may join the wait of another one of the same call: retries come in ones and twos. */
export const JOINED_MAX = 10

/** Processes that may hold verdict streams of one wake: as many as an account may have devices. */
const STREAM_HOLDERS_MAX = 100

/** What an app that answers is told. All but `proceed` mean: don't ring. */
export type Verdict = 'proceed' | 'expired' | 'ended' | 'answered_elsewhere' | 'unknown'

/** How a wake stands for one phone, while it rings and after. */
export type Standing = Verdict | 'ringing'

/** Why a wake ended without a confirmation, as the record keeps it. */
export type EndReason =
  | 'no-device'
  | 'unavailable'
  | 'timeout'
  | 'push-refused'
  | 'caller-gone'
  | 'caller_hangup'
  | 'answered_elsewhere'

/** A wake's decided state. `unknown`: the record has expired or Redis lost it. */
export type WakeDecision =
  | { state: 'confirmed'; device: string }
  | { state: 'ended'; reason: EndReason }
  | { state: 'unknown' }

/** What a waiter finds when it looks. `isFirst`: the pushes are its own. */
export type WakeLook = WakeDecision | { state: 'waiting'; isFirst: boolean; secret: string }

/** One waiting PBX request: its worker's inbox and its number there. */
export interface Waiter {
  inbox: string
  id: number
}

/** What the one that leads has done for the phones: the attempts that it has sent. `unsure`: it is dead. */
export type PushState = number | 'unsure'

/** What a wait that leaves tells the next one: that, and what it sent to each device. */
export interface Handed {
  pushed: PushState
  sent: string
}

/** What an app answers. */
export interface AppSays {
  isAvailable: boolean
  /** When the push was sent that it answers, ms since the epoch, if it says so. */
  pushAtMs?: number | undefined
}

/** A wake as it was begun. */
export interface BegunWake {
  /** `leads`: it joined one whose leader is dead. `full`: too many have joined. */
  how: 'begun' | 'joined' | 'leads' | 'full'
  /** Time until the deadline that counts. */
  leftMs: number
  /** What its unique keys and the proofs of its messages are made of; empty when an older version began it. */
  secret: string
  /** The account's devices: whom to push. */
  devices: Device[]
}

/** By what an app is known: a token that was verified, the unique key of its push alone, or that key beside a token whose
 *  signature nobody has looked at (`claims`: the key proves them, or nothing is found). */
export type Credential =
  | (TokenClaims & {
      by: 'token'
      /** What was posted beside the token; it must be the token's own. */
      uniqueKey?: string
    })
  | (TokenClaims & { by: 'claims'; uniqueKey: string })
  | { by: 'key'; uniqueKey: string }

/** What a token names. */
interface TokenClaims {
  wake: WakeId
  device: string
  /** The wake's name, where the token has one. */
  name?: number
}

/** An app's answer, and whose it was. `misfit`: the unique key is not the token's. */
export interface Answered {
  verdict: Verdict | 'misfit'
  /** Undefined when no wake was found by what was shown. */
  by?: { wake: WakeId; device: string }
}

/** How a wake stands for one phone, whose stream is told of its changes from now on. */
export interface FoundWake {
  standing: Standing | 'misfit'
  by?: { record: string; wake: WakeId; device: string; name: number }
  /** Until the deadline; less than 0 afterwards. */
  leftMs: number
}

export type WakeStore = ReturnType<typeof openWakes>

/** @throws RedisUnavailable from every method. */
export function openWakes(redis: RedisConnection, clock: Clock = Date.now) {
  // A PBX waits for its NAK.
  const begin = bindScript(redis, 'wakeBegin', wakeBeginLua + wakeNewsLua + wakeLeadLua + wakeJoinLua, {
    keyCounts: [2, 3],
    timeoutMs: COMMAND_TIMEOUT_MS,
  })
  // A PBX waits for it.
  const answer = bindScript(redis, 'wakeAnswer', wakeFindLua + wakeNewsLua + wakeAnswerLua, {
    isUrgent: true,
  })
  const end = bindScript(redis, 'wakeEnd', wakeNewsLua + wakeEndLua, { timeoutMs: COMMAND_TIMEOUT_MS })
  const leave = bindScript(redis, 'wakeLeave', wakeNewsLua + wakeLeadLua + wakeLeaveLua)
  const heard = bindScript(redis, 'wakeHeard', wakeNewsLua + wakeHeardLua)
  const look = bindScript(redis, 'wakeLook', wakeLookLua)
  const stand = bindScript(redis, 'wakeVerdict', wakeFindLua + wakeVerdictLua)
  const pushed = bindScript(redis, 'wakePushed', wakePushedLua, { timeoutMs: COMMAND_TIMEOUT_MS })
  const isSplit = isCluster(redis)
  if (isSplit) prepareSlots()
  // In a Cluster PUBLISH counts the listeners of one node only, so nothing follows from a zero alone.
  const unheardIsDead = isSplit ? '0' : '1'

  /** The PBX may have its ACK already: only the app waits for this, which must not ring for a process that is dead. */
  async function settleUnheard(record: string, device: string, waiters: string): Promise<Verdict> {
    const inboxes = waiters.split('\n').map(inboxOf)
    const isListening = await isAnybodyListening(redis, [...new Set(inboxes)])
    return (await heard([record], [device, isListening ? '1' : '0'])) as Verdict
  }

  const keyOf = (credential: Credential): string =>
    credential.by === 'key' ? uniqueKeyKey(credential.uniqueKey) : wakeKey(credential.wake)

  /** As `wakeFind.lua` takes them. */
  const argsOf = (credential: Credential): string[] =>
    credential.by === 'key'
      ? ['key', '', credential.uniqueKey, '']
      : [credential.by, credential.device, credential.uniqueKey ?? '', String(credential.name ?? '')]

  /** In a Cluster the devices live on another node, and their keys must lie on the wake's. */
  async function devicesApart({ account, callId }: WakeId, secret: string) {
    const devices = readDevices(await reachable(redis.hvals(devicesKey(account))), clock())
    const keys = devices.flatMap(({ id }) => [uniqueKeyOf(secret, id, { account, callId }), id])
    return { devices, keys }
  }

  async function leaveAs(
    wake: WakeId,
    waiter: string,
    { pushed, sent }: Handed,
  ): Promise<'ended' | 'left' | 'decided'> {
    for (let leaving = waiter, state = `${pushed} ${sent}`.trim(); ; state = 'unsure') {
      const [how, unheard] = (await leave([wakeKey(wake)], [leaving, state, unheardIsDead])) as string[]
      if (!unheard || (await isAnybodyListening(redis, [inboxOf(unheard)])))
        return how === 'ended' || how === 'decided' ? how : 'left'
      // The next one is dead too, and leaves as well.
      leaving = unheard
    }
  }

  return {
    /** The `unique_key` of one wake's push to one device. */
    uniqueKeyOf: (wake: WakeId, secret: string, device: string): string =>
      uniqueKeyOf(secret, device, isSplit ? wake : undefined),

    /** Begins a wake, or joins the one that waits, and finds the devices: one round trip for both, outside a Cluster. */
    async begin(wake: WakeId, waiter: Waiter, waitMs: number): Promise<BegunWake> {
      const keys = [wakeKey(wake), wokenAccountsKey(wake.callId)]
      const ownSecret = newWakeSecret()
      const apart = isSplit ? await devicesApart(wake, ownSecret) : undefined
      const args = [
        nameOf(waiter),
        Math.max(1, Math.ceil(waitMs)),
        VERDICT_GRACE_MS,
        wake.account,
        ownSecret,
        JOINED_MAX + 1,
        unheardIsDead,
        uniqueKeyKey(''),
        ...(apart?.keys ?? []),
      ]
      const begun = await begin(apart ? keys : [...keys, devicesKey(wake.account)], args)
      const [how, leftMs, secret, found, unheard] = begun as [
        BegunWake['how'],
        number,
        string,
        string[],
        string,
      ]
      // It leads from now on if nobody else does: that is told to its inbox.
      if (unheard && !(await isAnybodyListening(redis, [inboxOf(unheard)])))
        await leaveAs(wake, unheard, { pushed: 'unsure', sent: '' })
      return { how, leftMs, secret, devices: apart?.devices ?? readDevices(found, clock()) }
    },

    /** These phones, which registered by SIP, are about to be pushed: their next REGISTER confirms the wake. */
    async pushing(
      wake: WakeId,
      { secret, devices, endsAtMs }: { secret: string; devices: readonly string[]; endsAtMs: number },
    ): Promise<void> {
      const args = [wakeKey(wake), wakeNameOf(secret), Math.round(clock()), Math.round(endsAtMs), ...devices]
      await pushed([pushedKey(wake.account)], args)
    },

    /** An app's answer. The first confirmation wins, whichever pods the others reach. */
    async answer(credential: Credential, { isAvailable, pushAtMs }: AppSays): Promise<Answered> {
      const saysPush = pushAtMs === undefined ? '' : `@${Math.round(pushAtMs)}`
      const args = [...argsOf(credential), isAvailable ? '1' : '0', VERDICT_GRACE_MS, unheardIsDead, saysPush]
      const [verdict, record, device, waiters] = (await answer([keyOf(credential)], args)) as string[]
      if (record === undefined || device === undefined) return { verdict: verdict as Answered['verdict'] }
      const by = { wake: wakeIdOf(record), device }
      if (verdict === 'unheard') return { verdict: await settleUnheard(record, device, waiters!), by }
      return { verdict: verdict as Verdict, by }
    },

    /** How it stands for a phone. @param channel where this process hears of changes from now on. */
    async standing(credential: Credential, channel: string): Promise<FoundWake> {
      const args = [...argsOf(credential), VERDICT_GRACE_MS, channel, STREAM_HOLDERS_MAX]
      const [standing, record, device, name, leftMs] = (await stand([keyOf(credential)], args)) as string[]
      if (record === undefined) return { standing: standing as FoundWake['standing'], leftMs: 0 }
      return {
        standing: standing as Standing,
        by: { record, wake: wakeIdOf(record), device: device!, name: Number(name) },
        leftMs: Number(leftMs),
      }
    },

    /** Ends a waiting wake. @returns what holds now, which is somebody else's outcome when they were first, and the
     *  wake's secret. */
    async end(
      wake: WakeId,
      reason: EndReason,
      asking?: Waiter,
    ): Promise<{ decision: WakeDecision; secret: string }> {
      const reply = (await end([wakeKey(wake)], [reason, asking ? nameOf(asking) : ''])) as string[]
      return { decision: readDecision(reply), secret: reply[3] ?? '' }
    },

    /** A PBX request was dropped. `ended`: it was the last one, the wake is over. */
    leave: (wake: WakeId, waiter: Waiter, handed: Handed): Promise<'ended' | 'left' | 'decided'> =>
      leaveAs(wake, nameOf(waiter), handed),

    /** A message says that a request joined a wait which this worker does not hold: that wait leaves the record, and another
     *  one leads. */
    leaveRecord: (record: string, waiter: Waiter): Promise<'ended' | 'left' | 'decided'> =>
      leaveAs(wakeIdOf(record), nameOf(waiter), { pushed: 0, sent: '' }),

    /** How it stands, without deciding. For waits that may have missed a message. */
    async look(wake: WakeId, waiter: Waiter): Promise<WakeLook> {
      const found = (await look([wakeKey(wake)], [nameOf(waiter)])) as string[]
      if (found[0] !== 'waiting') return readDecision(found)
      return { state: 'waiting', isFirst: found[4] === 'first', secret: found[3]! }
    },

    /** Whether the record of this wake is still there, so that apps may tell something of it. */
    async isKnown(wake: WakeId): Promise<boolean> {
      return (await reachable(redis.exists(wakeKey(wake)))) > 0
    },

    /** The wake and the device that a unique key names, for as long as the wake or its timeline is kept. */
    ofUniqueKey: (uniqueKey: string) => wakeOfUniqueKey(redis, uniqueKey),

    /** The accounts that a call woke: the PBX names ended calls by their id alone. */
    async accountsOf(callId: string): Promise<string[]> {
      return reachable(redis.smembers(wokenAccountsKey(callId)))
    },
  }
}

const nameOf = (waiter: Waiter): string => `${waiter.inbox} ${waiter.id}`
const inboxOf = (waiter: string): string => waiter.slice(0, waiter.lastIndexOf(' '))

function readDecision(reply: string[]): WakeDecision {
  const [state, reason, device] = reply as [string, string, string]
  if (state === 'confirmed') return { state, device }
  if (state === 'ended') return { state, reason: reason as EndReason }
  return { state: 'unknown' }
}
