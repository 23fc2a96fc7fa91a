// One ear for everything that is published on the demonstration's own Redis. There is only one, so that what is told
// and what is waited for come in the same order.
import type { TestRedis } from '../../test/harness/redis.ts'

export type EarListener = (channel: string, text: string) => void

export interface Ear {
  /** Listeners hear in the order in which they came. @returns what ends it. */
  listen(listener: EarListener): () => void
  close(): void
}

/** Hears all channels from the moment that this resolves. */
export async function openEar(redis: TestRedis): Promise<Ear> {
  const listeners = new Set<EarListener>()
  const connection = redis.client.duplicate()
  connection.on('pmessage', (_pattern: string, channel: string, text: string) => {
    for (const listener of listeners) listener(channel, text)
  })
  await connection.psubscribe('*')
  return {
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => connection.disconnect(),
  }
}
