// Two PBX requests for one call: the second joins the first's wait, at the same service or at another one.
import { beforeAll, describe, expect, test } from 'bun:test'
import { acked, answer, askPbx, endCall, naked, proceeds, refuses, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { startService, type TestService } from '../harness/service.ts'

const CALM = { APP_PUSH_ROUNDTRIP_WAIT: '20000', APP_PUSH_RESEND_INTERVAL: '60000' }
const EAGER = { ...CALM, APP_PUSH_RESEND_INTERVAL: '100' }
const [redis, ...services] = forAllTests(startService, CALM, CALM, EAGER, EAGER)
/** Two that send one push a minute, two that push often. */
const calm = [services[0], services[1]] as const
const eager = [services[2], services[3]] as const
beforeAll(async () => {
  await registerPhone(calm[0].publicUrl, { sip_user_id: '201' })
})

/** Resolves when the record of the call knows so many waiters. */
async function untilWaiters(callId: string, count: number): Promise<void> {
  for (;;) {
    const waiters = await redis.client.hget(`hookswitch:wake:{${callId}}:201`, 'waiters')
    if ((waiters ?? '').split('\n').length === count) return
    await Bun.sleep(5)
  }
}

const pushCount = (callId: string) =>
  [...calm, ...eager].reduce((sum, each) => sum + each.pushesOf(callId).length, 0)

describe('a second request for a call that waits', () => {
  for (const [where, pick] of [
    ['the same service', 0],
    ['another service', 1],
  ] as const) {
    test(`at ${where} causes no second push, and both get the confirmation`, async () => {
      const callId = `joined-${pick}`
      const first = askPbx(calm[0].publicUrl, { sip_user_id: '201', call_id: callId })
      const push = await calm[0].pushed(callId)
      const second = askPbx(calm[pick].publicUrl, { sip_user_id: '201', call_id: callId })
      await untilWaiters(callId, 2)
      expect(await answer(push, { baseUrl: calm[1].publicUrl })).toEqual(proceeds)
      expect(await Promise.all([first, second])).toEqual([acked, acked])
      expect(pushCount(callId)).toBe(1)
    })

    test(`at ${where} gets the same refusal as the first`, async () => {
      const callId = `refused-${pick}`
      const first = askPbx(calm[0].publicUrl, { sip_user_id: '201', call_id: callId })
      const push = await calm[0].pushed(callId)
      const second = askPbx(calm[pick].publicUrl, { sip_user_id: '201', call_id: callId })
      await untilWaiters(callId, 2)
      await answer(push, { baseUrl: calm[1].publicUrl, fields: { available: 'false' } })
      expect(await Promise.all([first, second])).toEqual([naked('unavailable'), naked('unavailable')])
    })

    test(`at ${where} goes on when the first leaves, and takes over the pushes`, async () => {
      const callId = `left-${pick}`
      const [holder, successor] = [eager[0], eager[pick]]
      const leaving = new AbortController()
      const first = askPbx(holder.publicUrl, { sip_user_id: '201', call_id: callId }, leaving.signal)
      await holder.pushed(callId)
      const second = askPbx(successor.publicUrl, { sip_user_id: '201', call_id: callId })
      await untilWaiters(callId, 2)
      leaving.abort()
      await expect(first).rejects.toThrow()
      await untilWaiters(callId, 1)
      const before = pushCount(callId)
      const push = await successor.pushed(callId, successor.pushesOf(callId).length + 2)
      expect(await answer(push, { baseUrl: holder.publicUrl })).toEqual(proceeds)
      expect(await second).toEqual(acked)
      // On a busy machine the log has two attempts of one interval in any order.
      const attempts = [...new Set([holder, successor])]
        .flatMap(each => each.pushesOf(callId))
        .map(each => each.attempt)
      expect(attempts.length).toBeGreaterThan(before)
      expect(attempts.toSorted((a, b) => a - b)).toEqual(attempts.map((_, index) => index + 1))
      expect(holder.pushesOf(callId, 'cancel')).toEqual([])
    })
  }

  test('leaves without ending the call for the first', async () => {
    const first = askPbx(calm[0].publicUrl, { sip_user_id: '201', call_id: 'second-left' })
    const push = await calm[0].pushed('second-left')
    const leaving = new AbortController()
    const second = askPbx(calm[1].publicUrl, { sip_user_id: '201', call_id: 'second-left' }, leaving.signal)
    await untilWaiters('second-left', 2)
    leaving.abort()
    await expect(second).rejects.toThrow()
    await untilWaiters('second-left', 1)
    expect(await answer(push, { baseUrl: calm[1].publicUrl })).toEqual(proceeds)
    expect(await first).toEqual(acked)
  })

  test('is the last to leave: then the call is over for the app', async () => {
    const leaving = new AbortController()
    const ask = (service: TestService) =>
      askPbx(service.publicUrl, { sip_user_id: '201', call_id: 'both-left' }, leaving.signal)
    const first = ask(calm[0])
    const push = await calm[0].pushed('both-left')
    const second = ask(calm[1])
    await untilWaiters('both-left', 2)
    leaving.abort()
    await Promise.allSettled([first, second])
    for (const service of calm)
      await service.logged(line => line.callId === 'both-left' && 'waitedMs' in line)
    expect(await answer(push, { baseUrl: calm[0].publicUrl })).toEqual(refuses('ended'))
  })

  test('ends together with the first when the PBX says that the call is over', async () => {
    const first = askPbx(calm[0].publicUrl, { sip_user_id: '201', call_id: 'both-ended' })
    await calm[0].pushed('both-ended')
    const second = askPbx(calm[1].publicUrl, { sip_user_id: '201', call_id: 'both-ended' })
    await untilWaiters('both-ended', 2)
    expect(await endCall(calm[1].publicUrl, 'both-ended', 'caller_hangup')).toBe(200)
    expect(await Promise.all([first, second])).toEqual([naked('caller-gone'), naked('caller-gone')])
  })

  test('comes after the first was answered: that is a new wake, with a push of its own', async () => {
    const ask = () => askPbx(calm[0].publicUrl, { sip_user_id: '201', call_id: 'once-more' })
    const first = ask()
    await answer(await calm[0].pushed('once-more'), { baseUrl: calm[0].publicUrl })
    expect(await first).toEqual(acked)
    const second = ask()
    const push = await calm[0].pushed('once-more', 2)
    expect(await answer(push, { baseUrl: calm[1].publicUrl })).toEqual(proceeds)
    expect(await second).toEqual(acked)
  })
})
