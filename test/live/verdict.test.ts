// The verdict: each thing that may be wrong is told, how badly, and since when; and what is usual, or somebody's wish, is
// not.
import { describe, expect, test } from 'bun:test'
import { MS_PER_MINUTE } from '../../src/base/units.ts'
import type { LiveView } from '../../src/live/liveView.ts'
import { createJudge } from '../../src/live/verdict.ts'
import { agent, type Counts, call, LIST, NOW_MS, pod, queue, SWITCH, usual, wellView } from './madeUp.ts'

const judge = async (more: Partial<LiveView>, counts?: Counts) =>
  createJudge(() => NOW_MS).judge(await wellView(more, counts))

type Told = Awaited<ReturnType<typeof judge>>

/** As a person reads it: `bad 14:20 Process web-2 says nothing any more.` */
const lines = ({ troubles }: Told): string[] =>
  troubles.map(({ level, words, sinceMs, isSeen }) => {
    const said = words
      .map(part => (typeof part === 'string' ? part : `[${part.text}](${part.about})`))
      .join('')
    return `${level} ${isSeen ? '≥' : ''}${new Date(sinceMs).toISOString().slice(11, 16)} ${said}`
  })

/** The usual counts until so many minutes ago, then others. */
const until =
  (minutesAgo: number, then: Record<string, number>): Counts =>
  ago =>
    ago > minutesAgo ? usual(ago) : then

const minutesAgo = (minutes: number) => NOW_MS - minutes * MS_PER_MINUTE

test('a service that does its work is well, and says by what', async () => {
  const verdict = await judge({})
  expect(verdict.level).toBe('good')
  expect(verdict.troubles).toEqual([])
  expect(verdict.well.map(part => (typeof part === 'string' ? part : part.text)).join('')).toBe(
    'All well: 2 processes, 2 connected agents, 1,200 of 1,200 wakes confirmed in the last hour.',
  )
})

describe('now', () => {
  const cases: [what: string, seen: Partial<LiveView>, told: string[]][] = [
    [
      'a call whose agent died',
      { calls: [call('c1', { isOwnerAlive: false })] },
      ['bad ≥14:30 [1 call](calls) without an owner: the agent died, and no other has taken over yet.'],
    ],
    [
      'a process that was killed',
      { pods: [pod('web-1'), pod('web-2', { isSilent: true, silentSinceMs: minutesAgo(1) })] },
      ['bad 14:29 Process [web-2](pod:web-2) says nothing any more.'],
    ],
    [
      'a process without Redis',
      { pods: [pod('web-1', { obstacles: ['redis'], since: { redis: minutesAgo(7) } })] },
      ["bad 14:23 Process [web-1](pod:web-1) can't use Redis."],
    ],
    [
      'job lists that are refused, of a process that serves PBXs too',
      { pods: [pod('web-1', { warnings: ['switch', 'jobs'], since: { jobs: minutesAgo(7) } })] },
      ['bad 14:23 Process [web-1](pod:web-1): Redis gives it no jobs.'],
    ],
    [
      'a process that is told to stop',
      { pods: [pod('web-1', { obstacles: ['draining'], since: { draining: minutesAgo(2) } })] },
      ['warn 14:28 Process [web-1](pod:web-1) is stopping.'],
    ],
    [
      'a process that is deaf',
      { pods: [pod('web-1', { isHearing: false, deafSinceMs: minutesAgo(3) })] },
      ['bad 14:27 Process [web-1](pod:web-1) hears no confirmations.'],
    ],
    [
      'a process without room',
      { pods: [pod('web-1', { held: 10_000, since: { full: minutesAgo(1) } })] },
      [
        'bad 14:29 Process [web-1](pod:web-1) holds all the requests that it may (WAITS_MAX): further ones are turned away.',
      ],
    ],
    [
      'room that is nearly used up',
      { waits: { held: 17_000, heldMax: 20_000, eldest: [] } },
      ['warn ≥14:30 [17,000 of 20,000 requests](waits) that may be held at once are held (WAITS_MAX).'],
    ],
    [
      'a switch without an agent',
      { agents: [agent('a', { state: 'unconnected', sinceMs: minutesAgo(4) })] },
      [`bad 14:26 No agent is connected to the switch [${SWITCH}](switch:${SWITCH}).`],
    ],
    [
      'a switch that refuses',
      {
        agents: [
          agent('p-00000001-00000001', { state: 'refused', sinceMs: minutesAgo(6) }),
          agent('p-00000002-00000002'),
        ],
      },
      [
        `bad 14:24 The switch [${SWITCH}](switch:${SWITCH}) refuses what it is asked, and gets one job at a time.`,
      ],
    ],
    [
      'an agent of several that is not connected',
      {
        agents: [
          agent('p-00000001-00000001'),
          agent('p-00000002-00000002'),
          agent('p-00000003-00000003', { state: 'unconnected', sinceMs: minutesAgo(9) }),
        ],
      },
      [`warn 14:21 [1 of 3 agents](switch:${SWITCH}) of the switch ${SWITCH} is not connected.`],
    ],
    [
      'an agent that nobody could replace, with calls',
      { agents: [agent('a', { calls: 3 })] },
      [
        `warn ≥14:30 The switch [${SWITCH}](switch:${SWITCH}) has one agent: nobody could take over its [3 calls](calls).`,
      ],
    ],
    [
      'an agent that nobody could replace, without calls',
      { agents: [agent('a')] },
      [
        `note ≥14:30 The switch [${SWITCH}](switch:${SWITCH}) has one agent: no other could take over its calls.`,
      ],
    ],
    [
      'agents that would all go at once',
      { agents: [agent('p-00000001-00000001'), agent('p-00000001-00000002')] },
      [`note ≥14:30 All 2 agents of the switch [${SWITCH}](switch:${SWITCH}) are in one process.`],
    ],
    [
      'jobs that nobody takes',
      {
        agents: [],
        queues: [queue({ waiting: 2, nextHash: 'x', nextQueuedAtMs: minutesAgo(1) })],
      },
      [`bad 14:29 [2 jobs](queue:${LIST}) and no agent to take them.`],
    ],
    [
      'a job that has waited',
      { queues: [queue({ waiting: 1, nextHash: 'x', nextQueuedAtMs: NOW_MS - 8_000 })] },
      [`warn 14:30 [1 job](queue:${LIST}) has waited 8 s.`],
    ],
    [
      'jobs that wait for their turn',
      {
        queues: [queue({ waiting: 40, nextHash: 'x', nextQueuedAtMs: NOW_MS - 45_000 })],
        switches: [{ name: SWITCH, paceAheadSeconds: 2, registered: null }],
      },
      [
        `bad 14:29 [40 jobs](queue:${LIST}) wait, the eldest 45 s: the switches begin no more calls in a second (CALLS_PER_SECOND).`,
      ],
    ],
    [
      'calls that are held back before their list is',
      { switches: [{ name: SWITCH, paceAheadSeconds: 4, registered: null }] },
      [
        `warn ≥14:30 A call at the switch [${SWITCH}](switch:${SWITCH}) waits 4 s for its turn (CALLS_PER_SECOND).`,
      ],
    ],
    [
      'dead letters',
      {
        queues: [
          queue({
            dead: 3,
            newestDead: [{ reason: 'expired', at: '2026-11-30T14:20:00Z', dialId: 'd1' }],
            eldestDeadAt: '2026-11-30T11:07:00Z',
          }),
        ],
      },
      [`warn 11:07 [3 dead letters](queue:${LIST}), the newest [d1](timeline=d1) expired.`],
    ],
    [
      'a key that is no list',
      { queues: [queue({ isNoList: true })] },
      [
        `bad ≥14:30 The key [${LIST}](queue:${LIST}) or its dead letters hold something else than a list: no job is taken from it.`,
      ],
    ],
  ]
  for (const [what, seen, told] of cases)
    test(what, async () => {
      expect(lines(await judge(seen))).toEqual(told)
    })
})

describe('over the hour', () => {
  const cases: [what: string, counts: Counts, told: string[]][] = [
    [
      'wakes of which none is confirmed, and never was',
      () => ({ 'wake.timeout': 4, 'push.android.accepted': 4 }),
      ['bad 13:31 [None of 20 wakes](outcomes) was confirmed in the last 5 minutes: no phone woke in time.'],
    ],
    [
      'wakes of which none was confirmed, where little happens',
      ago => ({ 'wake.timeout': ago === 20 || ago === 40 ? 100 : 0 }),
      ['bad 13:50 [None of 200 wakes](outcomes) was confirmed in the last hour: no phone woke in time.'],
    ],
    [
      'wakes that stopped being confirmed',
      until(3, { 'wake.no-device': 20 }),
      [
        'bad 14:27 [Only 20 of 100 wakes](outcomes) were confirmed in the last 5 minutes, 100 % before: no phone is registered for the account.',
      ],
    ],
    [
      'wakes that are confirmed less often than usual',
      until(4, { 'wake.confirmed': 15, 'wake.timeout': 5 }),
      [
        'warn 14:26 [Only 75 of 100 wakes](outcomes) were confirmed in the last 5 minutes, 100 % before: no phone woke in time.',
      ],
    ],
    ['a rate that is as it always is', () => ({ 'wake.confirmed': 6, 'wake.timeout': 4 }), []],
    [
      'people who say no, and callers who leave',
      until(4, { 'wake.unavailable': 20, 'wake.caller-gone': 9 }),
      [],
    ],
    [
      'phones that wake slowly',
      until(4, { ...usual(0), 'trip.24': 0, 'trip.34': 20 }),
      ['warn 14:26 Phones take [2.3 s](trips) to wake in the last 5 minutes, 0.4 s before.'],
    ],
    ['phones that always were slow', () => ({ 'wake.confirmed': 5, 'trip.34': 5 }), []],
    [
      'pushes that are refused, of one app of several',
      until(3, { ...usual(0), 'push.apns.refused': 2, 'refusal.com.example.phone BadDeviceToken': 2 }),
      ['warn 14:27 [8 pushes of com.example.phone](pushes) refused in the last 5 minutes: BadDeviceToken.'],
    ],
    [
      'pushes of which most are refused',
      until(1, { 'push.apns.refused': 200, 'refusal.com.example.phone InvalidProviderToken': 200 }),
      [
        'bad 14:29 [400 pushes of com.example.phone](pushes) refused in the last 5 minutes: InvalidProviderToken.',
      ],
    ],
    [
      'a vendor that answers later',
      until(2, { ...usual(0), 'push.android.retry-later': 30, 'push.android.accepted': 10 }),
      ['warn 14:28 [90 of 120 pushes](pushes) to Google got no answer, or “later”, in the last 5 minutes.'],
    ],
    [
      'calls that fail',
      until(2, { ...usual(0), 'hangup.NETWORK_OUT_OF_ORDER': 5, 'hangup.USER_BUSY': 5 }),
      ['warn 14:28 [15 of 80 legs](outcomes) of calls failed in the last 5 minutes: NETWORK_OUT_OF_ORDER.'],
    ],
    [
      'calls that are not even made',
      until(1, { 'dial.failed': 40 }),
      ['bad 14:29 [80 of 110 legs](outcomes) of calls failed in the last 5 minutes.'],
    ],
    ['calls that are busy, declined or not answered', until(2, { ...usual(0), 'hangup.USER_BUSY': 90 }), []],
  ]
  for (const [what, counts, told] of cases)
    test(what, async () => {
      expect(lines(await judge({}, counts))).toEqual(told)
    })
})

test('the worst comes first, and what tells no beginning is told from when it was seen', async () => {
  let nowMs = NOW_MS
  const { judge: look } = createJudge(() => nowMs)
  const alone = await wellView({ agents: [agent('a')] })
  expect(lines(look(alone))[0]).toStartWith('note ≥14:30')
  nowMs += 5 * MS_PER_MINUTE
  const worse = await wellView({ agents: [agent('a')], calls: [call('c1', { isOwnerAlive: false })] })
  expect(lines(look(worse)).map(line => line.slice(0, 11))).toEqual(['bad 14:35 [', 'note ≥14:30'])
  // Over, and back: it has a new beginning.
  look(await wellView())
  nowMs += MS_PER_MINUTE
  expect(lines(look(alone))[0]).toStartWith('note 14:36')
})

test('a job without a time has waited since it was first seen at the head of its list', async () => {
  let nowMs = NOW_MS
  const { judge: look } = createJudge(() => nowMs)
  const first = await wellView({ queues: [queue({ waiting: 2, nextHash: 'one' })] })
  expect(look(first).level).toBe('good')
  nowMs += 6_000
  expect(lines(look(first))).toEqual([`warn 14:30 [2 jobs](queue:${LIST}) wait, the eldest 6 s.`])
  expect(look(await wellView({ queues: [queue({ waiting: 2, nextHash: 'next' })] })).level).toBe('good')
})

test('nothing can be seen: why, and since when', () => {
  let nowMs = NOW_MS
  const { judgeBlind } = createJudge(() => nowMs)
  judgeBlind('redis')
  nowMs += MS_PER_MINUTE
  const verdict = judgeBlind('redis')
  expect(lines(verdict)).toEqual(['bad ≥14:30 Redis does not answer: nothing new can be seen.'])
  expect(lines(judgeBlind('bug'))[0]).toStartWith("bad 14:31 This process can't look, and its log says why")
})
