// What an agent publishes on a call's channel, in the wire form that redswitch's users parse. One function for each
// message. The same channel carries control messages the other way, so the list of our own types is here too: an
// agent hears what it published, and must not take it for a command.

import type { Result } from '../../base/result.ts'

/** Types of messages that we publish; `failure` and `ack` answer control messages, the others report. */
export const EVENT_TYPES = new Set([
  'call-start',
  'answer-event',
  'hangup-event',
  'bridge-event',
  'channel-create-event',
  'barge-event',
  'handover-event',
  'wake-event',
  'failure',
  'success',
  'ack',
])

export type CallEvent = { type: string } & Record<string, string | number | undefined>

export type BargeState = 'ringing' | 'answered' | 'ended'

export const callStart = (dialId: string): CallEvent => ({ type: 'call-start', dial_id: dialId })

export const answerEvent = (side: string): CallEvent => ({ type: 'answer-event', side })

/** `cause` is FreeSWITCH's spelling. */
export const hangupEvent = (side: string, cause: string): CallEvent => ({ type: 'hangup-event', side, cause })

/** `chan_uuid…` hold the dial ids, as redswitch published them; the channels' own uuids stand beside them. */
export const bridgeEvent = (bridge: {
  coreUuid: string
  dialId1: string
  dialId2: string
  channelUuid1: string
  channelUuid2: string
}): CallEvent => ({
  type: 'bridge-event',
  core_uuid: bridge.coreUuid,
  chan_uuid1: bridge.dialId1,
  chan_uuid2: bridge.dialId2,
  channel_uuid1: bridge.channelUuid1,
  channel_uuid2: bridge.channelUuid2,
})

export const channelCreateEvent = (coreUuid: string): CallEvent => ({
  type: 'channel-create-event',
  core_uuid: coreUuid,
})

export const bargeEvent = (bargeId: string, state: BargeState, cause?: string): CallEvent => ({
  type: 'barge-event',
  barge_id: bargeId,
  state,
  cause,
})

/** The call goes to another agent: control messages behind this one are answered by that agent. */
export const handoverEvent = (agent: string): CallEvent => ({ type: 'handover-event', agent })

/** `pushed`: a push is on its way to the side's phones. `confirmed`: one of them is awake, and is rung now. `failed`: none
 *  is. `reason`: why, of the last two. */
export const wakeEvent = (
  side: string,
  state: 'pushed' | 'confirmed' | 'failed',
  reason?: string,
): CallEvent => ({
  type: 'wake-event',
  side,
  state,
  reason,
})

/** A call that will not be attempted. */
export const callFailure = (cause: string): CallEvent => ({ type: 'failure', cause })

export const success = (event: string): CallEvent => ({ type: 'success', event })

/** What goes into the ack of a control message, or why the message could not be obeyed. */
export type Obeyed = Result<Record<string, string>, string>

/** What an answer to a control message carries besides: what it was about, and the sender's own id for it. */
export interface AnswerTo {
  event: string
  commandId?: string | number | undefined
}

export const ack = (to: AnswerTo, extra: Record<string, string> = {}): CallEvent => ({
  type: 'ack',
  event: to.event,
  command_id: to.commandId,
  ...extra,
})

export const controlFailure = (to: AnswerTo, cause: string): CallEvent => ({
  type: 'failure',
  event: to.event,
  command_id: to.commandId,
  cause,
})
