// Every command once, against a real Redis, a real agent and the test switch: what it makes of a call, what it prints,
// and its exit code when all goes well.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openStage, type Stage } from '../../examples/demo/stage.ts'
import { eventually } from '../harness/internal.ts'
import { cli, jsonLines, startCli } from './cli.ts'

const HELLO = '/sounds/hello.wav'

let stage: Stage
beforeAll(async () => {
  stage = await openStage({
    env: { ROLE: 'agent', WAKE_TIMEOUT: '100', RED_MODE: 'load-test', GATEWAYS: 'broken=unknown-gateway' },
    switch: { answerAfterMs: 1, files: { [HELLO]: 30 } },
    sendPush: async () => ({ kind: 'accepted', id: 'none' }),
  })
})
afterAll(() => stage.close())

const hookswitch = (...argv: string[]) => cli(stage.redis.url, argv)
const started = (...argv: string[]) => startCli(stage.redis.url, argv)

/** A call of 1001 and 1002 that both have answered. */
async function makeCall(dialId: string): Promise<void> {
  const watch = started('watch', dialId, '--follow')
  await watch.said('waiting for one')
  expect((await hookswitch('call', '--caller', '1001', '--callee', '1002', '--dial-id', dialId)).code).toBe(0)
  await watch.said('the B-leg (side 1) answered')
  watch.interrupt()
  expect(await watch.exited).toBe(130)
}

const phoneOf = (dialId: string, number: string) =>
  stage.testSwitch.channels().find(channel => channel.dialId === dialId && channel.destination === number)

/** The numbers that a phone of a call hears. */
function heardBy(dialId: string, number: string): string[] {
  const heard = stage.testSwitch.hears(phoneOf(dialId, number)!.uuid)
  return [...heard].map(sound => stage.testSwitch.channel(sound)?.destination ?? sound).sort()
}

interface WatchLine {
  at: string
  channel: string
  message: { type: string; side?: string; cause?: string }
}

describe('call', () => {
  test('queues an asp-call and says how to follow it', async () => {
    stage.testSwitch.phone('1011', { kind: 'no-answer' })
    const run = await hookswitch(
      'call',
      '--caller',
      '+1 (510) 555-1011',
      '--callee',
      '1002',
      '--dial-id',
      'queued',
    )
    expect(run).toEqual({
      code: 0,
      out: ['queued asp-call queued on talkiq-asp.calls'],
      err: ['Follow it: hookswitch watch queued'],
    })
    await eventually('the call', () =>
      stage.testSwitch
        .records(0, ['ring'])
        .some(({ ...ring }) => 'dialId' in ring && ring.dialId === 'queued'),
    )
    expect((await hookswitch('hangup', 'queued')).code).toBe(0)
  })

  test('with --watch follows the call from its start to its end', async () => {
    stage.testSwitch.phone('1012', { kind: 'answer', afterMs: 1, hangupAfterMs: 20 })
    const run = await hookswitch('call', '--caller', '1001', '--callee', '1012', '--watch')
    expect(run.code).toBe(0)
    expect(run.out[0]).toMatch(/^queued asp-call cli-[0-9a-f]{12} on talkiq-asp.calls$/)
    expect(run.out.slice(1).map(line => line.replace(/^\d\d:\d\d:\d\d\.\d{3} +/, ''))).toEqual([
      'call-start            the first phone is being rung',
      'answer-event          the A-leg (side 0) answered',
      'answer-event          the B-leg (side 1) answered',
      'hangup-event          the B-leg (side 1) hung up: NORMAL_CLEARING',
      'hangup-event          the A-leg (side 0) hung up: NORMAL_CLEARING',
    ])
    expect(run.err).toEqual(['The call has ended.'])
  })

  test('rings an app: its account in place of a number', async () => {
    const run = await hookswitch('call', '--caller', '1001', '--callee-account', '1000', '--watch')
    expect(run.out.slice(1).map(line => line.replace(/^\d\d:\d\d:\d\d\.\d{3} +/, ''))).toEqual([
      'call-start            the first phone is being rung',
      'answer-event          the A-leg (side 0) answered',
      'wake-event            the B-leg (side 1) did not wake: timeout',
      'hangup-event          the B-leg (side 1) hung up: SUBSCRIBER_ABSENT',
      'hangup-event          the A-leg (side 0) hung up: SUBSCRIBER_ABSENT',
    ])
  })

  test('with --watch ends when the caller does not take it: the callee is never rung', async () => {
    stage.testSwitch.phone('1013', { kind: 'busy' })
    const run = await hookswitch('call', '--caller', '1013', '--callee', '1002', '--watch', '--json')
    expect(run.code).toBe(0)
    const messages = jsonLines<WatchLine>(run.out).map(line => line.message)
    expect(messages.map(message => message.type)).toEqual(['call-start', 'hangup-event'])
    expect(messages[1]).toEqual({ type: 'hangup-event', side: '0', cause: 'USER_BUSY' })
  })

  test('with --watch ends with 1 when the call can not be made', async () => {
    const run = await hookswitch(
      'call',
      '--caller',
      '1001',
      '--callee',
      '1002',
      '--provider',
      'broken',
      '--watch',
    )
    expect(run.code).toBe(1)
    expect(run.out.at(-1)).toMatch(/ failure +the call was not made: \S/)
    expect(run.err).toEqual([])
  })

  test('prints the dial id as JSON for scripts', async () => {
    stage.testSwitch.phone('1014', { kind: 'busy' })
    const run = await hookswitch(
      'call',
      '--caller',
      '1014',
      '--callee',
      '1002',
      '--dial-id',
      'scripted',
      '--json',
    )
    expect(jsonLines(run.out)).toEqual([{ dial_id: 'scripted', list: 'talkiq-asp.calls', waiting: 1 }])
    expect(run.err).toEqual([])
  })
})

describe('steering', () => {
  test('barges, whispers, mutes, opens to both, and hangs a barger up', async () => {
    await makeCall('steered')
    const barge = await hookswitch('barge', 'steered', '1003', '--caller-id', '1002', '--json')
    expect(barge.code).toBe(0)
    const [ack] = jsonLines<Record<string, string>>(barge.out)
    expect(ack).toMatchObject({ type: 'ack', event: 'barge' })
    await eventually('the barger listens', () => {
      const listener = phoneOf('steered', '1003')
      return listener !== undefined && stage.testSwitch.hears(listener.uuid).size === 2
    })

    for (const { command, caller, callee } of [
      { command: ['whisper', 'steered'], caller: '1002,1003', callee: '1001' },
      { command: ['mute', 'steered', '--barge-id', ack!.barge_id!], caller: '1002', callee: '1001' },
      { command: ['threeway', 'steered'], caller: '1002,1003', callee: '1001,1003' },
      { command: ['unthreeway', 'steered'], caller: '1002', callee: '1001' },
    ]) {
      const run = await hookswitch(...command)
      expect(run.code).toBe(0)
      expect(run.out).toEqual([`ack                   ${command[0]} obeyed, barge_id ${ack!.barge_id}`])
      await eventually(`what ${command[0]} does`, () => heardBy('steered', '1001').join() === caller)
      await eventually(`what ${command[0]} does`, () => heardBy('steered', '1002').join() === callee)
    }

    expect((await hookswitch('hangup', 'steered', '--barge-id', ack!.barge_id!)).code).toBe(0)
    await eventually('the barger is gone', () => phoneOf('steered', '1003') === undefined)
    expect(phoneOf('steered', '1001')).toBeDefined()
    expect((await hookswitch('hangup', 'steered')).code).toBe(0)
    await eventually('the call is gone', () => phoneOf('steered', '1001') === undefined)
  })

  test('plays, replaces and stops sounds, and plays under the talk', async () => {
    await makeCall('played')
    const caller = () => stage.testSwitch.channel(phoneOf('played', '1001')!.uuid)!
    expect((await hookswitch('play', 'played', HELLO)).code).toBe(0)
    await eventually('the sound', () => caller().playing === HELLO)
    expect((await hookswitch('play-now', 'played', HELLO)).code).toBe(0)
    expect((await hookswitch('stop-playback', 'played')).code).toBe(0)
    await eventually('silence', () => caller().playing === undefined)
    expect((await hookswitch('start-background', 'played', HELLO)).code).toBe(0)
    expect(caller().displaced).toMatchObject([{ path: HELLO, isMixed: true }])
    expect((await hookswitch('stop-background', 'played', HELLO)).code).toBe(0)
    expect(caller().displaced).toEqual([])
    expect((await hookswitch('hangup', 'played')).code).toBe(0)
  })

  test('bridges parked calls on their switch, where a bot call can be placed too', async () => {
    const core = stage.testSwitch.coreUuid
    const watches = ['bot-1', 'bot-2'].map(dialId => started('watch', dialId))
    await Promise.all(watches.map(watch => watch.said('waiting for one')))
    const onList = await hookswitch(
      'bot-call',
      '--phone',
      '1004',
      '--caller-id',
      '1000',
      '--dial-id',
      'bot-1',
    )
    expect(onList.out).toEqual(['queued bot-call bot-1 on talkiq-bot.calls'])
    const onCore = await hookswitch(
      ...['bot-call', '--phone', 'sip:bob@phones.example', '--caller-id', '1000', '--dial-id', 'bot-2'],
      ...['--sip-username', 'bob', '--sip-password', 'secret', '--core', core],
    )
    expect(onCore).toMatchObject({ code: 0, out: ['ack                   bot-call obeyed'] })
    await Promise.all(watches.map(watch => watch.said('answered')))

    const bridge = await hookswitch('bridge', core, 'bot-1', 'bot-2')
    expect(bridge).toMatchObject({ code: 0, out: ['ack                   bridge obeyed'] })
    await watches[0]!.said('talk')
    await Promise.all(['bot-1', 'bot-2'].map(dialId => hookswitch('hangup', dialId)))
    expect(await Promise.all(watches.map(watch => watch.exited))).toEqual([0, 0])
  })

  test('places a load test whose side is named by its leg', async () => {
    stage.testSwitch.phone('1015', { kind: 'answer', afterMs: 1, hangupAfterMs: 5 })
    const run = await hookswitch(
      ...['load-test', '--phone', '1015', '--gateway', 'phones', '--leg', 'customer', '--topic', 'two words'],
      ...['--watch', '--json'],
    )
    expect(run.code).toBe(0)
    const sides = jsonLines<WatchLine>(run.out).map(line => line.message.side)
    expect(new Set(sides.filter(side => side !== undefined))).toEqual(new Set(['customer']))
  })
})

describe('looking', () => {
  test('calls lists the living calls with legs, bargers, switch and owner', async () => {
    await makeCall('listed')
    const watch = started('watch', 'listed')
    await hookswitch('barge', 'listed', '1003', '--caller-id', '1002')
    await watch.said('listens')
    const table = await hookswitch('calls')
    expect(table.out[0]).toMatch(/^DIAL ID +KIND +FOR +LEGS +BARGERS +ORG \/ USER +SWITCH +OWNER$/)
    const row = table.out.find(line => line.startsWith('listed'))
    expect(row).toMatch(
      /^listed +asp-call +0:\d\d +0 answered …001, 1 answered …002 +mute +cli \/ cli +127\.0\.0\.1:\d+ +stage-/,
    )
    expect(table.err.at(-1)).toMatch(/^\d calls?, 1 agent\.$/)

    const json = jsonLines<Record<string, unknown>>((await hookswitch('calls', '--json')).out)
    expect(json.find(call => call.dial_id === 'listed')).toMatchObject({
      kind: 'asp-call',
      legs: [
        { side: '0', state: 'answered', number: '…001' },
        { side: '1', state: 'answered', number: '…002' },
      ],
      bargers: [{ state: 'answered', mode: 'mute' }],
      core_uuid: stage.testSwitch.coreUuid,
      is_owner_alive: true,
    })
    await hookswitch('hangup', 'listed')
    expect(await watch.exited).toBe(0)
    await eventually('an empty list', async () => (await hookswitch('calls', '--json')).out.length === 0)
  })

  test('watch joins a call that is under way and tells what others ask of it, without their numbers', async () => {
    await makeCall('joined')
    const watch = started('watch', 'joined')
    await watch.said('This call is under way: the A-leg (side 0) answered, the B-leg (side 1) answered.')
    await hookswitch('barge', 'joined', '1003', '--caller-id', '+15105550199')
    await watch.said('barge                 somebody asks')
    await watch.said('listens')
    await hookswitch('hangup', 'joined')
    expect(await watch.exited).toBe(0)
    expect(watch.out.join('\n')).not.toContain('15105550199')
    expect(watch.out.filter(line => line.includes('hangup-event'))).toHaveLength(2)
    // The call's last event may be the barger's: nothing of the call lives when the watch ends.
    const ends = watch.out.filter(line => /hung up|is gone/.test(line)).map(line => line.split(/ +/)[1])
    expect(ends.toSorted()).toEqual(['barge-event', 'hangup-event', 'hangup-event'])
  })

  test('watch --json gives each message its time and channel, and hides passwords', async () => {
    const watch = started('watch', 'elsewhere', '--json')
    await watch.said('waiting for one')
    const barge = { type: 'barge', phone_number: '1003', sip_auth_password: 'hunter2' }
    await stage.redis.client.publish('elsewhere', JSON.stringify(barge))
    await stage.redis.client.publish('elsewhere', 'no JSON \x1b[2J at all')
    await watch.said('no JSON')
    watch.interrupt()
    expect(await watch.exited).toBe(130)
    const [first, second] = jsonLines<WatchLine>(watch.out)
    expect<unknown>(first).toEqual({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      channel: 'elsewhere',
      message: { ...barge, sip_auth_password: '[secret]' },
    })
    expect(second!.message as unknown).toBe('no JSON \x1b[2J at all')
  })

  test('watch keeps a living call when a second job of its dial id fails', async () => {
    await makeCall('twice')
    const watch = started('watch', 'twice')
    await watch.said('under way')
    const second = await hookswitch(
      'call',
      '--caller',
      '1001',
      '--callee',
      '1002',
      '--dial-id',
      'twice',
      '--watch',
    )
    expect(second).toMatchObject({ code: 1 })
    expect(second.out.at(-1)).toEndWith('the call was not made: duplicate dial_id')
    await watch.said('the call was not made: duplicate dial_id')
    await hookswitch('hangup', 'twice')
    await watch.exited
    expect(watch.err.at(-1)).toBe('The call has ended.')
  })

  test("history prints the events of the user's newest call in their order", async () => {
    stage.testSwitch.phone('1016', { kind: 'busy' })
    await hookswitch(
      ...[
        'call',
        '--caller',
        '1016',
        '--callee',
        '1002',
        '--org',
        '7',
        '--user',
        '42',
        '--dial-id',
        'past',
        '--watch',
      ],
    )
    const readable = await hookswitch('history', '7', '42')
    expect(readable).toEqual({
      code: 0,
      out: [
        'call-start            the first phone is being rung',
        'hangup-event          the A-leg (side 0) hung up: USER_BUSY',
      ],
      err: [],
    })
    expect(jsonLines((await hookswitch('history', '7', '42', '--json')).out)).toEqual([
      { type: 'call-start', dial_id: 'past' },
      { type: 'hangup-event', side: '0', cause: 'USER_BUSY' },
    ])
    expect(await hookswitch('history', '7', 'nobody')).toEqual({
      code: 0,
      out: [],
      err: ['No events: this user had no call in the last four hours.'],
    })
  })
})
