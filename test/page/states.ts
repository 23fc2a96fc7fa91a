// States of the live page that are worth to be looked at, and that a checker looks at too: nothing there yet, all well, a
// busy moment, everything wrong at once, Redis away.
import type { LiveView } from '../../src/live/liveView.ts'
import { agent, type Counts, call, NOW_MS, pod, queue, SWITCH, usual, wellView } from '../live/madeUp.ts'

const second = (count: number) => NOW_MS - count * 1_000

const busyCalls = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    call(`sales-${20_400 + index}`, {
      orgId: ['acme', 'northwind', 'initech'][index % 3]!,
      userId: `agent-${1 + (index % 40)}`,
      sinceMs: second(30 + 13 * (count - index)),
      legs: [
        {
          side: '0',
          state: 'answered',
          sinceMs: second(20 + 13 * (count - index)),
          number: `…${100 + index}`,
        },
        {
          side: '1',
          state: index % 5 === 4 ? 'ringing' : 'answered',
          sinceMs: second(9 + 13 * (count - index)),
          number: `…${300 + index}`,
        },
      ],
      owner: index % 2 ? 'web-1-11111111-aaaaaaaa' : 'web-2-22222222-bbbbbbbb',
      isOwnerAlive: index !== 60,
      bargers:
        index === 1
          ? [
              { bargeId: 'b1', state: 'answered', mode: 'mute', sinceMs: second(61), phone: '…911' },
              {
                bargeId: 'b2',
                state: 'answered',
                mode: 'whisper',
                sinceMs: second(12),
                phone: 'sip:agent-2@10.0.0.9',
              },
              { bargeId: 'b3', state: 'ringing', mode: 'mute', sinceMs: second(3), phone: '…913' },
            ]
          : [],
    }),
  )

const waits = (count: number): LiveView['waits'] => ({
  held: count,
  heldMax: 20_000,
  eldest: Array.from({ length: Math.min(50, count) }, (_, index) => ({
    callId: `pbx1-179533${index}.77`,
    account: index === 2 ? 'alice' : `…${921 + index}`,
    caller: index === 3 ? 'anonymous' : `…${555 + index}`,
    heldForMs: Math.max(80, 3_700 - 400 * index),
    waitMs: 4_000,
    attempts: Math.max(0, 4 - index),
    platforms: index % 2 ? ['apns', 'android'] : ['android'],
    answer: ['accepted', 'BadDeviceToken', '', 'accepted'][index % 4]!,
    ...(index === 0 ? { usualMs: 900 } : {}),
    pod: 'web-1-11111111',
  })),
})

/** An account's phone is being woken: of a caller, and of a callee whose caller waits. */
const wakingCalls = [
  call('callback-7', {
    legs: [
      {
        side: '0',
        state: 'expected',
        sinceMs: null,
        number: 'alice',
        wake: { state: 'asked', sinceMs: NOW_MS - 90 },
      },
      { side: '1', state: 'expected', sinceMs: null, number: '…102' },
    ],
  }),
  call('callback-8', {
    legs: [
      { side: '0', state: 'answered', sinceMs: second(4), number: '…101' },
      {
        side: '1',
        state: 'expected',
        sinceMs: null,
        number: '…000',
        wake: { state: 'pushed', sinceMs: NOW_MS - 800 },
      },
    ],
  }),
]
const [eldestWait, ...otherWaits] = waits(3).eldest
const wakingWaits: LiveView['waits'] = {
  held: 4,
  heldMax: 20_000,
  eldest: [
    eldestWait!,
    {
      ...eldestWait!,
      callId: 'callback-8',
      account: '…000',
      caller: '…101',
      heldForMs: 1_900,
      attempts: 1,
      isJob: true,
    },
    ...otherWaits,
  ],
}

export const outage: Counts = (ago): Record<string, number> =>
  ago > 4
    ? { ...usual(ago), 'wake.timeout': 1, 'push.android.accepted': 12, 'trip.26': 6, 'trip.31': 1 }
    : {
        'wake.timeout': 19,
        'wake.confirmed': 1,
        'wake.unavailable': 3,
        'push.apns.refused': 12,
        'refusal.com.example.phone InvalidProviderToken': 12,
        'push.android.retry-later': 30,
        'hangup.NETWORK_OUT_OF_ORDER': 7,
        'hangup.NORMAL_CLEARING': 3,
      }

export const STATES: Record<string, () => Promise<LiveView | undefined>> = {
  well: () => wellView(),
  empty: () =>
    wellView({ pods: [pod('web-1-11111111')], agents: [agent('web-1-11111111-aaaaaaaa')] }, () => ({})),
  busy: async () => ({
    ...(await wellView({
      calls: [...busyCalls(8), ...wakingCalls],
      callsTotal: 10,
      waits: wakingWaits,
      switches: [{ name: SWITCH, paceAheadSeconds: 0, registered: 312 }],
      agents: [
        agent('web-1-11111111-aaaaaaaa', { calls: 4 }),
        agent('web-2-22222222-bbbbbbbb', { calls: 4 }),
      ],
    })),
  }),
  worst: async () => ({
    ...(await wellView(
      {
        pods: [
          pod('web-1-11111111', { held: 41 }),
          pod('hookswitch-front-7d9f8b6c54-x2x9k-22222222', { isSilent: true, silentSinceMs: second(12) }),
          pod('web-3-33333333', { obstacles: ['redis'], since: { redis: second(400) } }),
          pod('web-4-44444444', { warnings: ['jobs'], since: { jobs: second(90_000) } }),
        ],
        calls: busyCalls(96),
        callsTotal: 230,
        waits: waits(41),
        agents: [
          agent('web-1-11111111-aaaaaaaa', { calls: 95 }),
          agent('web-2-22222222-bbbbbbbb', { state: 'dead', sinceMs: null, calls: 1 }),
          agent('web-9-99999999-cccccccc', {
            switchName: '10.0.0.6:8021',
            state: 'unconnected',
            sinceMs: second(65),
          }),
        ],
        queues: [
          queue({ waiting: 40, nextHash: 'x', nextQueuedAtMs: second(45) }),
          queue({
            list: 'talkiq-bot.calls',
            dead: 3,
            newestDead: [
              { reason: 'expired', at: '2026-11-30T14:20:00Z', dialId: 'nightly-report-5' },
              {
                reason: 'callee_number must be a number: 1-20 digits, with or without a plus',
                at: '2026-11-29T03:20:00Z',
                dialId: 'typo-3',
              },
              { reason: 'unreadable', at: '', dialId: '' },
            ],
            eldestDeadAt: '2026-11-29T03:07:00Z',
          }),
          queue({ list: 'talkiq-load.calls' }),
        ],
        lately: Array.from({ length: 20 }, (_, index) => ({
          atMs: second(10 + 31 * index),
          kind: (['wake', 'call', 'takeover'] as const)[index % 3]!,
          id: `pbx1-1795331.${40 + index}`,
          text: [
            'timeout',
            'NETWORK_OUT_OF_ORDER: the switch or the network could not be reached',
            'its agent web-2-22222222-bbbbbbbb died; another goes on with it',
          ][index % 3]!,
        })),
      },
      outage,
    )),
  }),
  'redis-away': async () => undefined,
}
