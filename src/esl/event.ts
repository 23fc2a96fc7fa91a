// One event of the switch, read lazily. An event has about a hundred headers in 4 to 13 KB, and a reader wants three
// of them, so nothing is parsed until it is asked for, and then only that header. Reads `text/event-plain` (what we
// subscribe to) and `text/event-json` alike; what the headers mean is known in dial/, not here.
import { type EslFrame, headLine } from './frames.ts'
import { decodePercent, textOf } from './text.ts'

const LINE_FEED = 0x0a
const BLANK_LINE = Buffer.from('\n\n')
/** What FreeSWITCH writes for an empty value in a plain event (switch_event_serialize). */
const EMPTY_VALUE = '_undef_'
/** Most values are plain ASCII, and reading them as such is several times faster. */
const NEEDS_DECODING = /[%\x80-\xff]/

/** Header names come from our own code, so there are few; with the bound a mistake there can't fill the memory. */
const NEEDLES_MAX = 512
const needles = new Map<string, Buffer>()

/** Reads a frame as an event. @returns undefined when the frame is not one. */
export function eventOf(frame: EslFrame): SwitchEvent | undefined {
  if (frame.contentType === 'text/event-plain') return new PlainEvent(frame.body)
  if (frame.contentType === 'text/event-json') return new JsonEvent(frame.body)
  return undefined
}

/** Reads the answer to `connect`: the channel's own event, written percent-encoded into the head of a reply.
 *  @returns undefined when the head is another reply's. */
export const channelDataOf = (head: string): SwitchEvent | undefined =>
  headLine(head, 'Event-Name') === 'CHANNEL_DATA' ? new PlainEvent(Buffer.from(head)) : undefined

/** Reading costs on every call: keep a value you need twice. An event kept for long keeps the bytes it came in. */
export interface SwitchEvent {
  /** `CHANNEL_ANSWER`, ...; empty when the event does not say. */
  readonly name: string
  /** The decoded value of the first header of exactly this name; undefined when there is none. An array
   *  (`variable_transfer_history`) reads as FreeSWITCH writes it in plain events: `ARRAY::one|:two`. */
  header(name: string): string | undefined
  /** What comes after the headers: a background job's answer. Undefined when there is nothing. */
  readonly body: string | undefined
}

class PlainEvent implements SwitchEvent {
  readonly #bytes: Buffer
  #headersEnd = -1

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get name(): string {
    return this.header('Event-Name') ?? ''
  }

  get body(): string | undefined {
    const length = Number(this.header('Content-Length'))
    if (!Number.isSafeInteger(length) || length <= 0) return undefined
    const start = this.#findHeadersEnd() + BLANK_LINE.length
    return textOf(this.#bytes.subarray(start, start + length))
  }

  header(name: string): string | undefined {
    const bytes = this.#bytes
    const needle = needleOf(name)
    // The needle starts with the line feed before the name, which the first line lacks.
    let valueStart = startsWith(bytes, needle) ? needle.length - 1 : -1
    if (valueStart < 0) {
      const at = bytes.indexOf(needle)
      // A job's answer comes after the headers and may hold anything, lines that look like headers among it.
      if (at < 0 || at >= this.#findHeadersEnd()) return undefined
      valueStart = at + needle.length
    }
    const lineEnd = bytes.indexOf(LINE_FEED, valueStart)
    const valueEnd = lineEnd < 0 ? bytes.length : lineEnd
    const value = bytes.toString('latin1', valueStart, valueEnd)
    if (NEEDS_DECODING.test(value)) return decodePercent(bytes.subarray(valueStart, valueEnd))
    return value === EMPTY_VALUE ? '' : value
  }

  #findHeadersEnd(): number {
    if (this.#headersEnd < 0) {
      const end = this.#bytes.indexOf(BLANK_LINE)
      this.#headersEnd = end < 0 ? this.#bytes.length : end
    }
    return this.#headersEnd
  }
}

class JsonEvent implements SwitchEvent {
  readonly #bytes: Buffer
  #fields: Record<string, unknown> | undefined

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get name(): string {
    return this.header('Event-Name') ?? ''
  }

  get body(): string | undefined {
    return this.header('_body')
  }

  header(name: string): string | undefined {
    this.#fields ??= fieldsOf(textOf(this.#bytes))
    const value = Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined
    if (typeof value === 'string') return value
    if (Array.isArray(value)) return `ARRAY::${value.join('|:')}`
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
  }
}

/** @returns no header of a malformed event: its reader ignores it, as it does any event not its own. */
function fieldsOf(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    // The reader ignores an event without headers.
    return {}
  }
}

function needleOf(name: string): Buffer {
  const known = needles.get(name)
  if (known) return known
  if (needles.size >= NEEDLES_MAX) needles.clear()
  const needle = Buffer.from(`\n${name}: `)
  needles.set(name, needle)
  return needle
}

function startsWith(bytes: Buffer, needle: Buffer): boolean {
  if (bytes[0] !== needle[1] || bytes.length < needle.length - 1) return false
  return bytes.compare(needle, 1, needle.length, 0, needle.length - 1) === 0
}
