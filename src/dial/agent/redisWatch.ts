// Knows whether Redis answers, for an agent that stops and must not wait for a Redis that is away. A Redis that stands still
// for a second or two is waited for: it counts the agent among the listeners of its calls' channels, and what is said there
// meanwhile must have its answer. Redis is away after the silence for which its connections are left everywhere else.

import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import { type RedisConnection, SILENT_AFTER_MS } from '../../redis/connect.ts'
import { reachable } from '../../redis/scripts.ts'

/** Between two looks. */
const LOOK_MS = 0.3 * MS_PER_SECOND

/** A process that stood still itself finds its answers in the socket when it goes on: one look that fails says nothing. */
const MISSED_LOOKS_MIN = 3

export interface RedisWatch {
  /** Resolves when Redis is away: at once while it is. */
  away(): Promise<void>
  close(): void
}

export function watchRedis(commands: RedisConnection, log: Log): RedisWatch {
  const closing = new AbortController()
  let leaving = Promise.withResolvers<void>()
  let isAway = false
  let missedLooks = 0
  let answeredAtMs = performance.now()

  async function look(): Promise<void> {
    try {
      await reachable(commands.ping())
      answeredAtMs = performance.now()
      missedLooks = 0
      if (isAway) leaving = Promise.withResolvers()
      isAway = false
    } catch (thrown) {
      missedLooks += 1
      const isSilent = performance.now() - answeredAtMs >= SILENT_AFTER_MS
      if (isAway || !isSilent || missedLooks < MISSED_LOOKS_MIN || closing.signal.aborted) return
      log.warn({ reason: messageOf(thrown) }, 'redis is away: what waits for it is left to others')
      isAway = true
      leaving.resolve()
    }
  }

  async function lookOn(): Promise<void> {
    while (!closing.signal.aborted) {
      await look()
      await Bun.sleep(LOOK_MS)
    }
  }
  void lookOn()

  return {
    away: () => leaving.promise,
    close: () => closing.abort(),
  }
}
