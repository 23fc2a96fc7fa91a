// The launcher runs on the Node that a machine has, 20 or newer; here its modules run in Bun, which has all that came
// later. So what came later is looked for in their text.
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { Glob } from 'bun'

const DEPLOY = join(import.meta.dir, '../../deploy')

/** By the first Node that has it. https://node.green, and the changelogs of Node 21 to 24. */
const CAME_LATER: [what: string, pattern: RegExp][] = [
  ['Promise.withResolvers (22)', /\bwithResolvers\b/],
  ['Promise.try (24)', /\bPromise\.try\b/],
  ['Array.fromAsync (22)', /\bfromAsync\b/],
  ['groupBy (21)', /\bgroupBy\b/],
  [
    'methods of iterators (22)',
    /\bIterator\.|(?<!\bObject)\.(values|entries|keys|matchAll)\([^()]*\)\.(map|filter|flatMap|some|every|find|toArray|take|drop|reduce|forEach)\(/,
  ],
  [
    'set algebra (22)',
    /\.(isSubsetOf|isSupersetOf|isDisjointFrom|union|intersection|difference|symmetricDifference)\(/,
  ],
  ['using (24)', /^\s*(await )?using \w+ =/m],
  ['RegExp.escape (24)', /\bRegExp\.escape\b/],
  ['Uint8Array to and from hex (25)', /\.(toHex|fromHex|toBase64|fromBase64|setFromHex)\(/],
  ['WebSocket and EventSource (22)', /\bnew (WebSocket|EventSource)\b/],
  ['import attributes without a flag (22)', /^import .* with \{/m],
  ['globbing of files (22)', /\b(globSync|fs\.glob)\b|\{[^}]*\bglob\b[^}]*\} from 'node:fs/],
  ['import.meta.main (24)', /\bimport\.meta\.main\b/],
  ['SQLite (22)', /node:sqlite/],
  ['getBuiltinModule (22)', /\bgetBuiltinModule\b/],
]

test.each([...new Glob('**/*.mjs').scanSync(DEPLOY)].sort())('deploy/%s runs on Node 20', async path => {
  const text = await Bun.file(join(DEPLOY, path)).text()
  expect(CAME_LATER.filter(([, pattern]) => pattern.test(text)).map(([what]) => what)).toEqual([])
})
