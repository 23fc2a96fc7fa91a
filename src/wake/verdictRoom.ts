// Follows wakes for the phones that ring: how each stands now, and every change of it. Redis says on one channel for the
// whole process which record has changed, and the record is looked at for each phone that follows it; a message alone
// proves nothing. A gap of the subscription is made up for by looking at all of them. What a phone is told, and how, is
// not known here.
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { MS_PER_SECOND } from '../base/units.ts'
import type { WakeId } from '../redis/keys.ts'
import type { Listener, Subscription } from '../redis/subscriber.ts'
import type { Credential, FoundWake, Standing, WakeStore } from '../redis/wakes/wakes.ts'
import { createCatchUp } from './catchUp.ts'

export interface VerdictRoomOptions {
  wakes: Pick<WakeStore, 'standing'>
  listen: (channel: string, listener: Listener) => Pick<Subscription, 'leave'>
  /** Where this process alone hears of changed records. */
  channel: string
  followersMax: number
  log: Log
}

/** What one phone follows. */
export interface Follower {
  wake: WakeId
  device: string
  /** As it stood when it began to follow. */
  standing: Standing
  /** Told of every change; `isLast`: there will be no other. Not called before `onChange` is set. */
  onChange?: (standing: Standing, isLast: boolean) => void
  /** Follows no more; `onChange` is not called again. A second time does nothing. */
  stop(): void
}

export type Following =
  | { kind: 'following'; follower: Follower; isLast: boolean }
  /** No such wake, or none of this credential's. */
  | { kind: 'none'; verdict: Extract<FoundWake['standing'], 'unknown' | 'expired' | 'misfit'> }
  /** STREAMS_MAX are followed here. */
  | { kind: 'full' }

interface Followed extends Follower {
  record: string
  /** The wake's: a later wake of the call is not taken for it. 0 when an older version began it. */
  name: number
  isOver: boolean
  timer?: Timer
}

/** After `proceed` the call may still end before the phone has answered it; the stream goes on for this long. */
export const AFTER_PROCEED_MS = 60 * MS_PER_SECOND

/** The process that holds the wait says when the deadline has come. If that process is dead, the record is looked at this
 *  long after the deadline. */
const DEADLINE_SLACK_MS = MS_PER_SECOND

/** Streams of one phone for one wake: one that it reads, and some that it left open when its network changed. */
const FOLLOWERS_OF_DEVICE_MAX = 3

export type VerdictRoom = ReturnType<typeof openVerdictRoom>

export function openVerdictRoom({ wakes, listen, channel, followersMax, log }: VerdictRoomOptions) {
  /** Arrays: thousands of wakes have one follower each, and a set would take as much as all the rest. */
  const byRecord = new Map<string, Followed[]>()
  let count = 0
  /** Looks under way for phones that do not follow yet, and the records that changed meanwhile. */
  let beginning = 0
  const changedMeanwhile = new Set<string>()
  /** A change while a record is looked at makes it looked at once more. */
  const looks = createCatchUp<Followed>({
    ask: async follower => take(follower, await wakes.standing(credentialOf(follower), channel)),
    log,
  })

  const subscription = listen(channel, {
    onMessage(record) {
      if (beginning > 0) changedMeanwhile.add(record)
      for (const each of byRecord.get(record) ?? []) looks.add(each)
    },
    onBack() {
      for (const followers of byRecord.values()) for (const each of followers) looks.add(each)
    },
  })

  async function follow(credential: Credential): Promise<Following> {
    if (count + beginning >= followersMax) return { kind: 'full' }
    beginning++
    try {
      const { by, standing, leftMs } = await wakes.standing(credential, channel)
      if (!by || standing === 'misfit' || standing === 'unknown')
        return { kind: 'none', verdict: standing as Extract<Following, { kind: 'none' }>['verdict'] }
      const { record, wake, device, name } = by
      const follower: Followed = {
        record,
        wake,
        device,
        standing,
        name,
        isOver: false,
        stop: () => stop(follower),
      }
      if (isFinal(standing)) follower.isOver = true
      else begin(follower, leftMs)
      return { kind: 'following', follower, isLast: follower.isOver }
    } finally {
      beginning--
      if (beginning === 0) changedMeanwhile.clear()
    }
  }

  function begin(follower: Followed, leftMs: number): void {
    const { record } = follower
    const ofDevice = byRecord.get(record)?.filter(each => each.device === follower.device) ?? []
    if (ofDevice.length >= FOLLOWERS_OF_DEVICE_MAX) end(ofDevice[0]!)
    const followers = byRecord.get(record)
    if (followers) followers.push(follower)
    else byRecord.set(record, [follower])
    count++
    awaitEnd(follower, leftMs)
    // The record changed after Redis had answered.
    if (changedMeanwhile.has(record)) looks.add(follower)
  }

  function awaitEnd(follower: Followed, leftMs: number): void {
    clearTimeout(follower.timer)
    follower.timer =
      follower.standing === 'proceed'
        ? setTimeout(end, AFTER_PROCEED_MS, follower)
        : setTimeout(looks.add, Math.max(0, leftMs) + DEADLINE_SLACK_MS, follower)
  }

  function take(follower: Followed, { standing: found, leftMs }: FoundWake): void {
    if (follower.isOver) return
    // Redis has lost the record, or another wake has its place: no call comes of this one any more.
    const standing = found === 'unknown' || found === 'misfit' ? 'expired' : found
    const isChanged = standing !== follower.standing
    follower.standing = standing
    if (isFinal(standing)) return end(follower)
    awaitEnd(follower, leftMs)
    if (isChanged) follower.onChange?.(standing, false)
  }

  /** Ends a follower: tells the last standing, again if it is the same. */
  function end(follower: Followed): void {
    if (follower.isOver) return
    stop(follower)
    follower.onChange?.(follower.standing, true)
  }

  function stop(follower: Followed): void {
    if (follower.isOver) return
    follower.isOver = true
    looks.drop(follower)
    clearTimeout(follower.timer)
    const others = byRecord.get(follower.record)?.filter(each => each !== follower) ?? []
    if (others.length > 0) byRecord.set(follower.record, others)
    else byRecord.delete(follower.record)
    count--
  }

  return {
    /** Phones that follow a wake here. */
    get size() {
      return count
    },

    /** @throws RedisUnavailable */
    follow,

    /** Ends all of them: each is told how it stands, and opens its stream anew at another process. */
    drain(): void {
      for (const followers of [...byRecord.values()]) for (const each of [...followers]) end(each)
    },

    async close(): Promise<void> {
      for (const followers of [...byRecord.values()]) for (const each of [...followers]) stop(each)
      await subscription.leave().catch(thrown => log.debug({ reason: messageOf(thrown) }, 'not unsubscribed'))
    },
  }
}

const credentialOf = ({ wake, device, name }: Followed): Credential => ({
  by: 'token',
  wake,
  device,
  ...(name === 0 ? {} : { name }),
})

/** Whether this standing can't change any more for the phone. */
const isFinal = (standing: Standing): boolean => standing !== 'ringing' && standing !== 'proceed'
