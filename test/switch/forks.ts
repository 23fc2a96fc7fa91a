// Several phones rung at once as one leg: `[…]sofia/…,[…]sofia/…`. The first that answers wins, the others lose the race; when
// the last of them has failed so has the leg. What the winner then runs, and who it is joined to, is decided by whoever had
// them rung.

import type { Channel, RingOutcome } from './channel.ts'
import type { Exchange } from './exchange.ts'
import { hangup } from './hangups.ts'
import { type LegOrder, ringLeg } from './legs.ts'

export interface ForkOutcome {
  answered: (winner: Channel) => void
  /** @param last the one that failed last; undefined when none had a channel. */
  failed: (cause: string, last: Channel | undefined) => void
}

/** @param parent the leg that they are rung for: when it ends they do. */
export function ringAll(exchange: Exchange, order: LegOrder, outcome: ForkOutcome): void {
  const { variables, further, ...first } = order.dial
  const ringing = new Set<Channel>()
  let isWon = false
  let unbegun = 1 + further.length

  const fail = (cause: string, leg?: Channel): void => {
    if (leg) ringing.delete(leg)
    if (!isWon && unbegun === 0 && ringing.size === 0) outcome.failed(cause, leg)
  }
  const endOthers = (cause: string, winner?: Channel): void => {
    isWon = true
    for (const other of ringing) if (other !== winner) hangup(exchange, other, { cause, by: 'switch' })
  }
  const outcomeOf = (leg: Channel): RingOutcome => ({
    answered: () => {
      if (isWon) return
      endOthers('LOSE_RACE', leg)
      outcome.answered(leg)
    },
    failed: cause => fail(cause, leg),
  })
  order.parent?.stops.push(() => {
    if (!isWon) endOthers('ORIGINATOR_CANCEL')
  })
  for (const destination of [first, ...further]) {
    unbegun -= 1
    const dial = { variables, further: [], ...destination }
    const rung = ringLeg(exchange, { ...order, dial }, leg => {
      ringing.add(leg)
      return outcomeOf(leg)
    })
    if ('cause' in rung) fail(rung.cause)
  }
}
