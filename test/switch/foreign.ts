// Other people's calls on the same switch: legs without a dial id that come and go, so that a test can show that its
// filters keep their events away. They take no part in the record and are counted by no limit.

import { runApplication } from './dialplan.ts'
import type { Exchange } from './exchange.ts'
import { hangup } from './hangups.ts'
import { RING_SECONDS_DEFAULT, ringLeg } from './legs.ts'

export interface ForeignCalls {
  /** Ends them all. */
  stop: () => void
}

/** Keeps a number of foreign legs up, and ends one and begins another so many times a (real) second; each turn makes
 *  about eight events. */
export function keepForeignCalls(
  exchange: Exchange,
  count: number,
  { turnsPerSecond }: { turnsPerSecond: number },
): ForeignCalls {
  const uuids: string[] = []
  let isStopped = false
  const begin = (): void => {
    const uuid = exchange.settings.newUuid()
    const address = `internal/foreign-${exchange.channelsSinceStart}`
    const dial = {
      endpoint: 'sofia',
      address,
      variables: [['origination_uuid', uuid] as const],
      further: [],
      legVariables: [],
    }
    const order = { dial, timeoutSeconds: RING_SECONDS_DEFAULT, isForeign: true }
    ringLeg(exchange, order, leg => ({
      answered: () => runApplication(exchange, leg, { name: 'park', data: '' }, () => {}),
      failed: () => {},
    }))
    uuids.push(uuid)
  }
  const end = (): void => {
    const leg = exchange.find(uuids.shift() ?? '')
    if (leg) hangup(exchange, leg, { cause: 'NORMAL_CLEARING', by: 'phone' })
  }
  const turn = (): void => {
    if (isStopped) return
    end()
    begin()
    exchange.timers.after(1_000 / turnsPerSecond, turn)
  }
  for (let i = 0; i < count; i++) begin()
  if (turnsPerSecond > 0) exchange.timers.after(1_000 / turnsPerSecond, turn)
  return {
    stop: () => {
      isStopped = true
      while (uuids.length > 0) end()
    },
  }
}
