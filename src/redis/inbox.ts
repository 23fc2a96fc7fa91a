// One subscription of a thread: its own channel, on its own connection. Messages for it come from any pod. A
// subscriber can go deaf without an error (a half-open socket, a lost resubscription), so it sends itself a message
// now and then; readiness looks at how fresh that is. The owner is told of every gap and of its end, because messages
// published meanwhile are lost and it must look at what it missed.
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import type { RedisConnection } from './connect.ts'
import { isCluster } from './scripts.ts'

export interface Inbox {
  readonly channel: string
  /** Settles when the first subscription stands. */
  readonly subscribed: Promise<void>
  /** Whether the subscription stands now. A gap is short as a rule: see `deafForMs` for one that lasts. */
  readonly isSubscribed: boolean
  /** Milliseconds since the last proof that messages arrive. */
  deafForMs(nowMs: number): number
  close(): void
}

export interface InboxOptions {
  subscriber: RedisConnection
  /** Another connection: RESP3 aside, a subscriber's own should not publish. */
  commands: RedisConnection
  channel: string
  onMessage: (message: string) => void
  /** The subscription broke, or stands again. */
  onChange: () => void
  log: Log
}

/** Readiness calls an inbox deaf after three missed self-tests. */
export const SELF_TEST_INTERVAL_MS = 2_000
export const DEAF_AFTER_MS = 3 * SELF_TEST_INTERVAL_MS

/** A self-test that has not come back by the next one's time, and some more for a busy thread. */
const OVERDUE_AFTER_MS = 1.5 * SELF_TEST_INTERVAL_MS

const SELF_TEST = 'self-test'

/** Subscribes, and keeps it so through reconnects. */
export function openInbox(options: InboxOptions): Inbox {
  const { subscriber, commands, channel, log } = options
  let heardAtMs = 0
  let isSubscribed = false
  const { promise: subscribed, resolve: markFirstSubscription } = Promise.withResolvers<void>()

  const testSelf = () => {
    commands
      .publish(channel, SELF_TEST)
      .catch(error => log.debug({ reason: messageOf(error) }, 'self-test not sent'))
  }
  const onMessage = (_channel: string, message: string) => {
    heardAtMs = Date.now()
    if (message !== SELF_TEST) options.onMessage(message)
  }
  // SUBSCRIBE again is harmless, and its reply is the proof we need. A reply that a broken connection owes may never
  // come, so each attempt stands alone.
  let hasFailed = false
  const subscribe = async () => {
    try {
      await subscriber.subscribe(channel)
    } catch (thrown) {
      if (!hasFailed)
        log.warn({ reason: messageOf(thrown) }, 'subscribing failed; it is tried again and again')
      hasFailed = true
      return
    }
    hasFailed = false
    isSubscribed = true
    heardAtMs = Date.now()
    markFirstSubscription()
    testSelf()
    options.onChange()
  }

  const onClose = () => {
    if (!isSubscribed) return
    isSubscribed = false
    options.onChange()
  }

  subscriber.on('message', onMessage)
  subscriber.on('ready', subscribe)
  subscriber.on('close', onClose)
  if (subscriber.status === 'ready') void subscribe()
  const timer = setInterval(() => {
    const isOverdue = Date.now() - heardAtMs > OVERDUE_AFTER_MS
    // A deaf one does nothing about it by itself. In a Cluster the node may be cut off from the others: another, then.
    if (isOverdue && subscriber.status === 'ready') {
      if (isCluster(commands)) subscriber.disconnect(true)
      else void subscribe()
    }
    testSelf()
  }, SELF_TEST_INTERVAL_MS)

  return {
    channel,
    subscribed,
    get isSubscribed() {
      return isSubscribed
    },
    deafForMs: nowMs => nowMs - heardAtMs,
    close() {
      clearInterval(timer)
      subscriber.off('message', onMessage)
      subscriber.off('ready', subscribe)
      subscriber.off('close', onClose)
    },
  }
}
