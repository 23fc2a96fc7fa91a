// What the documents tell people to type, held against what happens when they do: in zsh, outside a checkout.
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Glob } from 'bun'
import { OBSTACLES } from '../../src/http/internal/probes.ts'

const ROOT = join(import.meta.dir, '../..')

const documents = await Promise.all(
  [
    '*.md',
    'docs/*.md',
    'deploy/**/*.{yaml,service}',
    'src/**/*.{ts,html}',
    'examples/**/*.{ts,md,sh}',
    'Dockerfile',
  ]
    .flatMap(pattern => [...new Glob(pattern).scanSync(ROOT)])
    .map(async path => ({ path, text: await Bun.file(join(ROOT, path)).text() })),
)

test('nobody is told to run npx, which fetches a stranger’s package where there is none of that name', () => {
  const told = documents.filter(({ text }) =>
    text.replaceAll('Not `npx hookswitch`', '').includes('npx hookswitch'),
  )
  expect(told.map(({ path }) => path)).toEqual([])
})

test('what is to be pasted has no comment behind it: an interactive zsh passes its words to the command', () => {
  const blocks = documents
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) =>
        block!.split('\n').map(line => `${path}: ${line}`),
      ),
    )
  expect(blocks.length).toBeGreaterThan(0)
  expect(blocks.filter(line => /\s#\s/.test(line.replace(/'[^']*'/g, "''")))).toEqual([])
})

test('the runbook has a word on each obstacle that /readyz names', async () => {
  const runbook = await Bun.file(join(ROOT, 'docs/operations.md')).text()
  const part = /^### Not ready\n(.*?)^### /ms.exec(runbook)?.[1]
  for (const obstacle of OBSTACLES) expect(part).toContain(`\`${obstacle}\``)
  // A process that serves PBXs stays ready without a switch: `manifests` and `service` rely on it.
  expect(part).toContain('`ROLE=agent` alone')
})

test('each test that failure-modes.md names is there, in one of the files that its row names', async () => {
  const rows = (await Bun.file(join(ROOT, 'docs/failure-modes.md')).text())
    .split('\n')
    .filter(line => line.startsWith('| ') && line.includes('.ts`'))
  expect(rows.length).toBeGreaterThan(40)
  const paths = [...new Glob('test/**/*.ts').scanSync(ROOT)]
  const missing: string[] = []
  for (const row of rows) {
    const shown = row.split(' | ').at(-1)!
    const named = [...shown.matchAll(/`([\w./]+\.ts)`/g)].map(
      ([, name]) => paths.find(path => path.endsWith(name!)) ?? '',
    )
    const sources = (await Promise.all(named.map(path => Bun.file(join(ROOT, path)).text()))).join('\n')
    for (const [, words] of shown.matchAll(/"([^"]+)"/g)) {
      const parts = words!.split(' … ').map(part => part.replaceAll("'", "\\'"))
      if (!parts.every(part => sources.replaceAll(/\\?'/g, "\\'").includes(part))) missing.push(words!)
    }
  }
  expect(missing).toEqual([])
})

test('each path that CONTRIBUTING.md names is there', async () => {
  const text = await Bun.file(join(ROOT, 'CONTRIBUTING.md')).text()
  const named = [...text.matchAll(/`((?:src|test|workers|docs|examples|bench)\/[\w./-]*)`/g)].map(
    ([, path]) => path!,
  )
  const linked = [...text.matchAll(/\]\(([\w./-]+)\)/g)].map(([, path]) => path!)
  expect(named.length).toBeGreaterThan(15)
  expect([...named, ...linked].filter(path => !existsSync(join(ROOT, path)))).toEqual([])
})

test('docs/operations.md lists every check of the doctor, and none that is not there', async () => {
  const operations = await Bun.file(join(ROOT, 'docs/operations.md')).text()
  const table = /\| part \| `check` \| looks at \|\n(.*?)\n\n/s.exec(operations)![1]!
  const listed = new Set(
    table
      .split('\n')
      .flatMap(row => [...(row.split('|')[2] ?? '').matchAll(/`([a-z ]+)`/g)].map(([, check]) => check!)),
  )
  const rooms = [
    'src/doctor/*.ts',
    'src/**/{checkup,*Checkup,exposure,socketTrial,finding}.ts',
    'src/redis/checkup/*.ts',
  ]
  const paths = rooms.flatMap(pattern => [...new Glob(pattern).scanSync(ROOT)])
  const sources = await Promise.all([...new Set(paths)].map(path => Bun.file(join(ROOT, path)).text()))
  const made =
    /(?:\b(?:problem|warning|fine|careless|trouble)\(\s*|\b(?:check|CHECK|SEND|SIGN_IN|TOPOLOGY) = (?:isSandbox \? )?)'([a-z ]+)'(?: : '([a-z ]+)')?/g
  const known = new Set(
    sources.flatMap(source =>
      [...source.matchAll(made)].flatMap(([, one, other]) => (other ? [one!, other] : [one!])),
    ),
  )
  expect([...known].filter(check => !listed.has(check)).toSorted()).toEqual([])
  expect([...listed].filter(check => !known.has(check)).toSorted()).toEqual([])
})
