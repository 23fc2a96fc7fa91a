// One dialled call as its owner knows it: its legs, its bargers, what was published. The state is kept in memory
// for speed and in Redis for the survivors; each change is written together with the event that tells of it.
import type { CallRecord } from '../../redis/calls/calls.ts'
import type { Subscription } from '../../redis/subscriber.ts'
import type { Job } from '../job/job.ts'
import type { AnswerTo } from './events.ts'
import { channelUuidOf } from './identity.ts'
import { createTaskQueue, type TaskQueue } from './taskQueue.ts'

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
}

export interface Call {
  record: CallRecord
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
  /** How many messages its channel has brought us. */
  heard: number
  /** Publishing and answering, in order. */
  tasks: TaskQueue
  /** On the call's channel. Undefined: not asked for yet. */
  listening: Subscription | undefined
  /** Its originate has left: from then on the switch may know of it. */
  isSent: boolean
  /** The A-leg's very last event has come: nothing of the call can follow. */
  isComplete: boolean
  /** Its end has begun; nothing more is done for it. */
  isEnding: boolean
  /** Its dial id is free, perhaps another call's already: nothing of it is written any more. */
  isReleased: boolean
  /** It is being handed to another agent: what its channel says behind the marker is that one's to answer. */
  handover: { marker: string; onMarker: () => void; held: string[]; isMarked?: boolean } | undefined
  /** It was taken over: what its channel says before this marker is the former owner's to answer. */
  awaitedMarker: string | undefined
  /** What was asked before that marker, since we hear it: the former owner may be dead, or not have heard it. */
  early: AnswerTo[]
  /** Another agent's marker was heard: whose, and how many messages had come before it. */
  endedBy: { agent: string; heard: number } | undefined
  /** We have let go of it: no marker can be heard any more. */
  left: Promise<void>
  onLeft: () => void
  /** What its channel says is not ours to answer, and never was. */
  isDeaf: boolean
  /** Another agent has taken it over: we say nothing more about it. */
  isFenced: boolean
}

/** A claim's own number, which each new owner counts up. Of another claim of the same dial id, before or after, it is
 *  not: an agent that slept in between must not write to a call that is not its own. Below 2^52, for a double. */
const firstFence = (): number => Number(crypto.getRandomValues(new BigUint64Array(1))[0]! >> 12n)

/** A new call of a job that was taken. */
export function createCall(job: Job, taken: { text: string; list: string; switchName: string }): Call {
  const side = job.kind === 'load-test' ? job.side : '0'
  const a: Leg = { side, channelUuid: channelUuidOf(job.dialId, side), state: 'expected' }
  const b: Leg | undefined =
    job.kind === 'asp-call'
      ? { side: '1', channelUuid: channelUuidOf(job.dialId, '1'), state: 'expected' }
      : undefined
  const { promise: left, resolve: onLeft } = Promise.withResolvers<void>()
  return {
    record: {
      dialId: job.dialId,
      orgId: job.orgId,
      userId: job.userId,
      fence: firstFence(),
      steps: 0,
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
    job,
    text: taken.text,
    list: taken.list,
    isJobSettled: false,
    a,
    b,
    bargers: new Map(),
    heard: 0,
    tasks: createTaskQueue(),
    listening: undefined,
    isSent: false,
    isComplete: false,
    isEnding: false,
    isReleased: false,
    handover: undefined,
    awaitedMarker: undefined,
    early: [],
    endedBy: undefined,
    left,
    onLeft,
    isDeaf: false,
    isFenced: false,
  }
}

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

/** How a barger stands in Redis: `answered/whisper`. */
export const bargerFields = (barger: Barger): Record<string, string> => ({
  [`barger.${barger.bargeId}`]: `${barger.state}/${barger.mode}`,
})

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
