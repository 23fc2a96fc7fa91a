// Numbers are masked, names are not.
import { expect, test } from 'bun:test'
import { mask, maskNumber, maskNumbersIn } from '../../src/base/masking.ts'

test.each([
  ['15105550101', '…101'],
  ['+1 (510) 555-0101', '…101'],
  ['1001', '…001'],
  ['user-4711', '…711'],
  ['u15105550101', '…101'],
  ['agent-2', 'agent-2'],
  ['cli', 'cli'],
  ['42', '42'],
  ['ann.smith', 'ann.smith'],
  ['', ''],
  ['550e8400-e29b-41d4-a716-446655440000', '550e8400-e29b-41d4-a716-446655440000'],
])('the user %s is shown as %s', (id, shown) => {
  expect(maskNumber(id)).toBe(shown)
})

test.each([
  ['no route to 15105550101', 'no route to …101'],
  ['sip:+15105550101@10.0.0.7:5060 refused', 'sip:…101@10.0.0.7:5060 refused'],
  ['(510) 555 0101, then 0044 20 7946 0958', '(…101, then …958'],
  ['NO_ANSWER', 'NO_ANSWER'],
  [
    'call 30902fd2-1234-4453-9012-a302bdad81de of 15105550101',
    'call 30902fd2-1234-4453-9012-a302bdad81de of …101',
  ],
  ['key 0123456789abcdef0123456789abcdef', 'key 0123456789abcdef0123456789abcdef'],
  ['key 0123456789012345', 'key …345'],
  ['since 2026-11-30T08:15:00.123Z, on 2026-11-30', 'since 2026-11-30T08:15:00.123Z, on 2026-11-30'],
  ['503 from 10.0.0.7:5060', '503 from 10.0.0.7:5060'],
])('in a text: %s', (text, shown) => {
  expect(maskNumbersIn(text)).toBe(shown)
})

test('what is no text stays what it is', () => {
  expect([mask(undefined), mask(7), mask('')]).toEqual([undefined, 7, ''])
})
