// What an agent holds as its owner: a call, or the channel of its switch. Both are told by a record in Redis, steered by
// a channel, and owned by one agent at a time. This file has only their common state; `publish.ts` says something about
// them, `control/hear.ts` hears them, and `ownership/` moves them.
import type { CallRecord, CallStep, MessageName } from '../../redis/calls/calls.ts'
import type { Subscription } from '../../redis/subscriber.ts'
import type { AnswerTo, CallEvent } from './events.ts'
import { createTaskQueue, type TaskQueue } from './taskQueue.ts'

/** How one agent stands to what it holds; `docs/architecture.md` draws it.
 *  `held`: ours, obeyed and answered. `offered`: ours until the move that waits in its queue; what is heard behind that is
 *  the successor's. `left`: another agent's; what we hear of it is overheard. `over`: its name is free again. */
export type Ownership = 'held' | 'offered' | 'left' | 'over'

/** A message that must have its one answer. */
export interface Asked {
  to: AnswerTo
  name: MessageName
  /** Whether all agents that hear the message know it by the same name. */
  isNamed: boolean
  /** Heard at a time when another agent may have had to answer it already. */
  isAnothers: boolean
  /** Another agent's answer to it was heard. */
  isAnswered?: boolean
  /** Undefined: another agent heard the message. */
  heardAtMs?: number
}

/** What is said about a call besides what changes with it. */
export type Saying = Omit<CallStep, 'event' | 'number'> & { event?: CallEvent }

/** What is heard on a channel that is not ours to obey. */
export interface Overhearing {
  record: Pick<CallRecord, 'dialId'>
  /** The channel is a switch's, not a call's. */
  isSwitch: boolean
  /** Until their answer is heard. */
  overheard: Map<MessageName, Asked>
}

export interface Holding extends Overhearing {
  record: CallRecord
  ownership: Ownership
  /** Its end has begun; nothing more is done for it. */
  isEnding: boolean
  /** Publishing and answering, in order. */
  tasks: TaskQueue
  /** While it is offered: settles when it is known which agent owns it. */
  moving: Promise<unknown> | undefined
  /** Messages that are obeyed at the same time, outside that order. */
  underWay: Set<Promise<unknown>>
  /** On its channel. Undefined: not asked for yet. */
  listening: Subscription | undefined
  /** How many messages its channel has brought us. */
  heard: number
  /** Heard, and not answered by us yet. */
  open: Set<Asked>
  /** Another agent may obey the same message, because it comes from before a move or because nodes of a Cluster deliver in
   *  different orders: it is claimed first. */
  isContested: boolean
  /** A marker was heard that names another agent, or it is not certain yet that we own this. */
  isMarked: boolean
  /** After such a marker: settles when Redis has said who the owner is. */
  checking: Promise<unknown> | undefined
}

/** The first fence of a claim: random for each claim, and +1 for each new owner. So an agent that was paused while the
 *  dial id was claimed again can't write to the later call. Below 2^52, for a double. */
const firstFence = (): number => Number(crypto.getRandomValues(new BigUint64Array(1))[0]! >> 12n)

/** @param onThrown called when a task throws: a bug, which costs that task alone. */
export function createHolding(
  record: Omit<CallRecord, 'fence' | 'steps'>,
  isSwitch: boolean,
  onThrown: (thrown: unknown) => void,
): Holding {
  return {
    record: { ...record, fence: firstFence(), steps: 0 },
    isSwitch,
    ownership: 'held',
    isEnding: false,
    tasks: createTaskQueue(onThrown),
    moving: undefined,
    underWay: new Set(),
    listening: undefined,
    heard: 0,
    open: new Set(),
    isContested: false,
    isMarked: false,
    checking: undefined,
    overheard: new Map(),
  }
}

/** A former owner and its successor both hear the channel around a move; on nodes of a Cluster in different orders. */
const CONTESTED_MS = 10_000

export function contest(holding: Holding): void {
  holding.isContested = true
  setTimeout(() => {
    holding.isContested = false
  }, CONTESTED_MS).unref()
}
