// What a command line asks for, once it has been read: plain data between the parser and those who do it.
import type { SteerTarget, WireMessage } from '../backend/sendCommand.ts'

export type Order =
  /** Queue a job; with `isWatched`, follow its call too. */
  | { kind: 'job'; job: WireMessage & { dial_id: string }; isWatched: boolean; isJson: boolean }
  /** Say something on a channel and wait for the one answer. */
  | ControlOrder
  | { kind: 'watch'; dialId: string; isFollowing: boolean; isJson: boolean }
  | { kind: 'timeline'; id: string; isJson: boolean }
  | { kind: 'calls'; isJson: boolean }
  | { kind: 'history'; orgId: string; userId: string; isJson: boolean }
  /** Examine everything, each part within its time. `isStrict`: warnings count. */
  | { kind: 'doctor'; isJson: boolean; isStrict: boolean; timeoutMs: number }
  /** Print the settings as a document. */
  | { kind: 'settings'; format: 'markdown' | 'env' }

export interface ControlOrder {
  kind: 'control'
  to: SteerTarget
  message: WireMessage
  timeoutMs: number
  isJson: boolean
}
