// No event is told twice. Where a job was pushed again, a second call of the same dial id may tell its own.
import { type Checker, isFailure, ofEachCall } from './checker.ts'

const EVENTS = new Set([
  'call-start',
  'answer-event',
  'hangup-event',
  'barge-event',
  'channel-create-event',
  'wake-event',
])

export const eventsOnce: Checker = ofEachCall('no event is told twice', ({ told, jobs }) => {
  const counts = new Map<string, number>()
  for (const line of told) {
    const { type, side, barge_id: barge, state } = line.message
    if (!EVENTS.has(String(type)) && !isFailure(line)) continue
    const name = [type, side, barge, state].filter(each => each !== undefined).join(' ')
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].flatMap(([name, count]) => (count > jobs ? [`${name} was told ${count} times`] : []))
})
