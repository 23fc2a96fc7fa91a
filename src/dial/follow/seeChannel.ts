// Asks the switch about one channel: whether it lives, whether it was answered, with which one it is bridged.
import { parseChannelUuid } from '../../esl/allow.ts'
import { assertAllowed } from '../../esl/assertAllowed.ts'
import { dumpChannel } from '../../esl/commands.ts'
import { isUnknownChannel } from '../../esl/outcome.ts'
import type { AgentContext } from '../agent/context.ts'

/** Until the switch has answered some of the lookups that wait. */
const LOOK_AGAIN_MS = 50

export interface Seen {
  sight: 'gone' | 'ringing' | 'answered' | 'unknown'
  /** The channel with which it was bridged last: it is now if that one says the same. */
  bridgedTo?: string | undefined
  /** Of one that we or another agent dialled. */
  dialId?: string | undefined
}

export async function seeChannel(context: AgentContext, channelUuid: string): Promise<Seen> {
  const command = dumpChannel(assertAllowed(parseChannelUuid(channelUuid)))
  let outcome = await context.link.api(command)
  // Nothing was sent: a thousand calls ask at the same moment. A leg that is not looked up would be never told of.
  while (outcome.kind === 'busy') {
    await Bun.sleep(LOOK_AGAIN_MS)
    outcome = await context.link.api(command)
  }
  if (outcome.kind === 'error') return { sight: isUnknownChannel(outcome.text) ? 'gone' : 'unknown' }
  if (outcome.kind !== 'ok') return { sight: 'unknown' }
  try {
    const channel = JSON.parse(outcome.text) as Record<string, string | undefined>
    return {
      sight: channel['Answer-State'] === 'answered' ? 'answered' : 'ringing',
      bridgedTo: channel.variable_signal_bond,
      dialId: channel.variable_dial_id,
    }
  } catch {
    // A dump that is no JSON still says that the channel lives; its next event says the rest.
    return { sight: 'ringing' }
  }
}
