// What the internal API shows of what it reads: phone numbers masked unless LOG_FULL_NUMBERS is set, passwords and
// tokens never. Names stay, and ids, or nobody would find the call.
import { mask, maskNumber, maskNumbersIn } from '../../base/masking.ts'

export interface Shown {
  /** A message of a call's channel, which anybody may have published. */
  message(message: unknown): unknown
  /** A sentence, such as a cause, that may quote what somebody sent. */
  text(text: string): string
  /** A user's id: a name, or made of a number. */
  userId(id: string): string
}

/** Fields of messages that hold no number, by their name: states, ids, times, paths. */
const PLAIN_NAME = /^(side|state|mode|agent|path|gateway|traceparent)$|(^|_)uuid\d?$|(^|_)id\d?$|_at$/i
/** A number, an account or a caller's name; some of them are named like an id. */
const PERSONAL_NAME = /number|^(caller_?id\w*|sip_user_id|account)$/i
/** Names, which may be made of a number. */
const USER_NAME = /^(user_?id|\w*user_?name)$/i

/** A JSON number of this size and more may be a phone number. */
const NUMBER_MIN = 100_000

const WHOLE: Shown = { message: value => value, text: text => text, userId: id => id }

export const createShown = (showsFullNumbers: boolean): Shown =>
  showsFullNumbers
    ? WHOLE
    : { message: value => masked(value, ''), text: text => maskNumbersIn(text), userId: maskNumber }

function masked(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map(each => masked(each, name))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, masked(each, key)]))
  if (typeof value !== 'string' && typeof value !== 'number') return value
  if (PERSONAL_NAME.test(name)) return mask(String(value))
  if (USER_NAME.test(name)) return maskNumber(String(value))
  if (PLAIN_NAME.test(name)) return value
  if (typeof value === 'string') return maskNumbersIn(value)
  return Number.isInteger(value) && value >= NUMBER_MIN ? mask(String(value)) : value
}
