// Shows this process to operators, wherever they look: writes its card about every second while it lives, and takes it
// away at the end. What stands in the card is asked of the rooms that know; a Redis that is away costs nothing but
// the card's age.
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { MS_PER_SECOND } from '../base/units.ts'
import type { PodCard, PodStore } from '../redis/pods/pods.ts'

/** A page is as fresh as this. */
const CARD_INTERVAL_MS = MS_PER_SECOND

/** A card that is not written for this long: Redis does not take our writes. */
const STALE_AFTER_MS = 5 * MS_PER_SECOND

export interface PodCardOptions {
  store: Pick<PodStore, 'show' | 'leave'>
  card: () => PodCard
  log: Log
}

export function startPodCard({ store, card, log }: PodCardOptions) {
  const { pod } = card()
  let isShowing = false
  let writtenAtMs = Number.NEGATIVE_INFINITY

  async function show(): Promise<void> {
    // A slow Redis must not gather one write after another.
    if (isShowing) return
    isShowing = true
    try {
      await store.show(card())
      writtenAtMs = performance.now()
    } catch (thrown) {
      log.debug({ reason: messageOf(thrown) }, 'redis away: this process is not seen on the live page')
    } finally {
      isShowing = false
    }
  }

  const timer = setInterval(() => void show(), CARD_INTERVAL_MS)
  void show()

  return {
    /** Shows a change at once. */
    show,

    /** Whether Redis has taken it lately. */
    isFresh: () => performance.now() - writtenAtMs < STALE_AFTER_MS,

    async close(): Promise<void> {
      clearInterval(timer)
      try {
        await store.leave(pod)
      } catch (thrown) {
        log.debug({ reason: messageOf(thrown) }, 'redis away: the card runs out by itself')
      }
    },
  }
}
