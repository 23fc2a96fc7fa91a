// How the command line ends when something is wrong: the exit code that a script goes by, and the sentence that a
// person reads. No agent is needed: who listens, who answers and who is silent is played here.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { callKey } from '../../src/redis/keys.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { cli, jsonLines, startCli } from './cli.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.close())

const hookswitch = (...argv: string[]) => cli(redis.url, argv)

/** A call as its record in Redis has it. */
async function writeCall(dialId: string): Promise<void> {
  await redis.client.hset(callKey(dialId), {
    ...{ dialId, orgId: '7', userId: '42', fence: 1, owner: 'an-agent', kind: 'asp-call', side: '0' },
    'state.0': 'answered',
  })
}

/** Plays the agent of a call: `answer` gets each message and returns what to publish. */
async function playAgent(
  dialId: string,
  answer: (message: Record<string, string>) => unknown[],
): Promise<AsyncDisposable> {
  await writeCall(dialId)
  const ear = redis.client.duplicate()
  ear.on('message', (channel: string, text: string) => {
    const message = JSON.parse(text) as Record<string, string>
    if (message.type === 'ack' || message.type === 'failure') return
    for (const said of answer(message)) void redis.client.publish(channel, JSON.stringify(said))
  })
  await ear.subscribe(dialId)
  return { [Symbol.asyncDispose]: async () => void (await ear.quit()) }
}

describe('exit code 1', () => {
  test('is a failure, whose cause is printed; answers to others are not taken for it', async () => {
    await using _agent = await playAgent('refusing', ({ type, command_id }) => [
      { type: 'ack', event: type },
      { type: 'ack', event: type, command_id: 'of-somebody-else' },
      { type: 'failure', event: type, command_id, cause: 'nobody barges in on this call' },
    ])
    expect(await hookswitch('whisper', 'refusing')).toEqual({
      code: 1,
      out: [],
      err: ['whisper not obeyed: nobody barges in on this call'],
    })
    const asJson = await hookswitch('whisper', 'refusing', '--json')
    expect(jsonLines(asJson.out)).toMatchObject([{ type: 'failure', cause: 'nobody barges in on this call' }])
  })

  test('is a call that was not made, for whoever watched for it', async () => {
    const watch = startCli(redis.url, ['watch', 'unmade'])
    await watch.said('waiting for one')
    await redis.client.publish('unmade', JSON.stringify({ type: 'failure', cause: 'expired' }))
    expect(await watch.exited).toBe(1)
    // Said once, by the message's own line.
    const said = [...watch.out, ...watch.err].filter(line => line.includes('not made'))
    expect(said.map(line => line.replace(/^\S+ +/, ''))).toEqual([
      'failure               the call was not made: expired',
    ])
    const asJson = startCli(redis.url, ['watch', 'unmade', '--json'])
    await asJson.said('waiting for one')
    await redis.client.publish('unmade', JSON.stringify({ type: 'failure', cause: 'expired' }))
    expect(await asJson.exited).toBe(1)
    expect(asJson.err.at(-1)).toBe('The call unmade was not made: expired')
  })
})

test('--version prints the version, which is the package’s', async () => {
  const { version } = (await import('../../package.json')).default
  expect(await hookswitch('--version')).toEqual({ code: 0, out: [version], err: [] })
})

describe('exit code 2', () => {
  const mistakes: { argv: string[]; says: string[] }[] = [
    {
      argv: ['calls', '--jason'],
      says: ["error: unknown option '--jason'", '(Did you mean --json?)'],
    },
    {
      argv: ['call', '--caller', '1001'],
      says: ['error: --callee or --callee-account is required'],
    },
    {
      argv: ['call', '--caller', '1001;drop', '--callee', '1002'],
      says: [
        "error: option '--caller <number>' argument '1001;drop' is invalid. It must be a number to dial: 1-31 digits, with or without a + in front (blanks and ().- are left out).",
      ],
    },
    {
      argv: ['hangup', 'hookswitch:agents'],
      says: [
        "error: command-argument value 'hookswitch:agents' is invalid for argument 'dial_id'. It must not begin with hookswitch:.",
      ],
    },
    { argv: ['hangup'], says: ["error: missing required argument 'dial_id'"] },
    {
      argv: ['mute', 'a-call', '--timeout', '0'],
      says: [
        "error: option '--timeout <seconds>' argument '0' is invalid. It must be seconds, at most 3600.",
      ],
    },
    {
      argv: ['barge', 'a-call', '1003', '--caller-id', '1002', '--sip-username', 'bob'],
      says: ['error: --sip-username and --sip-password belong together'],
    },
    {
      argv: ['bot-call', '--phone', '1004', '--caller-id', '1000', '--core', crypto.randomUUID(), '--watch'],
      says: ["error: option '--core <core_uuid>' cannot be used with option '--watch'"],
    },
  ]
  for (const { argv, says } of mistakes)
    test(`is a mistake in the command line: ${argv.slice(0, 3).join(' ')}`, async () => {
      expect(await hookswitch(...argv)).toEqual({ code: 2, out: [], err: [says.join('\n')] })
    })

  test('is an unknown command, with the one that was meant', async () => {
    expect(await hookswitch('whispr', 'a-call')).toEqual({
      code: 2,
      out: [],
      err: [
        "error: unknown command 'whispr'\n(Did you mean whisper?)",
        'All commands: hookswitch --help. The service itself is started with npm start.',
      ],
    })
  })

  test('is a command line without a command, which gets the help', async () => {
    const run = await hookswitch()
    expect(run).toMatchObject({ code: 2, out: [] })
    expect(run.err.join('\n')).toStartWith('Usage: hookswitch ')
  })

  test('is a setting that can not be used, without its value; other settings are not looked at', async () => {
    expect(await cli('http://user:secret@nowhere', ['calls'])).toEqual({
      code: 2,
      out: [],
      err: ['PUBSUB_REDIS_URL must begin with redis:// or rediss://'],
    })
    const env = { INTERNAL_HOST: '0.0.0.0', PORT: 'none' }
    expect((await cli(redis.url, ['calls'], { env })).code).toBe(0)
  })
})

describe('exit code 3', () => {
  test('is a call that does not live', async () => {
    expect(await hookswitch('hangup', 'no-such-call')).toEqual({
      code: 3,
      out: [],
      err: ['No such call: no-such-call. Living ones: hookswitch calls'],
    })
  })

  test('is a call whose agent is gone', async () => {
    await writeCall('orphaned')
    expect(await hookswitch('mute', 'orphaned')).toMatchObject({
      code: 3,
      err: ['Nobody listens: the agent of this call is gone. Another takes over within seconds; try again.'],
    })
  })

  test('is a switch to which no agent is connected', async () => {
    const core = crypto.randomUUID()
    expect(await hookswitch('bridge', core, 'bot-1', 'bot-2')).toMatchObject({
      code: 3,
      err: [`Nobody listens: no agent is connected to a switch with the core UUID ${core}.`],
    })
  })
})

test('exit code 4 is an agent that does not answer in time', async () => {
  await using _agent = await playAgent('silent', () => [])
  expect(await hookswitch('stop-playback', 'silent', '--timeout', '0.05')).toEqual({
    code: 4,
    out: [],
    err: ['No answer within 0.05 s; whether stop-playback is still obeyed is unknown.'],
  })
})

describe('exit code 5', () => {
  test('is a Redis that does not answer', async () => {
    const port = await freePort()
    expect(await cli(`redis://127.0.0.1:${port}`, ['calls'])).toEqual({
      code: 5,
      out: [],
      err: [
        `Redis does not answer: nobody listens there (ECONNREFUSED). Where it is stands in PUBSUB_REDIS_URL.`,
      ],
    })
  })

  test('says which setting was perhaps meant, of those that name the Redis', async () => {
    const port = await freePort()
    const env = { PUBSUB_REDIS_TIMOUT: '3', ESL_PASWORD: 'of no use here' }
    const run = await cli(`redis://127.0.0.1:${port}`, ['calls'], { env })
    expect([run.code, run.err[0]]).toEqual([
      5,
      'PUBSUB_REDIS_TIMOUT is no setting and has no effect; is PUBSUB_REDIS_TIMEOUT meant, which is not set?',
    ])
    expect(run.err).toHaveLength(2)
  })

  test('is a Redis that is lost while an answer is awaited', async () => {
    await using ownRedis = await startRedis()
    const ear = ownRedis.client.duplicate()
    await ear.subscribe('a-call')
    await ownRedis.client.hset(callKey('a-call'), { dialId: 'a-call', fence: 1 })
    const asked = new Promise(resolve => ear.once('message', resolve))
    const run = startCli(ownRedis.url, ['hangup', 'a-call'])
    await asked
    ear.disconnect()
    await ownRedis.kill()
    expect(await run.exited).toBe(5)
    expect(run.err).toEqual(['The connection to Redis was lost; whether hangup was obeyed is unknown.'])
  })
})

describe('exit code 130', () => {
  test('is Ctrl-C, which leaves a watched call alone', async () => {
    await writeCall('left-alone')
    const watch = startCli(redis.url, ['watch', 'left-alone'])
    await watch.said('under way')
    watch.interrupt()
    expect(await watch.exited).toBe(130)
    expect(watch.err.at(-1)).toBe('No longer watched; the call goes on.')
  })

  test('is Ctrl-C before the answer, or before Redis has been reached', async () => {
    await using _agent = await playAgent('slow', () => [])
    const heard = redis.client.duplicate()
    await heard.subscribe('slow')
    const asked = new Promise(resolve => heard.once('message', resolve))
    const run = startCli(redis.url, ['hangup', 'slow'])
    await asked
    run.interrupt()
    expect(await run.exited).toBe(130)
    heard.disconnect()
    redis.pause()
    const stuck = startCli(redis.url, ['calls'])
    stuck.interrupt()
    expect(await stuck.exited).toBe(130)
    redis.resume()
  })
})

test('a watch goes on through an outage of Redis, and notices that the call has ended meanwhile', async () => {
  await using ownRedis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
  await ownRedis.client.hset(callKey('a-call'), { dialId: 'a-call', fence: 1, 'state.0': 'answered' })
  const watch = startCli(ownRedis.url, ['watch', 'a-call'])
  await watch.said('under way')
  await ownRedis.client.del(callKey('a-call'))
  await ownRedis.kill()
  await watch.said('trying again')
  await ownRedis.start()
  expect(await watch.exited).toBe(0)
  expect(watch.err.slice(-2)).toEqual(['Redis is back.', 'The call has ended.'])
})

describe('jobs that wait, where no agent runs,', () => {
  const push = (list: string, job: Record<string, unknown> | string) =>
    redis.client.rpush(list, typeof job === 'string' ? job : JSON.stringify(job))
  const queuedAt = () => Date.now() / 1_000 - 75
  beforeAll(async () => {
    const whose = { org_id: '7', user_id: '42' }
    const numbers = { caller_number: '+15105550601', callee_number: '+15105550602' }
    await push('talkiq-asp.calls', {
      type: 'asp-call',
      dial_id: 'w-1',
      ...whose,
      ...numbers,
      queued_at: queuedAt(),
    })
    await push('talkiq-asp.calls', 'no job at all')
    await push('talkiq-bot.calls', {
      type: 'bot-call',
      dial_id: 'w-2',
      ...whose,
      phone_number: '+15105550603',
    })
    // Of another type: the doctor tells of it.
    await redis.client.set('talkiq-load.calls', 'no list')
  })
  afterAll(() => redis.client.del('talkiq-asp.calls', 'talkiq-bot.calls', 'talkiq-load.calls'))

  test('stand in calls with their place, their time and masked numbers; and that nobody takes them', async () => {
    const run = await hookswitch('calls')
    const rows = run.out.filter(line => line.includes('waits:'))
    expect(rows).toEqual([
      expect.stringMatching(
        /^w-1 +asp-call +1:1\d +waits: …601, …602 +- +7 \/ 42 +- +place 1 of talkiq-asp\.calls$/,
      ),
      expect.stringMatching(/^\? +\? +\? +waits: +- +\/ +- +place 2 of talkiq-asp\.calls$/),
      expect.stringMatching(/^w-2 +bot-call +\? +waits: …603 +- +7 \/ 42 +- +place 1 of talkiq-bot\.calls$/),
    ])
    expect(run.err.at(-1)).toMatch(/^\d calls?, 3 waiting jobs, and no agent is running to take them\.$/)
    const whole = await cli(redis.url, ['calls'], { env: { LOG_FULL_NUMBERS: 'true' } })
    expect(whole.out.find(line => line.startsWith('w-1'))).toContain('waits: +15105550601, +15105550602')
    const json = jsonLines<Record<string, unknown>>((await hookswitch('calls', '--json')).out)
    expect(json.filter(each => each.waits_in)).toMatchObject([
      { dial_id: 'w-1', waits_in: 'talkiq-asp.calls', place: 1, numbers: ['…601', '…602'] },
      { dial_id: '', waits_in: 'talkiq-asp.calls', place: 2, numbers: [] },
      { dial_id: 'w-2', waits_in: 'talkiq-bot.calls', place: 1, queued_at: null, numbers: ['…603'] },
    ])
  })

  test('are known to timeline, with the reason', async () => {
    const run = await hookswitch('timeline', 'w-1')
    expect([run.code, run.err]).toEqual([0, []])
    expect(run.out.join(' ')).toMatch(
      /^w-1 waits in talkiq-asp\.calls for 1:1\d, as number 1 of 2: no phone has been rung\. It waits because no agent is running to take it\.$/,
    )
    const [json] = jsonLines<Record<string, unknown>>((await hookswitch('timeline', 'w-2', '--json')).out)
    expect(json).toMatchObject({
      id: 'w-2',
      entries: [],
      waits_in: 'talkiq-bot.calls',
      place: 1,
      queued_at: null,
    })
    expect((await hookswitch('timeline', 'w-3')).code).toBe(3)
  })

  test('say so, too, while agents run that reach no switch', async () => {
    const card = { agent: 'a-1', switchName: 'fs', coreUuid: '', isDraining: false }
    await redis.client.sadd('hookswitch:agents', 'a-1')
    await redis.client.set('hookswitch:{agents}:a-1', JSON.stringify(card))
    expect((await hookswitch('calls')).err.at(-1)).toEndWith(
      'no agent is connected to its switch to take them.',
    )
    await redis.client.del('hookswitch:agents', 'hookswitch:{agents}:a-1')
  })
})

test('a job is queued even where no agent runs, with a note and a time that lets it expire', async () => {
  const run = await hookswitch('call', '--caller', '1001', '--callee', '1002', '--dial-id', 'waiting')
  expect(run.code).toBe(0)
  expect(run.err[0]).toBe('No agent is running: the job waits for one (npm start).')
  const job = JSON.parse((await redis.client.lpop('talkiq-asp.calls'))!) as Record<string, unknown>
  expect(job).toEqual({
    type: 'asp-call',
    call_provider: 'default',
    caller_number: '1001',
    callee_number: '1002',
    caller_id_lega: '1002',
    caller_id_legb: '1001',
    dial_id: 'waiting',
    org_id: 'cli',
    user_id: 'cli',
    queued_at: expect.closeTo(Date.now() / 1_000, -1),
  })
})
