// Gathers items that come at about the same time and handles them together: a message to a thread, a callback or a system
// call for each single item would cost more than the item.

/** When a batch is handled. `turn`: at the end of the current turn of the event loop, which gathers most. `chunk`: when
 *  what the current callback brought has been dealt with, so that nobody waits for the rest of the turn. */
export type BatchPace = 'turn' | 'chunk'

const SCHEDULERS: Record<BatchPace, (handle: () => void) => unknown> = {
  turn: handle => setImmediate(handle),
  chunk: queueMicrotask,
}

/** @returns adds an item to the batch that is being gathered. */
export function createBatch<Item>(pace: BatchPace, handle: (items: Item[]) => void): (item: Item) => void {
  const schedule = SCHEDULERS[pace]
  let batch: Item[] = []
  const close = () => {
    const full = batch
    batch = []
    handle(full)
  }
  return item => {
    if (batch.push(item) === 1) schedule(close)
  }
}
