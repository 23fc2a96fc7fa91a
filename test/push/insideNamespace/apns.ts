// Apple's sender against a stub at Apple's own names: what it sends, what it makes of the answers, and its provider
// tokens. Runs inside the vendors' namespace: see vendors.test.ts.
import { describe, expect, test } from 'bun:test'
import { MS_PER_MINUTE } from '../../../src/base/units.ts'
import { createProviderTokens } from '../../../src/push/apnsToken.ts'
import { type ApnsPlan, startApnsStub } from '../apnsStub.ts'
import { makeAppleCredentials, TEST_TOPIC } from '../appCredentials.ts'
import {
  apple,
  call,
  clock,
  forever,
  newDevice,
  openSender,
  passTime,
  receivedBy,
  SANDBOX_HOST,
  stub,
  useApple,
} from './appleRig.ts'

useApple()

describe('a push', () => {
  test('of a call is a VoIP push with its keys beside aps, sent now or never', async () => {
    await using sender = openSender()
    const device = newDevice()
    const outcome = await sender.send(device, call, forever)
    expect(outcome).toEqual({ kind: 'accepted', id: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    const [push] = receivedBy(device)
    expect(push?.payload).toEqual({ aps: {}, ...call })
    expect(push?.headers).toMatchObject({
      'apns-topic': TEST_TOPIC,
      'apns-push-type': 'voip',
      'apns-priority': '10',
      'apns-expiration': '0',
      'apns-id': outcome.kind === 'accepted' ? outcome.id : '',
    })
  })

  test('to a development build goes to the sandbox host', async () => {
    const sandbox = await startApnsStub({ host: SANDBOX_HOST, keys: [apple], clock })
    await using sender = openSender({ isSandbox: true })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    expect(sandbox.received).toHaveLength(1)
    await sandbox.close()
  })

  test('beyond 5,120 bytes is refused unsent, one of just 5,120 is sent', async () => {
    await using sender = openSender()
    const device = newDevice()
    const fixedBytes = JSON.stringify({ aps: {}, ...call, caller_id: '' }).length
    const fitting = { ...call, caller_id: 'x'.repeat(5_120 - fixedBytes) }
    expect(await sender.send(device, fitting, forever)).toMatchObject({ kind: 'accepted' })
    const tooLong = { ...call, caller_id: `${fitting.caller_id}x` }
    expect(await sender.send(device, tooLong, forever)).toEqual({
      kind: 'refused',
      reason: 'payload of 5121 bytes, at most 5120',
    })
    expect(receivedBy(device)).toHaveLength(1)
  })

  const message = { type: 'message', message: 'An other device has registered' } as const

  test('of a message goes as an alert to the phone that gave a token for that, and may come later', async () => {
    await using sender = openSender({ sendsMessagesOverVoip: false })
    const device = { ...newDevice(), alertToken: newDevice().token }
    expect(await sender.send(device, message, forever)).toMatchObject({ kind: 'accepted' })
    expect(receivedBy(device)).toHaveLength(0)
    const [push] = receivedBy({ ...device, token: device.alertToken })
    expect(push?.payload).toEqual({ aps: { alert: message.message }, ...message })
    expect(push?.headers).toMatchObject({
      'apns-topic': TEST_TOPIC.replace('.voip', ''),
      'apns-push-type': 'alert',
      'apns-expiration': String(Math.floor(clock() / 1_000) + 24 * 60 * 60),
    })
  })

  test('of a message without such a token goes over the VoIP topic, unless the settings forbid it', async () => {
    await using sender = openSender()
    await using strict = openSender({ sendsMessagesOverVoip: false })
    const device = newDevice()
    expect(await sender.send(device, message, forever)).toMatchObject({ kind: 'accepted' })
    expect(await strict.send(device, message, forever)).toEqual({
      kind: 'refused',
      reason: 'no alert token to send a message to',
    })
    expect(receivedBy(device).map(each => each.headers['apns-push-type'])).toEqual(['voip'])
  })

  test('of type cancel is refused unsent, because every VoIP push must ring', async () => {
    await using sender = openSender()
    const device = newDevice()
    const outcome = await sender.send(device, { type: 'cancel', unique_key: 'abc', reason: 'x' }, forever)
    expect(outcome).toEqual({ kind: 'refused', reason: 'no VoIP push of type cancel' })
    expect(receivedBy(device)).toHaveLength(0)
  })
})

describe("Apple's answer", () => {
  const retry = (reason: string, afterMs: number) => ({ kind: 'retry-later', reason, afterMs })
  const refused = (reason: string) => ({ kind: 'refused', reason })
  const goneSinceMs = 1_700_000_000_123
  const table: [status: number, reason: string, outcome: object, more?: object][] = [
    [410, 'Unregistered', { kind: 'token-gone', sinceMs: goneSinceMs }, { timestampMs: goneSinceMs }],
    [410, 'ExpiredToken', { kind: 'token-gone', sinceMs: goneSinceMs }, { timestampMs: goneSinceMs }],
    [400, 'BadDeviceToken', refused('BadDeviceToken')],
    [400, 'DeviceTokenNotForTopic', refused('DeviceTokenNotForTopic')],
    [400, 'TopicDisallowed', refused('TopicDisallowed')],
    [400, 'IdleTimeout', retry('IdleTimeout', 500)],
    [403, 'BadEnvironmentKeyInToken', refused('BadEnvironmentKeyInToken')],
    [413, 'PayloadTooLarge', refused('PayloadTooLarge')],
    [429, 'TooManyRequests', retry('TooManyRequests', 500)],
    [429, 'TooManyRequests', retry('TooManyRequests', 7_000), { retryAfter: '7' }],
    [429, 'TooManyProviderTokenUpdates', retry('TooManyProviderTokenUpdates', 500)],
    [500, 'InternalServerError', retry('InternalServerError', 500)],
    [503, 'ServiceUnavailable', retry('ServiceUnavailable', 3_000), { retryAfter: '3' }],
    [503, 'Shutdown', retry('Shutdown', 500)],
  ]
  for (const [status, reason, outcome, more] of table)
    test(`${status} ${reason}${more ? ` with ${Object.keys(more)}` : ''} is told apart`, async () => {
      await using sender = openSender()
      const device = newDevice()
      stub.plan(device.token, { kind: 'refuse', status, reason, ...more })
      expect(await sender.send(device, call, forever)).toEqual(outcome as never)
      expect(receivedBy(device)).toHaveLength(0)
    })

  test('410 without a time means gone since the sending', async () => {
    await using sender = openSender()
    const device = newDevice()
    stub.plan(device.token, { kind: 'refuse', status: 410, reason: 'Unregistered' })
    expect(await sender.send(device, call, forever)).toEqual({ kind: 'token-gone', sinceMs: clock() })
  })

  test('to a token that is none is BadDeviceToken', async () => {
    await using sender = openSender()
    const device = { ...newDevice(), token: 'not/hex?' }
    expect(await sender.send(device, call, forever)).toEqual(refused('BadDeviceToken') as never)
  })
})

describe('the provider token', () => {
  test('is one for all senders of a key, and a new one after 50 minutes', async () => {
    const providerTokens = createProviderTokens(clock)
    passTime(60 * MS_PER_MINUTE)
    await using one = openSender({ providerTokens })
    await using other = openSender({ providerTokens })
    const before = new Set(stub.providerTokens.keys())
    await one.send(newDevice(), call, forever)
    await other.send(newDevice(), call, forever)
    passTime(49 * MS_PER_MINUTE)
    await other.send(newDevice(), call, forever)
    expect(new Set(stub.providerTokens.keys()).difference(before).size).toBe(1)
    passTime(2 * MS_PER_MINUTE)
    expect(await one.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    expect(new Set(stub.providerTokens.keys()).difference(before).size).toBe(2)
  })

  for (const reason of ['ExpiredProviderToken', 'InvalidProviderToken'])
    test(`refused with ${reason} is renewed once and the push sent again`, async () => {
      passTime(60 * MS_PER_MINUTE)
      await using sender = openSender()
      const device = newDevice()
      const refusal: ApnsPlan = { kind: 'refuse', status: 403, reason }
      stub.plan(device.token, refusal)
      expect(await sender.send(device, call, forever)).toMatchObject({ kind: 'accepted' })
      // Again within 20 minutes: Apple would take offence at a third token.
      stub.plan(device.token, refusal, refusal)
      expect(await sender.send(device, call, forever)).toEqual({ kind: 'refused', reason })
      expect(receivedBy(device)).toHaveLength(1)
    })

  test('refused to many pushes at once is renewed once for all of them', async () => {
    passTime(60 * MS_PER_MINUTE)
    await using sender = openSender()
    await sender.send(newDevice(), call, forever)
    const before = stub.providerTokens.size
    const devices = Array.from({ length: 20 }, newDevice)
    for (const { token } of devices)
      stub.plan(token, { kind: 'refuse', status: 403, reason: 'ExpiredProviderToken' })
    const outcomes = await Promise.all(devices.map(device => sender.send(device, call, forever)))
    expect(new Set(outcomes.map(outcome => outcome.kind))).toEqual(new Set(['accepted']))
    expect(stub.providerTokens.size).toBe(before + 1)
  })

  test('signed with a key that Apple does not know is refused', async () => {
    const { signingKey } = makeAppleCredentials()
    await using sender = openSender({ signingKey, providerTokens: createProviderTokens(clock) })
    const outcome = await sender.send(newDevice(), call, forever)
    expect(outcome).toEqual({ kind: 'refused', reason: 'InvalidProviderToken' })
  })
})

test('the stub itself refuses HTTP/1.1, which Apple does not speak', async () => {
  const error = await fetch('https://api.push.apple.com/3/device/ab', { method: 'POST' }).catch(
    thrown => thrown,
  )
  expect(error).toBeInstanceOf(Error)
})
