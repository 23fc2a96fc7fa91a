// A call's channel for one who follows it: how the call stands when they come, then each message as it is published,
// until nothing of the call lives any more. Whoever comes before the call waits for it.

import { readMessage, withoutSecret } from '../dial/control/messages.ts'
import { RedisUnavailable } from '../redis/connect.ts'
import type { Backend } from './backend.ts'
import { type CallEnd, isBegun, watchCallEnd } from './callEnd.ts'
import { type LivingCall, livingCall, stateOf } from './callView.ts'

/** The reader that follows a call. */
export interface CallFollower {
  /** How the call stands: at first, and again after a gap in which messages may have been missed. undefined: no call
   *  of the dial id lives (yet). */
  onState: (call: LivingCall | undefined) => void
  /** A message as it was published, but for passwords. */
  onMessage: (message: unknown) => void
  /** Nothing follows. */
  onEnd: (end: CallEnd) => void
}

/** Messages that wait while it is read how the call stands, within a second: more is a flood, not a call. */
const HELD_MAX = 1_000

/** @returns what ends the following. @throws RedisUnavailable when it can't begin. */
export async function followCall(
  backend: Backend,
  dialId: string,
  follower: CallFollower,
): Promise<() => void> {
  const end = watchCallEnd(backend, {
    dialId,
    isOurs: false,
    onEnd(how) {
      leave()
      follower.onEnd(how)
    },
  })
  /** What is said while it is read how the call stands. */
  let held: string[] | undefined = []
  let isOpen = true
  let isLost = false
  /** Before that its being unknown to Redis is no end. */
  let hasBegun = false
  let unlisten: (() => void) | undefined

  function leave(): void {
    isOpen = false
    end.close()
    unlisten?.()
  }

  function tell(text: string): void {
    if (!isOpen) return
    const read = readMessage(text)
    if (read.ok && isBegun(read.value.type)) hasBegun = true
    follower.onMessage(withoutSecret(text))
    end.hear(text)
  }

  async function tellState(): Promise<void> {
    const found = await backend.findOwned(dialId)
    if (!isOpen) return
    if (found) hasBegun = true
    follower.onState(found && livingCall(found))
    if (found && stateOf(found.record).isOver) end.look()
  }

  async function tellGap(): Promise<void> {
    try {
      await tellState()
      if (hasBegun) end.look()
    } catch (thrown) {
      // Redis is away again: its next return tells.
      if (!(thrown instanceof RedisUnavailable)) throw thrown
    }
  }

  // Redis is asked before it is listened to: while it is away that fails at once.
  await backend.findCall(dialId)
  unlisten = await backend.listen(dialId, {
    onMessage(text) {
      if (!held) tell(text)
      else if (held.length < HELD_MAX) held.push(text)
    },
    onLost: () => {
      isLost = true
    },
    onBack: () => {
      if (isLost) void tellGap()
      isLost = false
    },
  })
  try {
    await tellState()
  } catch (thrown) {
    leave()
    throw thrown
  }
  const waiting = held
  held = undefined
  for (const text of waiting) tell(text)
  return leave
}
