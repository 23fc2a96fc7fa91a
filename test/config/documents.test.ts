// The documents that are made from the settings: complete, and as they stand in the repository.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { readConfig } from '../../src/config/config.ts'
import { settingsEnv, settingsMarkdown } from '../../src/config/documents.ts'
import { SETTINGS } from '../../src/config/settings.ts'

const ROOT = join(import.meta.dir, '../..')
const settings = Object.values(SETTINGS)
/** What mends a stale document. */
const HINT = 'run: npm run docs'

describe('docs/settings.md', () => {
  test(`is what the settings say (else ${HINT})`, async () => {
    expect(await Bun.file(join(ROOT, 'docs', 'settings.md')).text()).toBe(settingsMarkdown())
  })

  test('has every setting once, in one table, with default and meaning', () => {
    const rows = settingsMarkdown()
      .split('\n')
      .filter(line => line.startsWith('| `'))
    expect(rows.map(row => /^\| `(\w+)`/.exec(row)?.[1])).toEqual(settings.map(each => each.env))
    for (const [index, { about, fallbackText, allowed }] of settings.entries()) {
      const cells = rows[index]!.split(/(?<!\\)\|/).map(cell => cell.trim())
      expect(cells.slice(2, 5)).toEqual([
        fallbackText === '' ? '' : `\`${fallbackText}\``,
        allowed,
        about.replaceAll('|', '\\|'),
      ])
    }
  })
})

describe('.env.example', () => {
  test(`is what the settings say (else ${HINT})`, async () => {
    expect(await Bun.file(join(ROOT, '.env.example')).text()).toBe(settingsEnv())
  })

  test('with every # taken off is the defaults', () => {
    const given = [...settingsEnv().matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value])
    expect(given.map(([name]) => name)).toEqual(settings.map(each => each.env))
    const withoutLists = (config: object) =>
      Object.fromEntries(Object.entries(config).filter(([, value]) => typeof value !== 'function'))
    const [asGiven, byDefault] = [readConfig(Object.fromEntries(given)), readConfig({})]
    if (!asGiven.ok || !byDefault.ok) throw new Error('the defaults are no good settings')
    expect(withoutLists(asGiven.value)).toEqual(withoutLists(byDefault.value))
  })
})
