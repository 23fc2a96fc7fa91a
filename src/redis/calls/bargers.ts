// How a barger stands in its call's record: one field, `barger.<its channel's UUID>`, which its owner writes with each
// change, and which survivors and those who look read. A version that wrote only state and mode is still read, and reads
// no more than these two itself.

const PREFIX = 'barger.'

export interface BargerRecord {
  bargeId: string
  /** `expected`, `ringing`, `answered`, `ended`. */
  state: string
  /** `mute`, `whisper`, `threeway`. */
  mode: string
  /** When that state began, milliseconds of the epoch; undefined: nobody has written it. */
  sinceMs?: number
  /** Whom it rings: a number or a SIP URI; empty: nobody has written it. */
  phone: string
}

/** As fields of a record: `answered/whisper/1795331400000/15105550103`. */
export const bargerFields = ({
  bargeId,
  state,
  mode,
  sinceMs,
  phone,
}: BargerRecord): Record<string, string> => ({
  [PREFIX + bargeId]: [state, mode, sinceMs ?? '', phone].join('/'),
})

/** All bargers of a record, those that have ended too, in the order of their ids. */
export const bargersOf = (fields: Readonly<Record<string, string>>): BargerRecord[] =>
  Object.entries(fields)
    .filter(([name]) => name.startsWith(PREFIX))
    .sort()
    .map(([name, value]) => {
      // A SIP URI may hold a slash.
      const [state = '', mode = '', since = '', ...phone] = value.split('/')
      return {
        bargeId: name.slice(PREFIX.length),
        state,
        mode,
        ...(Number(since) > 0 ? { sinceMs: Number(since) } : {}),
        phone: phone.join('/'),
      }
    })
