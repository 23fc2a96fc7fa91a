// The whole service between a PBX, an app and both vendors: what an app of today finds in its push and how it answers,
// what an app of tomorrow finds beside it, what phones hear when a call or their registration is over, and what a
// change of APPS_FILE does. Runs inside the vendors' namespace: see endToEnd.test.ts.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type JWTPayload, jwtVerify } from 'jose'
import { acked, confirm, endCall, naked, postForm, proceeds, refuses } from '../../harness/client.ts'
import { eventually } from '../../harness/internal.ts'
import type { TestService } from '../../harness/service.ts'
import { SECRETS } from '../../harness/tokens.ts'
import { TEST_APP, TEST_TOPIC } from '../appCredentials.ts'
import {
  answerAsGiven,
  callPush,
  PLATFORMS,
  type Push,
  SECOND_TOPIC,
  type ServiceRig,
  startServiceRig,
} from './serviceRig.ts'

/** A busy machine may take its time, starting the service included. */
setDefaultTimeout(15_000)

const WAIT_MS = 10_000

let rig: ServiceRig
let service: TestService

beforeAll(async () => {
  rig = await startServiceRig({
    only: { APP_PUSH_ROUNDTRIP_WAIT: String(WAIT_MS), APP_PUSH_RESEND_INTERVAL: '200' },
  })
  service = rig.services.only!
})
afterAll(() => rig.close())

describe('an unchanged app of today', () => {
  for (const platform of PLATFORMS)
    test(`registers at ${platform}-device, answers its push as it is, and the PBX gets status=ACK`, async () => {
      const phone = rig.newPhone(platform)
      expect(await rig.register(service, phone)).toBe(201)
      const ringing = rig.ring(service, phone.account)
      const push = await rig.push(phone, callPush(ringing.callId))
      expect(String(push.response_api)).toStartWith(`${service.publicUrl}/api/call-response/?token=`)
      expect(await answerAsGiven(push)).toEqual(proceeds)
      expect(await ringing.answer).toEqual({ status: 200, body: 'status=ACK', reason: 'confirmed' })
    })

  test('is known by the URL of its push even when it sends credentials of its own with it', async () => {
    const phone = rig.newPhone('android')
    await rig.register(service, phone)
    for (const authorization of ['Bearer of-the-app-itself', 'Token of-the-app-itself', 'Basic YTpi']) {
      const ringing = rig.ring(service, phone.account)
      const push = await rig.push(phone, callPush(ringing.callId))
      const answered = await postForm(String(push.response_api), appFields(push), {
        headers: { authorization },
      })
      expect(answered.status).toBe(202)
      expect(await ringing.answer).toEqual(acked)
    }
  })
})

describe('a call', () => {
  test('is confirmed by its own token in the URL or as the bearer’s, or by its own unique_key, and in no other way', async () => {
    const [phone, other] = [rig.newPhone('apns'), rig.newPhone('android')]
    await Promise.all([rig.register(service, phone), rig.register(service, other)])
    const [ringing, otherRinging] = [rig.ring(service, phone.account), rig.ring(service, other.account)]
    const push = await rig.push(phone, callPush(ringing.callId))
    const otherPush = await rig.push(other, callPush(otherRinging.callId))
    const [token, otherToken] = [String(push.token), String(otherPush.token)]
    const fields = appFields(push)
    const { unique_key } = fields
    const url = `${service.publicUrl}/api/call-response/`
    const withHeader = (authorization: string, body: Record<string, string> = fields) =>
      postForm(url, body, { headers: { authorization } })

    const wrong: [string, Promise<Response>, status: number][] = [
      ['nothing', postForm(url, {}), 404],
      ['the token in the body', postForm(url, { token }), 404],
      ['the bare token as header', withHeader(token, {}), 404],
      ['the token in another scheme', withHeader(`Token ${token}`, {}), 404],
      ['a forged token', withHeader(`Bearer ${token.slice(0, -6)}AAAAAA`), 401],
      ['another call’s token', withHeader(`Bearer ${otherToken}`), 401],
      ['another call’s token in the URL', postForm(`${url}?token=${otherToken}`, fields), 404],
      ['its token for another call', withHeader(`Bearer ${token}`, appFields(otherPush)), 401],
      [
        'the reason of a hang-up',
        postForm(`${service.publicUrl}/api/hangup-reason/`, {
          sip_user_id: phone.account,
          unique_key,
          reason: 'x',
        }),
        200,
      ],
    ]
    for (const [name, response, status] of wrong)
      expect([name, (await response).status]).toEqual([name, status])
    expect(ringing.isAnswered()).toBe(false)

    expect(await confirm(service.publicUrl, { token, callId: ringing.callId })).toEqual(proceeds)
    expect(await ringing.answer).toEqual(acked)
    expect(otherRinging.isAnswered()).toBe(false)
    expect(await answerAsGiven(otherPush)).toEqual(proceeds)
    expect(await otherRinging.answer).toEqual(acked)
  })
})

describe('the push', () => {
  test('has every key of the contract, of the vendor’s types, alike in all resends and on all devices', async () => {
    const account = rig.newAccount()
    const phones = PLATFORMS.map(platform => rig.newPhone(platform, account))
    for (const phone of phones) await rig.register(service, phone, { device_id: `id-of-${phone.platform}` })
    const postedAtMs = Date.now()
    const ringing = rig.ring(service, account, { phonenumber: '+31501234567', caller_id: 'Jos Bäkker' })
    const pushes: Push[][] = await Promise.all(
      phones.map(phone => Promise.all([1, 2, 3].map(nth => rig.push(phone, callPush(ringing.callId), nth)))),
    )
    const heardAtMs = Date.now()

    for (const [index, { platform }] of phones.entries()) {
      const ofPhone = pushes[index]!
      const typeOf = platform === 'apns' ? 'number' : 'string'
      const token = String(ofPhone[0]!.token)
      for (const push of ofPhone) {
        expect(push).toEqual({
          type: 'call',
          unique_key: push.unique_key,
          phonenumber: '+31501234567',
          caller_id: 'Jos Bäkker',
          response_api: `${service.publicUrl}/api/call-response/?token=${token}`,
          message_start_time: push.message_start_time,
          attempt: push.attempt,
          call_id: ringing.callId,
          vg_cid: ringing.callId,
          token,
          expires_at: push.expires_at,
          call_uuid: push.call_uuid,
        })
        for (const number of [push.message_start_time, push.attempt, push.expires_at])
          expect(typeof number).toBe(typeOf)
      }
      const attempts = ofPhone.map(push => Number(push.attempt))
      expect(attempts).toEqual([...new Set(attempts)].sort((a, b) => a - b))
      const startTimes = ofPhone.map(push => Number(push.message_start_time) * 1_000)
      expect(startTimes).toEqual(startTimes.toSorted((a, b) => a - b))
      for (const startMs of startTimes) expect(startMs).toBeWithin(postedAtMs - 1, heardAtMs + 1)

      const { payload, protectedHeader } = await jwtVerify(token, new TextEncoder().encode(SECRETS.newest))
      expect(protectedHeader).toEqual({ alg: 'HS256', kid: 'newest' })
      expect(payload).toEqual({
        iss: 'hookswitch',
        aud: 'call-response',
        sub: account,
        jti: ringing.callId,
        device_id: `id-of-${platform}`,
        iat: expect.any(Number),
        // The wait's end and the two minutes in which a late app still gets its verdict, in whole seconds.
        exp: Math.ceil(Number(ofPhone[0]!.expires_at) + 120),
      } as unknown as JWTPayload)
    }

    const all = pushes.flat()
    const expiriesMs = new Set(all.map(push => Number(push.expires_at) * 1_000))
    expect(expiriesMs.size).toBe(1)
    for (const expiryMs of expiriesMs) expect(expiryMs - WAIT_MS).toBeWithin(postedAtMs - 1, heardAtMs + 1)
    const uuids = new Set(all.map(push => push.call_uuid))
    expect([...uuids]).toEqual([expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)])
    expect(new Set(all.map(push => push.token)).size).toBe(phones.length)

    const [iphone, android] = phones as [(typeof phones)[0], (typeof phones)[0]]
    const { headers, payload } = rig.apns.received.find(each => each.token === iphone.token)!
    expect(headers).toMatchObject({
      'apns-push-type': 'voip',
      'apns-topic': TEST_TOPIC,
      'apns-priority': '10',
      'apns-expiration': '0',
    })
    expect(payload.aps).toEqual({})
    expect(rig.fcm.received.find(each => each.token === android.token)).toMatchObject({
      android: { priority: 'high', ttl: '0s' },
    })

    expect(await answerAsGiven(pushes[1]![2]!)).toEqual(proceeds)
    expect(await ringing.answer).toEqual(acked)
    expect(await answerAsGiven(pushes[0]![0]!)).toEqual(refuses('answered_elsewhere'))
  })

  test('goes to the sandbox host for a phone that registered so', async () => {
    const phone = rig.newPhone('apns', rig.newAccount(), true)
    await rig.register(service, phone)
    const ringing = rig.ring(service, phone.account)
    expect(await answerAsGiven(await rig.push(phone, callPush(ringing.callId)))).toEqual(proceeds)
    expect(await ringing.answer).toEqual(acked)
    expect(rig.apns.heard.filter(each => each.token === phone.token)).toEqual([])
  })
})

describe('a phone', () => {
  const endings = {
    'the PBX hangs up': { reason: 'caller-gone', end: ({ hangUp }: { hangUp(): void }) => hangUp() },
    'the PBX says that its caller hung up': {
      reason: 'caller_hangup',
      end: ({ callId }: { callId: string }) => endCall(service.publicUrl, callId, 'caller_hangup'),
    },
  }
  for (const [name, { reason, end }] of Object.entries(endings))
    test(`of Google is told to stop when ${name}, one of Apple is not`, async () => {
      const account = rig.newAccount()
      const [iphone, android] = [rig.newPhone('apns', account), rig.newPhone('android', account)]
      for (const phone of [iphone, android]) await rig.register(service, phone, { device_id: phone.platform })
      const ringing = rig.ring(service, account)
      const pushes = await Promise.all(
        [iphone, android].map(phone => rig.push(phone, callPush(ringing.callId))),
      )
      await end(ringing)
      const cancel = await rig.push(android, push => push.type === 'cancel')
      expect(cancel).toEqual({
        type: 'cancel',
        unique_key: pushes[1]!.unique_key,
        call_id: ringing.callId,
        reason,
      })
      expect(await answerAsGiven(pushes[0]!)).toEqual(refuses('ended'))

      // Whatever Apple had got of the first call, it got before the push of a second one.
      const next = rig.ring(service, account)
      expect(await answerAsGiven(await rig.push(iphone, callPush(next.callId)))).toEqual(proceeds)
      expect(await next.answer).toEqual(acked)
      const types = rig.apns.heard.filter(each => each.token === iphone.token).map(each => each.payload.type)
      expect(new Set(types)).toEqual(new Set(['call']))
      if (reason === 'caller_hangup') expect(await ringing.answer).toEqual(naked('caller-gone'))
      else await expect(ringing.answer).rejects.toThrow()
    })

  for (const platform of PLATFORMS)
    test(`of ${platform} that loses its account to another is told so by a message`, async () => {
      const former = rig.newPhone(platform)
      const successor = rig.newPhone('android', former.account)
      expect(await rig.register(service, former, { name: 'Phone of old' })).toBe(201)
      expect(await rig.register(service, successor, { name: 'Phone of new' })).toBe(200)
      const message = await rig.push(former, push => push.type === 'message')
      expect(message).toEqual({
        type: 'message',
        message: expect.stringContaining('An other device has registered for the same account'),
      })
      expect(rig.pushesTo(successor)).toEqual([])
    })
})

/** In milliseconds: since the push before, and the time within which the phone usually answers. */
interface Resend {
  what: string
  attempt: number
  after_ms?: number
  usual_ms?: number
  text: string
}

describe('a phone that answers', () => {
  for (const platform of ['apns', 'android'] as const)
    test(`by ${platform} is pushed again in each interval at first, and once it is known when it is overdue`, async () => {
      const phone = rig.newPhone(platform)
      await rig.register(service, phone)
      /** A call whose phone answers its nth push. @returns the call's id. */
      async function answerAt(nth: number): Promise<string> {
        const ringing = rig.ring(service, phone.account)
        expect(await answerAsGiven(await rig.push(phone, callPush(ringing.callId), nth))).toEqual(proceeds)
        expect(await ringing.answer).toEqual(acked)
        return ringing.callId
      }
      /** The call's resends, as its timeline has them. */
      async function resendsOf(callId: string): Promise<Resend[]> {
        let entries: Resend[] = []
        await eventually('the end in the timeline', async () => {
          const response = await fetch(`${service.internalUrl}/api/timeline/${callId}`)
          entries = ((await response.json()) as { entries?: Resend[] }).entries ?? []
          return entries.some(each => each.what === 'outcome')
        })
        return entries.filter(each => each.what === 'push-sent' && each.attempt > 1)
      }
      const first = await resendsOf(await answerAt(2))
      expect(first.length).toBeGreaterThan(0)
      for (const { usual_ms, text } of first) {
        expect(usual_ms).toBeUndefined()
        expect(text).toStartWith('No confirmation yet: the push is sent again to the phone (attempt ')
      }
      for (let call = 0; call < 70; call++) await answerAt(1)
      const last = await resendsOf(await answerAt(3))
      expect(last.length).toBeGreaterThanOrEqual(2)
      for (const { after_ms = 0, usual_ms = Number.NaN, text } of last) {
        expect(text).toContain(` push came after ${(after_ms / 1_000).toFixed(1)} s`)
        expect(text).toContain(`this phone usually answers within ${(usual_ms / 1_000).toFixed(1)} s`)
        // The least distance; and beyond it what the history says, unless that would cost the phone a push.
        expect(after_ms).toBeGreaterThanOrEqual(
          text.includes(' because ') ? Math.max(200, 1.25 * usual_ms) : 200,
        )
      }
    }, 120_000)
})

describe('APPS_FILE', () => {
  const SECOND_APP = 'com.example.second'
  const registerSecond = (phone: Parameters<ServiceRig['register']>[1]) =>
    rig.register(service, phone, { app: SECOND_APP })

  test('may name a new app while the service runs; a broken version leaves the one before in use', async () => {
    const [iphone, android] = [rig.newPhone('apns'), rig.newPhone('gcm')]
    expect(await registerSecond(iphone)).toBe(404)
    expect(await registerSecond(android)).toBe(404)

    const entries = JSON.parse(rig.readAppsFile()) as { platform: string }[]
    const second = entries.map(entry => ({
      ...entry,
      app: SECOND_APP,
      ...(entry.platform === 'apns' ? { topic: SECOND_TOPIC } : {}),
    }))
    rig.replaceAppsFile(JSON.stringify([...entries, ...second]))
    await service.logged(line => line.msg === 'APPS_FILE reloaded')
    await ringBoth()

    rig.replaceAppsFile('[{ "app": "com.example.third" ')
    await service.logged(line => line.msg.startsWith('APPS_FILE is broken'))
    await ringBoth()
    expect(await rig.register(service, rig.newPhone('apns'), { app: TEST_APP })).toBe(201)
    expect(await rig.register(service, rig.newPhone('apns'), { app: 'com.example.third' })).toBe(404)

    async function ringBoth(): Promise<void> {
      for (const phone of [iphone, android]) {
        expect(await registerSecond(phone)).toBeWithin(200, 202)
        const ringing = rig.ring(service, phone.account)
        expect(await answerAsGiven(await rig.push(phone, callPush(ringing.callId)))).toEqual(proceeds)
        expect(await ringing.answer).toEqual(acked)
      }
      const topics = rig.apns.received
        .filter(each => each.token === iphone.token)
        .map(each => each.headers['apns-topic'])
      expect(new Set(topics)).toEqual(new Set([SECOND_TOPIC]))
    }
  })
})

test('after all this neither a push token nor a confirmation token is in the log', () => {
  expect(service.log.length).toBeGreaterThan(50)
  expect(service.output()).not.toMatch(/0{40}|eyJ|BEGIN PRIVATE KEY|[Bb]earer /)
})

/** The two fields that an app of today posts. */
const appFields = (push: Push) => ({
  unique_key: String(push.unique_key),
  message_start_time: String(push.message_start_time),
})
