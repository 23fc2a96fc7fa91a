// Reads a request's body, JSON or form-encoded, and checks its fields. A form is described as a record of fields:
// wire name, check, what happens when it is missing. All mistakes of a body are named together; unknown fields are
// ignored. Form-encoded values are always text, so checks take numbers and booleans in text form too.
import { fail, ok, type Result } from '../base/result.ts'
import { badFields, badRequest, type Problem, tooLarge, unsupportedMediaType } from './problems.ts'

export type Body = Record<string, unknown>

export const BODY_BYTES_MAX = 64 * 1024

/** Reads the whole body. The server itself cuts off far larger ones, so that reading is bounded. */
export async function readBody(request: Request): Promise<Result<Body, Problem>> {
  const length = request.headers.get('content-length')
  if (Number(length ?? 0) > BODY_BYTES_MAX) return fail(tooLarge(BODY_BYTES_MAX))
  let text: string
  try {
    text = await request.text()
  } catch {
    // Cut off by the server, which has answered, or by a client that has gone: nobody hears this.
    return fail(tooLarge(BODY_BYTES_MAX))
  }
  // One that comes in chunks says nothing of its length before.
  if (length === null && Buffer.byteLength(text) > BODY_BYTES_MAX) return fail(tooLarge(BODY_BYTES_MAX))
  const type = mediaTypeOf(request)
  if (type === 'application/json') return parseJson(text)
  if (type === 'application/x-www-form-urlencoded') return ok(parseForm(text))
  if (type === '' && text === '') return ok({})
  return fail(unsupportedMediaType)
}

/** Without its parameters, in lower case; empty when there is none. */
export function mediaTypeOf(request: Request): string {
  const type = request.headers.get('content-type') ?? ''
  const semicolon = type.indexOf(';')
  return (semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase()
}

/** Reads `name=value&name=value`, as URLSearchParams does; of a name given twice the last counts. A confirmation is
 *  two forms, query and body, and URLSearchParams itself takes a fifth of a process's time for them. */
export function parseForm(text: string): Record<string, string> {
  const form: Record<string, string> = Object.create(null)
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=')
    if (equals >= 0) form[decodePart(pair.slice(0, equals))] = decodePart(pair.slice(equals + 1))
    else if (pair !== '') form[decodePart(pair)] = ''
  }
  return form
}

function decodePart(text: string): string {
  const isEncoded = text.includes('%') || text.includes('+')
  return isEncoded ? new URLSearchParams(`_=${text}`).get('_')! : text
}

function parseJson(text: string): Result<Body, Problem> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return ok(value as Body)
    return fail(badRequest('the body must be a JSON object'))
  } catch {
    // The parser's own message quotes the body, which may hold a token.
    return fail(badRequest('the body is not valid JSON'))
  }
}

/** One field: its wire name, its check, and what stands for a missing one (undefined = it must be there). */
export interface Field<Value> {
  wire: string
  check: Check<Value>
  fallback?: { value: Value }
}

export type Form = Record<string, Field<unknown>>
export type Filled<Shape extends Form> = {
  [Name in keyof Shape]: Shape[Name] extends Field<infer Value> ? Value : never
}

export const required = <Value>(wire: string, check: Check<Value>): Field<Value> => ({ wire, check })

export function optional<Value>(wire: string, check: Check<Value>): Field<Value | undefined>
export function optional<Value>(wire: string, check: Check<Value>, fallback: Value): Field<Value>
export function optional<Value>(
  wire: string,
  check: Check<Value>,
  fallback?: Value,
): Field<Value | undefined> {
  return { wire, check, fallback: { value: fallback } }
}

/** Fills a form from a body. null counts as missing, and so does the empty text of an optional field. */
export function fill<Shape extends Form>(form: Shape, body: Body): Result<Filled<Shape>, Problem> {
  const errors: { field: string; detail: string }[] = []
  const filled: Record<string, unknown> = {}
  for (const name in form) {
    const { wire, check, fallback } = form[name]!
    const given = body[wire]
    const isMissing = given === undefined || given === null || (given === '' && fallback !== undefined)
    if (isMissing && fallback) filled[name] = fallback.value
    else if (isMissing) errors.push({ field: wire, detail: 'is required' })
    else {
      const checked = check.read(given)
      if (checked === undefined) errors.push({ field: wire, detail: `must be ${check.expects}` })
      else filled[name] = checked
    }
  }
  return errors.length === 0 ? ok(filled as Filled<Shape>) : fail(badFields(errors))
}

/** How a value is read. `read` returns undefined for what doesn't fit; `expects` completes "must be …". */
export interface Check<Value> {
  expects: string
  read: (given: unknown) => Value | undefined
}

/** Text that matches a pattern; a whole JSON number is taken as its digits. */
export function pattern(regex: RegExp, expects: string): Check<string> {
  return {
    expects,
    read: given => {
      const text = typeof given === 'number' && Number.isSafeInteger(given) ? String(given) : given
      return typeof text === 'string' && regex.test(text) ? text : undefined
    },
  }
}

/** Any text of one line. U+FFFD is what is left of bytes that were no UTF-8. */
export function line(lengthMax: number): Check<string> {
  return {
    expects: `text of at most ${lengthMax} characters, without control characters`,
    read: given => {
      const text = typeof given === 'number' ? String(given) : given
      const isLine = typeof text === 'string' && text.length <= lengthMax && !/[\p{Cc}\uFFFD]/u.test(text)
      return isLine ? text : undefined
    },
  }
}

/** Every spelling of true and false that apps of vialer-middleware could send. */
export const flag: Check<boolean> = {
  expects: 'true or false',
  read: given => {
    // Anything else may have a toString that is no function.
    if (!['string', 'number', 'boolean'].includes(typeof given)) return undefined
    const text = String(given).toLowerCase()
    if (['true', '1', 'yes', 'on', 't'].includes(text)) return true
    if (['false', '0', 'no', 'off', 'f'].includes(text)) return false
    return undefined
  },
}

export const number: Check<number> = {
  expects: 'a number',
  read: given => {
    const isNumeric = typeof given === 'number' || (typeof given === 'string' && given.trim() !== '')
    return isNumeric && Number.isFinite(Number(given)) ? Number(given) : undefined
  },
}

export function oneOf<const Choice extends string>(choices: readonly Choice[]): Check<Choice> {
  return { expects: `one of ${choices.join(', ')}`, read: given => choices.find(each => each === given) }
}
