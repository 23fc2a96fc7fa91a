// What one further held call takes of a front's resident memory: at the dialplan's socket, beside a PBX's request. A fresh
// front for each door; the first calls pay for code and heap and are not counted.
import { freePort, type TestRedis } from '../../test/harness/redis.ts'
import { startService, type TestService } from '../../test/harness/service.ts'
import { openFilesMax, residentBytes } from '../wake/processes.ts'
import { median } from '../wake/report.ts'
import { AT_ONCE, callByHttp, callBySocket, registerPhones, untilHeld } from './calls.ts'

const WARM_UP = 1_000
const COUNTED = 2_000
const FIRST_ACCOUNT = 10_000

/** Garbage of the arrivals is collected meanwhile. */
const SETTLE_MS = 8_000
const SAMPLES = 5
const SAMPLE_EVERY_MS = 400

export async function measureMemory(redis: TestRedis): Promise<string> {
  const all = Math.min(WARM_UP + COUNTED, Math.floor(openFilesMax() / 2) - 500)
  const counted = all - WARM_UP
  const socket = await held(redis, { all, counted }, (front, account) =>
    callBySocket(front.socketPort, account),
  )
  const http = await held(redis, { all, counted }, (front, account) => callByHttp(front.httpPort, account))
  return [
    `memory of a held call, ${counted} at once beside ${WARM_UP} on one front`,
    `  dialplan's socket  ${socket.toFixed(1)} kB`,
    `  HTTP               ${http.toFixed(1)} kB`,
    `  socket / HTTP      ${(socket / http).toFixed(2)}`,
  ].join('\n')
}

interface Ports {
  socketPort: number
  httpPort: number
}

async function held(
  redis: TestRedis,
  { all, counted }: { all: number; counted: number },
  open: (front: Ports, account: string) => Promise<unknown>,
): Promise<number> {
  const socketPort = await freePort()
  const front = await startService({
    ...{ ROLE: 'front', PUBSUB_REDIS_URL: redis.url, SOCKET_PORT: String(socketPort), LOG_LEVEL: 'warn' },
    ...{ APP_PUSH_ROUNDTRIP_WAIT: '120000', APP_PUSH_RESEND_INTERVAL: '110000', RATE_LIMIT: '0' },
    ...{ WAITS_MAX: String(2 * all) },
  })
  try {
    await registerPhones(front.publicUrl, FIRST_ACCOUNT, all)
    const ports = { socketPort, httpPort: Number(new URL(front.publicUrl).port) }
    const holdUpTo = async (from: number, to: number) => {
      for (let call = from; call < to; call += AT_ONCE)
        await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, to - call) }, (_, at) =>
            open(ports, String(FIRST_ACCOUNT + call + at)),
          ),
        )
      await untilHeld(front.internalUrl, to)
      return settledBytes(front)
    }
    const before = await holdUpTo(0, all - counted)
    const after = await holdUpTo(all - counted, all)
    return (after - before) / counted / 1_000
  } finally {
    await front.kill()
  }
}

async function settledBytes(front: TestService): Promise<number> {
  await Bun.sleep(SETTLE_MS)
  const samples: number[] = []
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    samples.push(residentBytes(front.process.pid))
    await Bun.sleep(SAMPLE_EVERY_MS)
  }
  return median(samples)
}
