// Bytes of strangers made into text, and forms into fields: whatever comes, text comes out that can be shown, and what
// was sent by the rules is read by the rules.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { formFields, readBody } from '../../src/http/body.ts'
import { shownText, textOf } from '../../src/http/text.ts'

/** Bytes as they come from outside: any, or some of UTF-8 with pieces cut out. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc
    .tuple(fc.string({ unit: 'binary', maxLength: 100 }), fc.nat(50), fc.nat(50))
    .map(([text, from, count]) => {
      const whole = [...new TextEncoder().encode(text)]
      whole.splice(from, count)
      return Uint8Array.from(whole)
    }),
)

describe('text', () => {
  test('that is UTF-8 is read as it was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(textOf(new TextEncoder().encode(text))).toBe(text.toWellFormed())
      }),
    )
  })

  test('is made of any bytes, and no sequence that was whole is lost', () => {
    fc.assert(
      fc.property(bytes, fc.string({ unit: 'grapheme', maxLength: 20 }), (around, kept) => {
        const text = textOf(Buffer.concat([around, Buffer.from(` ${kept} `), around]))
        expect(text.isWellFormed()).toBe(true)
        expect(text).toContain(` ${kept} `)
      }),
    )
  })

  test('that is shown is one line without controls or overrides, of so many characters, and stays so', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 60 }), (given, charactersMax) => {
        const shown = shownText(textOf(given), charactersMax)
        expect([...shown].length).toBeLessThanOrEqual(charactersMax)
        expect(shown).toBe(shown.trim())
        expect(shown).not.toMatch(/\p{Cc}|\p{Cs}|\s\s|[\u202a-\u202e\u2066-\u2069\ufffd]/u)
        expect(shownText(shown, charactersMax)).toBe(shown)
      }),
    )
  })

  test('that is plain is not touched', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{1,20}( [!-~]{1,20}){0,3}$/), text => {
        expect(shownText(text, 255)).toBe(text)
      }),
    )
  })
})

describe('a form', () => {
  const latin1 = (text: string) => Buffer.from(text).toString('latin1')

  test('that was encoded by the rules is read by the rules', () => {
    const fields = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), {
      maxKeys: 20,
    })
    fc.assert(
      fc.property(fields, sent => {
        const encoded = new URLSearchParams(sent)
        const read = formFields(latin1(encoded.toString()))
        if (!read.ok) throw new Error(read.failure.detail)
        for (const [name, value] of encoded) expect(read.value.get(name, 'blank')).toBe(value.trim())
        expect(read.value.get('no such field', 'blank')).toBeUndefined()
      }),
    )
  })

  test('that was not encoded at all is read as URLSearchParams reads it', () => {
    // No two of them make the code of a byte that is no UTF-8, which is read as Latin-1.
    const pieces = fc.array(
      fc.constantFrom('x', 'y', '=', '&', '+', '%', '%2', '%41', '%e2%82%ac', 'é', ';', '&&', '=='),
    )
    fc.assert(
      fc.property(pieces, parts => {
        const text = parts.join('')
        const read = formFields(latin1(text))
        if (!read.ok) throw new Error(read.failure.detail)
        for (const name of new Set(new URLSearchParams(text).keys()))
          expect(read.value.get(name, 'blank')).toBe(new URLSearchParams(text).getAll(name).at(-1)!.trim())
      }),
    )
  })

  test('in which nothing is a field costs nothing but its length, and is refused beyond 100', () => {
    for (const junk of ['+&', '&', '%&', '=&', 'a=&'])
      expect([junk, formFields(junk.repeat(101)).ok]).toEqual([junk, junk === '&'])
  })
})

describe('a body', () => {
  const types = [
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=xYz',
    'text/xml',
    '',
  ].concat(
    'application/json; charset=utf-16',
    'multipart/form-data',
    'application/x-www-form-urlencoded;charset=ü',
  )
  const isForm = (type: string) =>
    /^(application\/(json|x-www-form-urlencoded)|multipart\/form-data)\b/.test(type)
  const pieces = [
    '{"a":',
    '"',
    '}',
    '[',
    '\\',
    '--xYz',
    '\r\n',
    'Content-Disposition: form-data; name="a"',
    '&',
    '=',
    '%',
    '\xff',
    '\0',
  ]
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(fc.constantFrom(...pieces)).map(parts => Uint8Array.from(Buffer.from(parts.join(''), 'latin1'))),
  )

  test('of any bytes and any type is read or refused, and never a failure', async () => {
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(...types), async (bytes, type) => {
        const headers =
          type === '' ? new Headers() : new Headers({ 'content-type': encodeURI(type).replace('%20', ' ') })
        const read = await readBody(new Request('http://a/', { method: 'POST', body: bytes, headers }))
        if (read.ok) expect(read.value.get('a', 'number') ?? read.value.all()).toBeDefined()
        else expect(read.failure.status).toBe(isForm(type) ? 400 : 415)
      }),
      { numRuns: 1_000 },
    )
  })
})
