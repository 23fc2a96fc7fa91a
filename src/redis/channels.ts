// Subscriptions that come and go, many on one connection: the channels of the calls that an agent steers. Each
// channel has one listener. What is published while the connection is broken is lost; whoever listens is told so
// before anything is subscribed again, and says then what it still has a right to hear: who publishes is told how
// many listen, and must not count on one who has lost the call meanwhile.

import { messageOf } from '../base/result.ts'
import { type RedisConnection, RedisUnavailable } from './connect.ts'

/** After a subscription that broke with its connection, which comes back by itself. */
const RETRY_MS = 100

/** Messages that wait while it is found out what was missed; a flood beyond is heard without that. */
const HELD_MAX = 10_000

export type ChannelListener = (message: string) => void

export interface Channels {
  /** Resolves when Redis has confirmed: everything published from then on is heard. Tries until then, or until
   *  `unlisten`. Never rejects. */
  listen(channel: string, listener: ChannelListener): Promise<void>
  /** Hears nothing from now on. With `isHeardToTheEnd`: until Redis has confirmed, so that whoever published before
   *  that, and was told of a listener, was heard indeed. @throws RedisUnavailable when the connection breaks: what is
   *  left then is left at its return. */
  unlisten(channel: string, options?: { isHeardToTheEnd?: boolean }): Promise<void>
  /** Whether all that is listened to is heard now. */
  readonly isWhole: boolean
  /** Resolves when all that is listened to is heard: at once, or at the end of the interruption. */
  whole(): Promise<void>
  readonly size: number
}

/** @param subscriber a connection that nobody else uses, and that subscribes to nothing by itself.
 *  @param onReturn called when the connection is back after an interruption. Only what still has its listener when it
 *  resolves is subscribed again, and nothing is heard before: who listens must know first what became of the calls. */
export function openChannels(
  subscriber: RedisConnection,
  onReturn: () => Promise<void> = async () => undefined,
): Channels {
  const listeners = new Map<string, ChannelListener>()
  /** Left, and not yet confirmed by Redis: with who still listens, if anybody does. */
  const leaving = new Map<string, ChannelListener | undefined>()
  let held: { channel: string; message: string }[] | undefined
  let interruptions = 0
  const onReady = new Set<() => void>()
  const onReturned = new Set<() => void>()
  const onBroken = new Set<() => void>()
  const deliver = (channel: string, message: string) =>
    (listeners.get(channel) ?? leaving.get(channel))?.(message)

  const isWhole = () => !held && subscriber.status === 'ready'

  async function whole(): Promise<void> {
    while (!isWhole()) await new Promise<void>(resolve => (held ? onReturned : onReady).add(resolve))
  }

  /** Sends when the connection stands. ioredis never settles what was on its way when a connection broke, so that
   *  is done here. @throws RedisUnavailable */
  async function ask(send: () => Promise<unknown>): Promise<void> {
    while (subscriber.status !== 'ready') await new Promise<void>(resolve => onReady.add(resolve))
    await new Promise<void>((resolve, reject) => {
      const refuse = (reason: string) => reject(new RedisUnavailable(reason))
      const breakOff = () => refuse('the connection broke')
      onBroken.add(breakOff)
      send()
        .then(
          () => resolve(),
          thrown => refuse(messageOf(thrown)),
        )
        .finally(() => onBroken.delete(breakOff))
    })
  }

  async function leave(channels: string[]): Promise<void> {
    if (channels.length === 0) return
    await ask(() => subscriber.unsubscribe(...channels))
    for (const channel of channels) leaving.delete(channel)
  }

  /** The connection stands (again). */
  async function comeBack(): Promise<void> {
    const mine = ++interruptions
    // Nothing is subscribed any more; who was leaving has left.
    leaving.clear()
    if (!held) return
    await onReturn()
    // Interrupted again meanwhile: the next return looks again.
    if (mine !== interruptions) return
    if (listeners.size > 0) await ask(() => subscriber.subscribe(...listeners.keys()))
    if (mine !== interruptions || !held) return
    const waiting = held
    held = undefined
    settle(onReturned)
    for (const { channel, message } of waiting) deliver(channel, message)
  }

  subscriber.on('message', (channel: string, message: string) => {
    // Who listens to the end has nothing to learn first.
    if (held && held.length < HELD_MAX && listeners.has(channel)) held.push({ channel, message })
    else deliver(channel, message)
  })
  subscriber.on('close', () => {
    interruptions += 1
    if (listeners.size > 0) held ??= []
    settle(onBroken)
  })
  subscriber.on('ready', () => {
    settle(onReady)
    comeBack().catch(() => {
      // The connection broke again; this is done at its next return.
    })
  })

  return {
    async listen(channel, listener) {
      listeners.set(channel, listener)
      while (listeners.get(channel) === listener) {
        // Not before it is known what became of the calls in the gap.
        if (held) await whole()
        if (listeners.get(channel) !== listener) return
        try {
          return await ask(() => subscriber.subscribe(channel))
        } catch {
          // It broke; the next try waits for its return.
          await Bun.sleep(RETRY_MS)
        }
      }
    },
    async unlisten(channel, { isHeardToTheEnd = false } = {}) {
      const listener = isHeardToTheEnd ? listeners.get(channel) : undefined
      leaving.set(channel, listener)
      listeners.delete(channel)
      // What waits for the return to be told is among it; by then the channel may be another's.
      const waiting = held?.filter(each => each.channel === channel) ?? []
      held = held?.filter(each => each.channel !== channel)
      for (const { message } of waiting) listener?.(message)
      await leave([channel])
    },
    get isWhole() {
      return isWhole()
    },
    whole,
    get size() {
      return listeners.size
    },
  }
}

function settle(waiting: Set<() => void>): void {
  const all = [...waiting]
  waiting.clear()
  for (const each of all) each()
}
