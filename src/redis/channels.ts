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
  /** Hears nothing from now on. */
  unlisten(channel: string): Promise<void>
  readonly size: number
}

/** @param subscriber a connection that nobody else uses. */
export function openChannels(subscriber: RedisConnection): Channels {
  const listeners = new Map<string, ChannelListener>()
  subscriber.on('message', (channel: string, message: string) => listeners.get(channel)?.(message))

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
    async unlisten(channel) {
      listeners.delete(channel)
      await reachable(subscriber.unsubscribe(channel))
    },
    get size() {
      return listeners.size
    },
  }
}
