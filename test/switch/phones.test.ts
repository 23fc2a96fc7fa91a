import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { EslProbe, headerValue } from './eslProbe.ts'
import { type PhoneBehaviour, PhoneBook } from './phones.ts'
import { ended, jobResult, parkedLeg, startCall, talkingCall } from './testCalls.ts'
import { startTestSwitch, type TestSwitch } from './testSwitch.ts'

test('a phone does what it was told last, by its whole number first, then by its last digits', () => {
  const phones = new PhoneBook({ msPerSecond: 1_000, answerAfterMs: 10 })
  const kind = (number: string): string => phones.behaviourOf(number).kind
  expect(['1486', '1603', '1404', '1503', '1480', '1183', '1777', '1000'].map(kind)).toEqual([
    ...['busy', 'reject', 'unallocated', 'unavailable', 'no-answer', 'early-media', 'answer', 'answer'],
  ])
  expect(phones.behaviourOf('1777')).toEqual({ kind: 'answer', afterMs: 10, hangupAfterMs: 5_000 })
  phones.set('*', { kind: 'reject' })
  phones.set('*86', { kind: 'no-answer' })
  phones.set('1486', { kind: 'unallocated' })
  expect(['1486', '2486', '2487'].map(kind)).toEqual(['unallocated', 'no-answer', 'reject'])
})

describe('a phone', () => {
  let testSwitch: TestSwitch
  let probe: EslProbe
  beforeAll(async () => {
    testSwitch = await startTestSwitch({ msPerSecond: 20 })
    probe = await EslProbe.listen(testSwitch.port)
  })
  afterAll(async () => {
    probe.close()
    await testSwitch.close()
  })

  let lastNumber = 15105000000
  const phone = (behaviour: PhoneBehaviour): string => {
    lastNumber += 10
    testSwitch.phone(String(lastNumber), behaviour)
    return String(lastNumber)
  }
  const call = (number: string): Promise<string> =>
    jobResult(probe, `originate sofia/gateway/talk_call_provider/${number} &park()`)
  const namesOf = (number: string): string[] =>
    probe
      .events()
      .filter(event => headerValue(event, 'Channel-Name').endsWith(number))
      .map(event => headerValue(event, 'Event-Name').replace('CHANNEL_', ''))

  const REFUSALS: [behaviour: PhoneBehaviour, cause: string, rings: boolean][] = [
    [{ kind: 'busy' }, 'USER_BUSY', false],
    [{ kind: 'reject', afterMs: 5 }, 'CALL_REJECTED', true],
    [{ kind: 'unallocated' }, 'UNALLOCATED_NUMBER', false],
    [{ kind: 'unavailable' }, 'NORMAL_TEMPORARY_FAILURE', false],
    [
      { kind: 'refuse', cause: 'NO_USER_RESPONSE', sipStatus: 408, phrase: 'Timeout' },
      'NO_USER_RESPONSE',
      false,
    ],
  ]
  for (const [behaviour, cause, rings] of REFUSALS) {
    test(`that is ${behaviour.kind} refuses with ${cause}${rings ? ' after it has rung' : ''}`, async () => {
      const number = phone(behaviour)
      expect(await call(number)).toBe(`-ERR ${cause}`)
      expect(namesOf(number)).toEqual(['CREATE', ...(rings ? ['PROGRESS'] : []), 'HANGUP', 'HANGUP_COMPLETE'])
    })
  }

  test('that sends sound first is joined at once unless early media is ignored', async () => {
    const b = phone({ kind: 'early-media', answerAfterMs: 10 })
    await talkingCall(probe, { b })
    await probe.event('CHANNEL_ANSWER', event => headerValue(event, 'Channel-Name').endsWith(b))
    expect(namesOf(b)).toEqual(['CREATE', 'PROGRESS_MEDIA', 'ANSWER'])
    const order = probe.events().filter(event => /BRIDGE|ANSWER/.test(headerValue(event, 'Event-Name')))
    expect(headerValue(order.at(-1)!, 'Event-Name')).toBe('CHANNEL_ANSWER')
    const ignored = phone({ kind: 'early-media', answerAfterMs: 10 })
    const { a } = await talkingCall(probe, { b: ignored, variables: 'ignore_early_media=true' })
    expect(headerValue(probe.events().at(-1)!, 'Unique-ID')).toBe(a)
    expect(headerValue(probe.events().at(-1)!, 'Event-Name')).toBe('CHANNEL_BRIDGE')
  })

  test('is answered and hung up by hand', async () => {
    const number = phone({ kind: 'no-answer' })
    const legs = startCall(probe, { a: number })
    await probe.event('CHANNEL_PROGRESS', event => headerValue(event, 'Unique-ID') === legs.a)
    expect(testSwitch.channel(legs.a)?.state).toBe('ringing')
    expect(testSwitch.answer(legs.a)).toBe(true)
    expect(testSwitch.answer(legs.a)).toBe(false)
    await probe.event('CHANNEL_BRIDGE', event => headerValue(event, 'Unique-ID') === legs.a)
    expect(testSwitch.hangup(legs.b)).toBe(true)
    expect(testSwitch.hangup(legs.b)).toBe(false)
    expect(await ended(probe, legs.a)).toBe('NORMAL_CLEARING')
    expect(testSwitch.channel(legs.a)).toBeUndefined()
    expect(testSwitch.hangup(legs.a)).toBe(false)
  })

  test('refuses by hand while it rings, with the cause that is named', async () => {
    for (const [cause, result] of [
      [undefined, 'CALL_REJECTED'],
      ['USER_BUSY', 'USER_BUSY'],
    ] as const) {
      const number = phone({ kind: 'no-answer' })
      const done = call(number)
      await probe.event('CHANNEL_PROGRESS', event => headerValue(event, 'Channel-Name').endsWith(number))
      testSwitch.hangup(testSwitch.channels().find(leg => leg.destination === number)!.uuid, cause)
      expect(await done).toBe(`-ERR ${result}`)
    }
  })

  test('hangs up by itself after a while, and says so in the last event alone', async () => {
    const uuid = await parkedLeg(probe, { number: phone({ kind: 'answer', afterMs: 1, hangupAfterMs: 5 }) })
    await ended(probe, uuid)
    const said = probe
      .events()
      .filter(event => headerValue(event, 'Unique-ID') === uuid)
      .filter(event => headerValue(event, 'variable_sip_hangup_disposition') === 'recv_bye')
      .map(event => headerValue(event, 'Event-Name'))
    expect(said).toEqual(['CHANNEL_EXECUTE_COMPLETE', 'CHANNEL_HANGUP_COMPLETE'])
  })
})
