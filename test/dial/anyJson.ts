// JSON of any shape, with what has made readers stumble: objects that seem to have a `toString`, arrays of one text,
// numbers that are no number here, deep nesting, lone surrogates.
import fc from 'fast-check'

const odd = fc.constantFrom<unknown>(
  { toString: 1 },
  { valueOf: 1, toString: { toString: 1 } },
  ['15550000001'],
  [[['1']]],
  JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`),
  JSON.parse('{"__proto__":{"toString":1}}'),
  1e308,
  -0,
  2 ** 53,
  '\ud800',
  '1'.repeat(400),
)

export const anyJson: fc.Arbitrary<unknown> = fc.oneof(odd, fc.jsonValue())
