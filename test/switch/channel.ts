// One leg as the switch holds it: its state, its variables, the caller profile that its events show, and what it is
// busy with. This is data and its small changes; what happens when is decided by legs.ts and bridges.ts.

import type { Bridge } from './bridges.ts'
import type { Eavesdropping } from './eavesdrop.ts'
import type { Displacement, Playback } from './playback.ts'
import { Variables } from './variables.ts'

/** FreeSWITCH's channel states by number. An event names the state that runs and numbers the one that comes next. */
export const STATE_NUMBERS = {
  CS_ROUTING: 2,
  CS_INIT: 1,
  CS_SOFT_EXECUTE: 3,
  CS_EXECUTE: 4,
  CS_EXCHANGE_MEDIA: 5,
  CS_PARK: 6,
  CS_CONSUME_MEDIA: 7,
  CS_HIBERNATE: 8,
  CS_HANGUP: 10,
  CS_REPORTING: 11,
} as const

export type StateName = keyof typeof STATE_NUMBERS
export type AnswerState = 'ringing' | 'early' | 'answered' | 'hangup'

/** Who a leg's events say is calling whom. Times are microseconds since the epoch, 0 = not yet. */
export interface CallerProfile {
  logicalDirection: 'outbound' | 'inbound'
  callerIdName: string
  callerIdNumber: string
  origCallerIdNumber: string
  calleeIdName: string
  calleeIdNumber: string
  networkAddress: string
  ani: string
  destination: string
  uuid: string
  transferSource: string
  channelName: string
  index: number
  times: ProfileTimes
}

export interface ProfileTimes {
  profileCreated: number
  created: number
  answered: number
  progress: number
  progressMedia: number
  hangup: number
  bridged: number
}

export const NO_TIMES: Readonly<ProfileTimes> = {
  profileCreated: 0,
  created: 0,
  answered: 0,
  progress: 0,
  progressMedia: 0,
  hangup: 0,
  bridged: 0,
}

/** The application a leg runs, e.g. `bridge`. */
export interface Application {
  name: string
  data: string
  uuid: string
}

/** Why a leg ends and at whose hand, which decides the order of the events that follow. */
export interface Ending {
  cause: string
  by: 'phone' | 'command' | 'switch' | 'shutdown'
}

/** What a leg taps into another's media: a displaced file or a supervisor. In the order in which they came. */
export type MediaBug = Displacement | Eavesdropping

/** What became of ringing a leg, told to whoever had it rung. */
export interface RingOutcome {
  answered: () => void
  failed: (cause: string) => void
  /** Sound before the answer; the leg that waits may be joined now. */
  earlyMedia?: () => void
  ringing?: () => void
}

export interface ChannelSpec {
  uuid: string
  destination: string
  gateway: string | undefined
  channelName: string
  sessionId: number
  profile: CallerProfile
  isForeign: boolean
}

export class Channel {
  readonly uuid: string
  readonly destination: string
  readonly gateway: string | undefined
  readonly name: string
  readonly sessionId: number
  /** One of the crowd that addForeignCalls made: never recorded as a ring. */
  readonly isForeign: boolean
  readonly variables = new Variables()
  profile: CallerProfile
  /** The other leg as this one's events show it. */
  other: { type: 'originator' | 'originatee'; profile: CallerProfile } | undefined

  running: StateName = 'CS_INIT'
  stateNumber: number = STATE_NUMBERS.CS_ROUTING
  callState: 'DOWN' | 'RINGING' | 'EARLY' | 'ACTIVE' | 'RING_WAIT' | 'HANGUP' = 'DOWN'
  answerState: AnswerState = 'ringing'
  isInDialplan = false
  callUuid: string
  hangupCause: string | undefined

  outcome: RingOutcome | undefined
  application: Application | undefined
  /** The last one it ran, for the call's record. */
  lastApplication: Application | undefined
  bridge: Bridge | undefined
  isParked = false
  playback: Playback | undefined
  /** Files that wait for the present one to end. */
  readonly playQueue: string[] = []
  readonly bugs: MediaBug[] = []
  eavesdropping: Eavesdropping | undefined
  /** Modes and digits sent before the leg listens anywhere: the last one counts when it does. */
  readonly eavesdropCommands: string[] = []
  /** Told when this leg's sound comes, or never will. */
  readonly mediaWaiters = new Set<() => void>()
  ending: Ending | undefined
  /** The phone rang audibly (CHANNEL_PROGRESS or early media came). */
  hasProgressed = false
  endedAtMs: number | undefined
  /** Stops what waits for this leg: ring time, the phone's next act. */
  readonly stops: (() => void)[] = []

  constructor(spec: ChannelSpec) {
    this.uuid = spec.uuid
    this.destination = spec.destination
    this.gateway = spec.gateway
    this.name = spec.channelName
    this.sessionId = spec.sessionId
    this.profile = spec.profile
    this.isForeign = spec.isForeign
    this.callUuid = spec.uuid
  }

  get dialId(): string | undefined {
    return this.variables.text('dial_id')
  }

  get isAnswered(): boolean {
    return this.answerState === 'answered'
  }

  /** Sound can be played to it and taken from it. */
  get hasMedia(): boolean {
    return this.answerState === 'answered' || this.answerState === 'early'
  }

  get isEnding(): boolean {
    return this.ending !== undefined
  }

  enter(state: StateName): void {
    this.running = state
    this.stateNumber = STATE_NUMBERS[state]
  }

  tellMediaWaiters(): void {
    for (const tell of [...this.mediaWaiters]) tell()
  }

  stopWaiting(): void {
    for (const stop of this.stops.splice(0)) stop()
  }
}

/** A copy for the other leg to show; later changes of the original leave it alone. */
export const shownToOther = (profile: CallerProfile, times: ProfileTimes = profile.times): CallerProfile => ({
  ...profile,
  transferSource: '',
  times: { ...times },
})
