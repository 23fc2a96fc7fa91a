// What a command line asks for, once it has been read: plain data between the parser and those who do it.

export type Order =
  /** Queue a job. `isWatched`: and follow its call. */
  | { kind: 'job'; job: WireMessage & { dial_id: string }; isWatched: boolean; isJson: boolean }
  /** Say something on a channel and wait for the one answer. */
  | ControlOrder
  | { kind: 'watch'; dialId: string; isFollowing: boolean; isJson: boolean }
  | { kind: 'calls'; isJson: boolean }
  | { kind: 'history'; orgId: string; userId: string; isJson: boolean }

export interface ControlOrder {
  kind: 'control'
  /** A call by its dial id, or a switch by its core UUID. */
  to: { kind: 'call'; dialId: string } | { kind: 'switch'; coreUuid: string }
  message: WireMessage
  timeoutMs: number
  isJson: boolean
}

/** A job or message with the wire's own field names. Undefined fields are not sent. */
export type WireMessage = { type: string } & Record<string, string | boolean | undefined>
