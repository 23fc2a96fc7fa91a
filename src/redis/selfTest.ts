// Finds a subscription that stands and brings nothing: a half-open connection, a node that is cut off from its Cluster, a
// former master. Each beat it publishes a message to itself on a private channel, by another connection, and asks for a
// PONG where the last one did not come. Three beats without one of them, and the connection is made anew, which the
// subscriber notices as any gap. It counts beats, not time: a process that was stopped finds its answers in the socket
// when it goes on.

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import type { RedisConnection } from './connect.ts'
import { selfTestChannel } from './keys.ts'
import { isCluster } from './scripts.ts'

/** Three of them are as long as any connection may be silent. */
export const BEAT_MS = 1_000
const MISSED_BEATS_MAX = 3

/** After three beats the connection is made anew; after three more without a message the subscriber counts as deaf. */
export const DEAF_AFTER_MS = 2 * MISSED_BEATS_MAX * BEAT_MS

export interface SelfTestOptions {
  connection: RedisConnection
  commands: RedisConnection
  /** The subscriber's own. */
  listen: (
    channel: string,
    listener: { onMessage: () => void; onBack: () => void },
  ) => { confirmed: Promise<void> }
  onDeaf: ((isDeaf: boolean) => void) | undefined
  log: Log
}

export interface SelfTest {
  /** Milliseconds since the last proof that messages arrive; infinite before the first. */
  deafForMs(): number
  close(): void
}

export function startSelfTest({ connection, commands, listen, onDeaf, log }: SelfTestOptions): SelfTest {
  const channel = selfTestChannel(crypto.randomUUID())
  const isSplit = isCluster(commands)
  let provenAtMs = Number.NEGATIVE_INFINITY
  let isSubscribed = false
  let isDeaf: boolean | undefined
  let hasWarned = false
  /** Since the last beat. */
  let isHeard = false
  /** Beats in a row, by what they missed. */
  let missed = nothingMissed()

  const deafForMs = () => performance.now() - provenAtMs

  function prove(): void {
    provenAtMs = performance.now()
    hasWarned = false
    tellDeaf()
  }

  function tellDeaf(): void {
    const was = isDeaf
    isDeaf = deafForMs() >= DEAF_AFTER_MS
    if (isDeaf !== was) onDeaf?.(isDeaf)
  }

  /** SUBSCRIBE's answer is a proof too. */
  function begin(): void {
    isSubscribed = true
    missed = nothingMissed()
    prove()
    publish()
  }

  function publish(): void {
    commands.publish(channel, '').then(
      listeners => {
        // Cleared by the message, before or after this.
        missed.message += 1
        // It may come nevertheless: a replica passes on what its master got, whose publishers count nobody. A node of a
        // Cluster counts its own listeners only.
        missed.listener = listeners > 0 || isSplit ? 0 : missed.listener + 1
      },
      thrown => log.debug({ reason: messageOf(thrown) }, 'self-test not sent'),
    )
  }

  function askForPong(): void {
    missed.pong += 1
    connection.ping().then(
      () => {
        missed.pong = 0
      },
      thrown => log.debug({ reason: messageOf(thrown) }, 'no pong'),
    )
  }

  function beat(): void {
    tellDeaf()
    if (connection.status !== 'ready') return
    const reason = (Object.keys(missed) as Missable[]).find(what => missed[what] >= MISSED_BEATS_MAX)
    if (reason) {
      if (!hasWarned) log.warn({ reason: REASONS[reason] }, 'the subscription is deaf: made anew')
      hasWarned = true
      missed = nothingMissed()
      connection.disconnect(true)
      return
    }
    // What has come proves as much as a PONG.
    if (!isHeard) askForPong()
    isHeard = false
    if (isSubscribed) publish()
  }

  function reset(): void {
    missed = nothingMissed()
    isHeard = false
    isSubscribed = false
  }

  connection.on('close', reset)
  const subscription = listen(channel, {
    onMessage: () => {
      isHeard = true
      missed.message = 0
      missed.pong = 0
      prove()
    },
    onBack: begin,
  })
  void subscription.confirmed.then(begin)
  const timer = setInterval(beat, BEAT_MS)

  return {
    deafForMs,
    close() {
      clearInterval(timer)
      connection.off('close', reset)
    },
  }
}

type Missable = keyof ReturnType<typeof nothingMissed>

const nothingMissed = () => ({ pong: 0, message: 0, listener: 0 })

const REASONS: Record<Missable, string> = {
  pong: 'Redis answers nothing',
  message: 'what is published does not arrive',
  listener: 'its Redis is not the one that is published to',
}
