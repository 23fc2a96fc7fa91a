// Hears channels of Redis on one connection: channels that come and go, each with any number of listeners. Messages
// pass from the connection to the listeners in the order in which Redis sent them. What is published while the
// connection is broken is lost, so listeners are told of the gap, and the owner is asked first which of them may still
// listen: whoever publishes counts listeners, and must not count one that has lost its call meanwhile. A self-test finds
// a connection that stands and brings nothing (`selfTest.ts`). Nothing is published here but that test.

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type RedisConnection, RedisUnavailable } from './connect.ts'
import { startSelfTest } from './selfTest.ts'

/** Between two tries of a subscription that was refused, or broke with its connection. */
const RETRY_MS = 100

/** Messages that wait while the owner looks at what was missed; more are a flood, and are told before that. */
const HELD_MAX = 10_000

/** What hears one channel. */
export interface Listener {
  onMessage: (text: string) => void
  /** The connection is lost: what is published from now on is not heard. Called once for each gap. */
  onLost?: () => void
  /** The channel is heard again after a gap. */
  onBack?: () => void
}

/** One listener on one channel. */
export interface Subscription {
  /** Resolves when Redis has confirmed: everything published from then on is heard. Tried until then, or until `leave`.
   *  Never rejects. */
  readonly confirmed: Promise<void>
  /** Hears nothing from now on; a second time does nothing. With `isHeardToTheEnd` the listener hears until Redis has
   *  confirmed, so that a publisher that was told of a listener was heard indeed.
   *  @throws RedisUnavailable when the connection breaks meanwhile: the channel is left then too. */
  leave(options?: { isHeardToTheEnd?: boolean }): Promise<void>
}

export interface Subscriber {
  /** The listener counts from this call on; `confirmed` says when Redis knows of it. */
  listen(channel: string, listener: Listener): Subscription
  /** Whether every listener is heard now. */
  readonly isWhole: boolean
  /** Resolves when every listener is heard: at once, or at the end of the gap. */
  whole(): Promise<void>
  /** Resolves when all that was published before has reached its listeners. (In a Cluster but for what is on its way
   *  between two nodes.) @throws RedisUnavailable when the connection breaks. */
  caughtUp(): Promise<void>
  /** Milliseconds since the last proof that messages arrive; infinite before the first. */
  deafForMs(): number
  /** Hears nothing more, tells nobody, and closes the connection. */
  close(): void
}

export interface SubscriberOptions {
  /** Opened as `subscriber`, used by nobody else, and closed with this. */
  connection: RedisConnection
  /** Publishes the self-test: on another way to Redis than the one that is tested. */
  commands: RedisConnection
  /** Called when the connection is back after a gap. Nothing is subscribed before it resolves, and then only what still
   *  has a listener. It must not reject. */
  onReturn?: () => Promise<void>
  /** Told at each change: true = nothing proves (any more) that messages arrive. */
  onDeaf?: (isDeaf: boolean) => void
  log: Log
}

interface Hearing {
  readonly listener: Listener
  /** Redis has confirmed it on the connection that stands now. */
  isHeard: boolean
  /** It was heard before the gap: `onBack` must still be called. */
  isLost: boolean
}

export function openSubscriber(options: SubscriberOptions): Subscriber {
  const { connection, onReturn = async () => undefined, log } = options
  const hearings = new Map<string, Set<Hearing>>()
  /** Channels that Redis was asked to leave, each with the listener that hears to the end, if there is one. */
  const leaving = new Map<string, { listener: Listener | undefined }>()
  /** What came while the owner looks at a gap; undefined: there is no gap. */
  let held: { channel: string; text: string }[] | undefined
  let interruptions = 0
  let hasWarned = false
  const onReady = new Set<() => void>()
  const onWhole = new Set<() => void>()
  const onBroken = new Set<() => void>()

  function deliver(channel: string, text: string): void {
    const listening = hearings.get(channel)
    if (listening) for (const { listener } of listening) listener.onMessage(text)
    // Nobody listens any more, but Redis still counts us: the listener that leaves hears the message.
    else leaving.get(channel)?.listener?.onMessage(text)
  }

  const isStanding = () => connection.status === 'ready'
  const isWhole = () => !held && isStanding()

  async function whole(): Promise<void> {
    while (!isWhole()) await new Promise<void>(resolve => (held ? onWhole : onReady).add(resolve))
  }

  /** Sends when the connection stands. ioredis never settles what was on its way when a connection broke, so that is
   *  done here. @throws RedisUnavailable */
  async function ask(send: () => Promise<unknown>): Promise<void> {
    while (!isStanding()) await new Promise<void>(resolve => onReady.add(resolve))
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

  /** @returns false when it was not confirmed: it is to be tried again. */
  async function subscribe(channels: string[]): Promise<boolean> {
    try {
      await ask(() => connection.subscribe(...channels))
      hasWarned = false
      return true
    } catch (thrown) {
      if (isStanding() && !hasWarned) {
        hasWarned = true
        log.warn({ reason: messageOf(thrown) }, 'subscribing was refused; it is tried again and again')
      }
      return false
    }
  }

  async function confirm(channel: string, hearing: Hearing): Promise<void> {
    const isListening = () => hearings.get(channel)?.has(hearing) === true
    while (isListening()) {
      // Not before the owner knows what became of the listeners in the gap.
      if (held) await whole()
      if (!isListening() || hearing.isHeard) return
      if (await subscribe([channel])) {
        hearing.isHeard = true
        return
      }
      await Bun.sleep(RETRY_MS)
    }
  }

  /** The connection stands, for the first time or again. */
  async function comeBack(): Promise<void> {
    const mine = ++interruptions
    const isCurrent = () => mine === interruptions && held !== undefined
    // Nothing is subscribed on a new connection.
    leaving.clear()
    if (!held) return
    await onReturn()
    while (isCurrent()) {
      const channels = [...hearings.keys()]
      if (channels.length === 0 || (await subscribe(channels))) break
      await Bun.sleep(RETRY_MS)
    }
    // Interrupted again meanwhile: the next return does this.
    if (!isCurrent()) return
    const waiting = held ?? []
    held = undefined
    settle(onWhole)
    const all = [...hearings.values()].flatMap(each => [...each])
    for (const hearing of all) {
      hearing.isHeard = true
      if (!hearing.isLost) continue
      hearing.isLost = false
      hearing.listener.onBack?.()
    }
    for (const { channel, text } of waiting) deliver(channel, text)
  }

  function hear(channel: string, text: string): void {
    // Messages wait for the owner's look at the gap, but not those for a listener that leaves and hears to the end.
    if (held && held.length < HELD_MAX && hearings.has(channel)) held.push({ channel, text })
    else deliver(channel, text)
  }

  function breakOff(): void {
    interruptions += 1
    if (hearings.size > 0) held ??= []
    settle(onBroken)
    for (const listening of hearings.values())
      for (const hearing of [...listening]) {
        if (!hearing.isHeard) continue
        hearing.isHeard = false
        hearing.isLost = true
        hearing.listener.onLost?.()
      }
  }

  function stand(): void {
    settle(onReady)
    void comeBack()
  }

  async function leave(channel: string, hearing: Hearing, isHeardToTheEnd: boolean): Promise<void> {
    const listening = hearings.get(channel)
    if (!listening?.delete(hearing)) return
    const waiting = held?.filter(each => each.channel === channel) ?? []
    // What waits for the owner's look is among it; by then the channel may be another's.
    if (isHeardToTheEnd) for (const { text } of waiting) hearing.listener.onMessage(text)
    if (listening.size > 0) return
    hearings.delete(channel)
    held = held?.filter(each => each.channel !== channel)
    // On a broken connection nothing is subscribed.
    if (!isStanding()) return
    const left = { listener: isHeardToTheEnd ? hearing.listener : undefined }
    leaving.set(channel, left)
    await ask(() => connection.unsubscribe(channel))
    if (leaving.get(channel) === left) leaving.delete(channel)
  }

  function listen(channel: string, listener: Listener): Subscription {
    const hearing: Hearing = { listener, isHeard: false, isLost: false }
    const listening = hearings.get(channel) ?? new Set()
    hearings.set(channel, listening)
    listening.add(hearing)
    return {
      confirmed: confirm(channel, hearing),
      leave: ({ isHeardToTheEnd = false } = {}) => leave(channel, hearing, isHeardToTheEnd),
    }
  }

  connection.on('message', hear)
  connection.on('close', breakOff)
  connection.on('ready', stand)
  const selfTest = startSelfTest({
    connection,
    commands: options.commands,
    listen,
    onDeaf: options.onDeaf,
    log,
  })

  return {
    listen,
    get isWhole() {
      return isWhole()
    },
    whole,
    caughtUp: () => ask(() => connection.ping()),
    deafForMs: selfTest.deafForMs,
    close() {
      selfTest.close()
      hearings.clear()
      connection.off('message', hear)
      connection.off('close', breakOff)
      connection.off('ready', stand)
      connection.disconnect()
    },
  }
}

function settle(waiting: Set<() => void>): void {
  const all = [...waiting]
  waiting.clear()
  for (const each of all) each()
}
