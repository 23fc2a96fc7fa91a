// Each Lua script tells in its header what each of its keys and arguments is, one a line: `-- KEYS[1]: …`. Whoever calls
// it passes them by their number, so one that is not named is one that is mixed up some day.
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { Glob } from 'bun'

const ROOM = join(import.meta.dir, '../../src/redis')
const scripts = [...new Glob('**/*.lua').scanSync(ROOM)].sort()

/** The numbers that a text names of `KEYS` or `ARGV`, each once. */
const numbersIn = (text: string, array: string): number[] =>
  [
    ...new Set([...text.matchAll(new RegExp(`${array}\\[(\\d+)\\]`, 'g'))].map(found => Number(found[1]))),
  ].sort((a, b) => a - b)

test('there are scripts', () => {
  expect(scripts.length).toBeGreaterThan(15)
})

test.each(scripts)('%s names its keys and arguments', async script => {
  const lines = (await Bun.file(join(ROOM, script)).text()).split('\n')
  const end = lines.findIndex(line => !line.startsWith('--'))
  const [header, body] = [lines.slice(0, end), lines.slice(end).join('\n')]
  for (const array of ['KEYS', 'ARGV']) {
    const named = header.filter(line => line.startsWith(`-- ${array}[`))
    // `-- ARGV[4], ARGV[5] …: what` is the last line of its kind: from there on there are as many as are passed.
    const isWellFormed = (line: string, index: number) =>
      line.startsWith(`-- ${array}[${index + 1}]: `) ||
      (index === named.length - 1 && line.startsWith(`-- ${array}[${index + 1}], ${array}[${index + 2}] …: `))
    expect(named.filter((line, index) => !isWellFormed(line, index))).toEqual([])
    const isOpen = named.at(-1)?.includes('…: ') === true
    const unnamed = numbersIn(body, array).filter(number => number > named.length && !isOpen)
    expect(unnamed).toEqual([])
  }
})
