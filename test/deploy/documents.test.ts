// What the documents tell people to type, held against what happens when they do: in zsh, outside a checkout.
import { expect, test } from 'bun:test'
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
