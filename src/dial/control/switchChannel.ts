// The channel of a switch (`<core_uuid>`): backends bridge parked calls there and start bot calls on that very switch.
// Several agents serve one switch; one of them owns the channel, by a fenced record as a call's owner does, and alone
// obeys. When it dies another one of the switch takes the channel over with its calls.

import { textOfBytes } from '../../base/bytes.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import { assertAllowed, parseChannelUuid } from '../../esl/allow.ts'
import { bridgeChannels } from '../../esl/commands.ts'
import type { SwitchEvent } from '../../esl/event.ts'
import type { Agents } from '../../redis/agents/directory.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import { tellBug } from '../agent/bugs.ts'
import { type AgentContext, letFinish } from '../agent/context.ts'
import { handoverEvent, type Obeyed, success } from '../call/events.ts'
import { contest, createHolding, type Holding } from '../call/holding.ts'
import { leave } from '../call/leave.ts'
import { isLeft, restore, sayNow, untilWritten } from '../call/publish.ts'
import { readJob } from '../job/job.ts'
import { dial, whyNot } from '../job/placeCall.ts'
import type { Collected, Successor } from '../ownership/successor.ts'
import { answerLeftOver, hear, listen } from './hear.ts'
import type { Message } from './messages.ts'
import { causeOf } from './orders.ts'

const BRIDGE_TIMEOUT_MS = 10 * MS_PER_SECOND

/** Bridges that were ordered and whose BRIDGE event has not come, by the first channel. */
const BRIDGES_MAX = 1_000

/** Between two looks at who owns it, while its owner lives. */
const OWNER_LOOK_MS = 5 * MS_PER_SECOND

export type SwitchChannel = ReturnType<typeof createSwitchChannel>

/** @param mayTake whether we stop, and take nothing new. */
export function createSwitchChannel(context: AgentContext, successor: Successor, mayTake: () => boolean) {
  const { link, switchChannels } = context
  let ours: Holding | undefined
  /** Another agent's, and when we asked. */
  let seen = { coreUuid: '', owner: '', atMs: Number.NEGATIVE_INFINITY }
  /** Each with its order's answer: said before the success, also when the switch's result and its BRIDGE come in one
   *  piece. */
  const ordered = new Map<string, Promise<void>>()

  /** Ours already, or its owner lives, or it becomes ours. @throws RedisUnavailable */
  async function look(agents: Agents): Promise<void> {
    const { coreUuid } = link
    if (ours?.ownership === 'left' || ours?.ownership === 'over') ours = undefined
    // The switch has started anew under another name: messages to the old name are answered, and the old channel ends. An
    // order there may take a minute, and no look at other agents waits for it.
    if (link.isReady && ours?.ownership === 'held' && ours.record.dialId !== coreUuid) {
      letFinish(context, end(ours))
      ours = undefined
    }
    if (ours) return keep(ours)
    if (!link.isReady || coreUuid === undefined || !mayTake()) return
    const isFresh = seen.coreUuid === coreUuid && performance.now() - seen.atMs < OWNER_LOOK_MS
    if (isFresh && agents.get(seen.owner)) return
    const owner = await switchChannels.ownerOf(coreUuid)
    seen = { coreUuid, owner: owner ?? '', atMs: performance.now() }
    if (owner === null) return claim(coreUuid)
    // The channel was moved to us, and the message that says so was lost.
    if (owner === context.agent || !agents.get(owner)) await takeFrom(owner, coreUuid)
  }

  async function keep(holding: Holding): Promise<void> {
    if (holding.ownership !== 'held') return
    const standing = await switchChannels.standing(holding.record)
    if (holding.ownership !== 'held') return
    if (standing === 'fenced') leave(context, holding)
    if (standing === 'lost' && (await context.isAlive())) await restore(context, holding)
  }

  const newHolding = (coreUuid: string): Holding =>
    createHolding(
      {
        dialId: coreUuid,
        orgId: '',
        userId: '',
        fields: { kind: 'switch', core: coreUuid, switch: context.settings.switch.name },
      },
      true,
      thrown => tellBug(context, 'task', thrown),
    )

  async function claim(coreUuid: string): Promise<void> {
    const holding = newHolding(coreUuid)
    const claimed = await switchChannels.claim(context.agent, holding.record)
    if (claimed === 'claimed') hold(holding)
  }

  async function takeFrom(from: string, coreUuid: string): Promise<void> {
    await successor.collect(coreUuid, true, from)
    const marker = JSON.stringify(handoverEvent(context.agent))
    const to = { from, to: context.agent, marker }
    const record = await untilWritten(context, () => switchChannels.move(coreUuid, to))
    if (!record) return successor.forgo(coreUuid)
    take(record, await successor.collected(coreUuid))
  }

  /** @param collected what was said while its owner changed. */
  function take(record: CallRecord, collected?: Collected): void {
    // The leaver's message and our own look may both come here. If the channel were held twice, both would give out the
    // same step numbers, and Redis would take the answers of the second for repeated ones of the first.
    const isHeld = ours?.ownership === 'held' && ours.record.fence === record.fence
    const holding = isHeld && ours ? ours : newHolding(record.dialId)
    if (collected) contest(holding)
    if (!isHeld) {
      holding.record = record
      hold(holding)
    }
    collected?.release()
    for (const text of collected?.texts ?? []) hear(context, holding, text)
  }

  /** Ends the channel of a switch that is gone, as its owner is: what was heard there is answered. */
  async function settle(from: string, coreUuid: string): Promise<void> {
    const marker = JSON.stringify(handoverEvent(context.agent))
    const record = await untilWritten(context, () =>
      switchChannels.move(coreUuid, { from, to: context.agent, marker }),
    )
    if (!record) return
    const holding = newHolding(coreUuid)
    holding.record = record
    answerLeftOver(context, holding)
    await end(holding)
  }

  function hold(holding: Holding): void {
    ours = holding
    answerLeftOver(context, holding)
    listen(context, holding)
  }

  function obey(message: Message, answered: Promise<void>): Obeyed | Promise<Obeyed> {
    if (message.type === 'bridge') return bridge(message, answered)
    if (message.type === 'bot-call') return botCall(message)
    return fail('only bridge and bot-call belong on this channel')
  }

  async function bridge(message: Message, answered: Promise<void>): Promise<Obeyed> {
    const first = await findHere(message.dial_id1 ?? message.dial_id_1)
    if (!first.ok) return first
    const second = await findHere(message.dial_id2 ?? message.dial_id_2)
    if (!second.ok) return second
    if (first.value.dialId === second.value.dialId) return fail('a call is not bridged to itself')
    const [uuid1, uuid2] = [first.value, second.value].map(call =>
      assertAllowed(parseChannelUuid(call.fields.a)),
    )
    if (ordered.size >= BRIDGES_MAX) ordered.clear()
    ordered.set(uuid1!, answered)
    const job = { jobUuid: crypto.randomUUID(), timeoutMs: BRIDGE_TIMEOUT_MS }
    const outcome = await link.bgapi(bridgeChannels(uuid1!, uuid2!), job).result
    if (outcome.kind === 'ok') return ok({})
    ordered.delete(uuid1!)
    return fail(causeOf(outcome))
  }

  /** An answered call on this switch, whichever agent owns it. */
  async function findHere(dialId: unknown): Promise<Result<CallRecord, string>> {
    if (typeof dialId !== 'string') return fail('dial_id1 and dial_id2 are required')
    try {
      const call = await context.store.find(dialId)
      if (!call) return fail(`no such call: ${dialId.replace(/[^\x20-\x7e]/g, '?').slice(0, 128)}`)
      if (call.fields.core !== ours?.record.dialId) return fail(`the call ${dialId} is on another switch`)
      if (call.fields[`state.${call.fields.side}`] !== 'answered')
        return fail(`the call ${dialId} is not answered`)
      // If the caller were bridged to somebody else, the switch would hang up the callee.
      if (call.fields.kind === 'asp-call') return fail(`the call ${dialId} is not a parked one`)
      return ok(call)
    } catch (thrown) {
      if (thrown instanceof RedisUnavailable) return fail('Redis is away')
      throw thrown
    }
  }

  async function botCall(message: Message): Promise<Obeyed> {
    const job = readJob(message)
    if (!job.ok) return fail(job.failure.cause)
    const cause = whyNot(context, job.value, context.clock())
    if (cause !== undefined) return fail(cause)
    if (context.calls.size >= context.settings.callsMax) return fail('the agent has CALLS_MAX calls')
    await context.allowance.turn(1)
    const dialled = await dial(context, job.value, {
      text: textOfBytes(Buffer.from(JSON.stringify(message))),
      list: '',
    })
    if (dialled.kind === 'failed') return fail(dialled.cause)
    if (dialled.kind === 'returned') return fail('the switch or Redis is away')
    const accepted = await dialled.accepted
    return accepted.kind === 'ok' ? ok({}) : fail(causeOf(accepted))
  }

  /** Nobody takes it over, because we stop or the switch is no more: it is free at once. */
  async function release(): Promise<void> {
    if (ours?.ownership === 'held') await end(ours)
  }

  async function end(holding: Holding): Promise<void> {
    await Promise.allSettled(holding.underWay)
    await holding.tasks.idle()
    await untilWritten(context, () => switchChannels.release(context.agent, holding.record))
    if (isLeft(holding)) return
    holding.ownership = 'over'
    leave(context, holding)
    if (ours === holding) ours = undefined
  }

  return {
    look,
    take,
    obey,

    /** What we own of it, and may hand over. */
    holding: (): Holding | undefined => (ours?.ownership === 'held' ? ours : undefined),

    /** A bridge that was ordered here has come about: told behind the order's own answer. */
    follow(event: SwitchEvent): void {
      if (ordered.size === 0 || event.name !== 'CHANNEL_BRIDGE' || !ours) return
      const channelUuid = event.header('Unique-ID') ?? ''
      const answered = ordered.get(channelUuid)
      ordered.delete(channelUuid)
      const holding = ours
      const sayIt = async () => void (await sayNow(context, holding, { event: success('bridge-event') }))
      void answered?.then(() => holding.tasks.run(sayIt))
    },

    settle,
    release,
  }
}
