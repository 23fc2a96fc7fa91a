// Values that come from our own settings or ids, in the form that commands take. They were checked where they came
// in, so a refusal here is a bug.

import { assert } from '../base/result.ts'
import type { Parsed } from './allow.ts'

/** @throws when the value does not pass its allow-list after all. */
export function assertAllowed<Value>(parsed: Parsed<Value>): Value {
  assert(parsed.ok, parsed.ok ? '' : `a value of our own ${parsed.failure}`)
  return parsed.value
}
