// One dialled call as its owner knows it: its legs, its bargers, what was published. The state is kept in memory
// for speed and in Redis for the survivors; each change is written together with the event that tells of it.
import { bargerFields } from '../../redis/calls/bargers.ts'
import type { CallRecord } from '../../redis/calls/calls.ts'
import type { AskedWake } from '../../union/askWakes.ts'
import { accountOf, type Job } from '../job/job.ts'
import { createHolding, type Holding, type Saying } from './holding.ts'
import { channelUuidOf } from './identity.ts'
import { channelsOf, type Leg, spread } from './leg.ts'

export type { Leg, LegState } from './leg.ts'

/** The sides that hear a barger. `mute`: none of them, as at the start of every barge. */
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
  /** The job has left the in-flight list. */
  isJobSettled: boolean
  a: Leg
  /** asp-call only: the party called, dialled by the switch once A has answered. */
  b: Leg | undefined
  /** By barge id, oldest first. */
  bargers: Map<string, Barger>
  /** The originate was sent: from then on the switch may know the call. */
  isSent: boolean
  /** The phones of a side are being woken, or about to be rung. */
  waking: Waking | undefined
  /** When its two sides were joined, and when a sound was ordered last, by `performance.now`; undefined: never, or before this
   *  agent had the call. */
  joinedAtMs: number | undefined
  soundOrderedAtMs: number | undefined
  /** A file was played to both sides and not stopped since; it may have ended by itself. */
  isPlaying: boolean
  /** The A-leg's very last event has come: nothing of the call can follow. */
  isComplete: boolean
  /** The event that the last side has ended, which is published when the dial id is free. */
  lastWord: Saying | undefined
}

export interface Waking {
  side: string
  /** The wake that the fronts were asked for. */
  asked: AskedWake | undefined
  /** The caller is parked, so a callee can be joined to them: an order before that might be lost. */
  isCallerParked: Promise<void>
  markParked: () => void
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
    waking: undefined,
    joinedAtMs: undefined,
    soundOrderedAtMs: undefined,
    isPlaying: false,
    isComplete: false,
    lastWord: undefined,
  }
}

/** In the record: its first fence, which tells its channels from those of other calls of its dial id. */
export const CLAIM_FIELD = 'claim'

/** In the record: how the wake of a side stands, as it was told last. */
export const wakeField = (side: string): string => `wake.${side}`

/** In the record, for those who look: since when it stands so. */
export const wakeSinceField = (side: string): string => `wake-since.${side}`

/** In the record: the callee's phones did not wake, and the caller is hung up. */
export const ABSENT_FIELD = 'absent'

/** In the record: the order to ring a side that is an account is on its way to the switch, for so many phones. */
const ringingField = (side: string): string => `places.${side}`

/** Whether the switch may have been told to ring a side. One that is an account is rung only once its phones are awake. */
export const isRung = ({ job, record }: Call, side: string): boolean =>
  accountOf(job, side) === undefined || record.fields[ringingField(side)] !== undefined

/** The leg is about to be rung at so many phones. @returns what to write before the order leaves. */
export function ringAt(call: Call, leg: Leg, phones: number): Record<string, string> {
  const field = ringingField(leg.side)
  call.record.fields[field] = String(phones)
  spread(leg, call.record.dialId, phones)
  return { [field]: String(phones) }
}

/** A leg as the record tells it: at how many phones it rings, and which of them has answered. */
export function recallPlaces(call: Call, leg: Leg): void {
  const { fields, dialId } = call.record
  spread(leg, dialId, Number(fields[ringingField(leg.side)] ?? 1))
  leg.channelUuid = fields[leg === call.a ? 'a' : 'b'] ?? leg.channelUuid
}

/** The leg's own channel, as it is written when one of several phones has answered. */
export function chosenFields(call: Call, leg: Leg): Record<string, string> {
  if (!leg.places) return {}
  const chosen = { [leg === call.a ? 'a' : 'b']: leg.channelUuid }
  Object.assign(call.record.fields, chosen)
  return chosen
}

/** The channels of all sides. */
export const sideChannelsOf = (call: Call): string[] => legsOf(call).flatMap(channelsOf)

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
