// Reads the JSON of APPS_FILE and of key files, and says of broken text where it breaks, by line and column, and how:
// the platform's parser says neither. The text itself is never quoted, because half of it is secrets.
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { fail, ok, type Result } from '../base/result.ts'

/** What editors on Windows write before the first character. */
const BYTE_ORDER_MARK = /^\uFEFF/

/** By the name of jsonc-parser's code. */
const WORDS: Partial<Record<string, string>> = {
  CommaExpected: 'a comma is missing before this',
  ColonExpected: 'a colon is missing before this',
  PropertyNameExpected: 'a name in double quotes must stand here (is there a comma too many?)',
  ValueExpected: 'a value must stand here (is there a comma too many?)',
  CloseBraceExpected: 'a } is missing',
  CloseBracketExpected: 'a ] is missing',
  EndOfFileExpected: 'nothing may stand behind the end',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfComment: 'JSON has no comments',
  UnexpectedEndOfString: 'a text has no closing quote',
  InvalidUnicode: 'a \\u needs four hexadecimal digits behind it',
  InvalidEscapeCharacter: 'a \\ is written \\\\ in JSON',
  InvalidCharacter: 'a line end or a tab stands in a text: write \\n or \\t',
  InvalidNumberFormat: 'a number is malformed',
  InvalidSymbol:
    'this is no JSON: texts and names stand in straight double quotes ("), not in typographic or single ones',
}

/** @returns the place of the first mistake and what it is: `line 3, column 12: a comma is missing before this`. */
export function readJson(text: string): Result<unknown, string> {
  const given = text.replace(BYTE_ORDER_MARK, '')
  if (given.trim() === '') return fail('is empty')
  const errors: ParseError[] = []
  const value: unknown = parse(given, errors, { disallowComments: true })
  const [first] = errors
  return first === undefined ? ok(value) : fail(placed(given, first))
}

function placed(text: string, { error, offset }: ParseError): string {
  const before = text.slice(0, offset).split('\n')
  const place = `line ${before.length}, column ${before.at(-1)!.length + 1}`
  return `${place}: ${WORDS[printParseErrorCode(error)] ?? 'this is no JSON'}`
}
