// What became of one command, as a value. A switch's answer is text that starts with `+OK`, `-ERR`, `-USAGE` or
// nothing at all; everything else that can happen on the way is told apart here, because the caller must act on it.

/** `text` is the answer as sent, without the final line feed.
 *  - `error`: the switch said no (`-ERR ...`, `-USAGE: ...`).
 *  - `timeout`: no answer in time. Whether the command was carried out is unknown.
 *  - `lost`: there is no connection, or it ended before the answer. Likewise unknown, if the command was sent.
 *  - `busy`: our own bound of outstanding commands was reached; nothing was sent. */
export type CommandOutcome =
  | { kind: 'ok'; text: string }
  | { kind: 'error'; text: string }
  | { kind: 'timeout' }
  | { kind: 'lost' }
  | { kind: 'busy' }

/** Reads an answer's text. `api uuid_exists` answers `true` or `false`, without `+OK`: that is ok too. */
export function outcomeOf(answer: string): CommandOutcome {
  const text = answer.endsWith('\n') ? answer.replace(/\n+$/, '') : answer
  const isError = text.startsWith('-ERR') || text.startsWith('-USAGE')
  return { kind: isError ? 'error' : 'ok', text }
}

/** The word after `-ERR` or `+OK`: for an originate that failed its hangup cause (`NO_ANSWER`), for one that was
 *  answered the channel's uuid. Empty when the text is something else. */
export const answerOf = (text: string): string => /^(?:-ERR|\+OK) ?(.*)$/s.exec(text)?.[1] ?? ''

/** FreeSWITCH words it differently in each command (measured on 1.10.12): all of these mean that the channel is gone. */
const UNKNOWN_CHANNEL = new Set([
  '-ERR No such channel!',
  '-ERR invalid uuid',
  '-ERR Invalid uuid',
  '-ERR Cannot locate session!',
])

/** Whether an `error` says that the channel does not exist (any more). */
export const isUnknownChannel = (text: string): boolean => UNKNOWN_CHANNEL.has(text)

/** How many sessions a second the switch takes, by its `status`; undefined when it does not say. */
export function sessionsPerSecondOf(status: string): number | undefined {
  const found = /per Sec out of max (\d+)/.exec(status)
  return found ? Number(found[1]) : undefined
}
