// Phone numbers and accounts as they are shown unless LOG_FULL_NUMBERS is set: by their last three characters, so that
// one caller's lines can be told apart from another's. Who masks what is decided where it is shown.

const ELLIPSIS = '…'

/** A number, an account or a caller's name: `…678`. */
export function mask(value: unknown): unknown {
  if (typeof value !== 'string' || value === '') return value
  return `${ELLIPSIS}${value.slice(-3)}`
}

/** A user's id may be a name, which stays as it is, or be made of a number. */
export const maskNumber = (id: string): string =>
  HOLDS_NUMBER.test(id) && !IS_UUID.test(id) ? String(mask(id)) : id

const HOLDS_NUMBER = /\d{4}/
const IS_UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Six digits and more, as people write them. Not ports, not addresses, not lines of a file. */
const NUMBER = /\+?\d[\d ()-]{4,}\d/.source

/** UUIDs, hashes and keys: digits stand in them, and nobody's number. */
const ID = /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b|\b(?=\d*[a-f])[\da-f]{16,}\b/.source

const ID_OR_NUMBER = new RegExp(`(${ID})|${NUMBER}`, 'gi')

/** A text in which somebody may have put a number. */
export const maskNumbersIn = (text: string, ellipsis = ELLIPSIS): string =>
  text.replace(ID_OR_NUMBER, (found, id?: string) =>
    id === undefined ? `${ellipsis}${found.slice(-3)}` : found,
  )
