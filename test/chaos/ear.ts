// The listener that is never deaf: hears every channel of the run's calls, from before anybody else can publish there
// until the end, and keeps all of it in order. What a call's channel said is judged from here alone.
import { Redis } from 'ioredis'

export type Message = Record<string, unknown> & { type: string }

export interface HeardMessage {
  atMs: number
  message: Message
}

export interface Ear {
  /** By channel, in the order in which Redis delivered them. */
  readonly heard: ReadonlyMap<string, HeardMessage[]>
  /** Resolves when it hears again, after Redis was away. */
  hears(): Promise<void>
  close(): void
}

/** @param prefix what the dial ids of the run begin with. */
export async function openEar(
  port: number,
  prefix: string,
  onMessage: (channel: string, message: Message) => void,
): Promise<Ear> {
  const heard = new Map<string, HeardMessage[]>()
  const redis = new Redis({ port, maxRetriesPerRequest: null, retryStrategy: () => 20 })
  // Losing the connection is part of the run.
  redis.on('error', () => undefined)
  redis.on('pmessage', (_pattern: string, channel: string, text: string) => {
    const message = JSON.parse(text) as Message
    const list = heard.get(channel)
    if (list) list.push({ atMs: Date.now(), message })
    else heard.set(channel, [{ atMs: Date.now(), message }])
    onMessage(channel, message)
  })
  const hears = async () => void (await redis.psubscribe(`${prefix}*`))
  await hears()
  return { heard, hears, close: () => redis.disconnect() }
}
