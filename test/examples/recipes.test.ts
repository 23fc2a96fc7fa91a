// The recipes of docs/pbx-recipes.md and the files of examples/pbx are one text: whoever mends one mends both.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Glob } from 'bun'

const ROOT = join(import.meta.dir, '../..')
const PBX = join(ROOT, 'examples/pbx')

const recipes = await Bun.file(join(ROOT, 'docs/pbx-recipes.md')).text()
const pasted = recipes.slice(recipes.indexOf('\n## Asterisk\n'))
/** What is pasted into a PBX, not what is typed or shown. */
const blocks = [...pasted.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
  .filter(([, language]) => language === '' || language === 'xml')
  .map(([, , text]) => text!)

const files = await Promise.all(
  [...new Glob('**/*.{conf,xml,cfg}').scanSync(PBX)].toSorted().map(async path => ({
    path,
    // A file for Kamailio has parts, each under a line that says where it goes.
    parts: (await Bun.file(join(PBX, path)).text())
      .split(/^##### .*\n/m)
      .filter(part => part.trim() !== '')
      .map(part => part.trimEnd()),
  })),
)

describe('a file of examples/pbx', () => {
  test.each(files)('$path is what the recipe says', ({ parts }) => {
    const known = blocks.map(each => each.trimEnd())
    expect(parts.filter(part => !known.includes(part))).toEqual([])
  })
})

test('each block of a recipe stands in a file', () => {
  const known = files.flatMap(each => each.parts)
  expect(blocks.length).toBeGreaterThan(15)
  expect(blocks.map(each => each.trimEnd()).filter(block => !known.includes(block))).toEqual([])
})

test('each dialplan that opens a socket goes on when hookswitch dies at accept', async () => {
  const documents = [...new Glob('docs/*.md').scanSync(ROOT), 'README.md']
  const texts = await Promise.all(documents.map(path => Bun.file(join(ROOT, path)).text()))
  const opening = texts
    .flatMap(text => [...text.matchAll(/^```xml\n(.*?)^```$/gms)].map(([, block]) => block!))
    .filter(block => block.includes('application="socket"'))
  expect(opening.length).toBeGreaterThanOrEqual(3)
  expect(opening.filter(block => !block.includes('socket_resume=true'))).toEqual([])
})
