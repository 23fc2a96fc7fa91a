// What a service learns of its phones' answers: each answer is kept in the device's record, whichever way it comes, and the
// next calls are pushed by it; who takes over the pushes knows what was sent. The vendor is the test itself.
import { describe, expect, test } from 'bun:test'
import { acked, answer, askPbx, postJson, proceeds, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { holdCall } from '../harness/pbx.ts'
import { startVendorService } from '../harness/vendor.ts'

/** 40 answers within 0.3 s, and no resend was needed: overdue after 375 ms. */
const STEADY = '0,40'
const OVERDUE_MS = 375

const SETTINGS = {
  APP_PUSH_ROUNDTRIP_WAIT: '20000',
  APP_PUSH_RESEND_INTERVAL: '50',
  LOG_FULL_NUMBERS: 'true',
}
const [redis, ...services] = forAllTests(startVendorService, SETTINGS, SETTINGS)

type Kept = { id: string; answers?: string; [field: string]: unknown }
const keptOf = async (account: string): Promise<Kept[]> =>
  (await redis.client.hvals(`hookswitch:devices:{${account}}`)).map(json => JSON.parse(json) as Kept)
const historyOf = async (account: string) => (await keptOf(account))[0]?.answers
const answersKept = async (account: string) =>
  ((await historyOf(account)) ?? '0')
    .split(',')
    .slice(1)
    .reduce((sum, count) => sum + Number(count), 0)

/** As if the phone had answered often. */
async function setHistory(account: string, answers: string): Promise<void> {
  const key = `hookswitch:devices:{${account}}`
  for (const [slot, json] of Object.entries(await redis.client.hgetall(key)))
    await redis.client.hset(key, slot, JSON.stringify({ ...JSON.parse(json), answers }))
}

const pushOf = (callId: string, nth = 1, at = services[0]) =>
  at.sent(({ payload }) => payload.call_id === callId && payload.type === 'call', nth)

interface Line {
  what: string
  text: string
  attempt?: number
  after_ms?: number
  usual_ms?: number
}
async function linesOf(callId: string): Promise<Line[]> {
  const response = await fetch(`${services[0].internalUrl}/api/timeline/${callId}`)
  return response.status === 200 ? ((await response.json()) as { entries: Line[] }).entries : []
}

describe.concurrent('each answer is kept', () => {
  for (const [how, fields] of [
    ['a confirmation', {}],
    ['a no', { available: 'false' }],
  ] as const)
    test(`when it is ${how}`, async () => {
      const account = `kept-${how.at(-1)}`
      await registerPhone(services[0].publicUrl, { sip_user_id: account })
      const callId = `call-${account}`
      const held = askPbx(services[0].publicUrl, { sip_user_id: account, call_id: callId })
      const push = await pushOf(callId)
      expect(await answer(push.payload as never, { baseUrl: services[1].publicUrl, fields })).toEqual(
        proceeds,
      )
      await held
      await eventually('the answer to be kept', async () => (await answersKept(account)) === 1)
    })

  test('with its pushes counted for the metric', async () => {
    const before = (await readMetrics(services[1].internalUrl)).get('hookswitch_pushes_per_answer_count') ?? 0
    await registerPhone(services[1].publicUrl, { sip_user_id: 'counted' })
    const held = askPbx(services[1].publicUrl, { sip_user_id: 'counted', call_id: 'counted' })
    const push = await pushOf('counted', 1, services[1])
    await answer(push.payload as never, { baseUrl: services[1].publicUrl })
    expect(await held).toEqual(acked)
    await eventually(
      'the metric',
      async () =>
        ((await readMetrics(services[1].internalUrl)).get('hookswitch_pushes_per_answer_count') ?? 0) >
        before,
    )
  })
})

describe('a phone with a history', () => {
  test('is pushed again when it is overdue, which the timeline says in words, and one without in each interval', async () => {
    await registerPhone(services[0].publicUrl, {
      sip_user_id: 'account-overdue',
      device_id: 'steady',
      token: 'steady',
    })
    await setHistory('account-overdue', STEADY)
    await registerPhone(services[0].publicUrl, {
      sip_user_id: 'account-overdue',
      device_id: 'new',
      token: 'new',
    })
    const held = askPbx(services[0].publicUrl, { sip_user_id: 'account-overdue', call_id: 'overdue' })
    const third = await services[0].sent(
      ({ target, payload }) =>
        payload.call_id === 'overdue' && target.token === 'steady' && payload.attempt === 3,
    )
    expect(await answer(third.payload as never, { baseUrl: services[0].publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
    const told = async () => (await linesOf('overdue')).filter(each => each.usual_ms !== undefined)
    await eventually('the third push in the timeline', async () => (await told()).length >= 2)
    for (const [index, { attempt, text, after_ms, usual_ms }] of (await told()).entries()) {
      expect([attempt, usual_ms]).toEqual([index + 2, 300])
      expect(after_ms!).toBeGreaterThanOrEqual(OVERDUE_MS)
      const nth =
        ['second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'][index] ??
        `${index + 2}th`
      expect(text).toBe(
        `No confirmation yet from the Android phone (steady): its ${nth} push came after ${(after_ms! / 1_000).toFixed(1)} s because this phone usually answers within 0.3 s.`,
      )
    }
    const attemptsOf = (token: string) =>
      services[0].pushes.flatMap(({ target, payload }) =>
        payload.call_id === 'overdue' && payload.type === 'call' && target.token === token
          ? [Number(payload.attempt)]
          : [],
      )
    expect(attemptsOf('new').length).toBeGreaterThanOrEqual(attemptsOf('steady').length)
    for (const token of ['new', 'steady'])
      expect(attemptsOf(token)).toEqual(attemptsOf(token).map((_, index) => index + 1))
    // It said that it answers its third push.
    await eventually('a resend that was needed', async () =>
      (await keptOf('account-overdue')).some(
        ({ id, answers = '' }) => id === 'steady' && answers.startsWith('16,'),
      ),
    )
  })

  test('is told to whoever takes over its pushes, and pushed on by them', async () => {
    const [first, second] = services
    await registerPhone(first.publicUrl, { sip_user_id: 'taken', token: 'taken' })
    await setHistory('taken', STEADY)
    const leader = await holdCall(first.publicUrl, 'taken', 'taken')
    await pushOf('taken', 2)
    const joined = askPbx(second.publicUrl, { sip_user_id: 'taken', call_id: 'taken' })
    await eventually('the second to join', async () => {
      const waiters = await redis.client.hget('hookswitch:wake:{taken}:taken', 'waiters')
      return (waiters ?? '').split('\n').length === 2
    })
    leader.hangUp()
    const push = await pushOf('taken', 2, second)
    expect(await answer(push.payload as never, { baseUrl: first.publicUrl })).toEqual(proceeds)
    expect(await joined).toEqual(acked)
    const attempts = [...first.pushes, ...second.pushes]
      .filter(({ payload }) => payload.call_id === 'taken' && payload.type === 'call')
      .toSorted((a, b) => Number(a.payload.message_start_time) - Number(b.payload.message_start_time))
      .map(({ payload }) => payload.attempt)
    expect(attempts).toEqual(attempts.map((_, index) => index + 1))
  })

  test('is shown to operators with the time within which it usually answers', async () => {
    await registerPhone(services[0].publicUrl, { sip_user_id: 'shown' })
    await setHistory('shown', '0,0,0,0,40')
    const response = await fetch(`${services[0].internalUrl}/api/devices/shown`)
    const { devices } = (await response.json()) as { devices: { usually_answers_within_ms: number }[] }
    expect(devices.map(each => each.usually_answers_within_ms)).toEqual([900])
    const held = await holdCall(services[0].publicUrl, 'shown', 'shown')
    await pushOf('shown')
    await eventually('the wait on the card that the live page is made of', async () => {
      const keys = await redis.client.keys('hookswitch:pod:*')
      const cards = await Promise.all(
        keys.map(async key => JSON.parse((await redis.client.get(key)) ?? '{}')),
      )
      return cards.some(({ waits }) =>
        waits?.eldest.some(
          (each: { callId: string; usualMs?: number }) => each.callId === 'shown' && each.usualMs === 900,
        ),
      )
    })
    held.hangUp()
  })
})

describe.concurrent('the priority with which an app says that its push arrived', () => {
  for (const [says, counted, isTold] of [
    [{ push_priority: 'normal' }, 'normal', true],
    [{ push_priority: 'NORMAL' }, 'normal', true],
    [{ push_priority: 'high' }, 'high', false],
    [{ push_priority: 'urgent' }, 'unreadable', false],
    [{ push_priority: '2' }, 'unreadable', false],
    [{ push_priority: '' }, undefined, false],
    [{}, undefined, false],
  ] as const)
    test(`${JSON.stringify(says)} keeps no phone from ringing`, async () => {
      const account = `priority-${JSON.stringify(says).replace(/\W/g, '')}`
      const callId = `call-of-${account}`
      await registerPhone(services[0].publicUrl, { sip_user_id: account })
      const held = askPbx(services[0].publicUrl, { sip_user_id: account, call_id: callId })
      const push = await pushOf(callId)
      const fields = { ...says } as Record<string, string>
      expect(await answer(push.payload as never, { baseUrl: services[0].publicUrl, fields })).toEqual(
        proceeds,
      )
      expect(await held).toEqual(acked)
      const answered = async () => (await linesOf(callId)).find(each => each.what === 'app-answered')
      await eventually('the answer in the timeline', async () => (await answered()) !== undefined)
      expect((await answered())!.text.includes('normal priority')).toBe(isTold)
      const metrics = await readMetrics(services[0].internalUrl)
      if (counted)
        expect(metrics.get(`hookswitch_push_priorities_total{priority="${counted}"}`)).toBeGreaterThan(0)
    })

  test('is any JSON at all', async () => {
    await registerPhone(services[0].publicUrl, { sip_user_id: 'any-json' })
    for (const [index, push_priority] of [1, true, null, [], {}, ['normal'], { toString: 1 }].entries()) {
      const callId = `any-json-${index}`
      const held = askPbx(services[0].publicUrl, { sip_user_id: 'any-json', call_id: callId })
      const { payload } = await pushOf(callId)
      const response = await postJson(`${services[0].publicUrl}/api/call-response/`, {
        unique_key: payload.unique_key,
        push_priority,
      })
      expect(response.status).toBe(202)
      expect(await held).toEqual(acked)
    }
  })
})
