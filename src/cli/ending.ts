// How a command ends: the exit codes that scripts go by, in one place, and what is said beside them. Commands return
// an ending; the process's exit is elsewhere.

/** The exit codes. They are part of the interface: a script may rely on each. */
export const EXIT_CODES = {
  done: 0,
  /** The agent answered with a failure, or the call was not made, or the doctor found a problem. */
  failed: 1,
  usage: 2,
  /** No such call lives, or nobody listens on its channel. */
  nobody: 3,
  timeout: 4,
  'redis-away': 5,
  /** 128 + SIGINT, as shells count. */
  interrupted: 130,
} as const

export interface Ending {
  kind: keyof typeof EXIT_CODES
  /** A sentence for a person, on standard error. */
  note?: string
}

export const DONE: Ending = { kind: 'done' }
