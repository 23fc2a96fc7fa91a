// What is known of a run when it is over, as the checkers read it.
import type { PushedJob, Redial, SentControl } from './backend.ts'
import type { Trouble } from './faults.ts'
import type { Line } from './history.ts'
import type { Owners } from './owners.ts'
import type { PbxEnd, PbxRequest } from './pbx.ts'
import type { AppAnswer, Followed, SentPush } from './phones.ts'
import type { Plan } from './plan.ts'
import type { OddJob } from './planExtras.ts'
import type { WakeRecords } from './wakeRecords.ts'
import type { Deliveries } from './world.ts'

export type { Trouble }

export type PublishedLine = Extract<Line, { kind: 'published' }>
export type RecordLine = Extract<Line, { kind: 'switch' }>

export interface Evidence {
  plan: Plan
  lines: readonly Line[]
  /** What was published, by channel. */
  told: ReadonlyMap<string, PublishedLine[]>
  /** What the switches recorded, by dial id. */
  recordsOf: ReadonlyMap<string, RecordLine[]>
  jobs: PushedJob[]
  controls: SentControl[]
  /** Odd jobs that Redis took. */
  oddJobs: OddJob[]
  redials: Redial[]
  requests: PbxRequest[]
  /** The PBX's word that a call is over. */
  ends: PbxEnd[]
  pushes: SentPush[]
  answers: AppAnswer[]
  followed: Followed[]
  wakeRecords: WakeRecords
  /** By a message's own id, or a channel's: which processes were told of it, when first and when last. */
  deliveries: Deliveries
  /** By switch: who connected, in order; a connection's number counts from 1. */
  visitors: ReadonlyMap<string, string[]>
  owners: Owners
  /** The faults that happened, in order. */
  troubles: Trouble[]
  /** Keys, subscriptions and calls in memory that should be gone; agents that should have ended. */
  leftovers: string[]
  /** When everything was healed. */
  healedAtMs: number
  endedAtMs: number
  hash: string
  /** Happenings that were carried out. */
  steps: number
}

/** Sorts the lines of a history by what they are about. */
export function sortLines(lines: readonly Line[]): Pick<Evidence, 'told' | 'recordsOf'> {
  const told = new Map<string, PublishedLine[]>()
  const recordsOf = new Map<string, RecordLine[]>()
  for (const line of lines) {
    if (line.kind === 'published') put(told, line.channel, line)
    if (line.kind === 'switch' && 'dialId' in line.record && line.record.dialId !== undefined)
      put(recordsOf, line.record.dialId, line)
  }
  return { told, recordsOf }
}

function put<Item>(lists: Map<string, Item[]>, name: string, item: Item): void {
  const list = lists.get(name)
  if (list) list.push(item)
  else lists.set(name, [item])
}
