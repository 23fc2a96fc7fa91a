// What one socket wants to see: the event names it asked for, and its filters. A filter is looked up on the event
// itself, so that an event nobody wants is never written out.

import type { SwitchEvent } from './events.ts'

interface Filter {
  header: string
  /** As given, for `filter delete`. */
  value: string
  isNegative: boolean
  matches: (headerValue: string) => boolean
}

/** The filters of one socket: any matching positive lets an event pass, a matching negative always stops it. With
 *  negatives alone nothing passes. */
export class Filters {
  #filters: Filter[] = []

  add(header: string, value: string): void {
    this.#filters.push(compile(header, value))
  }

  /** Without a value every filter on the header goes; the header `all` removes everything. */
  delete(header: string, value: string | undefined): void {
    const gone = (filter: Filter): boolean =>
      header.toLowerCase() === 'all' ||
      (filter.header.toLowerCase() === header.toLowerCase() &&
        (value === undefined || filter.value === value))
    this.#filters = this.#filters.filter(filter => !gone(filter))
  }

  pass(event: SwitchEvent): boolean {
    if (this.#filters.length === 0) return true
    let isWanted = false
    for (const filter of this.#filters) {
      if (isWanted && !filter.isNegative) continue
      const value = event.header(filter.header)
      if (value === undefined || !filter.matches(value)) continue
      if (filter.isNegative) return false
      isWanted = true
    }
    return isWanted
  }
}

/** Signs and blanks before the value are stripped. It is a regular expression only if the value as given starts with
 *  a slash; a malformed one is accepted and matches nothing. */
function compile(header: string, value: string): Filter {
  const signs = /^[+\- ]*/.exec(value)![0]
  const bare = value.slice(signs.length)
  // The last sign counts, as each one overwrites the one before.
  const lastSign = signs.replaceAll(' ', '').at(-1)
  return {
    header,
    value,
    isNegative: lastSign === '-',
    matches: value.startsWith('/') ? regexOf(bare) : sameAs(bare),
  }
}

const sameAs = (wanted: string): ((value: string) => boolean) => {
  const lower = wanted.toLowerCase()
  return value => value.toLowerCase() === lower
}

function regexOf(slashed: string): (value: string) => boolean {
  const end = slashed.lastIndexOf('/')
  if (end === 0) return () => false
  const options = slashed.slice(end + 1)
  try {
    const flags = (options.includes('i') ? 'i' : '') + (options.includes('s') ? 's' : '')
    const regex = new RegExp(slashed.slice(1, end), flags)
    return value => regex.test(value)
  } catch {
    // FreeSWITCH logs a pattern that does not compile and lets it match nothing; there is nobody to tell here.
    return () => false
  }
}

/** The event names a socket asked for. CUSTOM ones are asked for by subclass. */
export class Subscription {
  readonly #names = new Set<string>()
  readonly #subclasses = new Set<string>()

  /** Reads the words after `event <format>`. @returns how many known names there were; 0 is an error. */
  add(words: string[]): number {
    return eachName(
      words,
      name => this.#names.add(name),
      subclass => this.#subclasses.add(subclass),
    )
  }

  /** Reads the words after `nixevent`. */
  remove(words: string[]): number {
    return eachName(
      words,
      name => {
        // Nixing CUSTOM takes away the subclasses that follow, never the name itself.
        if (name === 'CUSTOM') return
        if (name === 'ALL') return this.#names.clear()
        if (this.#names.delete('ALL')) for (const known of EVERY_EVENT) this.#names.add(known)
        this.#names.delete(name)
      },
      subclass => this.#subclasses.delete(subclass),
    )
  }

  clear(): void {
    this.#names.clear()
    this.#subclasses.clear()
  }

  get isEmpty(): boolean {
    return this.#names.size === 0
  }

  wants(event: SwitchEvent): boolean {
    if (this.#names.has('ALL')) return true
    if (!this.#names.has(event.name)) return false
    return event.subclass === undefined || this.#subclasses.has(event.subclass)
  }
}

function eachName(
  words: string[],
  onName: (name: string) => void,
  onSubclass: (name: string) => void,
): number {
  let count = 0
  let isCustom = false
  for (const word of words) {
    const name = word.toUpperCase()
    if (isCustom) onSubclass(word)
    else if (name === 'ALL' || EVERY_EVENT.has(name)) {
      count += 1
      isCustom = name === 'CUSTOM'
      onName(name)
    }
  }
  return count
}

// The names a client of a telephone switch may meet. An unknown name is ignored, as by FreeSWITCH.
const EVERY_EVENT = new Set(
  (
    'CUSTOM CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_ANSWER CHANNEL_HANGUP ' +
    'CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD CHANNEL_UNHOLD ' +
    'CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_OUTGOING CHANNEL_PARK ' +
    'CHANNEL_UNPARK CHANNEL_APPLICATION CHANNEL_ORIGINATE CHANNEL_UUID CHANNEL_DATA API LOG INBOUND_CHAN ' +
    'OUTBOUND_CHAN STARTUP SHUTDOWN SESSION_HEARTBEAT HEARTBEAT DTMF MESSAGE PRESENCE_IN ROSTER CODEC ' +
    'BACKGROUND_JOB PLAYBACK_START PLAYBACK_STOP CALL_UPDATE MEDIA_BUG_START MEDIA_BUG_STOP RECORD_START ' +
    'RECORD_STOP RELOADXML NOTIFY TRAP RE_SCHEDULE ADD_SCHEDULE DEL_SCHEDULE EXE_SCHEDULE CONFERENCE_DATA TEXT'
  ).split(' '),
)
