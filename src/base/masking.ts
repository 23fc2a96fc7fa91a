// Phone numbers and accounts as they are shown unless LOG_FULL_NUMBERS is set: by their last three characters, so that
// one caller's lines can be told apart from another's. And passwords and tokens, which are never shown: they are known
// by the names of their fields. Who hides what is decided where it is shown.

const ELLIPSIS = '…'

/** A number, an account or a caller's name: `…678`. */
export function mask(value: unknown): unknown {
  if (typeof value !== 'string' || value === '') return value
  return `${ELLIPSIS}${value.slice(-3)}`
}

/** An account, a number or an id of a user: it may be a name, which stays as it is, or be made of a
 *  number. Of a SIP address the user is masked, its domain is nobody's number. */
export function maskNumber(id: string): string {
  const at = id.indexOf('@')
  if (at >= 0) return maskNumber(id.slice(0, at)) + id.slice(at)
  return HOLDS_NUMBER.test(id) && !IS_UUID.test(id) ? String(mask(id)) : id
}

const HOLDS_NUMBER = /\d{4}/
const IS_UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Six digits and more, as people write them. Not ports, not addresses, not lines of a file. */
const NUMBER = /\+?\d[\d ()-]{4,}\d/.source

/** Times, UUIDs, hashes and keys: digits stand in them, and nobody's number. */
const ID = [
  /\b\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?/,
  /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/,
  /\b(?=\d*[a-f])[\da-f]{16,}\b/,
]
  .map(each => each.source)
  .join('|')

const ID_OR_NUMBER = new RegExp(`(${ID})|${NUMBER}`, 'gi')

/** A text in which somebody may have put a number. */
export const maskNumbersIn = (text: string, ellipsis = ELLIPSIS): string =>
  text.replace(ID_OR_NUMBER, (found, id?: string) =>
    id === undefined ? `${ellipsis}${found.slice(-3)}` : found,
  )

/** What stands in place of a secret. */
export const SECRET = '[secret]'

/** Names of fields whose value is never shown. */
export const SECRET_NAME =
  /token|passw|passphrase|pwd|secret|authorization|credential|dsn|response_?api|_pass(?:_|$)/i

/** The value without the secrets in it, at any depth. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  // JSON in a text: what it holds is not read.
  if (typeof value === 'string' && value.includes('{') && SECRET_NAME.test(value)) return SECRET
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      SECRET_NAME.test(name) && each !== null ? SECRET : withoutSecrets(each),
    ]),
  )
}

/** The same for JSON as it was sent; what holds no secret stays as it is. What can't be read is cut off where a secret
 *  may begin. */
export function withoutSecretsIn(text: string): string {
  const at = text.search(SECRET_NAME)
  if (at < 0) return text
  try {
    return JSON.stringify(withoutSecrets(JSON.parse(text)))
  } catch {
    // This is no JSON: where the secret ends is unknown, so the rest is left out.
    return `${text.slice(0, at)}${SECRET}`
  }
}
