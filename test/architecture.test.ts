// Holds the layout: rooms import to the left only, each vendor stays in its room, the environment is read once.
import { describe, expect, test } from 'bun:test'
import { dirname, join, normalize } from 'node:path'
import { Glob } from 'bun'

const ROOT = join(import.meta.dir, '..')

/** From left to right; a file may import from its own level and from those before it. */
const LEVELS: RegExp[][] = [
  [/^src\/base\//],
  [/^src\/config\//],
  [/^src\/(errors|tracing)\//],
  [/^src\/(push|redis|esl)\//],
  [/^src\/timeline\//],
  [/^src\/union\//],
  [/^src\/(wake|dial)\//],
  [/^src\/backend\//, /^workers\//],
  [/^src\/live\//],
  [/^src\/http\//],
  [/^src\/dialplan\//],
  [/^src\/doctor\//],
  [/^src\/cli\//],
  [/^src\/app\//],
  [/^src\/(main|cli)\.ts$/],
]

/** Which files may import a vendor's package. */
const VENDOR_ROOMS: Record<string, RegExp> = {
  elysia: /^src\/http\//,
  '@elysiajs/openapi': /^src\/http\//,
  'p-queue': /^src\/push\//,
  commander: /^src\/cli\//,
  ioredis: /^src\/redis\//,
  'rate-limiter-flexible': /^src\/redis\/rateLimit\.ts$/,
  modesl: /^src\/esl\/(connection|reply)\.ts$/,
  'firebase-admin': /^src\/push\/fcm/,
  'jsonc-parser': /^src\/push\/jsonText\.ts$/,
  apns2: /^src\/push\/apns/,
  jose: /^src\/http\/public\/(auth|confirmationTokens)\.ts$/,
  'cluster-key-slot': /^src\/redis\//,
  'ipaddr.js': /^src\/config\/networks\.ts$/,
  pino: /^src\/base\/log\.ts$/,
  'pino-pretty': /^src\/base\/log\.ts$/,
  'prom-client': /^src\/base\/metrics\.ts$/,
  '@opentelemetry/api': /^src\/tracing\/openTelemetry\.ts$/,
  '@opentelemetry/exporter-trace-otlp-http': /^src\/tracing\/openTelemetry\.ts$/,
  '@opentelemetry/resources': /^src\/tracing\/openTelemetry\.ts$/,
  '@opentelemetry/sdk-trace': /^src\/tracing\/openTelemetry\.ts$/,
  '@sentry/core': /^src\/errors\/sentry\.ts$/,
}

interface Import {
  from: string
  to: string
  isVendor: boolean
}

/** A file with more lines is read more easily as two. */
const LINES_MAX = 330

/** A file with fewer lines needs a reason. */
const LINES_MIN = 12
const SMALL_FILES: Record<string, string> = {
  'src/base/account.ts':
    'six rooms need the one spelling of an account, and no file of theirs is common to all',
}

const files = [...new Glob('{src,workers}/**/*.ts').scanSync(ROOT)]
  .filter(file => !file.endsWith('.d.ts'))
  .sort()
const sources = new Map(
  await Promise.all(files.map(async file => [file, await Bun.file(join(ROOT, file)).text()] as const)),
)
const imports: Import[] = [...sources].flatMap(([from, source]) =>
  [...source.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name]) => {
    const isVendor = !name!.startsWith('.')
    return { from, to: isVendor ? packageOf(name!) : normalize(join(dirname(from), name!)), isVendor }
  }),
)

const pageScripts = await Promise.all(
  [...new Glob('src/http/page/**/*.js').scanSync(ROOT)]
    .sort()
    .map(async file => [file, await Bun.file(join(ROOT, file)).text()] as const),
)

/** A comment, another failure in its place, or a line in the log. */
const SAYS_SO = /\/\/|\bthrow\b|\bfail\(|\blog\.\w+\(/

/** Each handler that does not look at what was thrown: a block with its own comments, or a callback with the line above. */
function swallowed(source: string): { line: number; text: string }[] {
  const lines = source.split('\n')
  return lines.flatMap((line, place) => {
    if (/\.catch\(\(\) =>/.test(line)) {
      const above = lines[place - 1]?.trim() ?? ''
      return [{ line: place + 1, text: above.startsWith('//') ? above + line : line }]
    }
    if (!/\bcatch \{/.test(line)) return []
    const indent = /^ */.exec(line)![0]
    const end = lines.findIndex((each, at) => at > place && each.startsWith(`${indent}}`))
    return [{ line: place + 1, text: lines.slice(place, end + 1).join('\n') }]
  })
}

function packageOf(name: string): string {
  const parts = name.split('/')
  return name.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!
}

const levelOf = (file: string): number => LEVELS.findIndex(level => level.some(pattern => pattern.test(file)))

describe('the layout', () => {
  test('has no file that is too long to be read, and none so short that it is only one more to open', async () => {
    const sizes = new Map([...sources].map(([file, source]) => [file, source.trimEnd().split('\n').length]))
    for (const file of new Glob('src/**/*.{js,css,html,lua}').scanSync(ROOT))
      if (!file.endsWith('.lua'))
        sizes.set(file, (await Bun.file(join(ROOT, file)).text()).trimEnd().split('\n').length)
    const wrong = [...sizes].filter(
      ([file, lines]) => lines > LINES_MAX || (lines < LINES_MIN && !(file in SMALL_FILES)),
    )
    expect(wrong).toEqual([])
  })

  test('gives every file a level', () => {
    expect(files.length).toBeGreaterThan(20)
    expect(files.filter(file => levelOf(file) < 0)).toEqual([])
  })

  test('lets imports go to the left only', () => {
    const wrong = imports.filter(
      each => !each.isVendor && each.to.endsWith('.ts') && levelOf(each.to) > levelOf(each.from),
    )
    expect(wrong).toEqual([])
  })

  test('has no circle of files, not even of types', () => {
    const next = new Map<string, string[]>()
    for (const each of imports.filter(each => !each.isVendor))
      next.set(each.from, [...(next.get(each.from) ?? []), each.to])
    const done = new Set<string>()
    const circleFrom = (file: string, path: string[]): string[] | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
      if (done.has(file)) return undefined
      for (const to of next.get(file) ?? []) {
        const circle = circleFrom(to, [...path, file])
        if (circle) return circle
      }
      done.add(file)
      return undefined
    }
    expect(files.map(file => circleFrom(file, [])).find(circle => circle !== undefined)).toBeUndefined()
  })

  test('keeps the rooms of one level apart, so that each can be read alone', () => {
    const roomOf = (file: string) => file.split('/').slice(0, 2).join('/')
    const apart = [
      ['src/wake', 'src/dial'],
      ['src/esl', 'src/redis'],
      ['src/esl', 'src/push'],
      ['src/http', 'src/esl'],
    ]
    const wrong = imports.filter(each =>
      apart.some(
        pair =>
          pair.includes(roomOf(each.from)) &&
          pair.includes(roomOf(each.to)) &&
          roomOf(each.from) !== roomOf(each.to),
      ),
    )
    expect(wrong).toEqual([])
  })

  test('keeps each vendor in one room', () => {
    const wrong = imports.filter(
      each => each.isVendor && VENDOR_ROOMS[each.to] && !VENDOR_ROOMS[each.to]!.test(each.from),
    )
    expect(wrong).toEqual([])
  })

  test('swallows no failure without saying why', () => {
    const silent = [...sources, ...pageScripts].flatMap(([file, source]) =>
      swallowed(source)
        .filter(each => !SAYS_SO.test(each.text))
        .map(each => `${file}:${each.line}`),
    )
    expect(silent).toEqual([])
  })

  test('reads the environment in config.ts, through main and cli alone', () => {
    const readers = [...sources].filter(([, source]) => source.includes('process.env')).map(([file]) => file)
    expect(readers.filter(file => !/^src\/(config\/config|main|cli)\.ts$/.test(file))).toEqual([])
  })
})
