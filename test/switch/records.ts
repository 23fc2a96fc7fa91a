// The proof: what the switch was asked and what it did, in order, never changed and never shortened. It outlives
// restarts of the switch. Who draws conclusions from it (did a phone ring twice?) is the test.

import type { Clock } from '../../src/base/units.ts'

/** What happened. `connection` numbers the sockets from 1 and is never used again. */
export type Happening =
  | { kind: 'start'; coreUuid: string }
  | { kind: 'stop'; coreUuid: string; how: 'graceful' | 'killed' }
  | { kind: 'connect'; connection: number }
  | { kind: 'disconnect'; connection: number }
  /** One ESL command: its first line, then its header lines. One character per byte. */
  | { kind: 'command'; connection: number; command: string; headers: string[] }
  /** The argument of an originate, one character per byte. */
  | { kind: 'originate'; connection: number; line: string; jobUuid: string | undefined }
  /** A phone began to ring: the one thing that must not happen twice for one job. */
  | {
      kind: 'ring'
      destination: string
      channelUuid: string
      dialId: string | undefined
      /** The variable `call-side` of the leg. */
      side: string | undefined
      gateway: string | undefined
    }
  | { kind: 'answer'; destination: string; channelUuid: string; dialId: string | undefined }
  | { kind: 'bridge'; channelUuid: string; otherUuid: string; dialId: string | undefined }
  /** A phone dials an extension; `destination` is the phone at that leg's end, as ever. */
  | { kind: 'dialled'; destination: string; extension: string; channelUuid: string }
  /** An application of an extension: of the dialplan's own, or by whoever holds the channel's socket. */
  | { kind: 'execute'; destination: string; application: string; by: 'dialplan' | 'socket' }
  /** `expiresSeconds` 0: it unregisters. */
  | { kind: 'register'; user: string; expiresSeconds: number }
  | HangupHappening

interface HangupHappening {
  kind: 'hangup'
  destination: string
  channelUuid: string
  dialId: string | undefined
  cause: string
  by: 'phone' | 'command' | 'switch' | 'shutdown'
}

export type RecordEntry = Happening & {
  /** Counts from 0 without a gap. */
  index: number
  /** Milliseconds since the epoch. */
  at: number
}

// A busy hour of chaos makes some hundred thousand entries of about 200 bytes; ten times that still fits memory.
export const RECORD_ENTRIES_MAX = 2_000_000

export class Records {
  readonly entries: RecordEntry[] = []
  #clock: Clock
  #onRecord: ((entry: RecordEntry) => void) | undefined

  constructor(clock: Clock, onRecord: ((entry: RecordEntry) => void) | undefined) {
    this.#clock = clock
    this.#onRecord = onRecord
  }

  /** @throws when full: a proof with gaps is none. */
  add(happening: Happening): void {
    if (this.entries.length >= RECORD_ENTRIES_MAX)
      throw new Error('the test switch has no room for more records')
    const entry: RecordEntry = { ...happening, index: this.entries.length, at: this.#clock() }
    this.entries.push(entry)
    this.#onRecord?.(entry)
  }

  /** Entries from an index on, of these kinds only if any are named. */
  from(index: number, kinds: readonly string[] = []): RecordEntry[] {
    const tail = this.entries.slice(index)
    return kinds.length === 0 ? tail : tail.filter(entry => kinds.includes(entry.kind))
  }
}
