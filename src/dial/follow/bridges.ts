// Tells of bridges of parked calls: on both calls' channels by each one's owner, and on the switch's by the first call's.
// What the record remembers of a bridge shows a later owner whether it was told. An asp-call's own bridge is no news.
import type { SwitchEvent } from '../../esl/event.ts'
import type { AgentContext } from '../agent/context.ts'
import type { Call } from '../call/call.ts'
import { bridgeEvent } from '../call/events.ts'
import { say, sayNow } from '../call/publish.ts'
import { type Seen, seeChannel } from './seeChannel.ts'

/** In the record: the channel with which the call's was bridged last, and that was told. */
export const BRIDGED_FIELD = 'bridged'

/** CHANNEL_BRIDGE: one event for both legs. */
export function sayBridge(context: AgentContext, event: SwitchEvent): void {
  const own = event.header('Unique-ID') ?? ''
  const first = event.header('Bridge-A-Unique-ID') ?? own
  const second = event.header('Bridge-B-Unique-ID') ?? event.header('Other-Leg-Unique-ID') ?? ''
  for (const channelUuid of [first, second]) {
    const joined = context.calls.findChannel(channelUuid)
    if (joined && 'leg' in joined) joined.call.joinedAtMs = performance.now()
  }
  const found = context.calls.findChannel(own)
  if (found && 'leg' in found && found.call.job.kind === 'asp-call')
    return context.timeline.add(found.call.record.dialId, { what: 'bridge' })
  for (const channelUuid of [first, second]) {
    const call = parkedCall(context, channelUuid)
    if (call) tell(context, call, { first, second })
  }
}

/** The switch shows a bridge that may never have been published. */
export async function sayBridgeSeen(context: AgentContext, call: Call, { bridgedTo }: Seen): Promise<void> {
  if (call.job.kind === 'asp-call' || bridgedTo === undefined) return
  const isTold = () => call.record.fields[BRIDGED_FIELD] === bridgedTo
  if (isTold()) return
  // A channel that is parked again still names the one that has left it.
  const other = await seeChannel(context, bridgedTo)
  if (other.bridgedTo !== call.a.channelUuid || call.isEnding || isTold()) return
  const [first, second] = [call.a.channelUuid, bridgedTo].sort() as [string, string]
  tell(context, call, { first, second })
}

/** It is parked again, and may be bridged to the same call once more. */
export function noteUnbridge(context: AgentContext, call: Call): void {
  if (!call.record.fields[BRIDGED_FIELD]) return
  call.record.fields[BRIDGED_FIELD] = ''
  say(context, call, { fields: { [BRIDGED_FIELD]: '' } })
}

function parkedCall(context: AgentContext, channelUuid: string): Call | undefined {
  const found = context.calls.findChannel(channelUuid)
  return found && 'leg' in found && found.call.job.kind !== 'asp-call' ? found.call : undefined
}

function tell(context: AgentContext, call: Call, { first, second }: { first: string; second: string }): void {
  const { core = '' } = call.record.fields
  const isFirst = call.a.channelUuid === first
  const other = isFirst ? second : first
  call.record.fields[BRIDGED_FIELD] = other
  call.tasks.run(async () => {
    const otherDialId = await dialIdOf(context, other)
    const [dialId1, dialId2] = isFirst ? [call.record.dialId, otherDialId] : [otherDialId, call.record.dialId]
    const event = bridgeEvent({ coreUuid: core, dialId1, dialId2, channelUuid1: first, channelUuid2: second })
    context.timeline.add(call.record.dialId, { what: 'bridge', with: otherDialId })
    await sayNow(context, call, { event, history: 'add', fields: { [BRIDGED_FIELD]: other } })
    if (isFirst && core !== '') await sayNow(context, call, { event, channel: core })
  })
}

/** The dial id of a channel: for another agent's call the switch knows it; a channel without one is named by its uuid. */
async function dialIdOf(context: AgentContext, channelUuid: string): Promise<string> {
  const found = context.calls.findChannel(channelUuid)
  if (found) return found.call.record.dialId
  return (await seeChannel(context, channelUuid)).dialId ?? channelUuid
}
