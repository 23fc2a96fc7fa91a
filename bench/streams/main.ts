// Measures verdict streams: ten thousand phones follow their calls at one front while their ten thousand waits are held at
// another, and callers leave. Says the memory of a stream beside that of a wait, and how long after a caller has left
// the phone hears that the call is over. `bun bench/streams/main.ts [count]`; needs redis-server on the PATH.
import { join } from 'node:path'
import { startRedis } from '../../test/harness/redis.ts'
import { startService } from '../service.ts'
import { end, openFilesMax, residentBytes } from '../wake/processes.ts'
import { median } from '../wake/report.ts'
import type { HeldOrder, HeldReply } from './holder.ts'

const COUNT_DEFAULT = 10_000
/** Files that a front has open beside its held requests. */
const FILES_BESIDE = 500
const LEAVERS = 500
const LEAVE_EVERY_MS = 10
const HEARD_TIMEOUT_MS = 20_000

const count = Math.min(Number(process.argv[2] ?? COUNT_DEFAULT), openFilesMax() - FILES_BESIDE)
const redis = await startRedis()
const waiting = await startFront()
const streaming = await startFront()
const pbx = startHolder()
const phones = startHolder()

try {
  await pbx.ask({ kind: 'register', port: waiting.port, count })
  const before = { waits: residentBytes(waiting.pid), streams: residentBytes(streaming.pid) }
  const pushed = new Promise<string[]>(resolve => {
    waiting.onKeys = keys =>
      keys.size === count && resolve(Array.from({ length: count }, (_, call) => keys.get(call)!))
  })
  await pbx.ask({ kind: 'hold', port: waiting.port, count })
  const uniqueKeys = await pushed
  const withWaits = { waits: residentBytes(waiting.pid), streams: residentBytes(streaming.pid) }
  await phones.ask({ kind: 'follow', port: streaming.port, uniqueKeys })
  const withStreams = { waits: residentBytes(waiting.pid), streams: residentBytes(streaming.pid) }
  const kilobytes = (bytes: number) => (bytes / count / 1_000).toFixed(1)
  console.log(`${count} waits at one front, ${count} verdict streams at another`)
  console.log(
    `a wait takes ${kilobytes(withWaits.waits - before.waits)} kB, a stream ${kilobytes(withStreams.streams - withWaits.streams)} kB`,
  )

  const left = await pbx.ask({ kind: 'leave', count: Math.min(LEAVERS, count), everyMs: LEAVE_EVERY_MS })
  const heard = await phones.ask({ kind: 'heard', count: left.atMs.length, timeoutMs: HEARD_TIMEOUT_MS })
  const tookMs = left.atMs.map((atMs, call) => heard.atMs[call]! - atMs).sort((a, b) => a - b)
  const p99 = tookMs[Math.ceil(0.99 * tookMs.length) - 1]!
  console.log(
    `a caller has left → its phone hears "ended": p50 ${median(tookMs).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, of ${tookMs.length}`,
  )
} finally {
  await Promise.all([end(waiting.child), end(streaming.child)])
  pbx.child.kill()
  phones.child.kill()
  await redis.close()
}

interface BenchFront {
  child: Bun.Subprocess
  port: number
  pid: number
  /** The unique keys of the calls that were pushed so far, by the number of the call. */
  onKeys: (keys: Map<number, string>) => void
}

async function startFront(): Promise<BenchFront> {
  const settings = {
    ...{ ROLE: 'front', PUBSUB_REDIS_URL: redis.url, AUTH_MODE: 'none', RATE_LIMIT: '0' },
    ...{ APP_PUSH_ROUNDTRIP_WAIT: '120000', APP_PUSH_RESEND_INTERVAL: '110000' },
  }
  const { port, child } = await startService(settings, { stdout: 'pipe', stderr: 'ignore' })
  const front: BenchFront = { child, port, pid: child.pid, onKeys: () => undefined }
  void readPushes(child.stdout, front)
  return front
}

/** Without APPS_FILE pushes go to the log. */
async function readPushes(output: ReadableStream<Uint8Array>, front: BenchFront): Promise<void> {
  const keys = new Map<number, string>()
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const key = /"unique_key":"([0-9a-f]{32})"/.exec(line)?.[1]
      const call = /"call_id":"stream-(\d+)"/.exec(line)?.[1]
      if (key && call) keys.set(Number(call), key)
    }
    front.onKeys(keys)
  }
}

function startHolder() {
  const answered: ((reply: HeldReply) => void)[] = []
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'holder.ts')], {
    stdout: 'inherit',
    stderr: 'inherit',
    ipc: reply => answered.shift()?.(reply as HeldReply),
  })
  return {
    child,
    ask: (order: HeldOrder) =>
      new Promise<HeldReply>(resolve => {
        answered.push(resolve)
        child.send(order)
      }),
  }
}
