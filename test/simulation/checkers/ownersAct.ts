// Nobody acts on a call that is another's: whatever is ordered of a call's legs, an agent orders that owns the call, or owned
// it when the order left. Looking is free to all, and to join two calls, of which each may have an owner of its own, is ordered
// by the owner of the switch's channel. An order may be on its way for as long as the line or the switch held it
// back, and one that was stopped in the middle of an order finishes it.
import type { Evidence, RecordLine } from '../world/evidence.ts'
import type { Checker } from './checker.ts'

/** From an agent to its switch, and from Redis' word that the call has a new owner to the former one. */
const UNDER_WAY_MS = 250

const ORDERS = /^(?:bg)?api (?:uuid_(?!exists|dump|bridge)\w+|originate)\b/
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/

/** What holds back an order, or the word that the call has a new owner. */
const HOLDS = /^(agent (asleep|stands still|clock)|switch (line|asleep|slow|drops)|redis )/

export const ownersAct: Checker = {
  promise: "nobody acts on a call that is another's",
  offenders: evidence => {
    const callOf = new Map<string, string>()
    return evidence.lines.flatMap(line => {
      if (line.kind !== 'switch') return []
      const { record } = line
      if (record.kind === 'ring' && record.dialId !== undefined) callOf.set(record.channelUuid, record.dialId)
      if (record.kind !== 'command' || !ORDERS.test(record.command)) return []
      const dialId = callOf.get(UUID.exec(record.command)?.[0] ?? '')
      if (dialId === undefined) return []
      const who = evidence.visitors.get(line.switch)?.[record.connection - 1] ?? ''
      if (mayOrder(evidence, dialId, who, line)) return []
      const owner = evidence.owners.at(dialId, line.atMs)
      return [
        { about: dialId, why: `${who} ordered ${record.command.slice(0, 60)}, and ${owner} had the call` },
      ]
    })
  },
}

function mayOrder(
  evidence: Evidence,
  dialId: string,
  who: string,
  { atMs, switch: place }: RecordLine,
): boolean {
  const sinceMs = evidence.troubles
    .filter(({ kind, who: whose, fromMs, untilMs }) => {
      const concerns = whose === who || whose === `${who} line` || whose === place || whose === 'redis'
      return concerns && HOLDS.test(kind) && fromMs <= atMs && untilMs + UNDER_WAY_MS >= atMs - UNDER_WAY_MS
    })
    .reduce((least, { fromMs }) => Math.min(least, fromMs), atMs)
  return evidence.owners.wasOwner(dialId, who, { fromMs: sinceMs - UNDER_WAY_MS, untilMs: atMs })
}
