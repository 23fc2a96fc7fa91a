// Leaves a call that is not ours any more: it ended, was handed over, or another agent has taken it. Until Redis has
// unsubscribed us from its channel, whoever publishes there counts us as a listener and waits for an answer. So each
// message that still comes is answered with a failure, unless the call's owner has answered it or is about to.
import { messageOf } from '../../base/result.ts'
import type { CallStore } from '../../redis/calls/calls.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import type { Subscription } from '../../redis/subscriber.ts'
import { type AgentContext, letFinish } from '../agent/context.ts'
import { isCall } from './call.ts'
import { controlFailure } from './events.ts'
import type { Asked, Holding, Overhearing } from './holding.ts'

export const CAUSE_TAKEN_OVER = 'another agent took the call over meanwhile; whether it was obeyed is unknown'

/** When an agent wakes from a pause, messages and the answers of other agents still wait in its socket: it reads them for
 *  this long. */
const LISTENING_MS = 1_000

/** The call's owner, who may have heard the same message, has this long to note it. */
const OWNER_FIRST_MS = 500

const RETRY_MS = 200

/** Forgets a call, and unsubscribes from its channel a little later, because messages to us may still wait in our socket.
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
  // The call's owner goes on with its wake.
  holding.waking?.asked?.leave()
  holding.waking = undefined
  context.calls.remove(holding)
  context.onRoom()
}

async function goSilent(context: AgentContext, holding: Holding, afterMs: number): Promise<void> {
  // Without an await before: after a gap, the subscriber subscribes again to all that still has a listener.
  if (afterMs > 0) await Bun.sleep(afterMs)
  context.hearing.delete(holding)
  await leaveChannel(context, holding.listening, { isHeardToTheEnd: true })
  // Messages that still wait in the queue are answered as overheard, too.
  await idleOutside(holding)
  await answerOverheard(context, holding)
}

/** Unsubscribes from a channel; without Redis nothing is heard there anyway. */
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

/** Resolves when the queue is idle. Not to be awaited in a task of that queue. */
async function idleOutside({ tasks, underWay }: Holding): Promise<void> {
  await Promise.allSettled(underWay)
  await tasks.idle()
}

/** Far more messages than one call gets in the second in which it changes its owner. */
const OVERHEARD_MAX = 1_000

/** Takes in a message that another agent has to obey. One that came before that agent owned the call is answered at once,
 *  if the other agent, which may have heard it too, knows it by the same name. */
export function overhear(context: AgentContext, hearing: Overhearing, asked: Asked): void {
  if (asked.isAnswered) return
  if (!asked.isAnothers && asked.isNamed)
    letFinish(context, answerOne(storeFor(context, hearing), hearing.record.dialId, asked))
  else if (hearing.overheard.size < OVERHEARD_MAX) hearing.overheard.set(asked.name, asked)
}

/** Answers for an owner that may be gone. A message without a name that all agents know is answered by the agent that
 *  owned the call when the message came. */
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
