// What each process tells operators of itself: a card in Redis that it writes every second while it lives, and takes
// away when it stops. A process that was killed is seen by its card's age, which Redis tells, so that no two machines'
// clocks are compared. Nobody acts on a card; who owns calls and jobs stands elsewhere.
import type { RedisConnection } from '../connect.ts'
import { PODS_KEY, podKey } from '../keys.ts'
import { reachable } from '../scripts.ts'

/** A card as its pod writes it. Times of day are that pod's own clock, milliseconds since the epoch. */
export interface PodCard {
  pod: string
  role: 'all' | 'front' | 'agent'
  version: string
  startedAtMs: number
  writtenAtMs: number
  /** What keeps it from taking calls: `redis`, `switch`, `draining`. */
  obstacles: string[]
  /** What it lacks and does without: `switch`, `jobs` of a process that also serves PBXs. Missing: an older version. */
  warnings?: string[]
  /** When each of them began, and `full`: no further request can be held. Missing: an older version. */
  since?: Record<string, number>
  residentBytes: number
  /** A front's. */
  waits?: HeldWaits
  /** By switch, whether one of its agents is connected; empty for a front. `registered`: phones registered there that
   *  can be pushed, told by the process whose agent listens for them. */
  switches: { name: string; isReady: boolean; registered?: number }[]
  /** What did not end well, the newest last. */
  lately: RecentProblem[]
}

export interface HeldWaits {
  held: number
  max: number
  /** How long it holds a request at most. */
  waitMs: number
  /** Wait workers, and how long the one worst off has heard nothing from Redis; null: for ever. */
  workers: number
  deafForMs: number | null
  /** The eldest first, at most `HELD_CALLS_MAX`. */
  eldest: HeldCall[]
}

/** One request that waits for its phone: a PBX's, or a job's. */
export interface HeldCall {
  callId: string
  account: string
  heldForMs: number
  /** Pushes sent so far, resends included. */
  attempts: number
  /** Who calls: the number. What follows is missing in the card of an older version. */
  caller?: string
  /** Of the phones that are pushed. */
  platforms?: readonly string[]
  /** What Apple or Google said to the newest push: `accepted`, or why not; empty: nothing yet. */
  answer?: string
  /** A job asked for it: `callId` is a dial id. */
  isJob?: true
  /** How long it is held at most, where that is not as long as a PBX's. */
  waitMs?: number
  /** The time within which its phone usually answers, where that is known. */
  usualMs?: number
}

/** A wake or a call that an operator may want to look into. */
export interface RecentProblem {
  atMs: number
  kind: 'wake' | 'call' | 'takeover' | 'switch'
  /** The call id or the dial id, or the switch's name. */
  id: string
  text: string
}

/** A card, and how long ago it was written. */
export interface SeenPod {
  card: PodCard
  silentForMs: number
}

/** A killed pod is shown as silent for this long, then forgotten. */
const CARD_EXPIRY_MS = 30_000

export type PodStore = ReturnType<typeof openPods>

/** @throws RedisUnavailable from every method. */
export function openPods(redis: RedisConnection) {
  return {
    async show(card: PodCard): Promise<void> {
      await reachable(
        Promise.all([
          redis.sadd(PODS_KEY, card.pod),
          redis.set(podKey(card.pod), JSON.stringify(card), 'PX', CARD_EXPIRY_MS),
        ]),
      )
    },

    /** Removes the card of a process that stops by itself, so that it is not shown as silent. */
    async leave(pod: string): Promise<void> {
      await reachable(Promise.all([redis.del(podKey(pod)), redis.srem(PODS_KEY, pod)]))
    },

    /** All pods that live, or were killed a moment ago. */
    async all(): Promise<SeenPod[]> {
      const names = await reachable(redis.smembers(PODS_KEY))
      const seen = await reachable(
        Promise.all(
          names.map(async pod => {
            const [json, leftMs] = await Promise.all([redis.get(podKey(pod)), redis.pttl(podKey(pod))])
            if (json !== null && leftMs >= 0)
              return [{ card: JSON.parse(json) as PodCard, silentForMs: CARD_EXPIRY_MS - leftMs }]
            // A paused pod that goes on names itself again with its next card.
            await redis.srem(PODS_KEY, pod)
            return []
          }),
        ),
      )
      return seen.flat()
    },
  }
}
