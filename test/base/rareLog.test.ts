// What strangers cause is logged at a bounded rate, whoever they are and however often they come.
import { expect, test } from 'bun:test'
import { createRareLog } from '../../src/base/rareLog.ts'
import { MS_PER_MINUTE } from '../../src/base/units.ts'

function opened() {
  const lines: object[] = []
  const at = { ms: 1_000_000 }
  const warn = (fields: object) => lines.push(fields)
  return { at, lines, note: createRareLog({ warn } as never, () => at.ms) }
}

test('the first of a kind is a line, the next ones are counted for the next line', () => {
  const { at, lines, note } = opened()
  for (let time = 0; time < 3; time++) note('a', { client: 'a' }, 'refused')
  note('b', { client: 'b' }, 'refused')
  expect(lines).toEqual([{ client: 'a' }, { client: 'b', withheld: 2 }])
  at.ms += MS_PER_MINUTE - 1
  note('a', { client: 'a' }, 'refused')
  expect(lines).toHaveLength(2)
  at.ms += 1
  note('a', { client: 'a' }, 'refused')
  expect(lines.at(-1)).toEqual({ client: 'a', withheld: 1 })
})

test('many kinds are no way around it', () => {
  const { at, lines, note } = opened()
  for (let kind = 0; kind < 10_000; kind++) note(String(kind), {}, 'refused')
  expect(lines).toHaveLength(20)
  at.ms += MS_PER_MINUTE
  note('x', {}, 'refused')
  expect(lines.at(-1)).toEqual({ withheld: 9_980 })
})

test('a clock that is set back does not silence it', () => {
  const { at, lines, note } = opened()
  note('a', {}, 'refused')
  at.ms -= 10 * MS_PER_MINUTE
  note('a', {}, 'refused')
  expect(lines).toHaveLength(2)
})
