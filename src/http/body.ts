// Reads a request's body: JSON, a form, or a form in parts. Whatever came, its fields are got one by one, by name, and
// only those that somebody asks for are decoded: a body full of others costs next to nothing. What a field must hold is
// not known here (`form.ts`).
import { fail, ok, type Result } from '../base/result.ts'
import { badRequest, type Problem, tooLarge, unsupportedMediaType } from './problems.ts'
import { textOf } from './text.ts'

export const BODY_BYTES_MAX = 64 * 1024

/** Fields of one body; no route knows more than a few. */
export const FIELDS_MAX = 100

/** How an unencoded `+` in a field of a form is read. By the rules of forms it stands for a blank (`blank`). But some PBXs
 *  encode nothing: the `+` before a telephone number (`number`) is read as a plus. So is the `+` in an `id` that holds
 *  characters which an encoder would have encoded. */
export type Plus = 'blank' | 'number' | 'id'

/** Texts come without the blanks and line ends around them. */
export interface Fields {
  /** Of a form text; undefined when there is no such field. Of a name given twice the last counts. */
  get(name: string, plus: Plus): unknown
  /** All fields, for a caller that does not know their names beforehand. */
  all(): Record<string, unknown>
}

/** Reads the whole body. The server itself cuts off far larger ones, so that reading is bounded. */
export async function readBody(request: Request): Promise<Result<Fields, Problem>> {
  const length = request.headers.get('content-length')
  if (Number(length ?? 0) > BODY_BYTES_MAX) return fail(tooLarge(BODY_BYTES_MAX))
  let bytes: Uint8Array
  try {
    bytes = await request.bytes()
  } catch {
    // The server has cut the body off and answered, or the client has gone: nobody reads this answer.
    return fail(tooLarge(BODY_BYTES_MAX))
  }
  // A body that comes in chunks has no `content-length`.
  if (bytes.length > BODY_BYTES_MAX) return fail(tooLarge(BODY_BYTES_MAX))
  const contentType = request.headers.get('content-type') ?? ''
  switch (mediaTypeOf(request)) {
    case 'application/x-www-form-urlencoded':
      return formFields(latin1(withoutMark(bytes)), charsetOf(contentType))
    case 'application/json':
      return jsonFields(textOf(withoutMark(bytes), charsetOf(contentType)))
    case 'multipart/form-data':
      return partFields(bytes, contentType)
    case '':
      return bytes.length === 0 ? formFields('') : fail(unsupportedMediaType)
    default:
      return fail(unsupportedMediaType)
  }
}

/** Without its parameters, in lower case; empty when there is none. */
export function mediaTypeOf(request: Request): string {
  const type = request.headers.get('content-type') ?? ''
  const semicolon = type.indexOf(';')
  return (semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase()
}

const charsetOf = (contentType: string): string | undefined =>
  contentType.includes(';') ? /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType)?.[1] : undefined

/** One character for each byte: nothing is lost, and nothing read yet. */
const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

/** The bytes without the byte-order mark that some programs put before UTF-8. */
const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

const tooMany = fail(badRequest(`the body may have at most ${FIELDS_MAX} fields`))

/** Reads `name=value&name=value`, the query of a URL too. @param text a character for each byte. */
export function formFields(text: string, charset?: string): Result<Fields, Problem> {
  const values: Record<string, string> = Object.create(null)
  let count = 0
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('&', start)
    if (end < 0) end = text.length
    if (end > start) {
      if (++count > FIELDS_MAX) return tooMany
      const equals = text.indexOf('=', start)
      const isNamed = equals >= 0 && equals < end
      const name = text.slice(start, isNamed ? equals : end)
      values[decode(name, 'blank', charset)] = isNamed ? text.slice(equals + 1, end) : ''
    }
    start = end + 1
  }
  return ok({
    get(name, plus) {
      const value = values[name]
      return value === undefined ? undefined : decode(value, plus, charset).trim()
    },
    all() {
      const decoded: Record<string, string> = Object.create(null)
      for (const name in values) decoded[name] = decode(values[name]!, 'blank', charset).trim()
      return decoded
    },
  })
}

/** Encoded characters of one field that are looked at: more than any field may hold, and few enough for microseconds. */
const ENCODED_MAX = 16 * 1024

function decode(given: string, plus: Plus, charset: string | undefined): string {
  // Most are plain.
  if (!/[%+\x80-\xff]/.test(given)) return given
  let text = given.length > ENCODED_MAX ? given.slice(0, ENCODED_MAX) : given
  if (plus === 'number') text = text.replace(NUMBERS_PLUS, '$1%2B')
  if (plus !== 'id' || !UNENCODED.test(text)) text = text.replaceAll('+', ' ')
  try {
    // Most of the rest is percent-encoded UTF-8. Bytes above 0x7f that were sent unencoded are left to `textOf`.
    if (!/[\x80-\xff]/.test(text)) return decodeURIComponent(text)
  } catch {
    // A `%` here encodes no UTF-8: the bytes are decoded below.
  }
  return textOf(percentDecoded(text), charset)
}

/** The plus of a number: before it blanks, a scheme or a bracket, behind it a country's code, which never begins with
 *  0. One before a 0 is a blank that was encoded. */
const NUMBERS_PLUS = /^((?:[^\w+%]|%(?:20|09|3c)|tel(?::|%3a)|sips?(?::|%3a))*)\+(?=[1-9])/i

/** An encoder encodes each of these characters (URL Living Standard, 5.2): where one stands, nobody has encoded. */
const UNENCODED = /[^\w*.%+-]/

/** A `%` that encodes nothing stands for itself. */
function percentDecoded(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(text.length)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const byte =
      code === PERCENT ? (hexDigit(text.charCodeAt(at + 1)) << 4) | hexDigit(text.charCodeAt(at + 2)) : -1
    bytes[length++] = byte < 0 ? code : byte
    if (byte >= 0) at += 2
  }
  return bytes.subarray(0, length)
}

const PERCENT = 0x25

/** -1 for what is none. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function jsonFields(text: string): Result<Fields, Problem> {
  const value = parseJson(text)
  if (value === undefined) return fail(badRequest('the body is not valid JSON'))
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(badRequest('the body must be a JSON object'))
  if (Object.keys(value).length > FIELDS_MAX) return tooMany
  const fields = value as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const text = fields[name]
    if (typeof text === 'string') fields[name] = text.trim()
  }
  return ok({
    get(name) {
      const found = fields[name]
      // Beyond 2^53 a number has lost its last digits; the text has them.
      return Number.isInteger(found) && !Number.isSafeInteger(found) ? digitsIn(text, name) : found
    },
    all: () => fields,
  })
}

/** A PBX that merely puts a name between two quotes sends tabs and line ends unescaped, which JSON forbids. They are read as
 *  blanks. */
function parseJson(text: string): unknown {
  for (const attempt of [text, withoutControls(text)])
    try {
      return JSON.parse(attempt)
    } catch {
      // The parser's own message quotes the body, which may hold a token.
    }
  return undefined
}

const withoutControls = (text: string): string => text.replace(/\s/g, ' ').replace(/\p{Cc}/gu, '')

function digitsIn(text: string, name: string): unknown {
  const asWritten = (_: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && /^\d+$/.test(context?.source ?? '') ? context?.source : value
  const fields = JSON.parse(withoutControls(text), asWritten) as Record<string, unknown>
  return fields[name]
}

async function partFields(bytes: Uint8Array, contentType: string): Promise<Result<Fields, Problem>> {
  let parts: [string, string][]
  try {
    // Each byte is passed as a character of its own: Bun reads text parts as UTF-8, and would lose bytes that are none.
    const form = await new Response(latin1(bytes), { headers: { 'content-type': contentType } }).formData()
    const texts = [...form].map(
      async ([name, value]): Promise<[string, string]> => [
        name,
        typeof value === 'string' ? value : await value.text(),
      ],
    )
    parts = await Promise.all(texts)
  } catch {
    return fail(badRequest('the body is not valid multipart/form-data'))
  }
  if (parts.length > FIELDS_MAX) return tooMany
  const charset = charsetOf(contentType)
  const read = (value: string) => textOf(Buffer.from(value, 'latin1'), charset).trim()
  const values = new Map(parts.map(([name, value]) => [name, read(value)]))
  return ok({ get: name => values.get(name), all: () => Object.fromEntries(values) })
}
