// How fast events are read: modesl's parser against ours, from memory and over a real socket, in events a second,
// bytes copied, and the time of a 16 MB reply. Run it with `bun bench/esl/parser.ts`. Both sides read the same three
// headers of each event. Runs are interleaved and the median is printed, because the machine's speed drifts.
import { type EventFormat, eventFrame } from './eventStream.ts'
import {
  BURST_EVENTS,
  type Feed,
  hasRead,
  LARGE_CHUNK_BYTES,
  modesl,
  ours,
  REPLY_BYTES,
  replyFromMemory,
  startEventServer,
} from './readers.ts'

const RUNS = 5
/** Enough for a run of some tenths of a second on the slow side. */
const COUNTS = { largeChunks: 3_000, singleBytes: 60, socket: 6_000 }

interface Row {
  what: string
  unit: 'events/s' | 'ms'
  modesl: () => Promise<number> | number
  ours: () => Promise<number> | number
  /** What our side is to reach: times modesl's speed, or milliseconds. */
  aim?: { times?: number; msMax?: number }
}

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
const socketCount = Math.ceil(COUNTS.socket / BURST_EVENTS) * BURST_EVENTS

const overSocket = (format: EventFormat): Pick<Row, 'modesl' | 'ours'> => ({
  modesl: () => server.modeslEvents(format, socketCount),
  ours: () => server.oursEvents(format, socketCount),
})

const inMemory = (format: EventFormat, count: number, chunkBytes: number): Pick<Row, 'modesl' | 'ours'> => ({
  modesl: () => fromMemory(modesl, format, count, chunkBytes),
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
  {
    what: '16 MB reply, 64 KB chunks',
    unit: 'ms',
    modesl: () => replyFromMemory(modesl),
    ours: () => replyFromMemory(ours),
    aim: { msMax: 10 },
  },
  {
    what: '16 MB reply, real socket',
    unit: 'ms',
    modesl: () => server.modeslReply(REPLY_BYTES),
    ours: () => server.oursReply(REPLY_BYTES),
  },
]

const raw: number[] = []
const figures = rows.map(() => ({ modesl: [] as number[], ours: [] as number[] }))
for (let run = 0; run <= RUNS; run += 1) {
  for (const [index, row] of rows.entries()) {
    const result = { modesl: await row.modesl(), ours: await row.ours() }
    // The first round warms up.
    if (run === 0) continue
    figures[index]!.modesl.push(result.modesl)
    figures[index]!.ours.push(result.ours)
  }
  const bytes = socketCount * eventFrame('plain').length
  raw.push(await server.rawEvents('plain', socketCount, bytes))
}
server.close()

console.log(
  `events of ${eventFrame('plain').length} bytes plain, ${eventFrame('json').length} json; medians of ${RUNS}\n`,
)
print(['', 'modesl', 'ours', 'ratio', 'aim'])
let isMissed = false
for (const [index, row] of rows.entries()) {
  const theirs = median(figures[index]!.modesl)
  const mine = median(figures[index]!.ours)
  const ratio = row.unit === 'ms' ? theirs / mine : mine / theirs
  const isReached =
    ratio >= (row.aim?.times ?? 0) && (row.unit !== 'ms' || mine <= (row.aim?.msMax ?? Infinity))
  isMissed ||= !isReached
  const aim = row.aim?.times ? `>= ${row.aim.times}x` : row.aim?.msMax ? `<= ${row.aim.msMax} ms` : ''
  print([
    row.what,
    written(theirs, row.unit),
    written(mine, row.unit),
    `${ratio.toFixed(1)}x`,
    aim && `${aim} ${isReached ? 'reached' : 'MISSED'}`,
  ])
}
print(['plain, socket, no parser', '', written(median(raw), 'events/s'), '', ''])
console.log('\nbytes copied between buffers for one byte received')
for (const [what, format, count, chunkBytes] of [
  ['plain, 64 KB chunks', 'plain', 500, LARGE_CHUNK_BYTES],
  ['plain, 1-byte chunks', 'plain', 5, 1],
] as const) {
  const bytes = count * eventFrame(format).length
  chunksOf(format, count, chunkBytes)
  const copied = (feed: Feed) =>
    (bytesCopied(() => fromMemory(feed, format, count, chunkBytes)) / bytes).toFixed(2)
  print([what, copied(modesl), copied(ours), '', ''])
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
  return unit === 'ms' ? `${value.toFixed(1)} ms` : `${Math.round(value).toLocaleString('en')}/s`
}

function print(cells: string[]): void {
  const [what = '', ...rest] = cells
  console.log(what.padEnd(28) + rest.map(cell => cell.padStart(14)).join(''))
}
