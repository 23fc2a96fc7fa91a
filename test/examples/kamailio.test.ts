// A real Kamailio with the recipe of docs/pbx-recipes.md, and a caller who leaves while the phone is woken: from the CANCEL on
// the INVITE is answered by 487, whichever of the proxy's two processes is faster. What it asks hookswitch for when the caller has
// left is held back until the caller has heard how the call ends.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Caller } from '../freeswitch/caller.ts'
import { startKamailio, whyNoKamailio } from '../freeswitch/kamailio.ts'
import { registerPhone } from '../harness/client.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'

setDefaultTimeout(60_000)

const TOKEN = 'a-secret-of-the-proxy'

/** Nobody answers: the wake ends soon, or long after the caller has left. */
const ENDS_SOON_MS = 1_500
const ENDS_LATE_MS = 25_000

const reason = whyNoKamailio()

describe('behind Kamailio a caller who leaves hears 487', () => {
  if (reason !== undefined) {
    test.skip(`not tested: ${reason}`, () => undefined)
    return
  }
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.close())

  test.each([
    ['the wake ends by call-ended, whose answer is slow', 'answer', ENDS_LATE_MS],
    ['the wake ends by itself, while call-ended is slow', 'request', ENDS_SOON_MS],
  ] as const)('when %s', async (_, slow, wakeEndsMs) => {
    await using service = await startService({
      ROLE: 'front',
      PUBSUB_REDIS_URL: redis.url,
      PBX_TOKEN: TOKEN,
      APP_PUSH_ROUNDTRIP_WAIT: String(wakeEndsMs),
      APP_PUSH_RESEND_INTERVAL: '60000',
    })
    await registerPhone(service.publicUrl, { sip_user_id: '1000' })
    await using relay = startRelay(service, slow)
    await using proxy = await startKamailio({ url: relay.url, token: TOKEN })
    const caller = await Caller.call({ proxy, number: '1000', hertz: 600 })
    try {
      await caller.rings
      await service.logged(line => line.msg.includes("push 'call'"))
      expect(await caller.leave()).toBe(487)
    } finally {
      caller.close()
    }
  })
})

/** Between the two, and slow where it is asked to be: until it is closed. */
function startRelay(
  { publicUrl }: TestService,
  slow: 'answer' | 'request',
): AsyncDisposable & { url: string } {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      const isSlow = pathname === '/api/call-ended/'
      if (isSlow && slow === 'request') await closed
      const { method, headers, signal } = request
      const answer = await fetch(`${publicUrl}${pathname}`, {
        method,
        headers,
        signal,
        body: await request.text(),
      })
      if (isSlow) await closed
      return answer
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      close()
      await server.stop(true)
    },
  }
}
