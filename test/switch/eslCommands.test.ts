import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { EslProbe, type Frame, headerValue } from './eslProbe.ts'
import { parkedLeg, talkingCall } from './testCalls.ts'
import { startTestSwitch, type TestSwitch } from './testSwitch.ts'

let testSwitch: TestSwitch
beforeAll(async () => {
  testSwitch = await startTestSwitch({ msPerSecond: 50, heartbeatSeconds: 4, onInjection: () => {} })
})
afterAll(() => testSwitch.close())

const isAbout =
  (uuid: string) =>
  (event: Frame): boolean =>
    headerValue(event, 'Unique-ID') === uuid

const listen = (events?: string): Promise<EslProbe> => EslProbe.listen(testSwitch.port, events)

describe('a connection', () => {
  test('is asked for the password first, and events say their length before their type, replies after', async () => {
    const probe = await EslProbe.connect(testSwitch.port)
    await probe.until(() => probe.frames.length === 1)
    expect(probe.frames[0]!.head).toBe('Content-Type: auth/request')
    probe.send('auth ClueCon')
    probe.send('event json CUSTOM test::one')
    await probe.until(() => probe.frames.length === 3)
    expect(probe.frames[1]!.head).toBe('Content-Type: command/reply\nReply-Text: +OK accepted')
    expect(probe.frames[2]!.head).toEndWith('+OK event listener enabled json')
    testSwitch.emit('test::one', { Colour: 'blue' })
    const event = await probe.event('CUSTOM')
    expect(event.head).toMatch(/^Content-Length: \d+\nContent-Type: text\/event-json$/)
    expect(event.headers[0]).toEqual(['Event-Subclass', 'test::one'])
    expect(headerValue(event, 'Colour')).toBe('blue')
    probe.close()
  })

  test('answers commands that arrive in one piece in their order, whatever their line ends', async () => {
    const probe = await listen('')
    probe.send('api create_uuid\n\nnosuch\n\r\n\napi uuid_exists x\n\nevent plain')
    await probe.until(() => probe.frames.length === 4)
    expect(probe.frames.map(frame => /api|command/.exec(frame.head)![0])).toEqual([
      'api',
      'command',
      'api',
      'command',
    ])
    expect(probe.frames[1]!.head).toEndWith('-ERR command not found')
    expect(probe.frames[2]!.body).toBe('false')
    expect(probe.frames[3]!.head).toEndWith('-ERR no keywords supplied')
    probe.close()
  })

  test('takes a job id of the client and repeats it as a header of its own', async () => {
    const probe = await listen('json BACKGROUND_JOB')
    probe.send('bgapi status\nJob-UUID: my-own-id')
    const event = await probe.event('BACKGROUND_JOB')
    expect(probe.frames[0]!.head).toBe(
      'Content-Type: command/reply\nReply-Text: +OK Job-UUID: my-own-id\nJob-UUID: my-own-id',
    )
    expect(headerValue(event, 'Job-UUID')).toBe('my-own-id')
    expect(headerValue(event, 'Job-Command')).toBe('status')
    expect(Number(headerValue(event, 'Content-Length'))).toBe(headerValue(event, '_body').length)
    probe.close()
  })

  test('is held up by a blocking command: events wait until it is answered', async () => {
    const probe = await listen()
    testSwitch.phone('15105620077', { kind: 'answer', afterMs: 40 })
    probe.send(
      'api originate {origination_uuid=blocking}sofia/gateway/talk_call_provider/15105620077 &park()',
    )
    await probe.until(() => probe.frames.length > 0)
    expect(probe.frames[0]!.body).toBe('+OK blocking\n')
    await probe.event('CHANNEL_PARK')
    expect(headerValue(probe.events()[0]!, 'Event-Name')).toBe('CHANNEL_CREATE')
    await probe.api('uuid_kill blocking')
    probe.close()
  })
})

describe('the plain form', () => {
  test('encodes what FreeSWITCH encodes, shows Hangup-Cause twice and carries a body', async () => {
    const probe = await listen('plain ALL')
    const uuid = await parkedLeg(probe, { variables: "name='Ann \\, %41 +1 \u00e9'" })
    probe.send(`bgapi uuid_kill ${uuid} USER_BUSY`)
    const job = await probe.event(
      'BACKGROUND_JOB',
      event => headerValue(event, 'Job-Command') === 'uuid_kill',
    )
    expect(job.body).toEndWith('Content-Length: 4\n\n+OK\n')
    const end = await probe.event('CHANNEL_HANGUP_COMPLETE', isAbout(uuid))
    expect(end.headers.filter(([name]) => name === 'Hangup-Cause')).toHaveLength(2)
    expect(end.body).toContain('\nvariable_name: Ann%20,%20%41%20%2B1%20%E9\n')
    expect(end.body).toContain('\nvariable_caller_id: %22Outbound%20Call%22%20%3C15105550002%3E\n')
    expect(end.body).toEndWith('\n\n')
    probe.close()
  })

  test('and JSON have the same headers, also of a repeated one', async () => {
    const [plain, json] = [await listen('plain ALL'), await listen('json ALL')]
    const { a } = await talkingCall(plain)
    await plain.api(`uuid_kill ${a}`)
    const ends = await Promise.all(
      [plain, json].map(probe => probe.event('CHANNEL_HANGUP_COMPLETE', isAbout(a))),
    )
    const [first, second] = ends.map(end => end.headers.map(([name]) => name))
    expect(first).toEqual(second!)
    plain.close()
    json.close()
  })
})

describe('events', () => {
  test('of CUSTOM come by subclass, and can be given up again one by one', async () => {
    const probe = await listen('json CUSTOM test::a test::b')
    const seen = async (): Promise<string[]> => {
      probe.frames.length = 0
      for (const subclass of ['test::a', 'test::b', 'test::c']) testSwitch.emit(subclass, {})
      await probe.api('status')
      return probe.events().map(event => headerValue(event, 'Event-Subclass'))
    }
    expect(await seen()).toEqual(['test::a', 'test::b'])
    expect(await probe.command('nixevent CUSTOM test::a')).toBe('+OK events nixed')
    expect(await seen()).toEqual(['test::b'])
    expect(await probe.command('noevents')).toBe('+OK no longer listening for events')
    expect(await seen()).toEqual([])
    expect(await probe.command('noevents')).toBe('-ERR not listening for events')
    probe.close()
  })

  test('ALL without one name is everything else', async () => {
    const probe = await listen('json ALL')
    await probe.command('nixevent CHANNEL_CREATE')
    const uuid = await parkedLeg(probe)
    expect(probe.events('CHANNEL_CREATE')).toEqual([])
    expect(probe.events('CHANNEL_ANSWER').filter(isAbout(uuid))).toHaveLength(1)
    probe.close()
  })
})

test('a dump of a leg is what an event of it would say, in either form', async () => {
  const probe = await listen()
  const { a, b } = await talkingCall(probe)
  const json = JSON.parse(await probe.api(`uuid_dump ${a} json`)) as Record<string, string>
  expect(json).toMatchObject({ 'Event-Name': 'CHANNEL_DATA', 'Unique-ID': a, variable_bridge_uuid: b })
  const plain = await probe.api(`uuid_dump ${a}`)
  expect(plain).toContain(`\nvariable_originated_legs: ${b}%3BOutbound%20Call%3B14157690002\n`)
  expect(await probe.api(`uuid_getvar ${a} dial_id`)).toBe('dial-1')
  expect(await probe.api(`uuid_setvar ${a} colour blue`)).toBe('+OK\n')
  expect(await probe.api(`uuid_getvar ${a} colour`)).toBe('blue')
  await probe.api(`uuid_setvar ${a} colour`)
  expect(await probe.api(`uuid_getvar ${a} colour`)).toBe('_undef_')
  await probe.api(`uuid_kill ${a}`)
  probe.close()
})

test('the switch knows its own id, and beats with it', async () => {
  const probe = await listen('json HEARTBEAT')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: FreeSWITCH's own syntax
  expect(await probe.api('eval ${core_uuid}')).toBe(testSwitch.coreUuid)
  expect(await probe.api('global_getvar core_uuid')).toBe(testSwitch.coreUuid)
  const beat = await probe.event('HEARTBEAT')
  expect(headerValue(beat, 'Core-UUID')).toBe(testSwitch.coreUuid)
  expect(beat.headers.map(([name]) => name).slice(-15)).toEqual([
    ...['Event-Sequence', 'Event-Info', 'Up-Time', 'FreeSWITCH-Version', 'Uptime-msec', 'Session-Count'],
    ...['Max-Sessions', 'Session-Per-Sec', 'Session-Per-Sec-Last', 'Session-Per-Sec-Max'],
    ...[
      'Session-Per-Sec-FiveMin',
      'Session-Since-Startup',
      'Session-Peak-Max',
      'Session-Peak-FiveMin',
      'Idle-CPU',
    ],
  ])
  probe.close()
})

describe('a filter', () => {
  const BOT = 'bot'
  // What passes of the events of one call with a dial id and one without.
  const CASES: [
    title: string,
    filters: string[],
    passes: { ours: boolean; foreign: boolean; jobs: boolean },
  ][] = [
    ['none passes everything', [], { ours: true, foreign: true, jobs: true }],
    ['on any dial id', ['variable_dial_id /.+/'], { ours: true, foreign: false, jobs: false }],
    [
      'on any dial id, or a job',
      ['variable_dial_id /.+/', 'Event-Name BACKGROUND_JOB'],
      { ours: true, foreign: false, jobs: true },
    ],
    ['on one dial id', [`variable_dial_id ${BOT}`], { ours: true, foreign: false, jobs: false }],
    [
      'in another case',
      [`VARIABLE_dial_id ${BOT.toUpperCase()}`],
      { ours: true, foreign: false, jobs: false },
    ],
    [
      'with a plus before the value',
      [`variable_dial_id +${BOT}`],
      { ours: true, foreign: false, jobs: false },
    ],
    [
      'with a negative that matches',
      [`variable_dial_id ${BOT}`, 'Event-Name -CHANNEL_PARK'],
      { ours: true, foreign: false, jobs: false },
    ],
    [
      'of negatives alone passes nothing',
      [`variable_dial_id -${BOT}`],
      { ours: false, foreign: false, jobs: false },
    ],
    [
      'without slashes is no expression',
      ['variable_dial_id .+'],
      { ours: false, foreign: false, jobs: false },
    ],
    ['that does not end', ['variable_dial_id /.+'], { ours: false, foreign: false, jobs: false }],
    ['that does not compile', ['variable_dial_id /(/'], { ours: false, foreign: false, jobs: false }],
    [
      'with a sign before the slash is no expression',
      ['variable_dial_id -/.+/'],
      { ours: false, foreign: false, jobs: false },
    ],
    ['with flags', ['variable_dial_id /^B.T$/i'], { ours: true, foreign: false, jobs: false }],
  ]

  for (const [title, filters, passes] of CASES) {
    test.concurrent(title, async () => {
      const observer = await listen()
      const probe = await listen('json CHANNEL_CREATE CHANNEL_PARK BACKGROUND_JOB')
      for (const filter of filters) {
        expect(await probe.command(`filter ${filter}`)).toBe(
          `+OK filter added. [${filter.replace(' ', ']=[')}]`,
        )
      }
      probe.frames.length = 0
      const ours = await parkedLeg(observer)
      const foreign = testSwitch.addForeignCalls(1)
      await observer.event('CHANNEL_PARK', event => headerValue(event, 'Channel-Name').includes('foreign'))
      await probe.api('status')
      const names = probe.events().map(event => headerValue(event, 'Event-Name'))
      const has = (matches: (event: Frame) => boolean): boolean =>
        probe.events('CHANNEL_CREATE').some(matches)
      expect({
        ours: has(isAbout(ours)),
        foreign: has(event => headerValue(event, 'Channel-Name').includes('foreign')),
        jobs: names.includes('BACKGROUND_JOB'),
      }).toEqual(passes)
      if (title.includes('negative that matches')) expect(names).not.toContain('CHANNEL_PARK')
      foreign.stop()
      await observer.api(`uuid_kill ${ours}`)
      observer.close()
      probe.close()
    })
  }

  test('is taken away by its value, by its header, or with all others', async () => {
    const probe = await listen('json CUSTOM test::f')
    const passes = async (): Promise<boolean> => {
      probe.frames.length = 0
      testSwitch.emit('test::f', { Colour: 'red' })
      await probe.api('status')
      return probe.events().length === 1
    }
    await probe.command('filter Colour blue')
    await probe.command('filter Colour green')
    expect(await passes()).toBe(false)
    expect(await probe.command('filter delete Colour blue')).toBe('+OK filter deleted. [Colour][blue]')
    expect(await passes()).toBe(false)
    expect(await probe.command('filter delete Colour')).toBe('+OK filter deleted. [Colour][]')
    expect(await passes()).toBe(true)
    await probe.command('filter add Colour blue')
    expect(await passes()).toBe(false)
    expect(await probe.command('filter delete all')).toBe('+OK filter deleted. [all][]')
    expect(await passes()).toBe(true)
    expect(await probe.command('filter Colour')).toBe('-ERR invalid syntax')
    probe.close()
  })
})
