// The connection of Apple's sender: shared by all pushes, replaced when it is lost, and no push lost with it. Runs
// inside the vendors' namespace: see vendors.test.ts.
import { describe, expect, test } from 'bun:test'
import { getEventListeners } from 'node:events'
import { MS_PER_MINUTE } from '../../../src/base/units.ts'
import type { PushTarget } from '../../../src/push/push.ts'
import { type ApnsPlan, startApnsStub } from '../apnsStub.ts'
import { startRelay } from '../relay.ts'
import { makeStrangeCertificate } from '../vendorCerts.ts'
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

describe('the connection', () => {
  test('is one for a thousand pushes at once, and leaves no listener behind', async () => {
    passTime(60 * MS_PER_MINUTE)
    await using sender = openSender({ limits: { sendMs: 10_000 } })
    const before = stub.connections()
    const warnings: Error[] = []
    const hearWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', hearWarning)
    const wait = new AbortController()
    const devices = Array.from({ length: 1_000 }, newDevice)
    const outcomes = await Promise.all(devices.map(device => sender.send(device, call, wait.signal)))
    expect(outcomes.filter(outcome => outcome.kind === 'accepted')).toHaveLength(1_000)
    expect(new Set(devices.flatMap(receivedBy).map(push => push.token)).size).toBe(1_000)
    expect(stub.connections() - before).toBe(1)
    expect(getEventListeners(wait.signal, 'abort')).toHaveLength(0)
    expect(warnings).toEqual([])
    process.off('warning', hearWarning)
  })

  test('is kept within the streams that Apple allows', async () => {
    const narrow = await startApnsStub({
      host: SANDBOX_HOST,
      keys: [apple],
      clock,
      streamsMax: 10,
    })
    await using sender = openSender({ isSandbox: true })
    const devices = Array.from({ length: 100 }, newDevice)
    for (const { token } of devices.slice(0, 1)) narrow.plan(token, { kind: 'hold' })
    const outcomes = devices.map(device => sender.send(device, call, forever))
    await narrow.until(() => narrow.held() === 1)
    narrow.release()
    expect(new Set((await Promise.all(outcomes)).map(outcome => outcome.kind))).toEqual(new Set(['accepted']))
    expect(narrow.streamsOpenMost()).toBeLessThanOrEqual(10)
    expect(narrow.connections()).toBe(1)
    await narrow.close()
  })

  const losses: [string, ApnsPlan, times: number[]][] = [
    ['a GOAWAY that leaves it out', { kind: 'goaway', isTaken: false }, [1]],
    ['a GOAWAY that still takes it', { kind: 'goaway', isTaken: true }, [1]],
    // An answer may be lost with the connection: then Apple gets that push a second time.
    ['a broken connection', { kind: 'drop' }, [1, 2]],
  ]
  for (const [name, plan, times] of losses)
    test(`${name} costs neither the push nor its neighbours, the next ones go by a new one`, async () => {
      await using sender = openSender()
      const [first, middle, ...others] = Array.from({ length: 9 }, newDevice) as [PushTarget, PushTarget]
      await sender.send(first, call, forever)
      const before = stub.connections()
      stub.plan(middle.token, plan)
      const devices = [middle, ...others]
      const outcomes = await Promise.all(devices.map(device => sender.send(device, call, forever)))
      expect(new Set(outcomes.map(outcome => outcome.kind))).toEqual(new Set(['accepted']))
      expect(await sender.send(first, call, forever)).toMatchObject({ kind: 'accepted' })
      for (const device of devices) expect(times).toContain(receivedBy(device).length)
      expect(stub.connections() - before).toBe(1)
    })

  test('stays when Apple refuses one stream, which is sent again', async () => {
    await using sender = openSender()
    const device = newDevice()
    await sender.send(newDevice(), call, forever)
    const before = stub.connections()
    stub.plan(device.token, { kind: 'reset' })
    expect(await sender.send(device, call, forever)).toMatchObject({ kind: 'accepted' })
    expect(stub.connections()).toBe(before)
  })

  test('lost three times with the same push makes it one for later', async () => {
    await using sender = openSender()
    const device = newDevice()
    const drop: ApnsPlan = { kind: 'drop' }
    stub.plan(device.token, drop, drop, drop)
    expect(await sender.send(device, call, forever)).toMatchObject({ kind: 'retry-later', afterMs: 500 })
    expect(await sender.send(device, call, forever)).toMatchObject({ kind: 'accepted' })
  })

  test('that fell silent is found by a ping and replaced, and the push arrives', async () => {
    const sandbox = await startApnsStub({ host: SANDBOX_HOST, keys: [apple], clock, port: 0 })
    const relay = await startRelay(SANDBOX_HOST, sandbox.port)
    await using sender = openSender({ isSandbox: true })
    await sender.send(newDevice(), call, forever)
    relay.fallSilent()
    const device = newDevice()
    expect(await sender.send(device, call, forever)).toMatchObject({ kind: 'accepted' })
    expect(sandbox.received.filter(push => push.token === device.token)).toHaveLength(1)
    expect(sandbox.connections()).toBe(2)
    await relay.close()
    await sandbox.close()
  })

  test('survives a push that Apple leaves unanswered, which ends at its time limit', async () => {
    await using sender = openSender({ limits: { sendMs: 300 } })
    const device = newDevice()
    await sender.send(newDevice(), call, forever)
    const before = stub.connections()
    stub.plan(device.token, { kind: 'hold' })
    expect(await sender.send(device, call, forever)).toEqual({
      kind: 'retry-later',
      afterMs: 0,
      reason: 'no answer from the vendor within 300 ms',
    })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({ kind: 'accepted' })
    expect(stub.connections()).toBe(before)
  })

  test('frees the stream of a push whose wait ends', async () => {
    const narrow = await startApnsStub({ host: SANDBOX_HOST, keys: [apple], clock, streamsMax: 1 })
    await using sender = openSender({ isSandbox: true })
    const device = newDevice()
    narrow.plan(device.token, { kind: 'hold' })
    const wait = new AbortController()
    const outcome = sender.send(device, call, wait.signal)
    const next = sender.send(newDevice(), call, forever)
    await narrow.until(() => narrow.held() === 1)
    wait.abort()
    expect(await outcome).toEqual({
      kind: 'retry-later',
      afterMs: 0,
      reason: 'the wait ended before the vendor answered',
    })
    expect(await next).toMatchObject({ kind: 'accepted' })
    expect(narrow.connections()).toBe(1)
    expect(await sender.send(device, call, wait.signal)).toMatchObject({
      reason: 'the wait was over before the push was sent',
    })
    await narrow.close()
  })

  test('is not made to a stranger who stands at the host without a trusted certificate', async () => {
    const stranger = await startApnsStub({
      host: SANDBOX_HOST,
      keys: [apple],
      clock,
      certificate: makeStrangeCertificate(),
    })
    await using sender = openSender({ isSandbox: true })
    expect(await sender.send(newDevice(), call, forever)).toMatchObject({
      kind: 'retry-later',
      reason: expect.stringMatching(/certificate/),
    })
    expect(stranger.providerTokens.size).toBe(0)
    await stranger.close()
  })

  test('that cannot be made tells all pushes that waited for it', async () => {
    await using sender = openSender({ isSandbox: true })
    const outcomes = await Promise.all([1, 2, 3].map(() => sender.send(newDevice(), call, forever)))
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        kind: 'retry-later',
        afterMs: 500,
        reason: expect.stringMatching(/^api\.sandbox\.push\.apple\.com: .*ECONNREFUSED/),
      })
  })

  test('closes after its last push, and takes no further one', async () => {
    const sender = openSender()
    const device = newDevice()
    stub.plan(device.token, { kind: 'hold' })
    const heldBefore = stub.held()
    const outcome = sender.send(device, call, forever)
    await stub.until(() => stub.held() === heldBefore + 1)
    const closed = sender.close()
    stub.release()
    expect(await outcome).toMatchObject({ kind: 'accepted' })
    await closed
    expect(await sender.send(device, call, forever)).toMatchObject({ reason: 'the sender is closed' })
  })
})
