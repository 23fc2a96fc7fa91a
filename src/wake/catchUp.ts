// Asks Redis about each of thousands of items, after Redis was away or when a message may have been missed. A few are asked
// about at a time: of thousands together, the last would be answered later than a command may wait. An item that could not
// be asked about is tried again until it was. What is asked, and what follows from the answer, is not known here.
import type { Log } from '../base/log.ts'
import { RedisUnavailable } from '../redis/connect.ts'

/** Redis answers so many in a few milliseconds, far within a command's limit of 0.8 s. */
const AT_ONCE_MAX = 200

/** Between two tries while Redis is away, each of which asks about one. */
const PAUSE_MS = 100

export interface CatchUpOptions<Item> {
  /** Rejects with RedisUnavailable when the item is to be asked about again. */
  ask: (item: Item) => Promise<unknown>
  /** When there are more, the eldest are given up. */
  itemsMax?: number
  log: Log
}

export interface CatchUp<Item> {
  /** The item is asked about at once, or when its turn comes: once, however often it is added before; and once more when
   *  it is added while its answer is on its way. */
  add(item: Item): void
  /** The item need not be asked about any more. */
  drop(item: Item): void
}

export function createCatchUp<Item>(options: CatchUpOptions<Item>): CatchUp<Item> {
  const { ask, itemsMax = Number.POSITIVE_INFINITY, log } = options
  /** In the order in which they came. */
  const due = new Set<Item>()
  const underWay = new Set<Item>()
  let isAway = false
  let pause: Timer | undefined

  function askNext(): void {
    if (pause) return
    for (const item of due) {
      if (underWay.size >= (isAway ? 1 : AT_ONCE_MAX)) return
      if (!underWay.has(item)) void askAbout(item)
    }
  }

  async function askAbout(item: Item): Promise<void> {
    due.delete(item)
    underWay.add(item)
    try {
      await ask(item)
      isAway = false
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown
      // An item that was dropped meanwhile is not asked about again.
      if (underWay.has(item)) due.add(item)
      if (!isAway) log.debug({ reason: thrown.message, due: due.size }, 'redis away: it is asked again')
      isAway = true
      pause ??= setTimeout(goOn, PAUSE_MS)
    } finally {
      underWay.delete(item)
    }
    askNext()
  }

  function goOn(): void {
    pause = undefined
    askNext()
  }

  return {
    add(item) {
      const [eldest] = due
      if (due.size >= itemsMax && eldest !== undefined) due.delete(eldest)
      due.add(item)
      askNext()
    },

    drop(item) {
      due.delete(item)
      underWay.delete(item)
    },
  }
}
