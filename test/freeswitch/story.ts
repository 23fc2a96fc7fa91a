// What the service says about a call, one function for each message, so that a test can write down a call's whole
// story. They are spelled out here by hand, from the contract, and not taken from the program that is tested.
import type { Message } from './line.ts'

export const started = (dialId: string): Message => ({ type: 'call-start', dial_id: dialId })
export const answered = (side: string): Message => ({ type: 'answer-event', side })
export const hungUp = (side: string, cause: string): Message => ({ type: 'hangup-event', side, cause })
export const created = (coreUuid: string): Message => ({ type: 'channel-create-event', core_uuid: coreUuid })
/** Two bot calls, each by its dial id and the channel of its only leg. */
export const bridged = (
  coreUuid: string,
  first: { dialId: string; a: string },
  second: { dialId: string; a: string },
): Message => ({
  type: 'bridge-event',
  core_uuid: coreUuid,
  chan_uuid1: first.dialId,
  chan_uuid2: second.dialId,
  channel_uuid1: first.a,
  channel_uuid2: second.a,
})
export const barging = (bargeId: unknown, state: string, cause?: string): Message => ({
  type: 'barge-event',
  barge_id: bargeId,
  state,
  ...(cause === undefined ? {} : { cause }),
})
export const notMade = (cause: string): Message => ({ type: 'failure', cause })
export const succeeded = (event: string): Message => ({ type: 'success', event })
export const acked = (event: string, extra: Record<string, unknown> = {}): Message => ({
  type: 'ack',
  event,
  ...extra,
})
export const refused = (event: string, cause: string): Message => ({ type: 'failure', event, cause })

/** Whether it is an event of the call, and so stands in the user's history. The others answer: a control message, or
 *  a second job for a dial id that lives. */
export const isEvent = (message: Message): boolean =>
  message.type !== 'ack' &&
  !(message.type === 'failure' && ('event' in message || message.cause === 'duplicate dial_id'))

/** A story with its ends in the switch's own order. The legs of a call end in threads of their own, so whose end is
 *  told first differs from call to call (one in eight under load); what is published must follow the switch.
 *  @param placeOf where in the switch's order a leg or barger ended. */
export function endedAs(story: readonly Message[], placeOf: (end: Message) => number): Message[] {
  const ordered: Message[] = []
  let ends: Message[] = []
  for (const message of [...story, undefined]) {
    if (message && isEnd(message)) {
      ends.push(message)
      continue
    }
    ordered.push(...ends.sort((one, other) => placeOf(one) - placeOf(other)))
    ends = []
    if (message) ordered.push(message)
  }
  return ordered
}

export const isEnd = (message: Message): boolean =>
  message.type === 'hangup-event' || (message.type === 'barge-event' && message.state === 'ended')
