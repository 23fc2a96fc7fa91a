// A living call as the page shows it: its legs with their numbers, its bargers, its owner. What comes in is the record
// as its agent writes it; whatever else stands in its job (a SIP password, say) does not get out of here.
import { numbersOf, stateOf, type WakeState } from '../backend/callView.ts'
import { maskNumber } from '../base/masking.ts'
import type { CallRecord } from '../redis/calls/calls.ts'

export interface CallView {
  dialId: string
  kind: string
  orgId: string
  userId: string
  /** When it was claimed, by its first agent's clock; null: a call of an older version. */
  sinceMs: number | null
  /** `sinceMs`: when that state began; null: not known. */
  legs: LegView[]
  /** Those that have not ended, eldest first as far as is known. */
  bargers: { bargeId: string; state: string; mode: string; sinceMs: number | null; phone: string }[]
  switchName: string
  owner: string
  /** False: its agent died, and no other agent has taken the call over yet. */
  isOwnerAlive: boolean
}

export interface LegView {
  side: string
  state: string
  sinceMs: number | null
  number: string
  /** Its phones are being woken; from when they are to ring it is missing. */
  wake?: { state: WakeState; sinceMs: number | null }
}

export function callView(
  record: CallRecord,
  owner: { agent: string; isAlive: boolean },
  showsFullNumbers: boolean,
): CallView {
  const { fields } = record
  const { legs, wakes, bargers } = stateOf(record)
  const personal = (text: string): string => (showsFullNumbers ? text : maskNumber(text))
  const numbers = numbersOf(fields.job ?? '')
  const sideOfA = fields.side ?? '0'
  const sides = fields.b === undefined ? [sideOfA] : [sideOfA, '1']
  return {
    dialId: record.dialId,
    kind: fields.kind ?? '',
    orgId: record.orgId,
    userId: personal(record.userId),
    sinceMs: fields.since === undefined ? null : Number(fields.since),
    legs: sides.map((side, index) => {
      const leg = legs.find(each => each.side === side)
      const wake = leg ? undefined : wakes.find(each => each.side === side && !each.isRung)
      return {
        side,
        state: leg?.state ?? 'expected',
        sinceMs: leg?.sinceMs ?? null,
        number: personal(numbers[index] ?? ''),
        ...(wake ? { wake: { state: wake.state, sinceMs: wake.sinceMs ?? null } } : {}),
      }
    }),
    bargers: bargers
      .filter(barger => barger.state !== 'ended')
      .map(({ sinceMs = null, phone, ...barger }) => ({ ...barger, sinceMs, phone: personal(phone) })),
    switchName: fields.switch ?? '',
    owner: owner.agent,
    isOwnerAlive: owner.isAlive,
  }
}
