// What the main thread and a wait worker tell each other. Messages are posted in batches, an array at a time: at
// thousands of waits a second the thread hand-off would otherwise cost more than the wait itself.

import { type BatchPace, createBatch } from '../base/batch.ts'
import type { ErrorReportSettings } from '../errors/types.ts'
import type { Platform } from '../push/push.ts'
import type { RedisSettings } from '../redis/connect.ts'
import type { Device } from '../redis/devices/devices.ts'
import type { WakeOutcome } from './wake.ts'

/** What a worker needs to know before its first wait. */
export interface WaitWorkerSettings {
  redis: RedisSettings
  /** The channel that only this worker (or the one that replaces it) listens on. */
  inbox: string
  roundtripWaitMs: number
  resendIntervalMs: number
  /** Undefined: no error is reported. */
  errorReports?: ErrorReportSettings
  log: { level: string; showsFullNumbers: boolean; isPretty: boolean }
}

/** Main thread → worker. `id` names one held PBX request within this process. */
export type ToWaitWorker =
  | { kind: 'open'; settings: WaitWorkerSettings }
  | WaitOrder
  /** The PBX hung up on its request. */
  | { kind: 'leave'; id: number }
  /** Ids of devices: those that no push of this call can reach any more, and all whose last push was refused. */
  | { kind: 'push-failed'; id: number; out: string[]; refused: string[] }
  /** All waits are over: close the connections and end. */
  | { kind: 'close' }

/** Hold one request. */
export interface WaitOrder {
  kind: 'wait'
  id: number
  account: string
  callId: string
  /** When the PBX's request came in, ms since the epoch: the deadline counts from here. */
  arrivedAtMs: number
  /** A crashed worker held it before: find out what became of it instead of beginning anew. */
  isResumed: boolean
  /** How many attempts were sent for this request so far. */
  attempts?: number
  /** How long the wait may take from its arrival on, where that differs from a PBX's request. */
  waitMs?: number
  /** How many attempts another process sent for this wake before it died. */
  attemptsBefore?: number
}

/** Worker → main thread. */
export type FromWaitWorker =
  /** The inbox is subscribed: waits can be held. */
  | { kind: 'ready' }
  | PushDue
  /** Another request of the same call waits already: this one shares its wait, or would be one too many (`isFull`). */
  | { kind: 'joined'; id: number; isFull?: true }
  | WaitOver
  /** For how long the inbox has heard nothing, said every self-test. */
  | { kind: 'health'; deafForMs: number }

/** Push these devices now. */
export interface PushDue {
  kind: 'push'
  id: number
  /** Which push of this wake it is for the devices. */
  attempt: number
  devices: Device[]
  /** The wait's deadline, ms since the epoch. */
  endsAtMs: number
  /** The wake's, for its unique keys and the tokens. */
  secret: string
  /** A resend to one device whose own history says when it is due: within which time it usually answers, and how long
   *  after the push before. */
  usualMs?: number
  afterMs?: number
}

/** One request's answer. */
export interface WaitOver {
  kind: 'over'
  id: number
  outcome: WakeOutcome
  /** Devices that were pushed and wait for a call that won't come to them: Android is told to stop. */
  cancelled: Device[]
  /** The wake's, where some are. */
  secret?: string
  /** Of the device that confirmed, else of the first one; only when this process pushed. */
  platform?: Platform
  /** From the first push to the confirmation; only with a confirmation of a push that this process sent. */
  roundTripMs?: number
  /** That the device which confirmed was sent, where it is known. */
  pushes?: number
}

/** Collects messages and posts them together, as JSON: a batch of objects takes the structured clone three times as
 *  long. */
export const createOutbox = <Message>(
  pace: BatchPace,
  post: (batch: string) => void,
): ((message: Message) => void) => createBatch<Message>(pace, batch => post(JSON.stringify(batch)))

/** The messages that an outbox posted. */
export const openBatch = <Message>(event: MessageEvent<string>): Message[] => JSON.parse(event.data)
