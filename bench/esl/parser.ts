// How fast events are read: our connection beside modesl's own parser, from memory and over a real socket, in events a
// second, bytes copied, and the time of a 16 MB reply. `bun bench/esl/parser.ts`; with `--before <checkout>` also beside
// another commit's connection, of which at least 0.8 is to remain. All read the same three headers of each event. Runs
// are interleaved and the median is printed, because the machine's speed drifts; on a machine with other work the rows
// by CPU time are the ones to compare.
import { parseArgs } from 'node:util'
import { type EventFormat, eventFrame } from './eventStream.ts'
import {
  BURST_EVENTS,
  type Feed,
  feedOf,
  hasRead,
  LARGE_CHUNK_BYTES,
  modesl,
  type Ours,
  ours,
  oursOf,
  REPLY_BYTES,
  replyFromMemory,
  startEventServer,
} from './readers.ts'

const RUNS = 5
/** Enough for a run of some tenths of a second on each side. */
const COUNTS = { largeChunks: 3_000, singleBytes: 60, modeslSocket: 6_000, oursSocket: 48_000 }

type Measure = () => Promise<number> | number

interface Row {
  what: string
  unit: 'events/s' | 'ms'
  modesl: Measure
  ours: Measure
  /** Our side at another commit. */
  before: Measure
  /** The bar for our side: a multiple of modesl's speed, a multiple of its own earlier speed, or milliseconds. */
  aim?: { times?: number; ofBefore?: number; msMax?: number }
}

const SIDES = ['modesl', 'before', 'ours'] as const

const { values: options } = parseArgs({ options: { before: { type: 'string' } } })
const before: Ours | undefined = options.before === undefined ? undefined : await oursOf(options.before)
const notAsked: Measure = () => Number.NaN

const streams = new Map<string, Buffer[]>()

/** That many events, cut into chunks; made once, so that making them is not measured. */
function chunksOf(format: EventFormat, count: number, chunkBytes: number): Buffer[] {
  const key = `${format} ${count} ${chunkBytes}`
  const known = streams.get(key)
  if (known) return known
  const stream = Buffer.concat(Array.from({ length: count }, () => eventFrame(format)))
  const chunks: Buffer[] = []
  for (let at = 0; at < stream.length; at += chunkBytes) {
    chunks.push(Buffer.from(stream.subarray(at, at + chunkBytes)))
  }
  streams.set(key, chunks)
  return chunks
}

function fromMemory(feed: Feed, format: EventFormat, count: number, chunkBytes: number): number {
  const chunks = chunksOf(format, count, chunkBytes)
  let seen = 0
  const push = feed(() => {
    seen += 1
  })
  const start = performance.now()
  for (const chunk of chunks) push(chunk)
  const ms = performance.now() - start
  if (seen !== count) throw new Error(`read ${seen} of ${count} events`)
  return count / (ms / 1_000)
}

const server = await startEventServer()
const inBursts = (count: number): number => Math.ceil(count / BURST_EVENTS) * BURST_EVENTS
const modeslCount = inBursts(COUNTS.modeslSocket)
const oursCount = inBursts(COUNTS.oursSocket)

type Sides = Pick<Row, (typeof SIDES)[number]>

const overSocket = (format: EventFormat): Sides => ({
  modesl: () => server.modeslEvents(format, modeslCount),
  before: before ? () => server.oursEvents(format, oursCount, before) : notAsked,
  ours: () => server.oursEvents(format, oursCount),
})

/** The same figures by this process's CPU time, which other work on the machine hardly changes. */
function byCpu(format: EventFormat): Sides {
  const sides = overSocket(format)
  const per = (count: number, measure: Measure): Measure => {
    if (measure === notAsked) return notAsked
    return async () => {
      const before = process.cpuUsage()
      await measure()
      const { user, system } = process.cpuUsage(before)
      return count / ((user + system) / 1e6)
    }
  }
  return {
    modesl: per(modeslCount, sides.modesl),
    before: per(oursCount, sides.before),
    ours: per(oursCount, sides.ours),
  }
}

const inMemory = (format: EventFormat, count: number, chunkBytes: number): Sides => ({
  modesl: () => fromMemory(modesl, format, count, chunkBytes),
  before: before ? () => fromMemory(feedOf(before), format, count, chunkBytes) : notAsked,
  ours: () => fromMemory(ours, format, count, chunkBytes),
})

const rows: Row[] = [
  {
    what: 'plain, 64 KB chunks',
    unit: 'events/s',
    ...inMemory('plain', COUNTS.largeChunks, LARGE_CHUNK_BYTES),
  },
  {
    what: 'json, 64 KB chunks',
    unit: 'events/s',
    ...inMemory('json', COUNTS.largeChunks, LARGE_CHUNK_BYTES),
  },
  { what: 'plain, 1-byte chunks', unit: 'events/s', ...inMemory('plain', COUNTS.singleBytes, 1) },
  { what: 'json, 1-byte chunks', unit: 'events/s', ...inMemory('json', COUNTS.singleBytes, 1) },
  { what: 'plain, real socket', unit: 'events/s', ...overSocket('plain'), aim: { times: 10 } },
  { what: 'json, real socket', unit: 'events/s', ...overSocket('json') },
  { what: 'plain, socket, by CPU time', unit: 'events/s', ...byCpu('plain'), aim: { ofBefore: 0.8 } },
  { what: 'json, socket, by CPU time', unit: 'events/s', ...byCpu('json'), aim: { ofBefore: 0.8 } },
  {
    what: '16 MB reply, 64 KB chunks',
    unit: 'ms',
    modesl: () => replyFromMemory(modesl),
    before: before ? () => replyFromMemory(feedOf(before)) : notAsked,
    ours: () => replyFromMemory(ours),
    aim: { msMax: 10 },
  },
  {
    what: '16 MB reply, real socket',
    unit: 'ms',
    modesl: () => server.modeslReply(REPLY_BYTES),
    before: before ? () => server.oursReply(REPLY_BYTES, before) : notAsked,
    ours: () => server.oursReply(REPLY_BYTES),
  },
]

const raw: number[] = []
const figures = rows.map(() => ({ modesl: [] as number[], before: [] as number[], ours: [] as number[] }))
for (let run = 0; run <= RUNS; run += 1) {
  for (const [index, row] of rows.entries()) {
    // Every other run goes in the opposite order: the first reader may have an advantage or a disadvantage.
    for (const side of run % 2 === 0 ? SIDES : SIDES.toReversed()) {
      const figure = await row[side]()
      // The first run warms up.
      if (run > 0) figures[index]![side].push(figure)
    }
  }
  raw.push(await server.rawEvents('plain', oursCount, oursCount * eventFrame('plain').length))
}
server.close()

console.log(
  `events of ${eventFrame('plain').length} bytes plain, ${eventFrame('json').length} json; medians of ${RUNS}\n`,
)
print(['', 'modesl', 'before', 'ours', 'of modesl', 'of before', 'aim'])
let isMissed = false
for (const [index, { what, unit, aim = {} }] of rows.entries()) {
  const [theirs, former, mine] = SIDES.map(side => median(figures[index]![side])) as [number, number, number]
  const times = (other: number): number => (unit === 'ms' ? other / mine : mine / other)
  const misses = [
    aim.times !== undefined && times(theirs) < aim.times && `${aim.times}x modesl`,
    before && aim.ofBefore !== undefined && times(former) < aim.ofBefore && `${aim.ofBefore}x before`,
    aim.msMax !== undefined && mine > aim.msMax && `${aim.msMax} ms`,
  ].filter(miss => typeof miss === 'string')
  isMissed ||= misses.length > 0
  print([
    what,
    ...[theirs, former, mine].map(figure => written(figure, unit)),
    ...[theirs, former].map(other => (Number.isNaN(other) ? '' : `${times(other).toFixed(2)}x`)),
    misses.length > 0 ? `MISSED ${misses.join(', ')}` : Object.keys(aim).length > 0 ? 'reached' : '',
  ])
}
print(['plain, socket, no parser', '', '', written(median(raw), 'events/s')])
console.log('\nbytes copied between buffers for one byte received')
for (const [what, format, count, chunkBytes] of [
  ['plain, 64 KB chunks', 'plain', 500, LARGE_CHUNK_BYTES],
  ['plain, 1-byte chunks', 'plain', 5, 1],
] as const) {
  const bytes = count * eventFrame(format).length
  chunksOf(format, count, chunkBytes)
  const copied = (feed: Feed) =>
    (bytesCopied(() => fromMemory(feed, format, count, chunkBytes)) / bytes).toFixed(2)
  print([what, copied(modesl), '', copied(ours)])
}
process.exit(isMissed || !hasRead() ? 1 : 0)

/** Counts what goes through the two ways in which these parsers copy. */
function bytesCopied(run: () => void): number {
  const { concat } = Buffer
  const { copy } = Buffer.prototype
  let copied = 0
  Buffer.concat = (list, total) => {
    const joined = concat(list, total)
    copied += joined.length
    return joined
  }
  Buffer.prototype.copy = function (...input: Parameters<typeof copy>) {
    const count = copy.apply(this, input)
    copied += count
    return count
  }
  try {
    run()
  } finally {
    Buffer.concat = concat
    Buffer.prototype.copy = copy
  }
  return copied
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function written(value: number, unit: Row['unit']): string {
  if (Number.isNaN(value)) return ''
  return unit === 'ms' ? `${value.toFixed(1)} ms` : `${Math.round(value).toLocaleString('en')}/s`
}

function print(cells: string[]): void {
  const [what = '', ...rest] = cells
  console.log(what.padEnd(28) + rest.map(cell => cell.padStart(14)).join(''))
}
