// A living call as its record in Redis tells it, for those who only look: its legs and bargers and how they stand, its
// owner, its switch. Phone numbers stay inside. Nothing is changed here.

import { type BargerRecord, bargersOf } from '../redis/calls/bargers.ts'
import type { CallRecord } from '../redis/calls/calls.ts'
import type { OwnedCall } from './backend.ts'

/** A call with the wire's field names, as the command line and the internal API show it. */
export interface LivingCall {
  dial_id: string
  kind: string
  org_id: string
  user_id: string
  /** When an agent first took its job, RFC 3339; null of a call that a former version made. */
  since: string | null
  /** The legs; one that was never rung is left out. */
  legs: { side: string; state: string }[]
  /** Sides that are accounts, from when a front is asked to wake their phones. `since` null: an agent of a former version
   *  wrote it. */
  wakes: { side: string; state: WakeState; since: string | null }[]
  /** The bargers that have not ended. */
  bargers: { barge_id: string; state: string; mode: string }[]
  switch: string
  core_uuid: string
  owner: string
  /** False: the call's agent died, and no other agent has taken the call over yet. */
  is_owner_alive: boolean
}

/** `asked`: no push has left yet. */
export type WakeState = 'asked' | 'pushed' | 'confirmed' | 'failed'

export function livingCall({ record, owner }: OwnedCall): LivingCall {
  const { fields } = record
  const { legs, wakes, bargers } = stateOf(record)
  return {
    dial_id: record.dialId,
    kind: fields.kind ?? '',
    org_id: record.orgId,
    user_id: record.userId,
    since: fields.since === undefined ? null : new Date(Number(fields.since)).toISOString(),
    legs: legs.map(({ side, state }) => ({ side, state })),
    wakes: wakes.map(({ side, state, sinceMs }) => ({
      side,
      state,
      since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
    })),
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
  /** `sinceMs`: when that state began; undefined: the record does not say. */
  legs: { side: string; state: string; sinceMs?: number }[]
  wakes: SideWake[]
  bargers: BargerRecord[]
  /** Whether nothing of the call lives any more. */
  isOver: boolean
}

/** How the wake of a side's phones stands. */
export interface SideWake {
  side: string
  state: WakeState
  sinceMs?: number
  /** Whether the switch has been told to ring that side since. */
  isRung: boolean
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
  return { legs, wakes: wakesOf(fields, legs), bargers, isOver }
}

/** The caller's phones are woken as soon as the call is claimed, the callee's when the caller has answered. */
function wakesOf(fields: CallRecord['fields'], legs: CallState['legs']): SideWake[] {
  const { side: first = '0' } = fields
  const [caller, callee] = accountsOf(fields.job ?? '')
  const answered = legs.find(each => each.side === first && each.state === 'answered')
  const begins: [side: string, beganAt: number | undefined][] = [
    ...(caller === undefined ? [] : [[first, numberOf(fields.since)] as [string, number | undefined]]),
    ...(callee === undefined || (!answered && fields['wake.1'] === undefined)
      ? []
      : [['1', answered?.sinceMs] as [string, number | undefined]]),
  ]
  return begins.map(([side, beganAt]) => {
    const state = fields[`wake.${side}`] as WakeState | undefined
    const sinceMs = state === undefined ? beganAt : numberOf(fields[`wake-since.${side}`])
    return {
      side,
      state: state ?? 'asked',
      ...(sinceMs === undefined ? {} : { sinceMs }),
      isRung: fields[`places.${side}`] !== undefined,
    }
  })
}

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text)

/** The account or the number of the first and of the second leg, as the job names them; empty where the job can't be
 *  read. */
export function numbersOf(job: string): [string, string] {
  const read = readJob(job)
  const first = read?.caller_account ?? read?.caller_number ?? read?.account ?? read?.phone_number ?? ''
  return [String(first), String(read?.callee_account ?? read?.callee_number ?? '')]
}

/** The accounts of the first and of the second leg, where the job names accounts. */
function accountsOf(job: string): [unknown, unknown] {
  const read = readJob(job)
  return [read?.caller_account ?? read?.account, read?.callee_account]
}

function readJob(job: string): Record<string, unknown> | null {
  try {
    return JSON.parse(job) as Record<string, unknown> | null
  } catch {
    // Another program wrote the record; the call is shown without its numbers.
    return null
  }
}
