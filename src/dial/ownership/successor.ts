// Listens to a channel that is about to be ours: because its owner hands it over, or because we take it over from a dead
// one. What is said there and not answered is collected. When the move is done we go on with that; when it is not, the
// true owner has heard it too, and what that one leaves unanswered is answered as any message that we overhear.

import { MS_PER_SECOND } from '../../base/units.ts'
import type { Subscription } from '../../redis/subscriber.ts'
import { type AgentContext, letFinish } from '../agent/context.ts'
import type { Asked, Overhearing } from '../call/holding.ts'
import { answerOverheard, leaveChannel, overhear } from '../call/leave.ts'
import { hearMessage, isAnswerTo, nameOf } from '../control/messages.ts'

/** A leaver that has offered waits for the switch's answers first, which take five seconds at most. */
const FORGONE_AFTER_MS = 8 * MS_PER_SECOND

/** After the move we wait this long for its marker: answers of the former owner come before the marker. */
const MARKER_TIMEOUT_MS = MS_PER_SECOND

/** What was said while its owner changed, and is ours to answer. */
export interface Collected {
  texts: readonly string[]
  /** The owner before us. */
  from: string
  /** Stops the collecting. Call it without an await after the channel is heard otherwise, so that no message is lost. */
  release(): void
}

export interface Successor {
  /** Resolves when the channel is heard. @param from its owner. */
  collect(channel: string, isSwitch: boolean, from: string): Promise<void>
  isCollecting(channel: string): boolean
  /** The channel did not become ours. */
  forgo(channel: string): void
  /** None of them becomes ours any more: what was heard there is answered, and nothing further is heard. */
  forgoAll(): void
  /** Redis says that the channel is ours now. Undefined: nothing was collected. */
  collected(channel: string): Promise<Collected | undefined>
  /** Resolves when nothing is collected: for each channel it is decided whether it is ours. */
  settled(): Promise<void>
}

interface Collector {
  hearing: Overhearing
  from: string
  open: (Asked & { text: string })[]
  isMarked: Promise<void>
  subscription: Subscription
  timer: Timer
}

export function createSuccessor(context: AgentContext): Successor {
  const collectors = new Map<string, Collector>()
  let onSettled: (() => void) | undefined

  function remove(channel: string, { timer }: Collector): void {
    clearTimeout(timer)
    collectors.delete(channel)
    if (collectors.size === 0) onSettled?.()
  }

  function forgo(channel: string): void {
    const collector = collectors.get(channel)
    if (!collector) return
    remove(channel, collector)
    letFinish(context, leave(collector))
  }

  async function leave({ subscription, open, hearing }: Collector): Promise<void> {
    await leaveChannel(context, subscription, { isHeardToTheEnd: true })
    for (const each of open) overhear(context, hearing, each)
    await answerOverheard(context, hearing)
  }

  function open(channel: string, isSwitch: boolean, from: string): Collector {
    const { promise: isMarked, resolve: mark } = Promise.withResolvers<void>()
    const asked: (Asked & { text: string })[] = []
    const onMessage = (text: string) => {
      const heard = hearMessage(text)
      if (heard.kind !== 'own') {
        const isNamed = heard.to.commandId !== undefined
        asked.push({ text, to: heard.to, name: nameOf(text), isNamed, isAnothers: true })
        return
      }
      if (heard.message.type === 'handover-event' && heard.message.agent === context.agent) mark()
      const answered = asked.findIndex(({ to }) => isAnswerTo(to, heard.message))
      if (answered >= 0) asked.splice(answered, 1)
    }
    return {
      hearing: { record: { dialId: channel }, isSwitch, overheard: new Map() },
      from,
      open: asked,
      isMarked,
      subscription: context.channels.listen(channel, { onMessage }),
      timer: setTimeout(() => forgo(channel), FORGONE_AFTER_MS),
    }
  }

  return {
    async collect(channel, isSwitch, from) {
      const collector = collectors.get(channel) ?? open(channel, isSwitch, from)
      collectors.set(channel, collector)
      await collector.subscription.confirmed
    },

    isCollecting: channel => collectors.has(channel),

    forgo,

    forgoAll() {
      for (const channel of [...collectors.keys()]) forgo(channel)
    },

    async collected(channel) {
      const collector = collectors.get(channel)
      if (!collector) return undefined
      await Promise.race([collector.isMarked, Bun.sleep(MARKER_TIMEOUT_MS)])
      if (collectors.get(channel) !== collector) return undefined
      remove(channel, collector)
      return {
        // Read only when they are taken, because more may come until then.
        get texts() {
          return collector.open.map(each => each.text)
        },
        from: collector.from,
        release: () => void leaveChannel(context, collector.subscription),
      }
    },

    settled: () =>
      new Promise(resolve => {
        onSettled = resolve
        if (collectors.size === 0) resolve()
      }),
  }
}
