// The documents name nothing that is not there: each route, metric, setting, default, command, file and message that stands in
// one of them is looked for where it is defined, and the tables of fields have all fields. What is another program's is listed
// below.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Glob } from 'bun'
import { scripts } from '../../package.json'
import { createMetrics } from '../../src/base/metrics.ts'
import { toSeconds } from '../../src/base/units.ts'
import { readCommandLine } from '../../src/cli/program.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { labelsOfCause } from '../../src/esl/hangupCauses.ts'
import { createInternalApp } from '../../src/http/internal/app.ts'
import { ROUTES } from '../../src/http/public/documentedRoutes.ts'
import {
  callEndedForm,
  callResponseForm,
  deviceForms,
  incomingCallForm,
} from '../../src/http/public/forms.ts'

const ROOT = join(import.meta.dir, '../..')
const read = (path: string) => Bun.file(join(ROOT, path)).text()
const found = (pattern: string) => [...new Glob(pattern).scanSync(ROOT)]

const documents = await Promise.all(
  ['*.md', 'docs/*.md', 'examples/**/*.md']
    .flatMap(found)
    // It also names what former versions had.
    .filter(path => path !== 'CHANGELOG.md')
    .map(async path => ({ path, text: await read(path) })),
)

interface Named {
  path: string
  text: string
}

/** All that fits, each once for a document. */
function named(pattern: RegExp, within: (text: string) => string = text => text): Named[] {
  return documents.flatMap(({ path, text }) => {
    const all = [...within(text).matchAll(pattern)].map(groups => groups.slice(1).find(Boolean) ?? groups[0])
    return [...new Set(all)].map(each => ({ path, text: each }))
  })
}

/** Blocks and spans of code, one a line. */
const codeOf = (text: string): string => [...blocksOf(text), ...spansOf(text)].join('\n')
const BLOCK = /^ *```\w*\n(.*?)^ *```$/gms
const blocksOf = (text: string) => [...text.matchAll(BLOCK)].map(([, block]) => block!)
const spansOf = (text: string) =>
  [...text.replaceAll(BLOCK, '').matchAll(/`([^`]+)`/g)].map(([, span]) => span!.replaceAll(/\s+/g, ' '))
/** Spans alone: what stands in a block is often a file or an answer of others. */
const spans = (text: string) => spansOf(text).join('\n')

const wrong = (all: Named[], isRight: (text: string) => boolean): string[] =>
  all.filter(({ text }) => !isRight(text)).map(({ path, text }) => `${path}: ${text}`)

describe('each route', () => {
  // biome-ignore lint/suspicious/noExplicitAny: stands for whatever a part needs, none of which is used
  const nothing: any = new Proxy(() => nothing, { get: (_, name) => (name === 'ofApps' ? '' : nothing) })
  const internal = createInternalApp({
    ...nothing,
    ...{ adminTokens: [], lists: {}, host: '127.0.0.1', version: '1', log: nothing, metrics: nothing },
    ...{ feed: nothing, timelines: nothing, backend: nothing, devices: nothing, recorder: nothing },
    ...{ publicAddress: nothing, closing: new AbortController().signal, clock: Date.now },
  })
  const known = [
    ...(internal as unknown as { routes: { method: string; path: string }[] }).routes,
    ...Object.entries(ROUTES).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => ({ method: method.toUpperCase(), path })),
    ),
  ]
  const segmentsOf = (path: string) =>
    path
      .replace(/[?#].*$/, '')
      .replace(/\/$/, '')
      .split('/')
  /** A parameter of a route may stand as its name (`:id`), as a placeholder (`<id>`) or as a value. */
  const fits = (route: string, path: string) => {
    const [parts, asked] = [segmentsOf(route), segmentsOf(path)]
    return (
      parts.length === asked.length &&
      parts.every(
        (part, at) =>
          part.startsWith(':') || new RegExp(`^${asked[at]!.replace(/<[^>]*>/, '.+')}$`).test(part),
      )
    )
  }

  test('that is named with its method is there', () => {
    const routes = named(/\b(?:GET|POST|PUT|PATCH|DELETE) \/[\w/:.<>-]*/g)
    expect(routes.length).toBeGreaterThan(20)
    const isThere = (text: string) => {
      const [method, path] = text.split(' ') as [string, string]
      return known.some(route => route.method === method && fits(route.path, path))
    }
    expect(wrong(routes, isThere)).toEqual([])
  })

  test('whose path is named, or asked in an example, is there', () => {
    const paths = named(/(?<![\w.])((?:\/api\/|\/openapi|\/metrics|\/readyz|\/healthz)[\w/:.<>…-]*)/g, text =>
      codeOf(text)
        .replaceAll(/https?:\/\/[\w.:-]+/g, ' ')
        .replaceAll(/\$+\{?\w+\}?/g, '<variable>'),
    )
    expect(paths.length).toBeGreaterThan(40)
    const isThere = (text: string) => known.some(route => fits(route.path, text.replace(/[.:]+$/, '')))
    expect(wrong(paths, isThere)).toEqual([])
  })
})

test('each metric that is named is there, and has the labels that it is given', async () => {
  const { registry } = createMetrics()
  const known = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name))
  const baseOf = (name: string) => (known.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, ''))
  const metrics = named(/\b(?:hookswitch|vialer|vialer_middleware)_[a-z_]+(?:\{[^}`]*\})?/g)
  const isThere = (text: string) => {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(text)!
    if (CHANNEL_VARIABLES.has(name!)) return true
    if (!known.has(baseOf(name!))) return false
    const metric = registry.getSingleMetric(baseOf(name!)) as unknown as { labelNames: string[] }
    return [...labels.matchAll(/(\w+)=/g)].every(([, label]) => metric.labelNames.includes(label!))
  }
  expect(metrics.length).toBeGreaterThan(40)
  expect(wrong(metrics, isThere)).toEqual([])
})

/** In FreeSWITCH's dialplan: the door's own, and those that a recipe sets for itself. */
const CHANNEL_VARIABLES = new Set(
  [
    ...['account', 'status', 'reason', 'device_id', 'waited_ms', 'claim'],
    ...['token', 'call_id', 'user', 'number', 'name', 'body'],
  ].map(name => `hookswitch_${name}`),
)

test('each name in capitals is a setting, a hangup cause, or listed as another program’s', () => {
  const settings = new Set(Object.values(SETTINGS).map(({ env }) => env))
  const names = named(/(?<![\w$:{./-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w(-])/g, codeOf)
  expect(names.length).toBeGreaterThan(100)
  const isKnown = (text: string) =>
    settings.has(text) || labelsOfCause(text).cause === text || FOREIGN_NAMES.has(text)
  expect(wrong(names, isKnown)).toEqual([])
})

const FOREIGN_NAMES = new Set([
  // Of the tests, the launcher, Bun, and the deployment.
  ...['FREESWITCH_REGISTRAR', 'NODE_EXTRA_CA_CERTS', 'REDIS_PASSWORD'],
  // Of vialer-middleware and redswitch, which need other names now.
  ...['REDIS_SERVER_LIST', 'VG_API_USER_URL', 'PROMETHEUS_PORT', 'LOGGING_DIR'],
  // Misspelt, to show what is said of them.
  ...['ESL_PASWORD', 'APP_FILE', 'REDIS_URL'],
  // Of the recipes: Asterisk's, Kamailio's, OpenSIPS', and variables of their own.
  ...[
    'HOOKSWITCH_TOKEN',
    'HOOKSWITCH_URL',
    'AMI_SECRET',
    'TRANSFER_CONTEXT',
    'WITH_AUTH',
    'L_NOTICE',
    'L_INFO',
  ],
  ...['CALL_ENDED', 'CALL_ENDED_SAID', 'TELL_REGISTERED', 'REGISTERED_SAID'],
  ...['E_UL_CONTACT_INSERT', 'E_UL_CONTACT_UPDATE', 'E_UL_CONTACT_DELETE'],
  // Of FreeSWITCH and Android.
  ...['CHANNEL_CREATE', 'PRIORITY_HIGH', 'PRIORITY_NORMAL'],
])

describe('each default', () => {
  const byName = new Map<string, { fallbackText: string; about: string }>(
    Object.values(SETTINGS).map(setting => [setting.env, setting]),
  )
  /** `4000`, `4,000`, and for a time `4 s`; days too. */
  const spellings = (name: string): string[] => {
    const { fallbackText, about } = byName.get(name)!
    const value = Number(fallbackText)
    const all = [fallbackText, value.toLocaleString('en')]
    if (/seconds/i.test(about)) {
      const inSeconds = /milliseconds/i.test(about) ? toSeconds(value) : value
      all.push(`${inSeconds} s`, `${inSeconds / 86_400} days`)
    }
    return all
  }

  test('that stands behind a setting is its own', () => {
    const given = named(/`[A-Z_]+`\*{0,2}(?: \(|, | )\d[\d,.]*\d?(?: (?:s|days)\b)?/g)
    expect(given.length).toBeGreaterThan(10)
    const isRight = (text: string) => {
      const [, name, value] = /^`([A-Z_]+)`\*{0,2}(?: \(|, | )(.*?)[,.]?$/.exec(text)!
      return FORMER_DEFAULTS.has(text) || (byName.has(name!) && spellings(name!).includes(value!))
    }
    expect(wrong(given, isRight)).toEqual([])
  })

  test('in the table of the README is one of its row’s', async () => {
    const table = /^\| setting \| default \|.*?\n\n/ms.exec(await read('README.md'))![0]
    const rows = table.split('\n').filter(row => row.startsWith('| `'))
    expect(rows.length).toBeGreaterThan(5)
    for (const row of rows) {
      const [, names = '', values = ''] = row.split('|')
      const own = spansOf(names).flatMap(name => [byName.get(name)!.fallbackText])
      const given = values.trim().split(', ')
      for (const value of given.filter(each => /^(?:`.*`|\d+)$/.test(each)))
        expect(own).toContain(value.replaceAll('`', ''))
    }
  })
})

/** vialer-middleware's. */
const FORMER_DEFAULTS = new Set(['`PROMETHEUS_PORT` (9000'])

describe('each command', () => {
  const terminal = {
    out: () => undefined,
    err: () => undefined,
    program: 'hookswitch',
    hasColour: false,
    width: 80,
  }
  /** A placeholder stands for an id. Where only the name of a command is given its help is asked for. */
  const isTaken = (text: string) => {
    const words = text
      .replaceAll(/<[^>]*>/g, 'an-id')
      .trim()
      .split(/ +/)
    const isName = words.length === 1 || words[1] === '…'
    const read = readCommandLine(isName ? [words[0]!, '--help'] : words, terminal as never, () => 'an-id')
    return read.kind === 'order' || read.code === 0
  }

  test('of hookswitch is taken by its command line', () => {
    const commands = named(
      /(?:^(?:sudo )?hookswitch|npm run (?:-s )?cli --) ((?:[a-z]|--)(?:[^\n|&;>#`<]|<[^>]*>)*)/gm,
      codeOf,
    )
    expect(commands.length).toBeGreaterThan(20)
    expect(wrong(commands, isTaken)).toEqual([])
  })

  test('of npm is a script, and each file that bun runs is there', () => {
    const runs = named(/\bnpm run (?:-s )?([a-z:]+)/g, codeOf)
    expect(runs.length).toBeGreaterThan(20)
    expect(wrong(runs, name => name in scripts)).toEqual([])
    const files = named(/\bbun ((?:bench|test|src|examples)\/[\w./]+)/g, codeOf)
    expect(wrong(files, path => found(path).length === 1)).toEqual([])
  })
})

test('each file that is named is there', () => {
  const all = found('{src,workers,test,bench,deploy,docs,examples}/**/*')
  const files = named(
    /(?<![\w./@<-])((?:[\w-]+\/)*[\w-]+\.(?:ts|mjs|lua|yaml|service|json))(?![\w-])/g,
    spans,
  )
  expect(files.length).toBeGreaterThan(60)
  const isThere = (path: string) =>
    path === 'package.json' || all.some(each => each === path || each.endsWith(`/${path}`))
  expect(wrong(files, isThere)).toEqual([])
  const folders = named(
    /(?<![\w./@<-])((?:src|workers|test|bench|deploy|examples)\/(?:[\w-]+\/)*)(?![\w*])/g,
    spans,
  )
  expect(
    wrong(folders, path => path.includes('node_modules') || all.some(each => each.startsWith(path))),
  ).toEqual([])
})

test('each message of ours that is quoted is ours', async () => {
  const sources = (await Promise.all(found('{src,workers}/**/*.{ts,js,lua}').map(read))).join('\n')
  const messages = named(/^[a-z]+(?: [a-zA-Z]+)+(?: ….*)?$/gm, spans)
  const isOurs = (text: string) =>
    isCommand(text) || FOREIGN_WORDS.has(text) || sources.includes(text.replace(/ ….*$/, ' '))
  expect(wrong(messages, isOurs)).toEqual([])
})

const isCommand = (text: string) => /^(?:npm|npx|sudo) /.test(text)

/** Values, words of Kamailio's, and a command of FreeSWITCH's. */
const FOREIGN_WORDS = new Set(['ab cd', 'active transaction not found', 'no more shm memory', 'fsctl sps'])

describe('the fields of a body', () => {
  const namesOf = (...forms: Record<string, { wire: string }>[]) =>
    [...new Set(forms.flatMap(form => Object.values(form).map(({ wire }) => wire)))].toSorted()
  /** The first column of the first table of fields under a heading. */
  const listed = async (path: string, heading: string) => {
    const part = (await read(path)).split(`\n${heading}\n`)[1]!
    const table = /^\| field \|.*?\n\n/ms.exec(part)![0]
    return table
      .split('\n')
      .slice(2)
      .flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name!))
      .toSorted()
  }

  test.each([
    ['docs/app-recipe.md', '## Register', namesOf(...Object.values(deviceForms))],
    ['docs/app-recipe.md', '## Answer', namesOf(callResponseForm)],
    [
      'docs/pbx-recipes.md',
      '## The two requests',
      namesOf(incomingCallForm, { reason: callEndedForm.reason }),
    ],
  ])('are all in the table of %s, "%s", and no others', async (path, heading, fields) => {
    expect(await listed(path, heading)).toEqual(fields)
  })
})
