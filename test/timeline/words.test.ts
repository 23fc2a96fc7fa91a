// The words for the person on duty: hangup causes, refusals of pushes, and the one sentence at the top, for stories
// that no test of a whole call tells.
import { describe, expect, test } from 'bun:test'
import { explainCause } from '../../src/esl/hangupCauses.ts'
import type { Entry, KeptEntry } from '../../src/timeline/entry.ts'
import { explainRefusal } from '../../src/timeline/pushRefusals.ts'
import { tell } from '../../src/timeline/story.ts'
import { summarise } from '../../src/timeline/summary.ts'

const kept = (...entries: Entry[]): KeptEntry[] =>
  entries.map((entry, index) => ({ ...entry, atMs: 1_000 + index * 100, by: 'tester', n: index + 1 }))

const account = '…300'
const request = { what: 'request', account, phonenumber: '…678', callerId: '' } as const
const sent = { what: 'push-sent', account, attempt: 1, devices: 1 } as const
const outcomeOf = (reason: 'timeout' | 'busy' | 'push-refused' | 'confirmed') =>
  ({
    what: 'outcome',
    account,
    status: reason === 'confirmed' ? 'ACK' : 'NAK',
    reason,
    waitedMs: 4_000,
  }) as const
const answered = (outcome: 'accepted' | 'refused' | 'retry-later', reason?: string) =>
  ({
    what: 'push-answered',
    account,
    attempt: 1,
    device: 'd1',
    platform: 'android',
    outcome,
    tookMs: 20,
    ...(reason === undefined ? {} : { reason }),
  }) as const
const job = {
  what: 'job-taken',
  kind: 'asp-call',
  list: 'talkiq-asp.calls',
  switch: 'fs-1:8021',
  account,
  callerNumber: '…001',
  calleeNumber: '…002',
} as const

describe('hangup causes', () => {
  for (const [cause, says] of [
    ['NO_ANSWER', 'nobody answered'],
    ['USER_BUSY', 'busy'],
    ['UNALLOCATED_NUMBER', 'does not exist'],
    ['CRASH', 'FreeSWITCH crashed'],
    ['INVALID_GATEWAY', 'GATEWAYS'],
    ['USER_NOT_REGISTERED', 'not registered'],
  ] as const)
    test(`${cause} is explained`, () => {
      expect(explainCause(cause)).toContain(says)
    })

  test('a word that is none is shown as it came', () => {
    expect(explainCause('SOMETHING_NEW')).toBeUndefined()
    expect(explainCause('toString')).toBeUndefined()
    const [line] = tell(kept({ what: 'hangup', side: '0', cause: 'SOMETHING_NEW', wasAnswered: true }))
    expect(line!.text).toBe('The phone (side 0) hangs up: SOMETHING_NEW.')
  })
})

test('a call that was ordered and not taken yet is told as waiting', () => {
  const ordered = { what: 'ordered', event: 'asp-call', client: '10.0.0.3', tokenName: 'ann' } as const
  expect(summarise(kept(ordered))).toBe(
    'The call was ordered and waits for an agent: no phone is being called yet.',
  )
  expect(summarise(kept(ordered, job))).toStartWith('The switch has the order')
})

describe('a call that lasts is one sentence', () => {
  const leg = (side: string, state: 'ringing' | 'answered') => ({ what: 'leg', side, state }) as const
  const barger = (id: string, state: 'ringing' | 'answered' | 'ended') =>
    ({ what: 'barger', barger: id, state }) as const
  const [a, both] = [
    [job, leg('0', 'ringing'), leg('0', 'answered')],
    [job, leg('0', 'ringing'), leg('0', 'answered'), leg('1', 'ringing'), leg('1', 'answered')],
  ] as const
  const cases: [entries: Parameters<typeof kept>, sentence: string][] = [
    [[job, leg('0', 'ringing')], 'The caller is being rung, 1:09.'],
    [[...a], 'The caller answered, the callee is not rung yet, 1:09.'],
    [[...a, leg('1', 'ringing')], 'The caller waits, the callee is being rung, 1:09.'],
    [[...both], 'Both answered, 1:09.'],
    [[...both, barger('b1', 'answered')], 'Both answered, 1:09, one listens.'],
    [
      [...both, barger('b1', 'answered'), barger('b2', 'answered'), barger('b3', 'ringing')],
      'Both answered, 1:09, two listen.',
    ],
    [[...both, barger('b1', 'answered'), barger('b1', 'ended')], 'Both answered, 1:09.'],
    [[{ ...job, kind: 'bot-call' }, leg('0', 'answered')], 'Answered, 1:09.'],
  ]
  for (const [entries, sentence] of cases)
    test(sentence, () => {
      const told = kept(...entries)
      const sinceMs = told.findLast(each => each.what === 'leg')!.atMs
      expect(summarise(told, undefined, sinceMs + 69_500)).toBe(sentence)
    })
})

describe('refusals of pushes', () => {
  for (const [reason, says] of [
    ['BadDeviceToken', 'other environment'],
    ['Unregistered', 'must register again'],
    ['TopicDisallowed', '`topic`'],
    ['InvalidProviderToken', 'keyFile'],
    ['messaging/mismatched-credential: SenderId mismatch', 'another Firebase project'],
    ['the app is not in APPS_FILE', 'Add it'],
  ] as const)
    test(`${reason} is explained`, () => {
      expect(explainRefusal(reason)).toContain(says)
    })

  test('an unknown one is shown as it came', () => {
    expect(explainRefusal('WhoKnows')).toBeUndefined()
    expect(tell(kept(answered('refused', 'WhoKnows')))[0]!.text).toEndWith('WhoKnows.')
  })
})

test.each([
  [1, 0, 'that are not called: 1 by which the switch could dial something else than a phone.'],
  [0, 3, 'that are not called: 3 older than the eight newest.'],
  [2, 1, 'than a phone, and 1 older than the eight newest.'],
])('of %i unsafe and %i older contacts it is told why they are not called', (unsafe, older, says) => {
  const [line] = tell(kept({ what: 'contacts-left-out', side: '1', unsafe, older }))
  expect(line!.text).toEndWith(says)
})

describe('the sentence at the top', () => {
  for (const { story, entries, says } of [
    {
      story: 'a vendor that was away',
      entries: [request, sent, answered('retry-later', 'no answer in time'), outcomeOf('timeout')],
      says: 'Google did not take the push while the wait ran (no answer in time)',
    },
    {
      story: 'a push that was never answered',
      entries: [request, sent, outcomeOf('timeout')],
      says: 'the push had no answer when the wait of 4.00 s ended',
    },
    {
      story: 'a wake without an end',
      entries: [request, sent],
      says: 'still being woken, or the process that was doing it has died',
    },
    {
      story: 'a process that was full',
      entries: [{ what: 'request-refused', account } as const],
      says: 'as many waits as it may (WAITS_MAX)',
    },
    {
      story: 'a second try that went well',
      entries: [request, outcomeOf('busy'), request, sent, outcomeOf('confirmed')],
      says: 'The phone was woken',
    },
    {
      story: 'an originate that nobody can tell of',
      entries: [job, { what: 'failure', cause: 'unknown outcome' } as const],
      says: 'Nobody knows whether the phone rang',
    },
    {
      story: 'a job that went back',
      entries: [job, { what: 'job-returned' } as const],
      says: 'waits for an agent that can dial it',
    },
    {
      story: 'a caller who gave up before the callee answered',
      entries: [
        job,
        { what: 'leg', side: '0', state: 'answered' } as const,
        { what: 'leg', side: '1', state: 'ringing' } as const,
        { what: 'hangup', side: '0', cause: 'NORMAL_CLEARING', wasAnswered: true } as const,
        { what: 'hangup', side: '1', cause: 'ORIGINATOR_CANCEL', wasAnswered: false } as const,
      ],
      says: "was answered, the callee's phone (B-leg, side 1) was not when the call ended",
    },
    {
      story: 'a switch that crashed',
      entries: [
        job,
        { what: 'leg', side: '0', state: 'answered' } as const,
        { what: 'leg', side: '1', state: 'answered' } as const,
        { what: 'hangup', side: '0', cause: 'CRASH', wasAnswered: true } as const,
      ],
      says: 'the call ended with CRASH: FreeSWITCH crashed or was restarted',
    },
    {
      story: 'nothing but an end',
      entries: [{ what: 'over' } as const],
      says: 'no phone is being called yet',
    },
  ] satisfies { story: string; entries: Entry[]; says: string }[])
    test(`tells of ${story}`, () => {
      expect(summarise(kept(...entries))).toContain(says)
    })
})

describe('a resend', () => {
  const again = { ...sent, attempt: 3, device: 'd1', platform: 'android' } as const
  for (const [when, entry, says] of [
    [
      'that came when its phone was overdue',
      { ...again, afterMs: 1_125, usualMs: 900 },
      'No confirmation yet from the Android phone (d1): its third push came after 1.1 s because this phone usually answers within 0.9 s.',
    ],
    [
      'that came sooner',
      { ...again, attempt: 12, afterMs: 999, usualMs: 2_700 },
      'No confirmation yet from the Android phone (d1): its 12th push came after 1.0 s, although this phone usually answers within 2.7 s, so that it still gets as many pushes as others.',
    ],
    [
      'to phones of which nothing is known',
      { ...sent, attempt: 2, devices: 2 },
      'No confirmation yet: the push is sent again to 2 phones (attempt 2).',
    ],
  ] as const)
    test(`${when} is told so`, () => expect(tell(kept(request, entry))[1]!.text).toBe(says))
})

test('a push that the vendor lowered is told with the app’s answer', () => {
  const answer = {
    what: 'app-answered',
    account,
    device: 'd1',
    isAvailable: true,
    verdict: 'proceed',
  } as const
  const textOf = (entry: Entry) => tell(kept(request, entry))[1]!.text
  expect(textOf({ ...answer, isLowered: true })).toBe(
    `${textOf(answer)} Its push arrived with normal priority, it says, although it was sent with high: the vendor lowers those of apps whose pushes show nothing.`,
  )
})

describe('a push that went to the log', () => {
  const logged = { ...answered('accepted'), isLogged: true } as const

  test('is not said to have reached a vendor', () => {
    const texts = tell(kept(request, sent, logged)).map(each => each.text)
    expect(texts.at(-1)).toBe(
      'The push to the Android phone was written to the log: no APPS_FILE says how to reach Google.',
    )
  })

  test('is why the phone did not ring', () => {
    expect(summarise(kept(request, sent, logged, outcomeOf('timeout')))).toContain('without APPS_FILE')
  })
})
