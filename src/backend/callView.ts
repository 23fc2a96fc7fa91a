// A living call as its record in Redis tells it, for those who only look: its legs and bargers and how they stand, its
// owner, its switch. Phone numbers stay inside. Nothing is changed here.

import { type BargerRecord, bargersOf } from '../redis/calls/bargers.ts'
import type { CallRecord } from '../redis/calls/calls.ts'
import type { OwnedCall } from './backend.ts'

/** In the wire's own words, as the command line and the internal API show it. */
export interface LivingCall {
  dial_id: string
  kind: string
  org_id: string
  user_id: string
  /** When an agent first took its job, RFC 3339; null of a call that a former version made. */
  since: string | null
  /** A leg that was never rung is not in it. */
  legs: { side: string; state: string }[]
  /** Those that have not ended. */
  bargers: { barge_id: string; state: string; mode: string }[]
  switch: string
  core_uuid: string
  owner: string
  /** False: its agent died, and no other has taken it over yet. */
  is_owner_alive: boolean
}

export function livingCall({ record, owner }: OwnedCall): LivingCall {
  const { fields } = record
  const { legs, bargers } = stateOf(record)
  return {
    dial_id: record.dialId,
    kind: fields.kind ?? '',
    org_id: record.orgId,
    user_id: record.userId,
    since: fields.since === undefined ? null : new Date(Number(fields.since)).toISOString(),
    legs: legs.map(({ side, state }) => ({ side, state })),
    bargers: bargers
      .filter(barger => barger.state !== 'ended')
      .map(({ bargeId, state, mode }) => ({ barge_id: bargeId, state, mode })),
    switch: fields.switch ?? '',
    core_uuid: fields.core ?? '',
    owner: owner.agent,
    is_owner_alive: owner.card !== undefined,
  }
}

export const byDialId = (a: LivingCall, b: LivingCall): number => (a.dial_id < b.dial_id ? -1 : 1)

export interface CallState {
  /** `sinceMs`: when that state began; undefined: nobody has written it. */
  legs: { side: string; state: string; sinceMs?: number }[]
  bargers: BargerRecord[]
  /** Nothing of it lives any more. */
  isOver: boolean
}

export function stateOf({ fields }: CallRecord): CallState {
  const legs = Object.entries(fields)
    .filter(([name]) => name.startsWith('state.'))
    .sort()
    .map(([name, state]) => {
      const side = name.slice('state.'.length)
      const since = fields[`since.${side}`]
      return { side, state, ...(since === undefined ? {} : { sinceMs: Number(since) }) }
    })
  const bargers = bargersOf(fields)
  const isOver =
    legs.length > 0 &&
    legs.every(leg => leg.state === 'hungup') &&
    bargers.every(barger => barger.state === 'ended')
  return { legs, bargers, isOver }
}

/** Whom the first and the second leg call, an account or a number, as the job names them; none of a job that can't be
 *  read. */
export function numbersOf(job: string): [string, string] {
  let read: Record<string, unknown> | null
  try {
    read = JSON.parse(job) as Record<string, unknown> | null
  } catch {
    // A record that somebody else wrote; the call is shown all the same.
    return ['', '']
  }
  const first = read?.caller_account ?? read?.caller_number ?? read?.account ?? read?.phone_number ?? ''
  return [String(first), String(read?.callee_account ?? read?.callee_number ?? '')]
}
