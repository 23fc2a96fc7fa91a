// One dialled call as its owner knows it: its legs, its bargers, what was published. The state is kept in memory
// for speed and in Redis for the survivors; each change is written together with the event that tells of it.
import { bargerFields } from '../../redis/calls/bargers.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import type { Job } from '../job/job.ts'
import { createHolding, type Holding, type Saying } from './holding.ts'
import { channelUuidOf } from './identity.ts'

/** `expected`: the switch was told to make it. A leg never goes back. */
export type LegState = 'expected' | 'ringing' | 'answered' | 'hungup'

/** One party's connection. The A-leg is the party who starts the call: side "0", or a load test's own leg. */
export interface Leg {
  side: string
  channelUuid: string
  state: LegState
  /** When its channel came to be; undefined after a takeover, or when nobody saw it. */
  ringingAtMs?: number | undefined
}

/** Whom a barger is heard by. `mute`: by nobody, which every barge starts with. */
export type BargeMode = 'mute' | 'whisper' | 'threeway'

/** A third phone that listens. Its id is its channel's UUID. */
export interface Barger {
  bargeId: string
  state: 'expected' | 'ringing' | 'answered' | 'ended'
  mode: BargeMode
  /** When that state began; undefined of one that an older version began. */
  sinceMs?: number
  /** The number or the SIP URI that is rung; empty of one that an older version began. */
  phone: string
}

export interface Call extends Holding {
  job: Job
  /** The job as it came, and its list: what leaves the in-flight list in the end. */
  text: string
  list: string
  /** The job is in flight no more. */
  isJobSettled: boolean
  a: Leg
  /** asp-call only: the party called, dialled by the switch once A has answered. */
  b: Leg | undefined
  /** By barge id, oldest first. */
  bargers: Map<string, Barger>
  /** Its originate has left: from then on the switch may know of it. */
  isSent: boolean
  /** A file was ordered to both sides, and not stopped since; it may have ended by itself. */
  isPlaying: boolean
  /** The A-leg's very last event has come: nothing of the call can follow. */
  isComplete: boolean
  /** The last side's end, told when its dial id is free. */
  lastWord: Saying | undefined
}

/** A new call of a job that was taken. */
export function createCall(
  job: Job,
  taken: { text: string; list: string; switchName: string },
  onThrown: (thrown: unknown) => void,
): Call {
  const side = job.kind === 'load-test' ? job.side : '0'
  const a: Leg = { side, channelUuid: channelUuidOf(job.dialId, side), state: 'expected' }
  const b: Leg | undefined =
    job.kind === 'asp-call'
      ? { side: '1', channelUuid: channelUuidOf(job.dialId, '1'), state: 'expected' }
      : undefined
  const holding = createHolding(
    {
      dialId: job.dialId,
      orgId: job.orgId,
      userId: job.userId,
      fields: {
        kind: job.kind,
        job: taken.text,
        list: taken.list,
        switch: taken.switchName,
        side: a.side,
        a: a.channelUuid,
        ...(b ? { b: b.channelUuid } : {}),
      },
    },
    false,
    onThrown,
  )
  holding.record.fields[CLAIM_FIELD] = String(holding.record.fence)
  return {
    ...holding,
    job,
    text: taken.text,
    list: taken.list,
    isJobSettled: false,
    a,
    b,
    bargers: new Map(),
    isSent: false,
    isPlaying: false,
    isComplete: false,
    lastWord: undefined,
  }
}

/** In the record: its first fence, which tells its channels from those of other calls of its dial id. */
export const CLAIM_FIELD = 'claim'

/** In the record: `isPlaying`. */
export const PLAYING_FIELD = 'playing'

export const isCall = (holding: Holding): holding is Call => !holding.isSwitch

/** The legs that a call has or will have. */
export const legsOf = (call: Call): Leg[] => (call.b ? [call.a, call.b] : [call.a])

export const isLive = (leg: Leg | undefined): boolean => leg?.state === 'ringing' || leg?.state === 'answered'

/** The barger that a message means: the one it names, else the newest that lives. */
export function bargerOf(call: Call, bargeId: string | undefined): Barger | undefined {
  if (bargeId !== undefined) {
    const named = call.bargers.get(bargeId)
    return named?.state === 'ended' ? undefined : named
  }
  return [...call.bargers.values()].findLast(barger => barger.state !== 'ended')
}

/** A call's record as it stands now, for a Redis that has lost it. */
export const recordOf = (call: Call): CallRecord => ({
  ...call.record,
  fields: {
    ...call.record.fields,
    ...Object.fromEntries(legsOf(call).map(leg => [`state.${leg.side}`, leg.state])),
    ...Object.assign({}, ...[...call.bargers.values()].map(bargerFields)),
  },
})

export const answeredSides = (call: Call): string[] =>
  legsOf(call)
    .filter(leg => leg.state === 'answered')
    .map(leg => leg.side)
