// Subscriptions that come and go, many on one connection: the channels of the calls that an agent steers. Each
// channel has one listener. After a reconnect ioredis subscribes to all of them again by itself.

import type { RedisConnection } from './connect.ts'
import { reachable } from './scripts.ts'

/** After a subscription that broke with its connection, which comes back by itself. */
const RETRY_MS = 100

export type ChannelListener = (message: string) => void

export interface Channels {
  /** Resolves when Redis has confirmed: everything published from then on is heard. Tries until then, or until
   *  `unlisten`. Never rejects. */
  listen(channel: string, listener: ChannelListener): Promise<void>
  /** Hears nothing from now on. With `isHeardToTheEnd`: until Redis has confirmed, so that whoever published before
   *  that, and was told of a listener, was heard indeed. */
  unlisten(channel: string, options?: { isHeardToTheEnd?: boolean }): Promise<void>
  readonly size: number
}

/** Messages that wait while it is found out what was missed; a flood beyond is heard without that. */
const HELD_MAX = 10_000

/** @param subscriber a connection that nobody else uses.
 *  @param onReturn called when all channels are heard again after an interruption, in which messages were lost. Until
 *  it has resolved, what is heard waits: who listens may have to know first what became of them meanwhile. */
export function openChannels(
  subscriber: RedisConnection,
  onReturn: () => Promise<void> = async () => undefined,
): Channels {
  const listeners = new Map<string, ChannelListener>()
  let held: { channel: string; message: string }[] | undefined
  let interruptions = 0
  /** Unsubscribed, and not yet confirmed. */
  const leaving = new Map<string, ChannelListener>()
  const deliver = (channel: string, message: string) =>
    (listeners.get(channel) ?? leaving.get(channel))?.(message)

  async function comeBack(): Promise<void> {
    const mine = ++interruptions
    if (!held) return
    // 'ready' comes before ioredis has resubscribed; SUBSCRIBE again is harmless, and its reply is the proof we need.
    if (listeners.size > 0) await subscriber.subscribe(...listeners.keys())
    await onReturn()
    // Interrupted again meanwhile: the next return looks again.
    if (mine !== interruptions || !held) return
    const waiting = held
    held = undefined
    for (const { channel, message } of waiting) deliver(channel, message)
  }

  subscriber.on('message', (channel: string, message: string) => {
    if (held && held.length < HELD_MAX) held.push({ channel, message })
    else deliver(channel, message)
  })
  subscriber.on('close', () => {
    interruptions += 1
    if (listeners.size > 0) held ??= []
  })
  subscriber.on('ready', () => {
    comeBack().catch(() => {
      // The connection broke again; it comes back with the next 'ready'.
    })
  })

  return {
    async listen(channel, listener) {
      listeners.set(channel, listener)
      // ioredis subscribes again by itself after a reconnect, but only to what was subscribed once.
      while (listeners.get(channel) === listener) {
        try {
          return void (await subscriber.subscribe(channel))
        } catch {
          await Bun.sleep(RETRY_MS)
        }
      }
    },
    async unlisten(channel, { isHeardToTheEnd = false } = {}) {
      const listener = listeners.get(channel)
      if (isHeardToTheEnd && listener) leaving.set(channel, listener)
      listeners.delete(channel)
      try {
        await reachable(subscriber.unsubscribe(channel))
      } finally {
        if (leaving.get(channel) === listener) leaving.delete(channel)
      }
    },
    get size() {
      return listeners.size
    },
  }
}
