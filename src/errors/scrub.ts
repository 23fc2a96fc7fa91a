// Takes secrets and people's numbers out of texts before they leave the process. Our own messages hold none; those of
// libraries may quote what they were given: a URL with its password, a token, a number that did not parse.

import { mask, maskNumbersIn, SECRET, SECRET_NAME } from '../base/masking.ts'

export interface ScrubSettings {
  /** Values of settings that must never be seen. */
  secrets: readonly string[]
  /** `LOG_FULL_NUMBERS`: phone numbers and accounts stay whole. */
  showsFullNumbers: boolean
}

/** A secret that is shorter would be found in ordinary words. */
const SECRET_CHARACTERS_MIN = 6

/** Keys of fields that hold a number, a name or an account. */
const PERSONAL_NAME =
  /^(account|phone_?number|caller_?id|caller_?number|callee_?number|user_?id|sip_user_id)$/i

/** Keys of fields that name a call or a machine: without them nobody finds the call. */
const ID_NAME = /^((dial|call)_?id|agent|switch|pod|dead|from|worker|name)$/i

const PATTERNS: readonly [RegExp, string][] = [
  // JSON Web Tokens: ours, and those that apps send.
  [/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, SECRET],
  [/-----BEGIN [A-Z ]+-----[^-]*(-----END [A-Z ]+-----)?/g, SECRET],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${SECRET}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${SECRET}`],
  [/\b(\w*(?:token|password|secret)\w*["']?\s*[:=]\s*["']?)[^\s"',;&]+/gi, `$1${SECRET}`],
]

export interface Scrubber {
  text(text: string): string
  /** A field's value by its name, and all that is in it. */
  value(value: unknown, name?: string): unknown
}

export function createScrubber({ secrets, showsFullNumbers }: ScrubSettings): Scrubber {
  const known = secrets.filter(secret => secret.length >= SECRET_CHARACTERS_MIN)

  function withoutSecrets(given: string): string {
    let clean = given
    for (const secret of known) clean = clean.replaceAll(secret, SECRET)
    for (const [pattern, instead] of PATTERNS) clean = clean.replace(pattern, instead)
    return clean
  }

  const text = (given: string): string =>
    showsFullNumbers ? withoutSecrets(given) : maskNumbersIn(withoutSecrets(given))

  function value(given: unknown, name = ''): unknown {
    if (SECRET_NAME.test(name)) return SECRET
    if (typeof given === 'string') {
      if (ID_NAME.test(name)) return withoutSecrets(given)
      return !showsFullNumbers && PERSONAL_NAME.test(name) ? mask(given) : text(given)
    }
    if (Array.isArray(given)) return given.map(each => value(each))
    if (typeof given !== 'object' || given === null) return given
    return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, value(each, key)]))
  }

  return { text, value }
}
