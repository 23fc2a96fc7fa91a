// The settings as documents, made from the table that reads them: one Markdown table, and an environment file with
// every default. Nothing is read from the environment here and nothing is written; `npm run docs` puts both in place.
import { SETTINGS } from './settings.ts'

/** Parts of the documents: each begins at a setting and goes on to the next part's. A new setting therefore belongs to
 *  the part in which it stands in the table. */
const PARTS: { title: string; first: keyof typeof SETTINGS }[] = [
  { title: 'Process and listeners', first: 'role' },
  { title: 'Redis', first: 'redisUrl' },
  { title: 'Wake: pushes and waits', first: 'appApiUrl' },
  { title: 'Who may come in', first: 'pbxAllow' },
  { title: 'Size of the front', first: 'waitsMax' },
  { title: 'Dial: switches and jobs', first: 'eslSwitches' },
  { title: 'Log', first: 'logLevel' },
]

/** One row of a document. */
interface Row {
  env: string
  about: string
  fallbackText: string
  allowed: string
}

/** `docs/settings.md`. */
export function settingsMarkdown(): string {
  const rows = settingsByPart().flatMap(({ title, rows }) => [
    `| **${title}** | | | |`,
    ...rows.map(
      ({ env, fallbackText, allowed, about }) =>
        `| \`${env}\` | ${code(fallbackText)} | ${allowed} | ${cell(about)} |`,
    ),
  ])
  return [
    '# Settings',
    '',
    'All of them come from the environment; each has a default. This table and `.env.example` are made from',
    '`src/config/settings.ts` by `npm run docs`; a test fails when they are stale. A wrong setting stops the start with exit code',
    '78, and all mistakes are named at once. `hookswitch doctor` tries what the settings lead to',
    '([Doctor](operations.md#doctor)).',
    '',
    '| setting | default | allowed | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

/** `.env.example`: a comment for each setting, and its default, commented out. */
export function settingsEnv(): string {
  const parts = settingsByPart().flatMap(({ title, rows }) => [
    `# --- ${title} ---`,
    '',
    ...rows.flatMap(({ env, fallbackText, allowed, about }) => [
      ...wrapped(allowed === '' ? about : `${about} Allowed: ${allowed}.`),
      `#${env}=${fallbackText}`,
      '',
    ]),
  ])
  return [
    '# Every setting with its default, made by `npm run docs`. Copy it to .env and take the # off what you change.',
    '# Several of them are secrets: keep .env to yourself.',
    '',
    ...parts,
  ].join('\n')
}

function settingsByPart(): { title: string; rows: Row[] }[] {
  const parts: { title: string; rows: Row[] }[] = []
  for (const [name, row] of Object.entries(SETTINGS) as [string, Row][]) {
    const part = PARTS.find(each => each.first === name)
    if (part) parts.push({ title: part.title, rows: [] })
    parts.at(-1)?.rows.push(row)
  }
  return parts
}

const code = (text: string): string => (text === '' ? '' : `\`${text}\``)

/** A bar would end the cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|')

const COMMENT_WIDTH = 100

function wrapped(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > COMMENT_WIDTH) lines.push(`# ${word}`)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}
