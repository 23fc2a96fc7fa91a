// What is told of a control message when Redis breaks off: nobody obeys one that was never published, and of one that
// was on its way to Redis nobody knows.
import { describe, expect, test } from 'bun:test'
import type { Backend } from '../../src/backend/backend.ts'
import { steer } from '../../src/backend/sendCommand.ts'
import type { CallRecord } from '../../src/redis/calls/calls.ts'
import { RedisUnavailable } from '../../src/redis/connect.ts'

const lost = () => Promise.reject(new RedisUnavailable('Connection is closed.'))

/** A backend whose call lives and whose messages are heard, but for what the test replaces. */
function hangUp(replaced: Partial<Backend>, isPatient = false) {
  const backend: Partial<Backend> = {
    findCall: () => Promise.resolve({ dialId: 'a-call', fence: 1 } as CallRecord),
    isTaken: () => Promise.resolve(false),
    listen: () => Promise.resolve(() => undefined),
    publish: () => Promise.resolve(2),
    ...replaced,
  }
  return steer(backend as Backend, {
    to: { kind: 'call', dialId: 'a-call' },
    message: { type: 'hangup' },
    commandId: 'once',
    timeoutMs: 20_000,
    isPatient,
    signal: new AbortController().signal,
  })
}

describe('Redis that breaks off', () => {
  test.each([
    ['as the call is looked for', { findCall: lost }],
    ['as its channel is subscribed', { listen: lost }],
  ])('%s: surely not obeyed', async (_, replaced) => {
    await expect(hangUp(replaced)).rejects.toBeInstanceOf(RedisUnavailable)
  })

  test('as the message is published: unknown', async () => {
    expect(await hangUp({ publish: lost })).toEqual({ kind: 'lost' })
  })

  test.each([
    ['heard', 2],
    ['heard by nobody so far', 1],
  ])('after it was published and %s: unknown', async (_, receivers) => {
    let looks = 0
    const findCall: Backend['findCall'] = () =>
      ++looks <= 2 ? Promise.resolve({ dialId: 'a-call', fence: 1 } as CallRecord) : lost()
    const steered = await hangUp({ findCall, publish: () => Promise.resolve(receivers) }, true)
    expect(steered).toEqual({ kind: 'lost' })
  })
})
