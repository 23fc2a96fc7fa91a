// The stubs' own rules: a test against a stub is worth as much as the stub refuses.
import { describe, expect, test } from 'bun:test'
import type { IncomingHttpHeaders } from 'node:http2'
import { MS_PER_MINUTE } from '../../src/base/units.ts'
import { createProviderTokens } from '../../src/push/apnsToken.ts'
import { makeAppleCredentials, TEST_TOPIC } from './appCredentials.ts'
import { createAppleRules } from './appleRules.ts'
import { refusalOfMessage } from './googleRules.ts'

const NOW_MS = 1_700_000_000_000

describe("Apple's rules", () => {
  const apple = makeAppleCredentials()
  const tokenAt = (ms: number) => `bearer ${createProviderTokens(() => ms).current(apple)}`
  const good: IncomingHttpHeaders = {
    ':method': 'POST',
    ':path': `/3/device/${'ab'.repeat(32)}`,
    authorization: tokenAt(NOW_MS),
    'apns-topic': TEST_TOPIC,
    'apns-push-type': 'voip',
    'apns-priority': '10',
    'apns-expiration': '0',
  }
  const check = (change: IncomingHttpHeaders, body = '{"aps":{}}') =>
    createAppleRules([apple], () => NOW_MS).check({ ...good, ...change }, body).refusal

  test('take a correct push', () => {
    expect(check({})).toBeUndefined()
  })

  const [header, claims] = good.authorization!.split(' ')[1]!.split('.')
  const table: [name: string, change: IncomingHttpHeaders, status: number, reason: string][] = [
    ['no provider token', { authorization: undefined }, 403, 'MissingProviderToken'],
    ['an unsigned one', { authorization: `bearer ${header}.${claims}.AAAA` }, 403, 'InvalidProviderToken'],
    [
      'one of 61 minutes',
      { authorization: tokenAt(NOW_MS - 61 * MS_PER_MINUTE) },
      403,
      'ExpiredProviderToken',
    ],
    [
      'one of the future',
      { authorization: tokenAt(NOW_MS + 5 * MS_PER_MINUTE) },
      403,
      'InvalidProviderToken',
    ],
    ['GET', { ':method': 'GET' }, 405, 'MethodNotAllowed'],
    ['another path', { ':path': '/2/device/ab' }, 404, 'BadPath'],
    ['no device token', { ':path': '/3/device/' }, 400, 'MissingDeviceToken'],
    ['a short device token', { ':path': '/3/device/abcd' }, 400, 'BadDeviceToken'],
    ['a device token that is not hex', { ':path': `/3/device/${'xy'.repeat(32)}` }, 400, 'BadDeviceToken'],
    ['no topic', { 'apns-topic': undefined }, 400, 'MissingTopic'],
    ["another app's topic", { 'apns-topic': 'com.example.other.voip' }, 400, 'TopicDisallowed'],
    ['an alert on the VoIP topic', { 'apns-push-type': 'alert' }, 400, 'InvalidPushType'],
    ['a priority of 7', { 'apns-priority': '7' }, 400, 'BadPriority'],
    ['an expiration in words', { 'apns-expiration': 'never' }, 400, 'BadExpirationDate'],
    ['an id that is no UUID', { 'apns-id': '1' }, 400, 'BadMessageId'],
  ]
  for (const [name, change, status, reason] of table)
    test(`refuse ${name}`, () => {
      expect(check(change)).toEqual({ status, reason })
    })

  test('refuse a payload that is too large, or has no aps', () => {
    expect(check({}, JSON.stringify({ aps: {}, x: 'x'.repeat(5_120) }))?.reason).toBe('PayloadTooLarge')
    expect(check({}, '{"x":1}')?.reason).toBe('PayloadEmpty')
  })

  test('refuse a third provider token within 20 minutes', () => {
    const rules = createAppleRules([apple], () => NOW_MS)
    const reasons = [3, 2, 1].map(minutes => {
      const authorization = tokenAt(NOW_MS - minutes * MS_PER_MINUTE)
      return rules.check({ ...good, authorization }, '{"aps":{}}').refusal?.reason
    })
    expect(reasons).toEqual([undefined, undefined, 'TooManyProviderTokenUpdates'])
  })
})

describe("Google's rules", () => {
  const good = { token: 't', data: { type: 'call' }, android: { priority: 'high', ttl: '0s' } }
  const check = (message: object) => refusalOfMessage({ message }).refusal?.message

  test('take a correct message', () => {
    expect(check(good)).toBeUndefined()
  })

  const table: [name: string, message: object, words: string][] = [
    ['an unknown field', { ...good, colour: 'red' }, 'Unknown name "colour" at \'message\''],
    ['an unknown Android field', { ...good, android: { ttl: '0s', x: 1 } }, "at 'message.android'"],
    ['two targets', { ...good, topic: 'x' }, 'Recipient of the message'],
    ['no target', { data: {} }, 'Recipient of the message'],
    ['a number in data', { ...good, data: { attempt: 1 } }, 'must be a string'],
    ['a reserved key', { ...good, data: { from: 'x' } }, 'Invalid data payload key: from'],
    ['too much data', { ...good, data: { x: 'x'.repeat(4_096) } }, 'too big'],
    ['another priority', { ...good, android: { priority: 'urgent' } }, 'message.android.priority'],
    ['a ttl in numbers', { ...good, android: { ttl: 0 } }, 'duration'],
  ]
  for (const [name, message, words] of table)
    test(`refuse ${name}`, () => {
      expect(check(message)).toContain(words)
    })
})
