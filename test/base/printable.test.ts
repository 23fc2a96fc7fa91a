// What strangers sent can neither steer a terminal nor show itself in another order, wherever it is shown.
import { describe, expect, test } from 'bun:test'
import { makePrintable, printable, printableJson, printableLine } from '../../src/base/printable.ts'

const chars = (...codes: number[]) => codes.map(code => String.fromCharCode(code)).join('')

const C0 = chars(...Array.from({ length: 32 }, (_, code) => code))
const DELETE_AND_C1 = chars(...Array.from({ length: 33 }, (_, code) => 0x7f + code))
const BIDI = '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069'
const LINE_ENDS = '\u2028\u2029'

/** What people write, and stays as it is: joiners of emoji and scripts, every script, what JSON escapes. */
const GOOD = [
  'José "Jos\\é" Ünal',
  '田中',
  'שלום',
  'مرحبا\u200cسلام',
  '👩‍👩‍👧 🏴',
  '…678',
  'a\\u202eb',
  'C:\\new\\b',
  '/x',
]

describe('printable', () => {
  test.each(
    [...C0, ...DELETE_AND_C1, ...BIDI, ...LINE_ENDS].map(each => [each.charCodeAt(0).toString(16), each]),
  )('lets no U+%s through, in any of its forms', (_, character) => {
    const text = `a${character}b`
    expect(printable(text)).toBe('a?b')
    expect(JSON.parse(printableJson(JSON.stringify({ text, [text]: [text] })))).toEqual({
      text: 'a?b',
      'a?b': ['a?b'],
    })
    const value = { text, list: [text, { text }] }
    makePrintable(value)
    expect(value).toEqual({ text: 'a?b', list: ['a?b', { text: 'a?b' }] })
    const kept = '\n\t'.includes(character)
    expect(printableLine(text, { hasColour: false })).toBe(kept ? text : 'a?b')
    expect(printableLine(text, { hasColour: true })).toBe(kept ? text : 'a?b')
  })

  test.each(GOOD)('leaves %s as it is', text => {
    expect(printable(text)).toBe(text)
    expect(JSON.parse(printableJson(JSON.stringify({ text })))).toEqual({ text })
    expect(printableLine(text, { hasColour: false })).toBe(text)
    const value = { text }
    makePrintable(value)
    expect(value).toEqual({ text })
  })

  test('finds what JSON wrote as an escape, and nothing that only looks like one', () => {
    const json = String.raw`{"a":"\u202E\u001B\u009b\\u001b\\\u001b\\n\n"}`
    expect(JSON.parse(printableJson(json))).toEqual({ a: String.raw`???\u001b\?\n?` })
    expect(JSON.parse(printableJson(json, { keepsLines: true })).a).toEndWith('\n')
  })

  test('leaves our colours to a terminal that has them, and no other sequence', () => {
    const line = '\x1b[31mred\x1b[0m \x1b[2Jcleared \x1b]0;title\x07 \x1b[1000D'
    expect(printableLine(line, { hasColour: true })).toBe('\x1b[31mred\x1b[0m ?[2Jcleared ?]0;title? ?[1000D')
    expect(printableLine(line, { hasColour: false })).not.toContain('\x1b')
  })
})
