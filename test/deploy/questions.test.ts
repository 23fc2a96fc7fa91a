// docs/questions.md names nothing that is not there: each metric with its labels, each word of a timeline, verdict, reason
// and hangup cause, each setting, command and page. What is another program's stands in one list below.
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createMetrics } from '../../src/base/metrics.ts'
import { readCommandLine } from '../../src/cli/program.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { labelsOfCause } from '../../src/esl/hangupCauses.ts'
import { REGISTER_RESULTS } from '../../src/union/registrar.ts'

const ROOT = join(import.meta.dir, '../..')
const read = (path: string): Promise<string> => Bun.file(join(ROOT, path)).text()
const page = await read('docs/questions.md')
const quoted = [...new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!))]

/** `{ what: 'request'; … }`: the vocabulary is a type. `devices-found` is made of a push when it is told. */
const timelineWords = new Set([
  ...[...(await read('src/timeline/entry.ts')).matchAll(/\bwhat: '([a-z-]+)'/g)].map(([, word]) => word!),
  'devices-found',
])
const settings = new Set(Object.values(SETTINGS).map(({ env }) => env))
const metrics = createMetrics()
const metricNames = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name)

/** The values that labels may have, where the page gives one. */
const LABEL_VALUES: Record<string, readonly string[]> = {
  'hookswitch_registers_total result': REGISTER_RESULTS,
  'hookswitch_pushes_total outcome': ['accepted', 'token-gone', 'retry-later', 'refused'],
  'hookswitch_control_messages_total type': ['barge', 'whisper', 'threeway', 'mute'],
  'hookswitch_dials_total result': ['answered', 'unanswered', 'failed', 'unknown'],
  'hookswitch_hangups_total class': [labelsOfCause('NORMAL_CIRCUIT_CONGESTION').class],
}

/** As PBXs are told, as apps are told, as failures are told. */
const WORDS = new Set([
  ...['no-device', 'unavailable', 'timeout', 'push-refused', 'caller-gone', 'busy', 'confirmed'],
  ...['proceed', 'expired', 'ended', 'answered_elsewhere', 'unknown'],
  ...['duplicate dial_id', 'barge', 'reason', 'verdict'],
  // Fields of the wire, and checks of the doctor; each is looked for where it is defined.
  ...['call_id', 'dial_id', 'device_id', 'call_uuid', 'unique_key', 'push_profile: once', 'expires'],
  'switch limits',
])

/** FreeSWITCH's and the system's own. */
const FOREIGN = new Set([
  ...['rtp-ip', 'ext-rtp-ip', 'bypass_media', 'proxy_media', 'max-sessions', 'sessions-per-second'],
  ...['fsctl sps', 'fs_cli -x status', 'rtp-start-port', 'rtp-end-port', 'ulimit -n', 'PUBLISH'],
  ...['1000', '1000@example.com', '/metrics', 'GET /api/devices/1000', '<dial id>'],
])

const terminal = {
  out: () => undefined,
  err: () => undefined,
  program: 'hookswitch',
  hasColour: false,
  width: 80,
}

/** @returns undefined for what is nowhere defined. */
function kindOf(text: string): string | undefined {
  if (FOREIGN.has(text)) return 'foreign'
  if (settings.has(text) || WORDS.has(text) || timelineWords.has(text)) return 'word'
  if (/^hookswitch_/.test(text)) return metricNames.includes(text.replace(/\{.*$/, '')) ? 'metric' : undefined
  if (/^hookswitch /.test(text) || /^npm run cli -- /.test(text))
    return isCommand(text) ? 'command' : undefined
  if (/^[A-Z_]+$/.test(text)) return labelsOfCause(text).cause === text ? 'cause' : undefined
  return undefined
}

/** Whether the command line takes it, whatever the ids are. */
function isCommand(text: string): boolean {
  const words = text
    .replace(/^(hookswitch|npm run cli --) /, '')
    .replaceAll(/<[^>]*>/g, 'an-id')
    .split(' ')
  const command =
    ['whisper', 'threeway', 'mute'].includes(words[0]!) && words.length === 1 ? [...words, 'an-id'] : words
  return readCommandLine(command, terminal as never, () => 'an-id').kind === 'order'
}

describe('docs/questions.md', () => {
  test('names what there is', () => {
    expect(quoted.filter(text => kindOf(text) === undefined)).toEqual([])
  })

  test('gives metrics the labels and values that they have', () => {
    const given = quoted.flatMap(text =>
      [...text.matchAll(/^(hookswitch_\w+)\{(\w+)="([\w-]+)"\}$/g)].map(([, name, label, value]) => ({
        key: `${name} ${label}`,
        label: label!,
        value: value!,
        metric: metrics.registry.getSingleMetric(name!) as unknown as { labelNames: string[] },
      })),
    )
    expect(given.length).toBeGreaterThan(4)
    for (const { key, label, value, metric } of given) {
      expect(metric.labelNames).toContain(label)
      expect(LABEL_VALUES[key]).toContain(value)
    }
  })

  test('answers what people ask, and is linked from the README', async () => {
    const questions = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
    expect(questions).toEqual([
      "My phone doesn't ring",
      'It rings and nobody is there',
      'It rings twice',
      'The supervisor hears nothing',
      'Calls die after 60 at once',
    ])
    expect(await read('README.md')).toContain('(docs/questions.md)')
  })
})

test('docs/timeline.md lists every word of a timeline', async () => {
  const table = /## What is written\n(.*?)\n## /s.exec(await read('docs/timeline.md'))![1]!
  const listed = new Set(
    table
      .split('\n')
      .filter(row => !row.startsWith('| `what`'))
      .flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, word]) => word!)),
  )
  expect([...timelineWords].filter(word => !listed.has(word))).toEqual([])
  expect([...listed].filter(word => !timelineWords.has(word))).toEqual([])
})

describe('a link of a document', () => {
  const documents = [...new Bun.Glob('docs/*.md').scanSync(ROOT), 'README.md', 'examples/README.md']
  test.each(documents)('leads to a file and a heading that are there: %s', async path => {
    const text = await read(path)
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
    const broken: string[] = []
    for (const link of links.filter(each => !/^https?:/.test(each))) {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : join(path, '..', file)
      if (!existsSync(join(ROOT, target))) broken.push(link)
      else if (anchor !== undefined && !(await anchorsOf(target)).includes(anchor)) broken.push(link)
    }
    expect(broken).toEqual([])
  })
})

/** As GitHub makes them of headings; the second of a name has -1 behind it. */
async function anchorsOf(path: string): Promise<string[]> {
  const seen = new Map<string, number>()
  return [...(await read(path)).replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)].map(
    ([, title]) => {
      const anchor = title!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')
      const times = seen.get(anchor) ?? 0
      seen.set(anchor, times + 1)
      return times === 0 ? anchor : `${anchor}-${times}`
    },
  )
}
