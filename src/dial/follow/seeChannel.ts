// Asks the switch about one channel: whether it lives, whether it was answered, with which one it is bridged.
import { assertAllowed, parseChannelUuid } from '../../esl/allow.ts'
import { dumpChannel } from '../../esl/commands.ts'
import { isUnknownChannel } from '../../esl/outcome.ts'
import type { AgentContext } from '../agent/context.ts'
import { countsForSide, type Leg } from '../call/leg.ts'

/** The wait before another try: by then the switch has answered some of the lookups. */
const LOOK_AGAIN_MS = 50

export interface Seen {
  sight: 'gone' | 'ringing' | 'answered' | 'unknown'
  /** The channel with which it was bridged last. The two are bridged now if the other one names this one, too. */
  bridgedTo?: string | undefined
  /** Set where this agent or another one dialled the channel. */
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

/** The same for a side. Where several phones ring as one side, the phone that has come furthest counts. */
export async function seeLeg(context: AgentContext, leg: Leg): Promise<Seen> {
  if (!leg.places || leg.state === 'answered') return seeChannel(context, leg.channelUuid)
  const sights = await Promise.all(leg.places.map(each => seeChannel(context, each.channelUuid)))
  for (const [place, { sight }] of sights.entries()) {
    const { channelUuid } = leg.places[place]!
    if (sight === 'gone') countsForSide(leg, channelUuid, 'hungup')
    else if (sight !== 'unknown') countsForSide(leg, channelUuid, sight)
  }
  for (const sight of ['answered', 'unknown', 'ringing'] as const) {
    const seen = sights.find(each => each.sight === sight)
    if (seen) return seen
  }
  return { sight: 'gone' }
}
