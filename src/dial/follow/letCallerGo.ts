// Ends the call of a caller who is parked and waits for a callee who will not come: the switch would never end it.

import { assertAllowed, parseChannelUuid } from '../../esl/allow.ts'
import { hangUpChannel } from '../../esl/commands.ts'
import type { HangupCause } from '../../esl/hangupCauses.ts'
import type { AgentContext } from '../agent/context.ts'
import { type Call, isLive } from '../call/call.ts'

/** As FreeSWITCH and Q.850 (20) name a subscriber whose phone can't be reached. */
export const CAUSE_ABSENT: HangupCause = 'SUBSCRIBER_ABSENT'

/** Hangs the caller up; the switch's events end the call. If the switch is away, this is done again after its return. */
export function letCallerGo(context: AgentContext, call: Call): void {
  if (!isLive(call.a)) return
  void context.link.api(hangUpChannel(assertAllowed(parseChannelUuid(call.a.channelUuid)), CAUSE_ABSENT))
}
