// An event of the switch: ordered headers, and the two forms in which a socket may ask for them. Headers are put
// together only when somebody looks, and each form is written at most once, however many sockets get it.
//
// Inside the switch a text is a string of bytes (latin1), because FreeSWITCH neither knows nor checks encodings.

import type { Variables } from './variables.ts'

/** Flat: name, value, name, value. An array is a header with several values (`variable_transfer_history`). */
export type Headers = (string | string[])[]

export type EventFormat = 'plain' | 'json'

export interface EventParts {
  name: string
  /** Only of CUSTOM: a socket must have asked for the subclass by name. */
  subclass?: string
  build: () => Headers
  body?: string
  /** Lets a filter on a variable be answered without building the headers. */
  variables?: Variables
}

export class SwitchEvent {
  readonly name: string
  readonly subclass: string | undefined
  #parts: EventParts
  #headers: Headers | undefined
  #frames: { plain?: string; json?: string } = {}

  constructor(parts: EventParts) {
    this.name = parts.name
    this.subclass = parts.subclass
    this.#parts = parts
  }

  /** The first value of a header, its name in any case, or undefined. */
  header(name: string): string | undefined {
    const { variables } = this.#parts
    if (variables && name.startsWith('variable_')) return variables.text(name.slice('variable_'.length))
    const wanted = name.toLowerCase()
    if (wanted === 'event-name') return this.name
    const headers = this.headers()
    for (let i = 0; i < headers.length; i += 2) {
      if ((headers[i] as string).toLowerCase() === wanted) return plainValue(headers[i + 1]!)
    }
    return undefined
  }

  /** The whole frame, head and body. Events say Content-Length first, replies Content-Type. */
  frame(format: EventFormat): string {
    this.#frames[format] ??= this.#write(format)
    return this.#frames[format]
  }

  #write(format: EventFormat): string {
    const { body } = this.#parts
    const text = format === 'json' ? toJson(this.headers(), body) : toPlain(this.headers(), body)
    return `Content-Length: ${text.length}\nContent-Type: text/event-${format}\n\n${text}`
  }

  /** All of them, put together at the first call. */
  headers(): Headers {
    this.#headers ??= this.#parts.build()
    return this.#headers
  }
}

/** The JSON form. A repeated header stands in it twice, as FreeSWITCH sends it; `_body` carries the body. */
export function toJson(headers: Headers, body?: string): string {
  let json = '{'
  for (let i = 0; i < headers.length; i += 2) {
    if (i > 0) json += ','
    json += `"${headers[i]}":${JSON.stringify(headers[i + 1])}`
  }
  if (body) json += `,"Content-Length":"${body.length}","_body":${JSON.stringify(body)}`
  return `${json}}`
}

/** The plain form: values URL-encoded, an empty one written `_undef_`, then the body or a blank line. */
export function toPlain(headers: Headers, body?: string): string {
  let text = ''
  for (let i = 0; i < headers.length; i += 2) {
    text += `${headers[i]}: ${encodePlain(plainValue(headers[i + 1]!)) || '_undef_'}\n`
  }
  return body ? `${text}Content-Length: ${body.length}\n\n${body}` : `${text}\n`
}

const plainValue = (value: string | string[]): string =>
  typeof value === 'string' ? value : `ARRAY::${value.join('|:')}`

// The set is FreeSWITCH's own (SWITCH_URL_UNSAFE) and everything outside printable ASCII. A `%` that already begins
// an upper-case escape is left alone, so what was encoded before is not encoded twice.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes are what must be encoded
const UNSAFE = /%(?![0-9A-F]{2})|[\x00-\x20"#&+:;<=>?@[\\\]^`{|}\x7f-\xff]/g

const encodePlain = (value: string): string =>
  value.replace(UNSAFE, byte => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
