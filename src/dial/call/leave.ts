// Leaves what is ours no more: a call that ended, that was handed over, or that another agent has taken. What its channel
// brings until Redis has taken us off it counts on us, because who publishes is told how many listen. So each such
// message is answered with a failure, unless the agent that owns the call now has answered it or is about to.
import { messageOf } from '../../base/result.ts'
import type { CallStore } from '../../redis/calls/calls.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import type { Subscription } from '../../redis/subscriber.ts'
import { type AgentContext, letFinish } from '../agent/context.ts'
import { isCall } from './call.ts'
import { controlFailure } from './events.ts'
import type { Asked, Holding, Overhearing } from './holding.ts'

export const CAUSE_TAKEN_OVER = 'another agent took the call over meanwhile; whether it was obeyed is unknown'

/** What a sleeper still has to hear waits in its own socket: the messages, and the answers that others gave. */
const LISTENING_MS = 1_000

/** For the owner to note what it hears too. */
const OWNER_FIRST_MS = 500

const RETRY_MS = 200

/** Out of our memory, and off its channel: soon, because what was said to us may still wait in our socket.
 *  @param isHeardByOther its new owner listens already. @param isGone we have not heard it for a while. */
export function leave(
  context: AgentContext,
  holding: Holding,
  { isHeardByOther = false, isGone = false } = {},
): void {
  if (holding.ownership === 'left') return
  const { dialId } = holding.record
  const isOver = holding.ownership === 'over'
  if (!isOver) {
    holding.ownership = 'left'
    if (!isHeardByOther) {
      context.log.warn({ dialId }, 'another agent owns this call now: left to it')
      context.timeline.add(dialId, { what: 'left-alone' })
    }
  }
  letFinish(context, goSilent(context, holding, isOver || isHeardByOther || isGone ? 0 : LISTENING_MS))
  if (!isCall(holding)) return
  // Whoever owns it goes on with its wake.
  holding.waking?.asked?.leave()
  holding.waking = undefined
  context.calls.remove(holding)
  context.onRoom()
}

async function goSilent(context: AgentContext, holding: Holding, afterMs: number): Promise<void> {
  // In this very turn: after a gap, what we still listen to is subscribed again as soon as the look at it is done.
  if (afterMs > 0) await Bun.sleep(afterMs)
  context.hearing.delete(holding)
  await leaveChannel(context, holding.listening, { isHeardToTheEnd: true })
  // What still waits in the queue is overheard as well.
  await idleOutside(holding)
  await answerOverheard(context, holding)
}

/** Off a channel; without Redis nothing is heard there anyway. */
export async function leaveChannel(
  context: AgentContext,
  subscription: Subscription | undefined,
  until: { isHeardToTheEnd?: boolean } = {},
): Promise<void> {
  try {
    await subscription?.leave(until)
  } catch (thrown) {
    context.log.debug({ reason: messageOf(thrown) }, 'not unsubscribed: redis is away')
  }
}

/** The queue's own task may be the one that leaves. */
async function idleOutside({ tasks, underWay }: Holding): Promise<void> {
  await Promise.allSettled(underWay)
  await tasks.idle()
}

/** Far more than is said to one call in the second in which it changes its owner. */
const OVERHEARD_MAX = 1_000

/** Heard, and another agent's to obey. What came before the other's part began is answered
 *  now, if the other, should it have heard it too, knows it by the same name. */
export function overhear(context: AgentContext, hearing: Overhearing, asked: Asked): void {
  if (asked.isAnswered) return
  if (!asked.isAnothers && asked.isNamed)
    letFinish(context, answerOne(storeFor(context, hearing), hearing.record.dialId, asked))
  else if (hearing.overheard.size < OVERHEARD_MAX) hearing.overheard.set(asked.name, asked)
}

/** Answers for an owner that may be gone. What has no name that all know is answered by the one in
 *  whose part it came. */
export async function answerOverheard(context: AgentContext, hearing: Overhearing): Promise<void> {
  const { overheard, record } = hearing
  if (overheard.size === 0) return
  await Bun.sleep(OWNER_FIRST_MS)
  const asked = [...overheard.values()].filter(each => each.isNamed || !each.isAnothers)
  overheard.clear()
  await Promise.all(asked.map(each => answerOne(storeFor(context, hearing), record.dialId, each)))
}

const storeFor = (context: AgentContext, { isSwitch }: Overhearing): CallStore =>
  isSwitch ? context.switchChannels : context.store

async function answerOne(store: CallStore, dialId: string, { to, name }: Asked): Promise<void> {
  const failure = JSON.stringify(controlFailure(to, CAUSE_TAKEN_OVER))
  for (;;) {
    try {
      return await store.answerForOwner(dialId, name, failure)
    } catch (thrown) {
      if (!(thrown instanceof RedisUnavailable)) throw thrown
      await Bun.sleep(RETRY_MS)
    }
  }
}
