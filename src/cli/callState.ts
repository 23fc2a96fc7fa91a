// A living call as its record in Redis tells it, for those who only look: which legs and bargers it has and how they
// stand. The record's fields are the dial room's; nothing is changed here.
import type { CallRecord } from '../redis/calls.ts'

export interface CallState {
  /** By side; a leg that was never rung is not in it. */
  legs: { side: string; state: string }[]
  bargers: { bargeId: string; state: string; mode: string }[]
  /** Nothing of it lives any more. */
  isOver: boolean
}

export function stateOf({ fields }: CallRecord): CallState {
  const under = (prefix: string) =>
    Object.entries(fields)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value] as const)
      .sort()
  const legs = under('state.').map(([side, state]) => ({ side, state }))
  const bargers = under('barger.').map(([bargeId, value]) => {
    const [state = '', mode = ''] = value.split('/')
    return { bargeId, state, mode }
  })
  const isOver =
    legs.length > 0 &&
    legs.every(leg => leg.state === 'hungup') &&
    bargers.every(barger => barger.state === 'ended')
  return { legs, bargers, isOver }
}
