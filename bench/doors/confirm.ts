// From a confirmation to the answer of the held request, at another process: a REGISTER that the switch tells an agent of,
// beside an app's request to that same process. Both by turns, one call at a time.
import { acked, askPbx, postForm } from '../../test/harness/client.ts'
import { eventually, untilReady } from '../../test/harness/internal.ts'
import type { TestRedis } from '../../test/harness/redis.ts'
import { startService } from '../../test/harness/service.ts'
import { startVendorService, type VendorPush } from '../../test/harness/vendor.ts'
import { startTestSwitch } from '../../test/switch/testSwitch.ts'
import { percentile, registerPhones } from './calls.ts'

const ROUNDS = 200
const WARM_UP_ROUNDS = 50
const PAUSE_MS = 10

export async function measureConfirm(redis: TestRedis): Promise<string> {
  const phoneSwitch = await startTestSwitch({})
  const settings = { PUBSUB_REDIS_URL: redis.url, LOG_LEVEL: 'warn', RATE_LIMIT: '0' }
  const holder = await startVendorService({
    ...settings,
    ...{ ROLE: 'front', APP_PUSH_ROUNDTRIP_WAIT: '60000', APP_PUSH_RESEND_INTERVAL: '50000' },
  })
  const hearer = await startService({ ...settings, ROLE: 'all', ESL_URL: `127.0.0.1:${phoneSwitch.port}` })
  try {
    await untilReady(hearer.internalUrl)
    const uri =
      'sip:20000@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=com.example.phone;pn-prid=fcm:of-20000'
    const registers = () => phoneSwitch.register({ user: '20000', uri })
    registers()
    await eventually('the phone of the switch', async () => {
      const found = await fetch(`${hearer.internalUrl}/api/devices/20000`)
      return ((await found.json()) as { devices: unknown[] }).devices.length === 1
    })
    await registerPhones(holder.publicUrl, 20_001, 1)

    const tookMs = { register: [] as number[], http: [] as number[] }
    const confirms = {
      register: async (_: VendorPush) => registers(),
      http: async ({ payload }: VendorPush) => {
        const form = { unique_key: 'unique_key' in payload ? String(payload.unique_key) : '' }
        await postForm(`${hearer.publicUrl}/api/call-response/`, form)
      },
    }
    for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1)
      for (const way of ['register', 'http'] as const) {
        const callId = `${way}-${round}`
        const account = way === 'register' ? '20000' : '20001'
        const answered = askPbx(holder.publicUrl, { sip_user_id: account, call_id: callId })
        const push = await holder.sent(({ payload }) => payload.type === 'call' && payload.call_id === callId)
        // The push has been answered by its vendor before the phone has it.
        await Bun.sleep(PAUSE_MS)
        const startedAtMs = performance.now()
        const confirmed = confirms[way](push)
        const answer = await answered
        if (round >= WARM_UP_ROUNDS) tookMs[way].push(performance.now() - startedAtMs)
        await confirmed
        if (answer.body !== acked.body) throw new Error(`${way}: ${answer.body} ${answer.reason}`)
      }
    const show = (way: 'register' | 'http', share: number) => percentile(tookMs[way], share).toFixed(2)
    const ratio = percentile(tookMs.register, 0.5) / percentile(tookMs.http, 0.5)
    return [
      `confirmation at one process → answer of the request held at another, ${ROUNDS} calls each, one at a time`,
      `  REGISTER at the switch  p50 ${show('register', 0.5)} ms, p99 ${show('register', 0.99)} ms`,
      `  an app's request        p50 ${show('http', 0.5)} ms, p99 ${show('http', 0.99)} ms`,
      `  REGISTER / app          ${ratio.toFixed(2)} at p50`,
    ].join('\n')
  } finally {
    await Promise.all([holder.kill(), hearer.kill()])
    await phoneSwitch.close()
  }
}
