// Hands what is ours to another agent of the same switch: when we stop, and when our own line to the switch is gone.
//
//   leaver ── prepare ──▶ successor    (agents' own channels) it subscribes, and collects what it hears
//   leaver ◀── ready ──── successor
//   leaver: when all that it heard so far is answered, moves the call: one script changes the owner and tells the channel
//   leaver ── look ─────▶ successor    finds the call under its name, and goes on with what it collected
//
// The move alone decides. If one of these messages is lost, the successor's sweep still finds the call under its name; the
// leaver answers what it still hears as any message that an agent overhears.

import { assertNever, messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { AgentDirectory } from '../../redis/agents/directory.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import { agentChannel } from '../../redis/keys.ts'
import type { AgentContext } from '../agent/context.ts'
import { isCall } from '../call/call.ts'
import { handoverEvent } from '../call/events.ts'
import type { Holding } from '../call/holding.ts'
import { leave } from '../call/leave.ts'
import { settleJob, storeOf, untilWritten } from '../call/publish.ts'
import type { Successor } from './successor.ts'

interface Note {
  kind: 'prepare' | 'ready' | 'over' | 'look'
  dialId: string
  isSwitch: boolean
  from: string
}

/** A successor that is silent this long is not used; the call stays where it is. */
const READY_TIMEOUT_MS = 2 * MS_PER_SECOND

export interface HandOver {
  /** Gives all that is ours to agents whose line to its switch stands. What nobody takes stays with us. */
  offerAll(holdings: readonly Holding[]): Promise<void>
}

export function openHandOver(
  context: AgentContext,
  directory: AgentDirectory,
  successor: Successor,
  { mayTake, onPoke }: { mayTake: () => boolean; onPoke: () => void },
): HandOver {
  const { log, channels } = context
  /** The answers that we wait for, by dial id and successor. */
  const onReady = new Map<string, (isReady: boolean) => void>()

  const tell = (agent: string, note: Omit<Note, 'from'>) =>
    directory.tell(agent, JSON.stringify({ ...note, from: context.agent } satisfies Note))

  async function hearNote(text: string): Promise<void> {
    const { kind, dialId, isSwitch, from } = JSON.parse(text) as Note
    switch (kind) {
      case 'prepare':
        return prepare(dialId, isSwitch, from)
      case 'ready': {
        const settle = onReady.get(`${dialId} ${from}`)
        // The answer is late: the call will not be moved to that agent.
        return settle ? settle(true) : void (await tell(from, { kind: 'over', dialId, isSwitch }))
      }
      case 'over':
        return successor.forgo(dialId)
      case 'look':
        return onPoke()
      default:
        return assertNever(kind)
    }
  }

  async function prepare(dialId: string, isSwitch: boolean, from: string): Promise<void> {
    if (!mayTake() || successor.isCollecting(dialId) || context.calls.find(dialId)) return
    await successor.collect(dialId, isSwitch, from)
    // Nobody heard `ready`: the leaver has lost its connection since it asked, so it will not move the call.
    // Declared dead meanwhile, we are no successor.
    if (!mayTake() || !(await tell(from, { kind: 'ready', dialId, isSwitch }))) successor.forgo(dialId)
  }

  async function offer(holding: Holding, taker: string): Promise<void> {
    const { dialId } = holding.record
    const { isSwitch } = holding
    const ready = answerOf(dialId, taker)
    await tell(taker, { kind: 'prepare', dialId, isSwitch })
    const isReady = await ready
    // We must hear until the move, too: the successor drops messages that came before it.
    if (!isReady || holding.isEnding || holding.ownership !== 'held' || !channels.isWhole)
      return void (await tell(taker, { kind: 'over', dialId, isSwitch }))
    holding.ownership = 'offered'
    const { promise: moving, resolve, reject } = Promise.withResolvers<boolean>()
    holding.moving = moving
    // The answers of a switch's channel go through this queue themselves, so they come first; messages that come meanwhile
    // wait for the move.
    if (isSwitch) await Promise.allSettled(holding.underWay)
    holding.tasks.run(() => move(holding, taker).then(resolve, reject))
    const isMoved = await moving
    await tell(taker, { kind: isMoved ? 'look' : 'over', dialId, isSwitch })
  }

  /** In the call's own order: behind the answers to all that was heard before. @returns whether it is the successor's. */
  async function move(holding: Holding, taker: string): Promise<boolean> {
    const { record } = holding
    // The call has ended, or an agent that declared us dead has taken it.
    if (holding.ownership !== 'offered') return false
    if (holding.isEnding || !(await context.mayAct())) return keep(holding)
    // We take the job out of our in-flight list: the successor knows its own list only.
    if (isCall(holding)) await untilWritten(context, () => settleJob(context, holding))
    const marker = JSON.stringify(handoverEvent(taker))
    const to = { from: context.agent, fence: record.fence, to: taker, marker }
    const store = storeOf(context, holding)
    const moved = await untilWritten(context, () => store.move(record.dialId, to))
    if (moved) {
      context.timeline.add(record.dialId, { what: 'handed-over', to: taker })
      leave(context, holding, { isHeardByOther: true })
      return true
    }
    const standing = await untilWritten(context, () => store.standing(record))
    if (standing !== 'fenced') return keep(holding)
    leave(context, holding)
    return false
  }

  function keep(holding: Holding): false {
    if (holding.ownership === 'offered') holding.ownership = 'held'
    return false
  }

  /** @returns whether the successor is ready. */
  function answerOf(dialId: string, taker: string): Promise<boolean> {
    const key = `${dialId} ${taker}`
    return new Promise(resolve => {
      const settle = (isReady: boolean) => {
        onReady.delete(key)
        clearTimeout(timer)
        resolve(isReady)
      }
      const timer = setTimeout(() => settle(false), READY_TIMEOUT_MS)
      onReady.set(key, settle)
    })
  }

  channels.listen(agentChannel(context.agent), {
    onMessage: text =>
      void hearNote(text).catch(thrown => log.warn({ reason: messageOf(thrown) }, 'hand-over failed')),
  })

  return {
    async offerAll(holdings) {
      const open = holdings.filter(each => each.ownership === 'held' && !each.isEnding)
      if (open.length === 0) return
      // A successor listens before its part begins: what it hears until then must be heard by us too.
      if (!channels.isWhole) await Promise.race([channels.whole(), Bun.sleep(READY_TIMEOUT_MS)])
      if (!channels.isWhole) return
      const cards = [...(await directory.all()).values()].filter(
        card => card && card.agent !== context.agent && !card.isDraining,
      )
      await Promise.all(
        open.map(async (holding, index) => {
          const able = cards.filter(card => card!.coreUuid === coreOf(holding.record))
          const taker = able[index % able.length]
          if (!taker) return
          await offer(holding, taker.agent).catch(thrown =>
            log.warn({ dialId: holding.record.dialId, reason: messageOf(thrown) }, 'not handed over: kept'),
          )
        }),
      )
    },
  }
}

const coreOf = ({ fields }: CallRecord): string => fields.core ?? ''
