// The whole service while the vendors refuse, lose, delay or never answer pushes: what the PBX hears, which phones are
// forgotten, what is counted. Runs inside the vendors' namespace: see endToEnd.test.ts.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { devicesKey } from '../../../src/redis/keys.ts'
import { acked, naked, proceeds } from '../../harness/client.ts'
import { eventually, readMetrics } from '../../harness/internal.ts'
import type { TestService } from '../../harness/service.ts'
import type { ApnsPlan } from '../apnsStub.ts'
import type { FcmPlan } from '../fcmStub.ts'
import {
  answerAsGiven,
  callPush,
  type Phone,
  PLATFORMS,
  type Platform,
  type ServiceRig,
  startServiceRig,
} from './serviceRig.ts'

/** A busy machine may take its time. Less than the patient one's wait: a NAK within it came at once. */
setDefaultTimeout(15_000)

let rig: ServiceRig
/** Holds calls for longer than a test may take and resends nothing: what arrives was its first attempt. */
let patient: TestService
/** Comes to its deadline soon, after HASTY_ATTEMPTS. */
let hasty: TestService
const HASTY_ATTEMPTS = 4

beforeAll(async () => {
  rig = await startServiceRig({
    patient: { APP_PUSH_ROUNDTRIP_WAIT: '20000', APP_PUSH_RESEND_INTERVAL: '10000' },
    hasty: { APP_PUSH_ROUNDTRIP_WAIT: '4000', APP_PUSH_RESEND_INTERVAL: '800' },
  })
  patient = rig.services.patient!
  hasty = rig.services.hasty!
})
afterAll(() => rig.close())

/** A vendor's answer in Apple's words and in Google's. */
interface Fault {
  apple: ApnsPlan
  google: FcmPlan
}
const GONE: Fault = {
  apple: { kind: 'refuse', status: 410, reason: 'Unregistered' },
  google: { kind: 'refuse', code: 404, status: 'NOT_FOUND', fcmCode: 'UNREGISTERED' },
}
const REFUSED: Fault = {
  apple: { kind: 'refuse', status: 400, reason: 'TopicDisallowed' },
  google: { kind: 'refuse', code: 401, status: 'UNAUTHENTICATED', fcmCode: 'THIRD_PARTY_AUTH_ERROR' },
}
const REFUSED_FOR_GOOD: Fault = {
  apple: { kind: 'refuse', status: 400, reason: 'BadDeviceToken' },
  google: { kind: 'refuse', code: 403, status: 'PERMISSION_DENIED', fcmCode: 'SENDER_ID_MISMATCH' },
}
const BUSY: Fault = {
  apple: { kind: 'refuse', status: 503, reason: 'ServiceUnavailable', retryAfter: '0' },
  google: {
    kind: 'refuse',
    code: 503,
    status: 'UNAVAILABLE',
    fcmCode: 'UNAVAILABLE',
    retryAfter: '0',
  },
}
const LIMITED: Fault = {
  apple: { kind: 'refuse', status: 429, reason: 'TooManyRequests', retryAfter: '1' },
  google: {
    kind: 'refuse',
    code: 429,
    status: 'RESOURCE_EXHAUSTED',
    fcmCode: 'QUOTA_EXCEEDED',
    retryAfter: '1',
  },
}
const HANGING: Fault = { apple: { kind: 'hold' }, google: { kind: 'hold' } }

function plan({ platform, token }: Phone, ...faults: Fault[]): void {
  if (platform === 'apns') rig.apns.plan(token, ...faults.map(each => each.apple))
  else rig.fcm.plan(token, ...faults.map(each => each.google))
}

/** Phones of one account, each with a slot of its own. */
async function registered(...platforms: Platform[]): Promise<[Phone, ...Phone[]]> {
  const account = rig.newAccount()
  const phones = platforms.map(platform => rig.newPhone(platform, account))
  for (const [index, phone] of phones.entries())
    expect(await rig.register(patient, phone, { device_id: `phone-${index}` })).toBe(201)
  return phones as [Phone, ...Phone[]]
}

const answerOf = (service: TestService, { account }: Phone) => rig.ring(service, account).answer

/** A call whose push, at the first attempt, reaches the phone, which confirms: after something else, perhaps. */
async function callReaches(phone: Phone, beforeIt = async () => {}): Promise<void> {
  const ringing = rig.ring(patient, phone.account)
  const push = await rig.push(phone, callPush(ringing.callId))
  expect(Number(push.attempt)).toBe(1)
  await beforeIt()
  expect(await answerAsGiven(push)).toEqual(proceeds)
  expect(await ringing.answer).toEqual(acked)
}

describe.concurrent('a phone whose token is gone', () => {
  for (const platform of PLATFORMS)
    test(`of ${platform} ends the call at once, and is forgotten`, async () => {
      const [phone] = await registered(platform)
      plan(phone, GONE)
      expect(await answerOf(patient, phone)).toEqual(naked('push-refused'))
      expect(await answerOf(patient, phone)).toEqual(naked('no-device'))
    })

  test('stays when it has registered again since the time that Apple names', async () => {
    const [phone] = await registered('apns')
    rig.apns.plan(phone.token, {
      kind: 'refuse',
      status: 410,
      reason: 'Unregistered',
      timestampMs: Date.now() - 60_000,
    })
    expect(await answerOf(patient, phone)).toEqual(naked('push-refused'))
    await callReaches(phone)
  })

  test('ends the call at once only when no other is left', async () => {
    const [iphone, android] = await registered('apns', 'android')
    plan(iphone, GONE)
    plan(android!, GONE)
    expect(await answerOf(patient, iphone)).toEqual(naked('push-refused'))
    expect(await answerOf(patient, iphone)).toEqual(naked('no-device'))
  })

  test('does not keep the call from another one', async () => {
    const [old, current] = await registered('apns', 'apns')
    plan(old, GONE)
    // With the confirmation the pushes under way end; what their answers would have been is not waited for.
    const isForgotten = () =>
      eventually('the gone phone to be forgotten', async () => {
        const slots = await rig.redis.client.hlen(devicesKey(old.account))
        return slots === 1
      })
    await callReaches(current!, isForgotten)
    await callReaches(current!)
    expect(rig.apns.heard.filter(each => each.token === old.token)).toHaveLength(1)
  })

  test('is not pushed again while the vendor of another one never answers', async () => {
    const [iphone, android] = await registered('apns', 'android')
    plan(iphone, GONE)
    plan(android!, ...Array<Fault>(HASTY_ATTEMPTS).fill(HANGING))
    expect(await answerOf(hasty, iphone)).toEqual(naked('timeout'))
    // One, or two on a machine that stood still for an interval.
    const heard = rig.apns.heard.filter(each => each.token === iphone.token)
    expect(heard.length).toBeWithin(1, HASTY_ATTEMPTS - 1)
  })
})

describe.concurrent('a refused push', () => {
  test('forgets no phone: the next call reaches it', async () => {
    for (const platform of ['apns', 'android'] as const) {
      const [refused, other] = await registered(platform, platform)
      plan(refused, REFUSED)
      await callReaches(other!)
      await callReaches(refused)
    }
  })

  test('for good ends the call at once, and forgets no phone', async () => {
    for (const platform of ['apns', 'android'] as const) {
      const [phone] = await registered(platform)
      plan(phone, REFUSED_FOR_GOOD)
      expect(await answerOf(patient, phone)).toEqual(naked('push-refused'))
      await callReaches(phone)
    }
  })

  test('ends the call with push-refused at its deadline, when there was no other', async () => {
    const [phone] = await registered('apns')
    plan(phone, ...Array<Fault>(HASTY_ATTEMPTS).fill(REFUSED))
    expect(await answerOf(hasty, phone)).toEqual(naked('push-refused'))
    expect(await rig.register(hasty, phone, { device_id: 'phone-0' })).toBe(200)
  })

  test('is made good by a later attempt that the vendor takes', async () => {
    const [phone] = await registered('apns')
    plan(phone, REFUSED)
    expect(await answerOf(hasty, phone)).toEqual(naked('timeout'))
    expect(rig.pushesTo(phone).length).toBeGreaterThan(0)
  })
})

describe.concurrent('a passing fault of the vendor', () => {
  const faults: [string, Fault, Platform[]][] = [
    ['503', BUSY, PLATFORMS],
    ['429', LIMITED, PLATFORMS],
    // What a proxy on the way says.
    ['502 without JSON', { ...BUSY, google: { kind: 'page', code: 502 } }, ['android']],
  ]
  for (const [name, fault, platforms] of faults)
    for (const platform of platforms)
      test(`(${name}, ${platform}) is got over within the wait`, async () => {
        const [phone] = await registered(platform)
        plan(phone, fault)
        await callReaches(phone)
      })

  test('that lasts does not let older attempts be retried beside newer ones', async () => {
    const [phone] = await registered('apns')
    plan(phone, ...Array<Fault>(100).fill(BUSY))
    expect(await answerOf(hasty, phone)).toEqual(naked('timeout'))
    const attempts = rig.apns.heard
      .filter(each => each.token === phone.token)
      .map(each => Number(each.payload.attempt))
    expect(attempts.length).toBeGreaterThan(1)
    expect(attempts).toEqual(attempts.toSorted((a, b) => a - b))
  })
})

describe.concurrent('a vendor that never answers', () => {
  for (const platform of PLATFORMS)
    test(`(${platform}) costs the PBX a NAK at the deadline, no error`, async () => {
      const [phone] = await registered(platform)
      plan(phone, ...Array<Fault>(HASTY_ATTEMPTS).fill(HANGING))
      expect(await answerOf(hasty, phone)).toEqual(naked('timeout'))
      await callReaches(phone)
    })

  for (const platform of PLATFORMS)
    test(`(${platform}) to one attempt does not hold up the next`, async () => {
      const [phone] = await registered(platform)
      plan(phone, HANGING)
      const ringing = rig.ring(hasty, phone.account)
      const push = await rig.push(phone, callPush(ringing.callId))
      expect(Number(push.attempt)).toBeGreaterThan(1)
      expect(await answerAsGiven(push)).toEqual(proceeds)
      expect(await ringing.answer).toEqual(acked)
    })
})

// Not concurrent: these cost the other pushes of the moment their connection too.
describe('a connection to the vendor', () => {
  const losses: [string, ApnsPlan][] = [
    ['is closed by Apple’s GOAWAY before the push is taken', { kind: 'goaway', isTaken: false }],
    ['is closed by Apple’s GOAWAY after the push is taken', { kind: 'goaway', isTaken: true }],
    ['breaks under the push', { kind: 'drop' }],
    ['refuses the stream', { kind: 'reset' }],
  ]
  for (const [name, loss] of losses)
    test(`that ${name} costs no call`, async () => {
      const [phone] = await registered('apns')
      rig.apns.plan(phone.token, loss)
      await callReaches(phone)
      await callReaches(phone)
    })

  test('of Apple’s that breaks while an answer is awaited costs no call', async () => {
    const [waiting] = await registered('apns')
    const [breaking] = await registered('apns')
    plan(waiting, HANGING)
    const heldBefore = rig.apns.held()
    const ringing = rig.ring(patient, waiting.account)
    await rig.apns.until(() => rig.apns.held() > heldBefore)
    rig.apns.plan(breaking.token, { kind: 'drop' })
    await callReaches(breaking)
    expect(await answerAsGiven(await rig.push(waiting, callPush(ringing.callId)))).toEqual(proceeds)
    expect(await ringing.answer).toEqual(acked)
  })

  test('of Google’s that breaks while an answer is awaited costs no call', async () => {
    const [phone] = await registered('android')
    plan(phone, HANGING)
    const heldBefore = rig.fcm.held()
    const ringing = rig.ring(patient, phone.account)
    await rig.fcm.until(() => rig.fcm.held() > heldBefore)
    rig.fcmLine.breakOff()
    expect(await answerAsGiven(await rig.push(phone, callPush(ringing.callId)))).toEqual(proceeds)
    expect(await ringing.answer).toEqual(acked)
  })
})

describe('hookswitch_pushes_total', () => {
  for (const platform of PLATFORMS)
    test(`counts pushes to ${platform} by what became of each`, async () => {
      const outcomes = ['accepted', 'token-gone', 'refused', 'retry-later'] as const
      const count = async () => {
        const metrics = await readMetrics(patient.internalUrl)
        return outcomes.map(
          outcome => metrics.get(`hookswitch_pushes_total{platform="${platform}",outcome="${outcome}"}`) ?? 0,
        )
      }
      const before = await count()
      const [good, gone, refused, delayed] = (await registered(platform, platform, platform, platform)) as [
        Phone,
        Phone,
        Phone,
        Phone,
      ]
      plan(gone, GONE)
      plan(refused, REFUSED)
      plan(delayed, BUSY)
      const ringing = rig.ring(patient, good.account)
      const push = await rig.push(good, callPush(ringing.callId))
      await rig.push(delayed, callPush(ringing.callId))
      // The vendor counts a push before its answer is back.
      const added = async () => (await count()).map((value, index) => value - before[index]!)
      await eventually('all outcomes', async () => (await added()).reduce((sum, each) => sum + each) === 5)
      expect(await added()).toEqual([2, 1, 1, 1])
      expect(await answerAsGiven(push)).toEqual(proceeds)
      expect(await ringing.answer).toEqual(acked)
    })
})

test('after all this neither a push token nor a confirmation token is in a log', () => {
  for (const { log, output } of [patient, hasty]) {
    expect(log.length).toBeGreaterThan(50)
    expect(output()).not.toMatch(/0{40}|eyJ|BEGIN PRIVATE KEY|[Bb]earer /)
  }
})
