// Checks the fields of a body. A form is described as a record of fields: wire name, check, what happens when it is
// missing. All mistakes of a body are named together; unknown fields are ignored. Form-encoded values are always text,
// so checks take numbers and booleans in text form too.
import { fail, ok, type Result } from '../base/result.ts'
import type { Fields, Plus } from './body.ts'
import { badFields, type Problem } from './problems.ts'
import { shownText } from './text.ts'

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
export function fill<Shape extends Form>(form: Shape, body: Fields): Result<Filled<Shape>, Problem> {
  const errors: { field: string; detail: string }[] = []
  const filled: Record<string, unknown> = {}
  for (const name in form) {
    const { wire, check, fallback } = form[name]!
    const given = body.get(wire, check.plus ?? 'blank')
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
  /** What an unencoded `+` of a form is taken for; `blank` if not said. */
  plus?: Plus
  read: (given: unknown) => Value | undefined
}

/** Text that matches a pattern; a whole JSON number is taken as its digits. */
export function pattern(regex: RegExp, expects: string): Check<string> {
  return {
    expects,
    plus: 'id',
    read: given => {
      const text = typeof given === 'number' && Number.isSafeInteger(given) ? String(given) : given
      return typeof text === 'string' && regex.test(text) ? text : undefined
    },
  }
}

/** Text for a person to read: made to fit instead of refused. */
export function shown(charactersMax: number): Check<string> {
  return {
    expects: `text, of which ${charactersMax} characters are kept`,
    read: given => {
      const text = typeof given === 'number' ? String(given) : given
      return typeof text === 'string' ? shownText(text, charactersMax) : undefined
    },
  }
}

/** Any text of one line. U+FFFD is what is left of text that was none. */
export function line(lengthMax: number): Check<string> {
  return {
    expects: `text of at most ${lengthMax} characters, without control characters`,
    plus: 'id',
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
