// Counts the events that agents published on a call's channel: the judges of the simulation and of the chaos runs hold
// that none is published twice.

type Message = Readonly<Record<string, unknown>>

const EVENTS = new Set<unknown>([
  'call-start',
  'answer-event',
  'hangup-event',
  'barge-event',
  'channel-create-event',
  'wake-event',
])

/** The end of a job that is not attempted, or of which nothing is known; an answer to a control message is none. */
export const isFailureOfJob = ({ type, event }: Message): boolean => type === 'failure' && event === undefined

/** By the event's type and what it is of: `answer-event 1`, `barge-event b1 ringing`. Answers to control messages are
 *  left out. */
export function countEvents(messages: readonly Message[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const message of messages) {
    const { type, side, barge_id: barge, state } = message
    if (!EVENTS.has(type) && !isFailureOfJob(message)) continue
    const name = [type, side, barge, state].filter(each => each !== undefined).join(' ')
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
