// From a call's connection to its push, handed to the sender: at the dialplan's socket, where the switch is asked for its
// channel first, beside a PBX's request. Both by turns at one front, one call at a time.
import { freePort, type TestRedis } from '../../test/harness/redis.ts'
import { startVendorService, type VendorPush } from '../../test/harness/vendor.ts'
import { callByHttp, callBySocket, percentile, registerPhones } from './calls.ts'

const ROUNDS = 300
const WARM_UP_ROUNDS = 100
const FIRST_ACCOUNT = 10_000

export async function measurePush(redis: TestRedis): Promise<string> {
  const port = await freePort()
  const front = await startVendorService({
    ...{ ROLE: 'front', PUBSUB_REDIS_URL: redis.url, SOCKET_PORT: String(port), LOG_LEVEL: 'warn' },
    ...{ APP_PUSH_ROUNDTRIP_WAIT: '60000', APP_PUSH_RESEND_INTERVAL: '50000', RATE_LIMIT: '0' },
  })
  try {
    const httpPort = Number(new URL(front.publicUrl).port)
    const rounds = WARM_UP_ROUNDS + ROUNDS
    await registerPhones(front.publicUrl, FIRST_ACCOUNT, rounds)
    const tookMs = { socket: [] as number[], http: [] as number[] }
    let onPush: ((push: VendorPush) => void) | undefined
    front.decide = push => {
      if (push.payload.type === 'call') onPush?.(push)
      return { kind: 'accepted', id: 'a-push' }
    }
    const pushOf = () =>
      new Promise<number>(resolve => {
        onPush = () => resolve(performance.now())
      })

    for (let round = 0; round < rounds; round += 1) {
      const account = String(FIRST_ACCOUNT + round)
      const openers = {
        socket: async () => {
          const channel = await callBySocket(port, account)
          return () => channel.hangUp()
        },
        http: async () => {
          const call = await callByHttp(httpPort, account)
          return () => call.close()
        },
      }
      for (const door of round % 2 === 0 ? (['socket', 'http'] as const) : (['http', 'socket'] as const)) {
        const pushed = pushOf()
        const startedAtMs = performance.now()
        const leave = await openers[door]()
        const pushedAtMs = await pushed
        if (round >= WARM_UP_ROUNDS) tookMs[door].push(pushedAtMs - startedAtMs)
        leave()
        // The end of one call is not measured with the next one.
        await Bun.sleep(PAUSE_MS)
      }
    }
    const show = (door: 'socket' | 'http', share: number) => percentile(tookMs[door], share).toFixed(2)
    const ratio = percentile(tookMs.socket, 0.5) / percentile(tookMs.http, 0.5)
    return [
      `connection → push, ${ROUNDS} calls by each door, one at a time`,
      `  dialplan's socket  p50 ${show('socket', 0.5)} ms, p99 ${show('socket', 0.99)} ms`,
      `  HTTP               p50 ${show('http', 0.5)} ms, p99 ${show('http', 0.99)} ms`,
      `  socket / HTTP      ${ratio.toFixed(2)} at p50`,
    ].join('\n')
  } finally {
    await front.kill()
  }
}

const PAUSE_MS = 10
