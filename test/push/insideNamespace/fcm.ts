// Google's sender against stubs at Google's own names. Runs inside the vendors' namespace: see vendors.test.ts.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { getEventListeners } from 'node:events'
import PQueue from 'p-queue'
import { MS_PER_MINUTE } from '../../../src/base/units.ts'
import { createFcmSender, FCM_SENDINGS_MAX, type FcmSenderOptions } from '../../../src/push/fcm.ts'
import type { PushPayload, PushTarget } from '../../../src/push/push.ts'
import { makeGoogleCredentials, TEST_APP } from '../appCredentials.ts'
import { type FcmPlan, type FcmStub, startFcmStub } from '../fcmStub.ts'
import { type Relay, startRelay } from '../relay.ts'
import { makeStrangeCertificate } from '../vendorCerts.ts'

const google = makeGoogleCredentials()
const call: PushPayload = {
  type: 'call',
  unique_key: 'abc',
  message_start_time: 1_700_000_000.25,
  attempt: 2,
}
const forever = new AbortController().signal

let nowMs = Date.now()
const clock = () => nowMs
let stub: FcmStub
let relay: Relay
let deviceCount = 0

function newDevice(): PushTarget {
  deviceCount++
  return { platform: 'android', app: TEST_APP, token: `device${deviceCount}:APA91b`, isSandbox: false }
}

function openSender(
  more: { limits?: FcmSenderOptions['limits'] & object; projectId?: string; sendingsMax?: number } = {},
) {
  const { projectId, clientEmail, privateKey } = { ...google, ...more }
  const sender = createFcmSender({
    app: { platform: 'android', app: TEST_APP, projectId, clientEmail, privateKey },
    sendings: new PQueue({ concurrency: more.sendingsMax ?? FCM_SENDINGS_MAX }),
    clock,
    limits: { sendMs: 2_000, ...more.limits },
  })
  return { ...sender, [Symbol.asyncDispose]: () => sender.close() }
}

const receivedBy = (device: PushTarget) => stub.received.filter(message => message.token === device.token)

beforeAll(async () => {
  stub = await startFcmStub(google, { clock, port: 0 })
  relay = await startRelay('fcm.googleapis.com', stub.port)
})
afterAll(async () => {
  await relay.close()
  await stub.close()
})

describe('a message', () => {
  test('is data alone, every value a string, of high priority, delivered now or never', async () => {
    await using sender = openSender()
    const device = newDevice()
    const outcome = await sender.send(device, call, forever)
    expect(outcome).toEqual({
      kind: 'accepted',
      id: expect.stringMatching(/^projects\/example-phone\/messages\//),
    })
    expect(receivedBy(device)).toEqual([
      {
        token: device.token,
        data: { type: 'call', unique_key: 'abc', message_start_time: '1700000000.25', attempt: '2' },
        android: { priority: 'high', ttl: '0s' },
      },
    ])
  })

  test('may be a cancel', async () => {
    await using sender = openSender()
    const device = newDevice()
    await sender.send(device, { type: 'cancel', unique_key: 'abc', reason: 'caller_hangup' }, forever)
    expect(receivedBy(device)[0]?.data.type).toBe('cancel')
  })

  test('with data beyond 4,096 bytes is refused unsent, one of just 4,096 is sent', async () => {
    await using sender = openSender()
    const device = newDevice()
    const fixedBytes = Object.entries({ ...call, caller_id: '' })
      .flat()
      .join('').length
    const fitting = { ...call, caller_id: 'é'.repeat((4_096 - fixedBytes) / 2) }
    expect(await sender.send(device, fitting, forever)).toMatchObject({ kind: 'accepted' })
    const tooLong = { ...call, caller_id: `${fitting.caller_id}xx` }
    expect(await sender.send(device, tooLong, forever)).toEqual({
      kind: 'refused',
      reason: expect.stringMatching(/^data of 409[78] bytes, at most 4096$/),
    })
    expect(receivedBy(device)).toHaveLength(1)
  })
})

describe("Google's answer", () => {
  const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest'
  const about = (field: string) => [
    { '@type': BAD_REQUEST, fieldViolations: [{ field, description: 'Invalid' }] },
  ]
  const gone = () => ({ kind: 'token-gone', sinceMs: nowMs })
  const refused = (reason: string) => ({ kind: 'refused', reason })
  const retry = (reason: string, afterMs: number) => ({ kind: 'retry-later', afterMs, reason })
  const NO_TOKEN = 'The registration token is not a valid FCM registration token'
  const table: [
    name: string,
    plan: Omit<Extract<FcmPlan, { kind: 'refuse' }>, 'kind'>,
    outcome: () => object,
  ][] = [
    ['404 UNREGISTERED', { code: 404, status: 'NOT_FOUND', fcmCode: 'UNREGISTERED' }, gone],
    [
      '404 of a project that does not exist',
      { code: 404, status: 'NOT_FOUND' },
      () => refused('messaging/registration-token-not-registered: NOT_FOUND'),
    ],
    [
      '400 that names the token',
      { code: 400, status: 'INVALID_ARGUMENT', fcmCode: 'INVALID_ARGUMENT', details: about('message.token') },
      gone,
    ],
    [
      '400 that speaks of the token',
      { code: 400, status: 'INVALID_ARGUMENT', fcmCode: 'INVALID_ARGUMENT', message: NO_TOKEN },
      gone,
    ],
    [
      '400 about the message',
      { code: 400, status: 'INVALID_ARGUMENT', fcmCode: 'INVALID_ARGUMENT', details: about('message.data') },
      () => refused('messaging/invalid-argument: INVALID_ARGUMENT'),
    ],
    [
      '400 without a detail',
      { code: 400, status: 'INVALID_ARGUMENT' },
      () => refused('messaging/invalid-argument: INVALID_ARGUMENT'),
    ],
    [
      '429 with Retry-After',
      { code: 429, status: 'RESOURCE_EXHAUSTED', fcmCode: 'QUOTA_EXCEEDED', retryAfter: '12' },
      () => retry('messaging/message-rate-exceeded: RESOURCE_EXHAUSTED', 12_000),
    ],
    [
      '429 without it',
      { code: 429, status: 'RESOURCE_EXHAUSTED', fcmCode: 'QUOTA_EXCEEDED' },
      () => retry('messaging/message-rate-exceeded: RESOURCE_EXHAUSTED', 60_000),
    ],
    [
      '503 with Retry-After',
      { code: 503, status: 'UNAVAILABLE', fcmCode: 'UNAVAILABLE', retryAfter: '2' },
      () => retry('messaging/server-unavailable: UNAVAILABLE', 2_000),
    ],
    [
      '500',
      { code: 500, status: 'INTERNAL', fcmCode: 'INTERNAL' },
      () => retry('messaging/internal-error: INTERNAL', 500),
    ],
    [
      '403 SENDER_ID_MISMATCH',
      { code: 403, status: 'PERMISSION_DENIED', fcmCode: 'SENDER_ID_MISMATCH' },
      () => refused('messaging/mismatched-credential: PERMISSION_DENIED'),
    ],
    [
      '401 THIRD_PARTY_AUTH_ERROR',
      { code: 401, status: 'UNAUTHENTICATED', fcmCode: 'THIRD_PARTY_AUTH_ERROR' },
      () => refused('messaging/third-party-auth-error: UNAUTHENTICATED'),
    ],
  ]
  for (const [name, plan, outcome] of table)
    test(`${name} is told apart, and the message sent no second time`, async () => {
      await using sender = openSender()
      const device = newDevice()
      stub.plan(device.token, { kind: 'refuse', ...plan })
      const before = stub.messages()
      expect(await sender.send(device, call, forever)).toEqual(outcome() as never)
      expect(stub.messages() - before).toBe(1)
    })

  test('that is no JSON is a passing fault from 500 on, else refused', async () => {
    await using sender = openSender()
    const device = newDevice()
    stub.plan(device.token, { kind: 'page', code: 502 }, { kind: 'page', code: 404 })
    expect(await sender.send(device, call, forever)).toMatchObject({ kind: 'retry-later', afterMs: 500 })
    expect(await sender.send(device, call, forever)).toMatchObject({ kind: 'refused' })
  })

  test('repeats no push token into a reason', async () => {
    await using sender = openSender()
    const device = newDevice()
    const message = `Token ${device.token} is odd`
    stub.plan(device.token, { kind: 'refuse', code: 400, status: 'INVALID_ARGUMENT', message })
    const outcome = await sender.send(device, call, forever)
    expect(outcome).toEqual(refused('messaging/invalid-argument: Token … is odd') as never)
  })
})

describe('a sending', () => {
  test('that Google leaves unanswered ends at its time limit', async () => {
    await using sender = openSender({ limits: { sendMs: 200 } })
    const device = newDevice()
    stub.plan(device.token, { kind: 'hold' })
    expect(await sender.send(device, call, forever)).toEqual({
      kind: 'retry-later',
      afterMs: 0,
      reason: 'no answer from the vendor within 200 ms',
    })
  })

  test('ends at once with the wait', async () => {
    await using sender = openSender()
    const device = newDevice()
    const wait = new AbortController()
    stub.plan(device.token, { kind: 'hold' })
    const outcome = sender.send(device, call, wait.signal)
    await stub.until(() => stub.held() > 0)
    wait.abort()
    expect(await outcome).toMatchObject({ reason: 'the wait ended before the vendor answered' })
    expect(getEventListeners(wait.signal, 'abort')).toHaveLength(0)
  })

  test('whose wait ends while it signs in goes out no more', async () => {
    await using sender = openSender()
    const device = newDevice()
    const wait = new AbortController()
    const before = stub.held()
    stub.planSignIn({ kind: 'hold' })
    const outcome = sender.send(device, call, wait.signal)
    await stub.until(() => stub.held() > before)
    wait.abort()
    stub.release()
    expect(await outcome).toMatchObject({ kind: 'retry-later' })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    expect(receivedBy(device)).toHaveLength(0)
  })

  test('whose connection breaks is repeated at once on another', async () => {
    await using sender = openSender()
    const device = newDevice()
    const before = stub.held()
    stub.plan(device.token, { kind: 'hold' })
    const outcome = sender.send(device, call, forever)
    await stub.until(() => stub.held() > before)
    relay.breakOff()
    expect(await outcome).toMatchObject({ kind: 'accepted' })
  })

  test('waits its turn when many are under way, and is called off in line when its call ends', async () => {
    await using sender = openSender({ sendingsMax: 1 })
    const [first, ended, last] = [newDevice(), newDevice(), newDevice()]
    const wait = new AbortController()
    const before = stub.held()
    stub.plan(first.token, { kind: 'hold' })
    const outcomes = [sender.send(first, call, forever)]
    await stub.until(() => stub.held() > before)
    outcomes.push(sender.send(ended, call, wait.signal), sender.send(last, call, forever))
    wait.abort()
    stub.release()
    expect((await Promise.all(outcomes)).map(each => each.kind)).toEqual([
      'accepted',
      'retry-later',
      'accepted',
    ])
    expect(receivedBy(ended)).toHaveLength(0)
  })

  test('works five hundred times at once with one sign-in', async () => {
    await using sender = openSender({ limits: { sendMs: 10_000 } })
    const before = stub.signIns()
    const wait = new AbortController()
    const devices = Array.from({ length: 500 }, newDevice)
    const outcomes = await Promise.all(devices.map(device => sender.send(device, call, wait.signal)))
    expect(outcomes.filter(outcome => outcome.kind === 'accepted')).toHaveLength(500)
    expect(stub.signIns() - before).toBe(1)
    expect(getEventListeners(wait.signal, 'abort')).toHaveLength(0)
  })
})

describe('signing in', () => {
  test('that Google leaves unanswered is given up, and tried afresh by the next push', async () => {
    await using sender = openSender({ limits: { signInMs: 200 } })
    stub.planSignIn({ kind: 'hold' })
    const first = await sender.send(newDevice(), call, forever)
    expect(first).toMatchObject({
      kind: 'retry-later',
      reason: expect.stringContaining('sign-in failed: no answer in time'),
    })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
  })

  test('is renewed within the hour; if Google fails then, the old access token serves on', async () => {
    nowMs += 2 * 60 * MS_PER_MINUTE
    await using sender = openSender()
    const before = stub.signIns()
    await sender.send(newDevice(), call, forever)
    nowMs += 55 * MS_PER_MINUTE
    stub.planSignIn({ kind: 'page', code: 503 })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    expect(stub.signIns() - before).toBe(2)
    nowMs += MS_PER_MINUTE
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    expect(stub.signIns() - before).toBe(3)
  })

  test('with a key that Google does not know is refused', async () => {
    const { privateKey } = makeGoogleCredentials()
    const sender = createFcmSender({
      app: { ...google, platform: 'android', app: TEST_APP, privateKey },
      sendings: new PQueue({ concurrency: 1 }),
      clock,
    })
    const outcome = await sender.send(newDevice(), call, forever)
    expect(outcome).toMatchObject({ kind: 'refused', reason: expect.stringContaining('invalid_grant') })
    expect(JSON.stringify(outcome)).not.toContain('PRIVATE KEY')
    await sender.close()
  })

  test('happens anew when Google no longer takes the access token, but not for every push', async () => {
    nowMs += 60 * MS_PER_MINUTE
    await using sender = openSender()
    await sender.send(newDevice(), call, forever)
    const before = stub.signIns()
    stub.revokeAccessTokens()
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'refused' })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    stub.revokeAccessTokens()
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'refused' })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'refused' })
    expect(stub.signIns() - before).toBe(1)
  })

  test('to another project than the message names is refused, and forgets no device', async () => {
    await using sender = openSender({ projectId: 'another' })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'refused' })
  })
})

test('a stranger who stands at the host without a trusted certificate gets nothing', async () => {
  await relay.close()
  await stub.close()
  const stranger = await startFcmStub(google, { clock, certificate: makeStrangeCertificate() })
  await using sender = openSender()
  expect(await sender.send(newDevice(), call, forever)).toMatchObject({
    kind: 'retry-later',
    reason: expect.stringMatching(/certificate/),
  })
  expect(stranger.signIns() + stranger.messages()).toBe(0)
  await stranger.close()
  stub = await startFcmStub(google, { clock, port: 0 })
  relay = await startRelay('fcm.googleapis.com', stub.port)
})

test('the stub itself refuses what FCM refuses', async () => {
  await using sender = openSender()
  const reserved = { ...call, from: 'me' }
  expect(await sender.send(newDevice(), reserved, forever)).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('Invalid data payload key: from'),
  })
})
