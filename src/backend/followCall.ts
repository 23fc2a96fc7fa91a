// Follows a call for one reader: first the call's state, then each message as it is published, until nothing of the call
// lives any more. A reader who comes before the call waits for it.

import { readMessage, withoutSecret } from '../dial/control/messages.ts'
import { RedisUnavailable } from '../redis/connect.ts'
import type { Backend } from './backend.ts'
import { type CallEnd, isBegun, watchCallEnd } from './callEnd.ts'
import { type LivingCall, livingCall, stateOf } from './callView.ts'

/** The reader that follows a call. */
export interface CallFollower {
  /** The call's state: at the beginning, and again after a gap in which messages may have been missed. undefined: no call
   *  with this dial id lives (yet). */
  onState: (call: LivingCall | undefined) => void
  /** A message as it was published, without passwords. */
  onMessage: (message: unknown) => void
  /** The call is over: the reader gets nothing more. */
  onEnd: (end: CallEnd) => void
}

/** Messages that wait while the call's state is read, which takes less than a second. No call has more. */
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
  /** Messages that come while the call's state is read. */
  let held: string[] | undefined = []
  let isOpen = true
  let isLost = false
  /** While false, a call that Redis does not know has not begun; afterwards it is over. */
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
      // Redis is away again: the state is read when it returns.
      if (!(thrown instanceof RedisUnavailable)) throw thrown
    }
  }

  // Ask Redis before listening to it: while Redis is away, a question fails at once and a subscription waits.
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
