// What the parts of an agent share: its link to the switch, its stores, and its calls. Nothing is done here.

import type { Log } from '../../base/log.ts'
import type { Clock } from '../../base/units.ts'
import type { SwitchLink } from '../../esl/link.ts'
import type { CallStore } from '../../redis/calls/calls.ts'
import type { JobQueue } from '../../redis/jobs/jobs.ts'
import type { Subscriber } from '../../redis/subscriber.ts'
import type { Recorder } from '../../timeline/recorder.ts'
import type { Traces } from '../../timeline/traced.ts'
import type { Call } from '../call/call.ts'
import type { Obeyed } from '../call/events.ts'
import type { Holding } from '../call/holding.ts'
import type { CallRegistry } from '../call/registry.ts'
import type { Message } from '../control/messages.ts'
import type { Allowance } from '../job/allowance.ts'
import type { Refusals } from '../job/refusals.ts'
import type { Count, Observe } from './countNames.ts'
import type { AgentSettings } from './messages.ts'

export interface AgentContext {
  readonly agent: string
  readonly settings: AgentSettings
  readonly link: SwitchLink
  readonly store: CallStore
  /** The records of the switches' channels. */
  readonly switchChannels: CallStore
  readonly jobs: JobQueue
  /** Hears the channels of calls, of the switch and of this agent. */
  readonly channels: Subscriber
  readonly calls: CallRegistry
  /** The calls, and the switch, whose channels are heard now. */
  readonly hearing: Set<Holding>
  /** Sessions that may begin in a second. */
  readonly allowance: Allowance
  /** Whether the switch carries out what it is asked. */
  readonly refusals: Refusals
  /** Channels of calls that were given up, with their dial ids: see `lateRing.ts`. */
  readonly givenUp: Map<string, string>
  /** Records that could not be read back, by dial id and fence: each is told of once. */
  readonly unreadable: Set<string>
  /** Work that is under way for no call of ours (any more): an agent that stops waits for it. */
  readonly unfinished: Set<Promise<unknown>>
  /** Wakes the phones of sides that are accounts, and rings them. */
  readonly waker: Waker
  readonly count: Count
  readonly observe: Observe
  /** Notes what happens to a call, by its dial id; costs nobody a wait. */
  readonly timeline: Pick<Recorder, 'add'>
  /** Only while traces are made. */
  readonly traces: Traces | undefined
  readonly clock: Clock
  readonly log: Log
  /** Whether we may act for our calls: false once another agent has been told to (see `ownership/lease.ts`). */
  mayAct(): Promise<boolean>
  /** Other agents have taken over what is ours: we never act again. */
  isDeclaredDead(): boolean
  /** The same, by Redis' word alone: our own clock may have stood still with the machine. */
  isAlive(): Promise<boolean>
  /** Obeys a message to a call or to the switch; a message that can't be obeyed is a failure.
   *  @param answered settles when the message's answer has been published. */
  obey(holding: Holding, message: Message, answered: Promise<void>): Obeyed | Promise<Obeyed>
  /** A call is ours no more: there is room for another. */
  onRoom(): void
}

export interface Waker {
  /** The phones of a side are to be woken, then rung. Nothing when that has begun. */
  begin(call: Call, side: string): void
  /** A has answered: a callee that is an account is woken now. */
  answered(call: Call): void
  /** The caller is parked at the switch. */
  parked(call: Call): void
  /** Goes on with the wakes of a call that another agent began. */
  goOn(call: Call): void
  /** Cancels the wakes of a call that has ended. @returns false when no phones are being woken. */
  cancel(call: Call): boolean
  close(): void
}

/** Keeps the agent from ending before this has. */
export function letFinish(context: AgentContext, work: Promise<unknown>): void {
  context.unfinished.add(work)
  const remove = () => void context.unfinished.delete(work)
  work.then(remove, remove)
}
