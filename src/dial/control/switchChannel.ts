// The channel of a switch (`<core_uuid>`): backends bridge parked calls there and start bot calls on that very
// switch. Several agents serve one switch, so one of them holds a lease and alone listens and answers.

import { fail, ok, type Result } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import { parseChannelUuid } from '../../esl/allow.ts'
import { assertAllowed } from '../../esl/assertAllowed.ts'
import { bridgeChannels } from '../../esl/commands.ts'
import type { SwitchEvent } from '../../esl/event.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import { type AgentContext, letFinish, sayOn } from '../agent/context.ts'
import { type AnswerTo, ack, controlFailure, EVENT_TYPES, success } from '../call/events.ts'
import { readJob } from '../job/job.ts'
import { dial } from '../job/placeCall.ts'
import { commandIdOf, type Message, readMessage } from './messages.ts'
import { causeOf } from './orders.ts'

const BRIDGE_TIMEOUT_MS = 10 * MS_PER_SECOND

/** Bridges that were ordered and whose BRIDGE event has not come, by the first channel. */
const BRIDGES_MAX = 1_000

export type CoreChannel = ReturnType<typeof createCoreChannel>

export function createCoreChannel(context: AgentContext, coreUuid: string) {
  /** Each with its answer: said before the success, also when the switch's result and its BRIDGE come in one piece. */
  const ordered = new Map<string, Promise<void>>()

  async function hear(text: string): Promise<void> {
    const read = readMessage(text)
    if (!read.ok) return sayOn(context, coreUuid, controlFailure({ event: '' }, read.failure))
    const message = read.value
    if (EVENT_TYPES.has(message.type)) return
    const to: AnswerTo = { event: message.type.slice(0, 64), commandId: commandIdOf(message) }
    context.count('controls', message.type === 'bridge' || message.type === 'bot-call' ? message.type : 'bad')
    const { promise: answered, resolve: markAnswered } = Promise.withResolvers<void>()
    const obeyed = await obey(message, answered)
    await sayOn(context, coreUuid, obeyed.ok ? ack(to) : controlFailure(to, obeyed.failure))
    markAnswered()
  }

  function obey(
    message: Message,
    answered: Promise<void>,
  ): Promise<Result<undefined, string>> | Result<undefined, string> {
    if (message.type === 'bridge') return bridge(message, answered)
    if (message.type === 'bot-call') return botCall(message)
    return fail(`only bridge and bot-call belong on this channel`)
  }

  async function bridge(message: Message, answered: Promise<void>): Promise<Result<undefined, string>> {
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
    const outcome = await context.link.bgapi(bridgeChannels(uuid1!, uuid2!), job).result
    // The first call's own BRIDGE tells of it there.
    if (outcome.kind === 'ok')
      context.timeline.add(second.value.dialId, { what: 'bridge', with: first.value.dialId })
    if (outcome.kind === 'ok') return ok(undefined)
    ordered.delete(uuid1!)
    return fail(causeOf(outcome))
  }

  /** An answered call on this switch, whichever agent owns it. */
  async function findHere(dialId: unknown): Promise<Result<CallRecord, string>> {
    if (typeof dialId !== 'string') return fail('dial_id1 and dial_id2 are required')
    try {
      const call = await context.store.find(dialId)
      if (!call) return fail(`no such call: ${dialId.replace(/[^\x20-\x7e]/g, '?').slice(0, 128)}`)
      if (call.fields.core !== coreUuid) return fail(`the call ${dialId} is on another switch`)
      if (call.fields[`state.${call.fields.side}`] !== 'answered')
        return fail(`the call ${dialId} is not answered`)
      // Bridged away, its caller would cost the callee the call: the switch hangs B up.
      if (call.fields.kind === 'asp-call') return fail(`the call ${dialId} is not a parked one`)
      return ok(call)
    } catch (thrown) {
      if (thrown instanceof RedisUnavailable) return fail('Redis is away')
      throw thrown
    }
  }

  async function botCall(message: Message): Promise<Result<undefined, string>> {
    const job = readJob(message)
    if (!job.ok) return fail(job.failure.cause)
    const dialled = await dial(context, job.value, { text: JSON.stringify(message), list: '' })
    if (dialled.kind === 'failed') return fail(dialled.cause)
    if (dialled.kind === 'returned') return fail('the switch or Redis is away')
    const accepted = await dialled.accepted
    return accepted.kind === 'ok' ? ok(undefined) : fail(causeOf(accepted))
  }

  return {
    coreUuid,
    hear: (text: string): void => letFinish(context, hear(text)),

    /** A bridge that was ordered here has come about. */
    follow(event: SwitchEvent): void {
      if (ordered.size === 0 || event.name !== 'CHANNEL_BRIDGE') return
      const channelUuid = event.header('Unique-ID') ?? ''
      const answered = ordered.get(channelUuid)
      if (!answered) return
      ordered.delete(channelUuid)
      void answered.then(() => sayOn(context, coreUuid, success('bridge-event')))
    },
  }
}
