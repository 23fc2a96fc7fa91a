import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { parseOriginate } from './dialString.ts'
import { EslProbe, headerValue } from './eslProbe.ts'
import type { Injection } from './injections.ts'
import { ended, jobResult, parkedLeg, talkingCall } from './testCalls.ts'
import { startTestSwitch, type TestSwitch } from './testSwitch.ts'

const ENDPOINT = 'sofia/gateway/talk_call_provider'

describe('a dial string', () => {
  const variablesOf = (line: string): Record<string, string> | string => {
    const parsed = parseOriginate(line)
    if (parsed.kind !== 'originate') return parsed.kind === 'usage' ? 'usage' : parsed.cause
    const { variables, legVariables } = parsed.originate.dial
    return Object.fromEntries([...variables, ...legVariables])
  }

  const CASES: [title: string, line: string, variables: Record<string, string> | string][] = [
    ['sets variables for all legs and for one', '{a=1,b=2}[c=3]x/1 &park()', { a: '1', b: '2', c: '3' }],
    ['takes several groups of brackets', '{a=1}{b=2}x/1 &park()', { a: '1', b: '2' }],
    ['takes the outermost group too', '<a=1>{b=2}x/1 &park()', { a: '1', b: '2' }],
    ['keeps an escaped comma', '{a=%(1000\\,0\\,1500),b=2}x/1 &park()', { a: '%(1000,0,1500)', b: '2' }],
    [
      'loses its quotes before it splits',
      "{a='1,b=2'}[c='3,d=4']x/1 &park()",
      { a: '1', b: '2', c: '3', d: '4' },
    ],
    ['keeps a comma in escaped quotes for one leg', "[a=\\'1,2\\',b=3]x/1 &park()", { a: '1,2', b: '3' }],
    ['keeps blanks in quotes', "{a='1 2'}x/1 &park()", { a: '1 2' }],
    ['turns an escaped s into a blank', '{a=1\\s2}x/1 &park()', { a: '1 2' }],
    ['may be split at another character', '{^^:a=1,2:b=3}x/1 &park()', { a: '1,2', b: '3' }],
    ['forgets a name without a value', '{a=,b,c=1}x/1 &park()', { c: '1' }],
    ['lets a value hold an equals sign', '{a=b=c}x/1 &park()', { a: 'b=c' }],
    ['is nothing without an application', 'x/1', 'usage'],
    ['is nothing with too many words', 'x/1 a b c d e f g', 'usage'],
    ['is nothing with a quote that never closes', "{a='it''s}x/1 &park()", 'usage'],
    ['is refused with a brace that never closes', '{a=1 x/1 &park()', 'DESTINATION_OUT_OF_ORDER'],
    ['is refused without a destination', '{a=1} &park()', 'DESTINATION_OUT_OF_ORDER'],
  ]
  for (const [title, line, variables] of CASES) {
    test(title, () => expect(variablesOf(line)).toEqual(variables))
  }

  test("ends its application's data at the first closing parenthesis", () => {
    const parsed = parseOriginate('x/1 &bridge({a=f(x)}y/2)')
    expect(parsed.kind === 'originate' && parsed.originate.target).toEqual({
      kind: 'application',
      name: 'bridge',
      data: '{a=f(x',
    })
  })
})

describe('an originate', () => {
  let testSwitch: TestSwitch
  let probe: EslProbe
  const injections: Injection[] = []
  beforeAll(async () => {
    testSwitch = await startTestSwitch({
      msPerSecond: 20,
      onInjection: injection => injections.push(injection),
    })
    probe = await EslProbe.listen(testSwitch.port)
  })
  afterAll(async () => {
    probe.close()
    await testSwitch.close()
  })

  test('leaves no trace but its job when there is no way out', async () => {
    testSwitch.gateway('dead', 'down')
    const created = probe.events('CHANNEL_CREATE').length
    expect(await jobResult(probe, 'originate sofia/gateway/none/1 &park()')).toBe('-ERR INVALID_GATEWAY')
    expect(await jobResult(probe, 'originate sofia/gateway/dead/1 &park()')).toBe('-ERR GATEWAY_DOWN')
    expect(await jobResult(probe, 'originate user/1000 &park()')).toBe('-ERR USER_NOT_REGISTERED')
    expect(await jobResult(probe, 'originate error/USER_BUSY &park()')).toBe('-ERR USER_BUSY')
    expect(await jobResult(probe, 'originate nonsense/1 &park()')).toBe('-ERR CHAN_NOT_IMPLEMENTED')
    expect(probe.events('CHANNEL_CREATE')).toHaveLength(created)
    expect(testSwitch.records(0, ['ring'])).toEqual([])
  })

  test('through a gateway whose far end is gone makes a channel and rings nobody', async () => {
    testSwitch.gateway('dead', 'unreachable')
    const uuid = crypto.randomUUID()
    const result = await jobResult(probe, `originate {origination_uuid=${uuid}}sofia/gateway/dead/1 &park()`)
    expect(result).toBe('-ERR NORMAL_TEMPORARY_FAILURE')
    expect(await ended(probe, uuid)).toBe('NORMAL_TEMPORARY_FAILURE')
    expect(testSwitch.records(0, ['ring'])).toEqual([])
  })

  test('is refused with the id of a living leg, which is not touched', async () => {
    const uuid = await parkedLeg(probe)
    const again = `originate {origination_uuid=${uuid}}${ENDPOINT}/15105550009 &park()`
    expect(await jobResult(probe, again)).toBe('-ERR DESTINATION_OUT_OF_ORDER')
    expect(testSwitch.channel(uuid)?.destination).toBe('15105550002')
    await probe.api(`uuid_kill ${uuid}`)
    await ended(probe, uuid)
    expect(await jobResult(probe, again)).toBe(`+OK ${uuid}`)
    await probe.api(`uuid_kill ${uuid}`)
  })

  test('records the line as it came, the ring with its dial id, and who hung up', async () => {
    const from = testSwitch.record.length
    const { a, b } = await talkingCall(probe, { dialId: 'dial-77', variables: 'name=\u00c3\u00a9' })
    testSwitch.hangup(b)
    await ended(probe, a)
    const entries = testSwitch.records(from, ['originate', 'ring', 'answer', 'bridge', 'hangup'])
    expect(entries.map(entry => entry.kind)).toEqual([
      ...(['originate', 'ring', 'answer', 'ring', 'answer', 'bridge', 'hangup', 'hangup'] as const),
    ])
    const [line, ring, , second] = entries
    expect(line).toMatchObject({ line: expect.stringContaining('name=\u00c3\u00a9'), connection: 1 })
    expect(ring).toMatchObject({ channelUuid: a, dialId: 'dial-77', side: '0', destination: '15105620001' })
    expect(second).toMatchObject({ channelUuid: b, dialId: 'dial-77', gateway: 'talk_call_provider' })
    expect(entries[6]).toMatchObject({ channelUuid: b, cause: 'NORMAL_CLEARING', by: 'phone' })
    expect(entries[7]).toMatchObject({ channelUuid: a, by: 'switch' })
    expect(testSwitch.record.map(entry => entry.index)).toEqual(testSwitch.record.map((_, i) => i))
  })

  test('ends a leg nobody answers after the time that is named for it', async () => {
    const timedOut = (variables: string): Promise<string> =>
      jobResult(probe, `originate {${variables}}${ENDPOINT}/15105620480 &park()`)
    expect(await timedOut('originate_timeout=2')).toBe('-ERR NO_ANSWER')
    expect(await timedOut('leg_timeout=2')).toBe('-ERR ALLOTTED_TIMEOUT')
    expect(await jobResult(probe, `originate ${ENDPOINT}/15105620480 &park() XML default x 1 2`)).toBe(
      '-ERR NO_ANSWER',
    )
  })

  test('carries names for the caller, which change places once the leg has answered', async () => {
    const names =
      'origination_caller_id_name=Ann,origination_caller_id_number=1,origination_callee_id_name=Bob'
    const uuid = await parkedLeg(probe, { variables: names })
    const of = (name: string): Record<string, string> => {
      const event = probe.events(name).find(each => headerValue(each, 'Unique-ID') === uuid)!
      return Object.fromEntries(
        event.headers.filter(([key]) => /^Caller-Calle[er]-ID-Name|^Caller-Caller-ID/.test(key)),
      )
    }
    expect(of('CHANNEL_CREATE')).toMatchObject({
      'Caller-Caller-ID-Name': 'Ann',
      'Caller-Callee-ID-Name': 'Bob',
    })
    expect(of('CHANNEL_PARK')).toMatchObject({
      'Caller-Caller-ID-Name': 'Bob',
      'Caller-Callee-ID-Name': 'Ann',
    })
  })

  const INJECTIONS: [kind: Injection['kind'], command: string][] = [
    ['expansion', `bgapi originate {a=\${system(id)}}${ENDPOINT}/15105620486 &park()`],
    ['variable', `bgapi originate {api_on_answer=status}${ENDPOINT}/15105620486 &park()`],
    [
      'variable',
      `bgapi originate ${ENDPOINT}/15105620001 &bridge([execute_on_answer=x]${ENDPOINT}/15105620486)`,
    ],
    ['delimiter', `bgapi originate {^^:a=1}${ENDPOINT}/15105620486 &park()`],
    ['extra-destination', `bgapi originate ${ENDPOINT}/15105620486,${ENDPOINT}/15105620002 &park()`],
    ['extra-destination', `bgapi originate ${ENDPOINT}/15105620486|${ENDPOINT}/15105620002 &park()`],
    ['extra-destination', `bgapi originate ${ENDPOINT}/15105620486:_:${ENDPOINT}/15105620002 &park()`],
    ['line-feed', `bgapi originate {a=1\\nb}${ENDPOINT}/15105620486 &park()`],
    ['header', `bgapi originate {a=1\nb}${ENDPOINT}/15105620486 &park()`],
    ['unknown-command', 'b}sofia/gateway/x/1 &park()'],
  ]
  for (const [kind, command] of INJECTIONS) {
    test(`leaves a finding: ${kind} in ${JSON.stringify(command.replaceAll(ENDPOINT, 'x').slice(0, 60))}`, async () => {
      const before = testSwitch.injections.length
      const told = injections.length
      probe.send(command)
      await probe.api('status')
      await probe.until(() => testSwitch.injections.length > before)
      expect(testSwitch.injections.slice(before).map(each => each.kind)).toEqual([kind])
      expect(injections.slice(told)).toEqual(testSwitch.injections.slice(before))
    })
  }
})

test('an allow-list makes every other variable an injection, on both legs', async () => {
  const allowed = ['dial_id', 'call-side', 'origination_uuid']
  const testSwitch = await startTestSwitch({
    allowedVariables: name => allowed.includes(name),
    onInjection: () => {},
  })
  const probe = await EslProbe.listen(testSwitch.port)
  await talkingCall(probe)
  expect(testSwitch.injections).toEqual([])
  await talkingCall(probe, { variables: 'sip_h_X-Evil=1' })
  expect(testSwitch.injections.map(each => each.detail)).toEqual(['sip_h_X-Evil=1'])
  probe.close()
  await testSwitch.close()
})
