// Expected outcomes are values. This file holds the one shape for "it worked, or here is why not", and the check
// that a switch over a union forgot no case. It knows nothing of telephony, Redis or HTTP.
import { failureWords } from './failureWords.ts'

/** Either a value, or the reason why there is none. Bugs are thrown instead. */
export type Result<Value, Failure> = { ok: true; value: Value } | { ok: false; failure: Failure }

export const ok = <Value>(value: Value): { ok: true; value: Value } => ({ ok: true, value })

export const fail = <Failure>(failure: Failure): { ok: false; failure: Failure } => ({ ok: false, failure })

/** Ends a switch over a union. The compiler refuses the call while a case is missing.
 *  @throws always: reaching it at run time is a bug, most likely a message of another version. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`)
}

/** Says what must be true. @throws when it is not: that is a bug, never bad input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

/** The message of anything that was thrown; its type is unknown by nature. In plain words where a library's are not. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? (failureWords(thrown) ?? thrown.message) : String(thrown)
