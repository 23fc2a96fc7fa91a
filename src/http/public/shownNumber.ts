// The caller's number as a phone shows it. PBXs send what their line brought: a number in any spelling, a URI, a word for
// a number that is withheld, or nothing. A phone rings with all of them.
import type { Check } from '../form.ts'
import { shownText } from '../text.ts'

/** What stands for a number that nobody can show; published apps know the word. */
const ANONYMOUS = 'anonymous'

/** Twice the longest number there is (E.164: 15 digits), in any spelling; a user's name fits in too. */
const CHARACTERS_MAX = 64

/** A name-addr or a URI of telephones (RFC 3261, 20.10; RFC 3966): who calls is the first group. */
const URI = /^(?:[^<]*<)?\s*(?:sips?|tel):([^>;?]*)/i

export const shownNumber: Check<string> = {
  expects: 'a number, or anything else that names who calls',
  plus: 'number',
  read(given) {
    const text = typeof given === 'number' ? String(given) : given
    return typeof text === 'string' ? shownText(callerIn(text), CHARACTERS_MAX) || ANONYMOUS : undefined
  },
}

/** The number or the user of a URI; any other text as it is. */
function callerIn(text: string): string {
  const called = URI.exec(text)?.[1]
  if (called === undefined) return text
  const at = called.lastIndexOf('@')
  if (at < 0) return unescaped(called)
  // A password may follow the user (RFC 3261, 19.1.1): it is not shown.
  return unescaped(called.slice(0, at).replace(/:.*$/, ''))
}

function unescaped(user: string): string {
  try {
    return decodeURIComponent(user)
  } catch {
    // A `%` stands for itself here: the user is shown as it was sent.
    return user
  }
}
