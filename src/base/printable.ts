// What strangers sent, made harmless for whoever reads it: a terminal obeys control characters, and bidi overrides
// show a text in another order than it has. The command line, the API and the log let their texts through here.

/** Controls (Cc) but those that JSON and this file treat apart; what changes the direction of text (Unicode UAX 9); the
 *  two characters that some readers take for line ends. */
const RAW = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const CONTROLS = /\p{Cc}/gu

const INSTEAD = '?'

/** One line of text. */
export const printable = (text: string): string => text.replace(CONTROLS, INSTEAD).replace(RAW, INSTEAD)

/** Every backslash of JSON begins one of these, so they are found in their order. */
const ESCAPES = /\\(?:u([0-9a-fA-F]{4})|(.))/g

/** The same for all texts in JSON, without reading it. @param keepsLines leaves line feeds, returns and tabs: stacks. */
export function printableJson(json: string, { keepsLines = false } = {}): string {
  const clean = json.replace(RAW, INSTEAD)
  if (!clean.includes('\\')) return clean
  return clean.replace(ESCAPES, (whole, code: string | undefined, letter: string | undefined) => {
    const character =
      code === undefined ? CONTROL_LETTERS[letter!] : String.fromCharCode(Number.parseInt(code, 16))
    if (character === undefined) return whole
    if (keepsLines && LINES.has(character)) return whole
    return printable(character) === character ? whole : INSTEAD
  })
}

const CONTROL_LETTERS: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const LINES: ReadonlySet<string> = new Set(['\n', '\r', '\t'])

/** A line of a terminal's, which may be coloured by ECMA-48 sequences of ours. */
export function printableLine(line: string, { hasColour }: { hasColour: boolean }): string {
  if (!hasColour) return line.replace(/\p{Cc}/gu, keepLines).replace(RAW, INSTEAD)
  return line
    .split(SGR)
    .map((part, index) => (index % 2 === 1 ? part : printableLine(part, { hasColour: false })))
    .join('')
}

/** Not a carriage return: it would write over what stands in the line. */
const keepLines = (control: string): string => (control === '\n' || control === '\t' ? control : INSTEAD)

// Biome would have the escape character out of a regular expression; it is what starts a colour.
const SGR = new RegExp(`(${String.fromCharCode(27)}\\[\\d{1,2}m)`)

/** All texts of a value that is about to become JSON, where they stand. */
export function makePrintable(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, each] of Object.entries(value)) {
    if (typeof each === 'string') {
      const clean = printable(each)
      if (clean !== each) (value as Record<string, unknown>)[key] = clean
    } else makePrintable(each)
  }
}
