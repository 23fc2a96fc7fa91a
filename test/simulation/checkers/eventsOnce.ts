// No event is told twice. Where a job was pushed again, a second call of the same dial id may tell its own.
import { countEvents } from '../../harness/countEvents.ts'
import { type Checker, ofEachCall } from './checker.ts'

export const eventsOnce: Checker = ofEachCall('no event is told twice', ({ told, jobs }) =>
  [...countEvents(told.map(({ message }) => message))].flatMap(([name, count]) =>
    count > jobs ? [`${name} was told ${count} times`] : [],
  ),
)
