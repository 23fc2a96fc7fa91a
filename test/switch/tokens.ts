// How FreeSWITCH takes a text apart: at a delimiter, minding quotes and backslashes, and then cleaning each piece of
// them. Every level of a dial string goes through this again, which is what makes injected text so dangerous: two
// characters `\n` have become a line feed before anybody looks.

/** Splits at a blank: runs of blanks count once, a quote that never closes swallows the rest. */
export function splitAtBlanks(text: string): string[] {
  const pieces: string[] = []
  let piece = ''
  let isQuoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char === '\\') {
      piece += char + (text[i + 1] ?? '')
      i += 1
      continue
    }
    if (char === "'") isQuoted = !isQuoted
    if (char === ' ' && !isQuoted) {
      if (piece !== '') pieces.push(piece)
      piece = ''
    } else piece += char
  }
  if (piece !== '') pieces.push(piece)
  return pieces.map(each => cleanPiece(each))
}

/** Splits at any other character. A text that begins with `^^x` is split at `x` instead. */
export function splitAt(text: string, delimiter: string): string[] {
  const chosen = /^\^\^(.)./s.exec(text)
  const source = chosen ? text.slice(3) : text
  const mark = chosen?.[1] ?? delimiter
  if (source === '') return []
  const pieces: string[] = ['']
  let isQuoted = false
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!
    if (char === '\\') {
      pieces[pieces.length - 1] += char + (source[i + 1] ?? '')
      i += 1
    } else if (char === mark && !isQuoted) {
      pieces.push('')
    } else {
      if (char === "'" && (isQuoted || source.includes("'", i + 1))) isQuoted = !isQuoted
      pieces[pieces.length - 1] += char
    }
  }
  // A delimiter at the very end begins no further piece.
  if (pieces.length > 1 && pieces.at(-1) === '') pieces.pop()
  return pieces.map(each => cleanPiece(each, mark))
}

/** Name and value at the first `=`, both cleaned, or undefined when there is no value. */
export function splitAssignment(text: string): readonly [name: string, value: string] | undefined {
  const at = text.indexOf('=')
  if (at < 0 || at === text.length - 1) return undefined
  return [cleanPiece(text.slice(0, at), '='), cleanPiece(text.slice(at + 1), '=')]
}

/** The index of the bracket that closes the one at the start, or -1. Quotes do not protect brackets. */
export function closingBracket(text: string, open: string, close: string): number {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === open) depth += 1
    else if (text[i] === close) {
      depth -= 1
      if (depth === 0) return i
    }
  }
  return -1
}

const UNESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', s: ' ' }

/** Takes quotes away, turns escapes into what they stand for, and trims blanks outside quotes. */
function cleanPiece(piece: string, delimiter = ''): string {
  let clean = ''
  // How much of `clean` stays when trailing blanks go: blanks inside quotes and escaped ones are kept.
  let keep = 0
  let isQuoted = false
  const text = piece.replace(/^ +/, '')
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    const next = text[i + 1]
    if (char === '\\' && next !== undefined) {
      const meant = '\'"\\'.includes(next) || next === delimiter ? next : UNESCAPED[next]
      if (meant !== undefined) {
        clean += meant
        keep = clean.length
        i += 1
        continue
      }
    }
    if (char === "'" && (isQuoted || text.includes("'", i + 1))) {
      isQuoted = !isQuoted
      if (isQuoted) keep = clean.length
      continue
    }
    clean += char
    if (char !== ' ' || isQuoted) keep = clean.length
  }
  return keep > 0 ? clean.slice(0, keep) : clean
}
