// `hookswitch timeline`: what a person on duty reads at a terminal, and what a script gets.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { openTimelineRoom } from '../../src/timeline/open.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { cli, jsonLines } from './cli.ts'

const ACCOUNT = '100200300'
/** Noon, wherever the test runs. */
const BEGAN_AT_MS = new Date(2026, 10, 22, 12, 0, 0, 5).getTime()

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
  await write('pod-1', (add, atMs) => {
    const account = ACCOUNT
    add('c-1', { what: 'request', account, phonenumber: '+31612345678', callerId: '' }, { account, atMs })
    const found = [{ device: 'd1', platform: 'apns' as const }]
    add('c-1', { what: 'push-sent', account, attempt: 1, devices: 1, found }, { atMs: atMs + 12 })
    const answered = { attempt: 1, device: 'd1', platform: 'apns' as const, tookMs: 84 }
    const refusal = { outcome: 'refused' as const, reason: 'TopicDisallowed' }
    add('c-1', { what: 'push-answered', account, ...answered, ...refusal }, { atMs: atMs + 96 })
    const outcome = { status: 'NAK' as const, reason: 'push-refused' as const, waitedMs: 4_000 }
    add('c-1', { what: 'outcome', account, ...outcome }, { atMs: atMs + 4_000 })
  })
  // The backend dials the same call by itself: one id, one story.
  await write('agent-1', (add, atMs) => {
    const where = { list: 'talkiq-bot.calls', switch: 'fs-1:8021' }
    const numbers = { account: ACCOUNT, callerNumber: '+31612345678' }
    add('c-1', { what: 'job-taken', kind: 'bot-call', ...where, ...numbers }, { atMs: atMs + 5_000 })
    add('c-1', { what: 'leg', side: '0', state: 'ringing' }, { atMs: atMs + 5_100 })
    const hangup = { cause: 'NO_ANSWER', wasAnswered: false }
    add('c-1', { what: 'hangup', side: '0', ...hangup }, { atMs: atMs + 65_100 })
  })
})
afterAll(() => redis.close())

type Add = ReturnType<typeof openTimelineRoom>['recorder']['add']

async function write(by: string, tell: (add: Add, atMs: number) => void): Promise<void> {
  const room = openTimelineRoom(
    {
      redis: { url: redis.url, connectTimeoutMs: 1_000 },
      timelinesMax: 100,
      showsFullNumbers: false,
    },
    {
      by,
      tracer: undefined,
      onDropped: () => undefined,
      clock: Date.now,
      log: pino({ level: 'silent' }) as unknown as Log,
    },
  )
  tell(room.recorder.add, BEGAN_AT_MS)
  // It connects meanwhile; what is written before that is tried again.
  while ((await redis.client.lrange('hookswitch:timeline:c-1', 0, -1)).every(text => !text.includes(by)))
    await Bun.sleep(10)
  await room.close()
}

const hookswitch = (...argv: string[]) => cli(redis.url, ['timeline', ...argv])

describe('a call', () => {
  test('begins with the answer, then tells what happened and when', async () => {
    expect(await hookswitch('c-1')).toEqual({
      code: 0,
      err: [],
      out: [
        'The phone did not ring, because Apple refused the push (TopicDisallowed): the key in APPS_FILE may',
        'not push to this app. Look at `topic`, and at the key at Apple. The phone (side 0) was called and',
        'not answered: NO_ANSWER: the phone rang for as long as RING_TIMEOUT allows and nobody answered.',
        '',
        'c-1, 2026-11-22 12:00:00.005, written by pod-1, agent-1',
        '+   0.000 s  request             The PBX asks to wake the phones of account …300: a call from …678.',
        '                                 [pod-1]',
        '+   0.012 s  devices-found       1 device is registered: an iPhone (d1). [pod-1]',
        '+   0.012 s  push-sent           A push is sent to the phone. [pod-1]',
        '+   0.096 s  push-answered       Apple refused the push to the iPhone after 84 ms: TopicDisallowed.',
        '                                 That means: the key in APPS_FILE may not push to this app. Look at',
        '                                 `topic`, and at the key at Apple. [pod-1]',
        '+   4.000 s  outcome             The PBX is told NAK after 4.00 s: no push could be delivered to any',
        '                                 device of the account. [pod-1]',
        '+   5.000 s  job-taken           The agent takes the job (bot-call) from talkiq-bot.calls: to call',
        '                                 …678, for account …300, on the switch fs-1:8021. [agent-1]',
        '+   5.100 s  leg                 The phone (side 0) is being called. [agent-1]',
        '+  65.100 s  hangup              The phone (side 0) ends without an answer: NO_ANSWER: the phone',
        '                                 rang for as long as RING_TIMEOUT allows and nobody answered.',
        '                                 [agent-1]',
      ],
    })
  })

  test('has colours on a terminal only', async () => {
    const { out } = await cli(redis.url, ['timeline', 'c-1'], { hasColour: true })
    expect(out[0]).toStartWith('\x1b[1mThe phone did not ring')
    expect(out.some(line => line.includes('\x1b[31mThe PBX is told NAK'))).toBe(true)
    expect((await hookswitch('c-1')).out.join()).not.toContain('\x1b')
  })

  test('with --json is what the internal API says', async () => {
    const { code, out } = await hookswitch('c-1', '--json')
    expect(code).toBe(0)
    const [body] = jsonLines<{ id: string; entries: Record<string, unknown>[]; left_out: number }>(out)
    expect(body).toMatchObject({ id: 'c-1', left_out: 0 })
    expect(body!.entries[3]).toEqual({
      at: (BEGAN_AT_MS + 96) / 1_000,
      by: 'pod-1',
      what: 'push-answered',
      text: expect.stringContaining('TopicDisallowed'),
      account: '…300',
      attempt: 1,
      device: 'd1',
      platform: 'apns',
      outcome: 'refused',
      reason: 'TopicDisallowed',
      took_ms: 84,
    })
  })
})

describe('an account', () => {
  test('has its calls listed, each with its answer', async () => {
    const { code, out } = await hookswitch(ACCOUNT)
    expect(code).toBe(0)
    expect(out.slice(0, 3)).toEqual([
      `Calls of account ${ACCOUNT} in the last 24 hours, newest first:`,
      '2026-11-22 12:00:00.005  c-1',
      '    The phone did not ring, because Apple refused the push (TopicDisallowed): the key in APPS_FILE',
    ])
  })
})

describe('nothing', () => {
  test('ends with 3 and says so', async () => {
    expect(await hookswitch('nobody-knows')).toEqual({
      code: 3,
      out: [],
      err: [
        'Nothing is known of nobody-knows: no wake, no dialled call and no account of that name in the last 24 hours.',
      ],
    })
  })

  test('is an id with blanks', async () => {
    expect(await hookswitch('a b')).toMatchObject({ code: 2 })
  })
})
