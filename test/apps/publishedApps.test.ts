// The published apps, unchanged, from registration to hang-up: the PBX hears what it should, and nothing that an app can
// hear is a 401. They log in by somebody's token, as their operators have it, and reach another process than the PBX.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { acked, askPbx, endCall, naked } from '../harness/client.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { startVendorService, type VendorService } from '../harness/vendor.ts'
import {
  type AppSettings,
  createOpenVoipApp,
  createVialerAndroid,
  createVialerIos,
  type PublishedApp,
  type Push,
} from './publishedApps.ts'

let redis: TestRedis
/** Pushes, and holds the PBX's requests. */
let holder: VendorService
/** Where the apps are served. */
let apps: VendorService
/** One that waits briefly. */
let hasty: VendorService
/** The operator's own login: `Token <e-mail>:<token>` names the account. */
let login: ReturnType<typeof Bun.serve>

beforeAll(async () => {
  redis = await startRedis()
  login = Bun.serve({
    port: 0,
    fetch(request) {
      const account = /^Token (\w+)@example\.com:/.exec(request.headers.get('authorization') ?? '')?.[1]
      return account === undefined
        ? new Response('', { status: 401 })
        : Response.json({ account_id: account })
    },
  })
  const port = await freePort()
  const settings = {
    PUBSUB_REDIS_URL: redis.url,
    AUTH_MODE: 'upstream',
    AUTH_URL: `http://127.0.0.1:${login.port}/`,
    APP_API_URL: `http://127.0.0.1:${port}`,
    APP_PUSH_ROUNDTRIP_WAIT: '20000',
    APP_PUSH_RESEND_INTERVAL: '60000',
  }
  ;[holder, apps, hasty] = await Promise.all([
    startVendorService(settings),
    startVendorService({ ...settings, PORT: String(port) }),
    startVendorService({ ...settings, APP_PUSH_ROUNDTRIP_WAIT: '900', APP_PUSH_RESEND_INTERVAL: '300' }),
  ])
})
afterAll(async () => {
  await Promise.all([holder, apps, hasty].map(each => each.kill()))
  login.stop(true)
  await redis.close()
})

const KINDS: [string, 'apns' | 'android', (settings: AppSettings) => PublishedApp][] = [
  ['vialer-ios', 'apns', createVialerIos],
  ['vialer-android', 'android', createVialerAndroid],
  ['the app of 2024 on iOS', 'apns', settings => createOpenVoipApp(settings, 'apns')],
  ['the app of 2024 on Android', 'android', settings => createOpenVoipApp(settings, 'android')],
]

let phones = 0

/** Apple's tokens are hex; Google's are not. */
function newToken(platform: 'apns' | 'android'): string {
  phones++
  return platform === 'apns' ? phones.toString(16).padStart(64, 'a') : `fcm-token:${phones}`
}

const pushesTo = ({ pushes }: VendorService, pushToken: string) =>
  pushes.filter(({ target }) => target.token === pushToken)

/** As the platform hands it over: Google's values are all text. */
const handedOver = (payload: Record<string, unknown>, platform: 'apns' | 'android'): Push =>
  platform === 'apns'
    ? payload
    : Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, String(value)]))

for (const [name, platform, create] of KINDS) {
  describe(name, () => {
    const account = `app${KINDS.findIndex(each => each[0] === name)}`
    const pushToken = newToken(platform)
    let app: PublishedApp

    beforeAll(() => {
      app = create({ baseUrl: apps.publicUrl, account, pushToken, email: `${account}@example.com` })
    })

    const call = (at: VendorService, callId: string, signal?: AbortSignal) =>
      askPbx(at.publicUrl, { sip_user_id: account, call_id: callId, caller_id: 'Jürgen' }, signal)

    async function pushed(at: VendorService, callId: string): Promise<Push> {
      const isIts = ({ target, payload }: (typeof at.pushes)[number]) =>
        target.token === pushToken && payload.call_id === callId
      const { payload } = await at.sent(isIts)
      return handedOver(payload, platform)
    }

    test('registers: 201, and 200 at its next start', async () => {
      expect(await app.register()).toBe(201)
      expect(await app.register()).toBe(200)
    })

    test('is woken, rings, confirms: the PBX hears ACK, and a second confirmation hears the same', async () => {
      const asked = call(holder, `${account}-confirmed`)
      const push = await pushed(holder, `${account}-confirmed`)
      expect(app.receive(push)).toBe(true)
      expect(await app.answer(push, true)).toEqual({ what: 'answer', status: 202, verdict: 'proceed' })
      expect(await asked).toEqual(acked)
      expect(await app.answer(push, true)).toEqual({ what: 'answer', status: 202, verdict: 'proceed' })
    })

    test('refuses: the PBX hears NAK unavailable', async () => {
      const asked = call(holder, `${account}-refused`)
      const push = await pushed(holder, `${account}-refused`)
      expect((await app.answer(push, false)).status).toBe(202)
      expect(await asked).toEqual(naked('unavailable'))
    })

    test('is late: the PBX has heard NAK timeout, and the app hears that the call has expired', async () => {
      const callId = `${account}-late`
      expect(await call(hasty, callId)).toEqual(naked('timeout'))
      const push = await pushed(hasty, callId)
      expect(await app.answer(push, true)).toEqual({ what: 'answer', status: 404, verdict: 'expired' })
      const calls = pushesTo(hasty, pushToken).filter(({ payload }) => payload.call_id === callId)
      expect(calls.length).toBe(app.isResentTo ? 2 : 1)
      expect(new Set(calls.map(({ payload }) => payload.unique_key)).size).toBe(1)
    })

    test('answers a caller who has left, and hears that the call has ended', async () => {
      const leaving = new AbortController()
      const dropped = call(holder, `${account}-dropped`, leaving.signal)
      const push = await pushed(holder, `${account}-dropped`)
      leaving.abort()
      await expect(dropped).rejects.toThrow()
      await holder.logged(line => line.callId === `${account}-dropped` && line.reason === 'caller-gone')
      expect(await app.answer(push, true)).toEqual({ what: 'answer', status: 404, verdict: 'ended' })

      const ended = call(holder, `${account}-ended`)
      const next = await pushed(holder, `${account}-ended`)
      expect(await endCall(holder.publicUrl, `${account}-ended`, 'answered_elsewhere')).toBe(200)
      expect(await ended).toEqual(naked('caller-gone'))
      expect(await app.answer(next, true)).toEqual({
        what: 'answer',
        status: 404,
        verdict: 'answered_elsewhere',
      })
    })

    test('tells why it did not take a call, and how one went', async () => {
      const asked = call(holder, `${account}-told`)
      const push = await pushed(holder, `${account}-told`)
      await app.answer(push, false)
      await asked
      expect(await app.explain(push, 'declined by the user')).toBe(200)
      expect(await app.report(push)).toBe(200)
    })

    test('answers what hookswitch has forgotten, or never knew, and is told so', async () => {
      const push = {
        ...(await pushed(holder, `${account}-told`)),
        unique_key: '0123456789abcdef0123456789abcdef',
        response_api: `${apps.publicUrl}/api/call-response/?token=a.b.c`,
      }
      expect(await app.answer(push, true)).toEqual({ what: 'answer', status: 404, verdict: 'unknown' })
    })

    test('is told when another phone takes its place, and the other one is woken from then on', async () => {
      const otherToken = newToken(platform)
      const other = create({
        baseUrl: apps.publicUrl,
        account,
        pushToken: otherToken,
        email: `${account}@example.com`,
      })
      expect(await other.register()).toBe(200)
      const { payload } = await apps.sent(
        ({ target, payload: sent }) => target.token === pushToken && sent.type === 'message',
      )
      expect(app.receive(handedOver(payload, platform))).toBe(false)
      expect(app.shown).toHaveLength(1)

      const asked = call(holder, `${account}-moved`)
      const { payload: push } = await holder.sent(
        ({ target, payload: sent }) => target.token === otherToken && sent.call_id === `${account}-moved`,
      )
      expect((await other.answer(handedOver(push, platform), true)).status).toBe(202)
      expect(await asked).toEqual(acked)
      expect(await other.signOff()).toBe(200)
      expect(await call(holder, `${account}-nobody`)).toEqual(naked('no-device'))
      expect(other.isLoggedOut).toBe(false)
    })

    test('has never heard a 401, and is still logged in', () => {
      expect(app.heard.filter(({ status }) => status === 401)).toEqual([])
      expect(app.isLoggedOut).toBe(false)
      expect(app.heard.length).toBeGreaterThan(8)
    })
  })
}
