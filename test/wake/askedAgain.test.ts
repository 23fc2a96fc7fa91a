// A PBX asks again with the call id of a wait that nobody holds any more, or with so many requests that they would be a
// burden to all: somebody is pushed all the same, and nobody pays for it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { acked, answer, askPbx, naked, proceeds, registerPhone } from '../harness/client.ts'
import { eventually, readMetrics, untilReady } from '../harness/internal.ts'
import { type HeldCall, holdCall } from '../harness/pbx.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { timelineOf } from '../timeline/reading.ts'

let redis: TestRedis
let services: TestService[]

const start = (settings: Record<string, string> = {}) =>
  startService({
    PUBSUB_REDIS_URL: redis.url,
    APP_PUSH_ROUNDTRIP_WAIT: '20000',
    APP_PUSH_RESEND_INTERVAL: '60000',
    RATE_LIMIT: '0',
    WAITS_PER_ACCOUNT: '10000',
    ...settings,
  })

beforeAll(async () => {
  redis = await startRedis()
  services = await Promise.all([start(), start()])
  await registerPhone(services[0]!.publicUrl, { sip_user_id: '701' })
})
afterAll(async () => {
  await Promise.all(services.map(each => each.kill()))
  await redis.close()
})

const ask = (service: TestService, callId: string) =>
  askPbx(service.publicUrl, { sip_user_id: '701', call_id: callId })

const recordOf = (callId: string) => redis.client.hgetall(`hookswitch:wake:{${callId}}:701`)
const held = async ({ internalUrl }: TestService) => (await readMetrics(internalUrl)).get('hookswitch_waits')
const waitersOf = async (callId: string) => ((await recordOf(callId)).waiters ?? '').split('\n').length

async function confirmed(pushed: TestService, callId: string, asked: Promise<unknown>): Promise<void> {
  expect(await answer(await pushed.pushed(callId), { baseUrl: pushed.publicUrl })).toEqual(proceeds)
  expect(await asked).toEqual(acked)
}

describe('a Redis that was slow', () => {
  test('leaves no wait behind of a request that was answered busy, and the next one pushes', async () => {
    const [first, second] = services as [TestService, TestService]
    redis.pause()
    expect(await ask(first, 'ghost')).toEqual(naked('busy'))
    redis.resume()
    await Promise.all(services.map(each => untilReady(each.internalUrl)))
    await eventually('the ghost to be gone', async () => (await recordOf('ghost')).state !== 'waiting')
    await confirmed(second, 'ghost', ask(second, 'ghost'))
  })

  test('and a request that meets such a wait in the same moment leads it', async () => {
    for (const [index, next] of services.entries()) {
      const callId = `ghost-${index}`
      redis.pause()
      expect(await ask(services[0]!, callId)).toEqual(naked('busy'))
      // Asked while Redis still hangs: both are begun when it goes on.
      const asked = ask(next, callId)
      redis.resume()
      await confirmed(next, callId, asked)
      await Promise.all(services.map(each => untilReady(each.internalUrl)))
    }
  })

  test('and a wait that its worker knows nothing of is led by the request that joins it', async () => {
    const [first, second] = services as [TestService, TestService]
    const held = ask(first, 'template')
    await first.pushed('template')
    const { waiters = '' } = await recordOf('template')
    const inbox = waiters.slice(0, waiters.lastIndexOf(' '))
    const key = 'hookswitch:wake:{forgotten}:701'
    await redis.client.hset(key, { state: 'waiting', waiters: `${inbox} 999999`, secret: 'f'.repeat(32) })
    await redis.client.pexpire(key, 140_000)
    const asked = ask(second, 'forgotten')
    const push = await second.pushed('forgotten')
    expect((await recordOf('forgotten')).waiters).not.toContain('999999')
    // Its unique key was never kept, but its token is right.
    expect(await answer({ ...push, unique_key: 'forgotten' }, { baseUrl: second.publicUrl })).toEqual(
      proceeds,
    )
    expect(await asked).toEqual(acked)
    await confirmed(first, 'template', held)
  })
})

describe('a process that was killed', () => {
  test('leads no more: the request that asks another process pushes, and hears the confirmation', async () => {
    const [, other] = services as [TestService, TestService]
    await using dying = await start()
    void ask(dying, 'dead-leader').catch(() => undefined)
    await dying.pushed('dead-leader')
    await dying.kill()
    await confirmed(other, 'dead-leader', ask(other, 'dead-leader'))
  })

  test('gives the pushes to the one that joined it before, when the next one asks', async () => {
    const [first, second] = services as [TestService, TestService]
    await using dying = await start()
    void ask(dying, 'heir').catch(() => undefined)
    await dying.pushed('heir')
    const joined = ask(first, 'heir')
    await eventually('the first to join', async () => (await waitersOf('heir')) === 2)
    await dying.kill()
    const third = ask(second, 'heir')
    await confirmed(first, 'heir', joined)
    expect(await third).toEqual(acked)
    expect(second.pushesOf('heir')).toEqual([])
  })

  test('is passed over by a leader that leaves: the next one that lives leads', async () => {
    const [first, second] = services as [TestService, TestService]
    await using dying = await start()
    const leader = await holdCall(first.publicUrl, '701', 'passed-over')
    await first.pushed('passed-over')
    void ask(dying, 'passed-over').catch(() => undefined)
    await eventually('the second to join', async () => (await waitersOf('passed-over')) === 2)
    const third = ask(second, 'passed-over')
    await eventually('the third to join', async () => (await waitersOf('passed-over')) === 3)
    await dying.kill()
    leader.hangUp()
    await eventually('the dead one to be gone', async () => (await waitersOf('passed-over')) === 1)
    await answer(await first.pushed('passed-over'), { baseUrl: second.publicUrl })
    expect(await third).toEqual(acked)
  })

  test('was alone with a leader that leaves: the wake is over', async () => {
    const [first] = services as [TestService]
    await using dying = await start()
    const leader = await holdCall(first.publicUrl, '701', 'nobody-left')
    await first.pushed('nobody-left')
    void ask(dying, 'nobody-left').catch(() => undefined)
    await eventually('the second to join', async () => (await waitersOf('nobody-left')) === 2)
    await dying.kill()
    leader.hangUp()
    await eventually('the end', async () => (await recordOf('nobody-left')).state === 'ended')
  })
})

describe('many requests of one call', () => {
  test('join up to ten, and the next is busy; all that joined hear the confirmation', async () => {
    const [first, second] = services as [TestService, TestService]
    const leader = ask(first, 'eleven')
    await first.pushed('eleven')
    const joined = Array.from({ length: 10 }, (_, index) => ask(index % 2 ? first : second, 'eleven'))
    await eventually('ten to join', async () => (await waitersOf('eleven')) === 11)
    for (const service of services) expect(await ask(service, 'eleven')).toEqual(naked('busy'))
    const told = await timelineOf(first.internalUrl, 'eleven', 'join-refused', 2)
    expect(told.entries.filter(({ what }) => what === 'joined')).toHaveLength(10)
    await answer(await first.pushed('eleven'), { baseUrl: second.publicUrl })
    for (const asked of [leader, ...joined]) expect(await asked).toEqual(acked)
    expect(services.flatMap(each => each.pushesOf('eleven'))).toHaveLength(1)
  })

  test('by the thousand, dropped together, leave Redis a record of eleven, and no more to do than for others', async () => {
    const COUNT = 3_000
    const [first] = services as [TestService]
    const leader = await holdCall(first.publicUrl, '701', 'flood')
    await first.pushed('flood')
    const calls: HeldCall[] = []
    while (calls.length < COUNT)
      calls.push(
        ...(await Promise.all(Array.from({ length: 500 }, () => holdCall(first.publicUrl, '701', 'flood')))),
      )
    await eventually('ten to join', async () => (await waitersOf('flood')) === 11)
    expect((await Promise.race(calls.map(call => call.answered)))?.reason).toBe('busy')
    for (const call of [...calls, leader]) call.hangUp()
    expect(await leader.answered).toBeUndefined()
    const answers = await Promise.all(calls.map(call => call.answered))
    // The ten that joined have no answer, nor has whoever was dropped before it.
    const answered = answers.flatMap(each => (each === undefined ? [] : [each.reason]))
    expect(answered.length).toBeWithin(1, COUNT - 9)
    expect(new Set(answered)).toEqual(new Set(['busy']))
    await eventually('the end', async () => (await recordOf('flood')).state === 'ended')
    expect((await recordOf('flood')).waiters!.split('\n')).toHaveLength(1)
    await eventually('nothing to be held', async () => (await held(first)) === 0)
  })
})
