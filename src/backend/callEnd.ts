// Finds out when a call is over, for those who follow its channel. The events alone do not tell: a callee may never
// have been rung. So after each hangup the call's record is asked. Nothing is said on the channel from here.

import { MS_PER_SECOND } from '../base/units.ts'
import { readMessage } from '../dial/control/messages.ts'
import { RedisUnavailable } from '../redis/connect.ts'
import type { Backend } from './backend.ts'
import { stateOf } from './callView.ts'

/** How a call is over: nothing of it lives any more, or it was never made. */
export type CallEnd = { kind: 'over' } | { kind: 'not-made'; cause: string }

export interface CallEndOptions {
  dialId: string
  /** Its job is ours: each failure to make a call is ours. Otherwise it may be about a second job of the dial id. */
  isOurs: boolean
  onEnd: (end: CallEnd) => void
}

/** After a failure the call's record goes at once; if it still lives by then, the failure was another job's. */
const SETTLE_MS = MS_PER_SECOND

/** Between two tries while Redis is away. */
const RETRY_MS = 200

/** Messages that only a call with an agent has: Redis holds the call's record until the call is over. */
export const isBegun = (type: string): boolean => type === 'call-start' || type === 'wake-event'

export interface CallEndWatch {
  /** A message of the call's channel. */
  hear(text: string): void
  /** Asks Redis whether the call is over: messages may have been missed. */
  look(): void
  /** Asks Redis no more. */
  close(): void
}

export function watchCallEnd(backend: Backend, { dialId, isOurs, onEnd }: CallEndOptions): CallEndWatch {
  let isClosed = false

  function finish(end: CallEnd): void {
    if (isClosed) return
    isClosed = true
    onEnd(end)
  }

  async function weighFailure(cause: string): Promise<void> {
    if (isOurs || !(await isAlive())) return finish({ kind: 'not-made', cause })
    await Bun.sleep(SETTLE_MS)
    if (!(await isAlive())) finish({ kind: 'not-made', cause })
  }

  async function look(): Promise<void> {
    if (!(await isAlive())) finish({ kind: 'over' })
  }

  async function isAlive(): Promise<boolean> {
    while (!isClosed) {
      try {
        const found = await backend.findCall(dialId)
        if (found && !stateOf(found).isOver) return true
        // The call's last messages may still be on their way to us.
        await backend.caughtUp()
        return false
      } catch (thrown) {
        if (!(thrown instanceof RedisUnavailable)) throw thrown
        // Redis is away: ask again until it answers, or until `close`.
        await Bun.sleep(RETRY_MS)
      }
    }
    return true
  }

  return {
    hear(text) {
      const read = readMessage(text)
      if (!read.ok) return
      const { type, event, cause, state } = read.value
      if (type === 'failure' && event === undefined) void weighFailure(String(cause))
      if (type === 'hangup-event' || (type === 'barge-event' && state === 'ended')) void look()
    },
    look: () => void look(),
    close() {
      isClosed = true
    },
  }
}
