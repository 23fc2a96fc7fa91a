// What a run leaves to be judged: what was sent, what was heard, what the phones and the switches recorded, what stands
// in Redis, what the processes logged. And the form in which a judge says what it found.
import type { RecordEntry } from '../switch/records.ts'
import type { PushedJob, SentControl } from './callTraffic.ts'
import type { HeardMessage } from './ear.ts'
import type { FaultLedger } from './faults.ts'
import type { ChaosPlan } from './plan.ts'
import type { LogLine, Member } from './processes.ts'
import type { SleeperTraffic } from './sleeperTraffic.ts'
import type { Troubles } from './troubles.ts'
import type { Wake } from './wakeTraffic.ts'

/** An entry of a switch's record, and which switch's. */
export type SwitchRecord = RecordEntry & { switch: string }

export interface Evidence {
  plan: ChaosPlan
  beganAtMs: number
  jobs: readonly PushedJob[]
  controls: readonly SentControl[]
  wakes: readonly Wake[]
  sleepers: Pick<SleeperTraffic, 'callers' | 'pushes' | 'registers' | 'isAwakened'>
  heard: ReadonlyMap<string, readonly HeardMessage[]>
  records: readonly SwitchRecord[]
  log: readonly LogLine[]
  members: readonly Member[]
  memberOfAgent: (agent: string) => Member | undefined
  troubles: Troubles
  ledger: FaultLedger
  /** Texts of the dead letters. */
  deadLetters: string[]
  /** Keys that should be gone, and agents that nobody is any more. */
  leftovers: string[]
  /** What long-lived processes held, over time. */
  samples: { name: string; atMs: number; residentMegabytes: number; files: number }[]
}

/** Something that must be none. */
export interface Finding {
  what: string
  /** Each with the ids that its story is about, and why. */
  offenders: Offender[]
  /** It is about how long something took, which a busy machine makes longer. */
  isTiming?: true
}

export interface Offender {
  /** A dial id or a call id, or a text of its own. */
  id: string
  why: string
}

/** A figure worth printing. */
export type Figure = [name: string, value: string | number]

export interface Judgement {
  findings: Finding[]
  figures: Figure[]
}

export const isMarker = ({ message }: HeardMessage): boolean => message.type === 'handover-event'
