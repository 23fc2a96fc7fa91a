// Phones that ring for calls that were given up. An originate whose outcome is unknown is reported as failed; should the
// switch carry it out after all, because a line that stood still goes on, its backend may have dialled again by then, and
// nobody steers the call. So that phone is hung up, and nothing more is said.

import { messageOf } from '../../base/result.ts'
import { MS_PER_MINUTE } from '../../base/units.ts'
import { assertAllowed, parseChannelUuid } from '../../esl/allow.ts'
import { hangUpChannel } from '../../esl/commands.ts'
import type { SwitchEvent } from '../../esl/event.ts'
import type { AgentContext } from '../agent/context.ts'
import type { Call } from '../call/call.ts'
import { channelsOf } from '../call/leg.ts'

/** Far beyond what a line stands still for before one of its ends gives it up. */
const LATE_MAX_MS = 2 * MS_PER_MINUTE

/** Remembers a call whose phone must not ring any more. */
export function giveUp(context: AgentContext, call: Call): void {
  for (const channelUuid of channelsOf(call.a)) {
    context.givenUp.set(channelUuid, call.record.dialId)
    setTimeout(() => context.givenUp.delete(channelUuid), LATE_MAX_MS).unref()
  }
}

/** @param call ours that has this channel, if there is one.
 *  @returns whether the event is of a phone that rings late; it is being hung up then. */
export function endLateRing(context: AgentContext, event: SwitchEvent, call: Call | undefined): boolean {
  if (context.givenUp.size === 0) return false
  const channelUuid = event.header('Unique-ID') ?? ''
  const dialId = context.givenUp.get(channelUuid)
  if (dialId === undefined) return false
  if (call && !call.isEnding) {
    // The dial id was dialled again, which makes a channel of the same name.
    context.givenUp.delete(channelUuid)
    return false
  }
  if (event.name === 'CHANNEL_CREATE')
    hangUp(context, dialId, channelUuid, call).catch(thrown =>
      context.log.warn({ dialId, reason: messageOf(thrown) }, 'a phone that rings late is left alone'),
    )
  return true
}

async function hangUp(
  context: AgentContext,
  dialId: string,
  channelUuid: string,
  call: Call | undefined,
): Promise<void> {
  // Dialled again, by another agent.
  if (!call && (await context.store.ownerOf(dialId)) !== null) return
  context.log.warn({ dialId }, 'a phone rings whose call was given up: hung up')
  context.timeline.add(dialId, { what: 'rang-late' })
  await context.link.api(hangUpChannel(assertAllowed(parseChannelUuid(channelUuid)), 'ORIGINATOR_CANCEL'))
}
