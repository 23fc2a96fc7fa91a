// A living call as the page shows it: its legs with their numbers, its bargers, its owner. What comes in is the record
// as its agent writes it; whatever else stands in its job (a SIP password, say) does not get out of here.
import { numbersOf, stateOf } from '../backend/callView.ts'
import { mask, maskNumber } from '../base/masking.ts'
import type { CallRecord } from '../redis/calls/calls.ts'

export interface CallView {
  dialId: string
  kind: string
  orgId: string
  userId: string
  /** When it was claimed, by its first agent's clock; null: a call of an older version. */
  sinceMs: number | null
  legs: { side: string; state: string; number: string }[]
  /** Those that have not ended, eldest first as far as is known. */
  bargers: { bargeId: string; state: string; mode: string }[]
  switchName: string
  owner: string
  /** False: its agent died, and no other has taken it over yet. */
  isOwnerAlive: boolean
}

export function callView(
  record: CallRecord,
  owner: { agent: string; isAlive: boolean },
  showsFullNumbers: boolean,
): CallView {
  const { fields } = record
  const { legs, bargers } = stateOf(record)
  const personal = (text: string): string => (showsFullNumbers ? text : String(mask(text)))
  const numbers = numbersOf(fields.job ?? '')
  const sideOfA = fields.side ?? '0'
  const sides = fields.b === undefined ? [sideOfA] : [sideOfA, '1']
  return {
    dialId: record.dialId,
    kind: fields.kind ?? '',
    orgId: record.orgId,
    userId: showsFullNumbers ? record.userId : maskNumber(record.userId),
    sinceMs: fields.since === undefined ? null : Number(fields.since),
    legs: sides.map((side, index) => ({
      side,
      state: legs.find(leg => leg.side === side)?.state ?? 'expected',
      number: personal(numbers[index] ?? ''),
    })),
    bargers: bargers.filter(barger => barger.state !== 'ended'),
    switchName: fields.switch ?? '',
    owner: owner.agent,
    isOwnerAlive: owner.isAlive,
  }
}
