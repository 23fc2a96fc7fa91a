// A caller who waits, parked, for a callee who never comes: nobody but us would ever end that call.

import { assertAllowed, parseChannelUuid } from '../../esl/allow.ts'
import { hangUpChannel } from '../../esl/commands.ts'
import type { HangupCause } from '../../esl/hangupCauses.ts'
import type { AgentContext } from '../agent/context.ts'
import { type Call, isLive } from '../call/call.ts'

/** As FreeSWITCH and Q.850 (20) name a subscriber whose phone can't be reached. */
export const CAUSE_ABSENT: HangupCause = 'SUBSCRIBER_ABSENT'

/** The switch's events tell the rest. Where it is away, the comparison after its return does this again. */
export function letCallerGo(context: AgentContext, call: Call): void {
  if (!isLive(call.a)) return
  void context.link.api(hangUpChannel(assertAllowed(parseChannelUuid(call.a.channelUuid)), CAUSE_ABSENT))
}
