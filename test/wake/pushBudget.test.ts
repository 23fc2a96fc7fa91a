// When phones are pushed again: by the fixed schedule, or once they are overdue by their own history. What must hold for
// every wait is tried with thousands of seeded ones, in virtual time; what the budget saves, and that it costs no wake,
// with seeded phones.
import { afterAll, describe, expect, test } from 'bun:test'
import { createPhone, KINDS } from '../../bench/budget/phones.ts'
import { runTrial } from '../../bench/budget/trial.ts'
import { takeOverTimers, type VirtualTime } from '../../bench/budget/virtualTime.ts'
import type { Device } from '../../src/redis/devices/devices.ts'
import { fixedPushes, nextPushAtMs } from '../../src/wake/pushBudget.ts'
import { createPushSchedule, sentText, type Wait } from '../../src/wake/pushSchedule.ts'
import type { PushDue } from '../../src/wake/waitMessages.ts'

/** Runs on virtual time, from begin to end in one turn: nothing else sees it. */
function inVirtualTime<Found>(act: (time: VirtualTime) => Found): Found {
  const time = takeOverTimers()
  try {
    return act(time)
  } finally {
    time.giveBack()
  }
}
const real = setTimeout
afterAll(() => expect(setTimeout).toBe(real))

/** 40 answers within 0.9 s, and no resend was needed. */
const STEADY_900 = '0,0,0,0,40'
/** The same, and one was. */
const CAUTIOUS_900 = '16,0,0,0,40'
const CAUTIOUS_2700 = '16,0,0,0,0,0,0,40'
const LOSSY_900 = '400,0,0,0,40'

const phone = (id: string, answers?: string, more: Partial<Device> = {}): Device => ({
  id,
  platform: 'android',
  app: 'com.example.phone',
  token: id,
  isSandbox: false,
  registeredAtMs: 0,
  lastSeenMs: 0,
  ...(answers === undefined ? {} : { answers }),
  ...more,
})

interface World {
  waitMs: number
  intervalMs: number
  devices: Device[]
}

/** A wait, and what it sends: `id attempt@ms`. */
function open(time: VirtualTime, { waitMs, intervalMs, devices }: World, more: Partial<Wait> = {}) {
  const beganAtMs = time.clock()
  const sent: string[] = []
  const messages: PushDue[] = []
  let deadlineAtMs: number | undefined
  const schedule = createPushSchedule({
    roundtripWaitMs: waitMs,
    resendIntervalMs: intervalMs,
    clock: time.clock,
    send(message) {
      if (message.kind !== 'push') return
      messages.push(message)
      for (const { id } of message.devices) sent.push(`${id} ${message.attempt}@${time.clock() - beganAtMs}`)
    },
    onDeadline: () => {
      deadlineAtMs = time.clock() - beganAtMs
    },
  })
  const wait: Wait = {
    order: { kind: 'wait', id: 1, account: 'a', callId: 'c', arrivedAtMs: beganAtMs, isResumed: false },
    waiter: { inbox: 'inbox', id: 1 },
    isLead: false,
    isArmed: true,
    secret: 's',
    devices,
    endsAtMs: beganAtMs + waitMs,
    pushed: 0,
    ...more,
  }
  return { schedule, wait, sent, messages, deadlineAtMs: () => deadlineAtMs }
}

function pushesOf(world: World): string[] {
  return inVirtualTime(time => {
    const opened = open(time, world)
    opened.schedule.lead(opened.wait)
    time.runAll()
    expect(opened.deadlineAtMs()).toBe(world.waitMs)
    return opened.sent
  })
}

describe('a phone that stays silent', () => {
  for (const [who, device, expected] of [
    [
      'without a history is pushed in every interval but the last',
      phone('a'),
      ['a 1@0', 'a 2@500', 'a 3@1000', 'a 4@1500'],
    ],
    ['with too short a one too', phone('a', '0,0,0,0,15'), ['a 1@0', 'a 2@500', 'a 3@1000', 'a 4@1500']],
    ['with one that can’t be read too', phone('a', 'nonsense'), ['a 1@0', 'a 2@500', 'a 3@1000', 'a 4@1500']],
    ['that loses pushes too', phone('a', LOSSY_900), ['a 1@0', 'a 2@500', 'a 3@1000', 'a 4@1500']],
    [
      'that answers sooner than the interval too',
      phone('a', '0,40'),
      ['a 1@0', 'a 2@500', 'a 3@1000', 'a 4@1500'],
    ],
    [
      'and is steady is pushed when it is overdue, a quarter after its usual time',
      phone('a', STEADY_900),
      ['a 1@0', 'a 2@1125'],
    ],
    [
      'and needed a resend once gets as many pushes as ever, as late as may be',
      phone('a', CAUTIOUS_900),
      ['a 1@0', 'a 2@999', 'a 3@1499', 'a 4@1999'],
    ],
    ['and asked for one push gets one', phone('a', STEADY_900, { pushProfile: 'once' }), ['a 1@0']],
    [
      'and asked for one push gets one, without a history too',
      phone('a', undefined, { pushProfile: 'once' }),
      ['a 1@0'],
    ],
  ] as const)
    test(who, () =>
      expect(pushesOf({ waitMs: 2_500, intervalMs: 500, devices: [device] })).toEqual([...expected]),
    )

  test('and is slow and steady gets one resend, just before the last interval', () => {
    const devices = [phone('a', '0,0,0,0,0,0,0,40')]
    expect(pushesOf({ waitMs: 2_500, intervalMs: 500, devices })).toEqual(['a 1@0', 'a 2@1999'])
  })

  test('and has time gets its third push after 1.1 s, because it usually answers within 0.9 s', () => {
    inVirtualTime(time => {
      const { schedule, wait, messages } = open(time, {
        waitMs: 4_000,
        intervalMs: 400,
        devices: [phone('a', STEADY_900)],
      })
      schedule.lead(wait)
      time.runAll()
      expect(messages.map(({ attempt, usualMs, afterMs }) => ({ attempt, usualMs, afterMs }))).toEqual([
        { attempt: 1, usualMs: undefined, afterMs: undefined },
        { attempt: 2, usualMs: 900, afterMs: 1_125 },
        { attempt: 3, usualMs: 900, afterMs: 1_125 },
        { attempt: 4, usualMs: 900, afterMs: 1_125 },
      ] as never)
    })
  })
})

test('the phones of an account are each pushed by their own history, from one timer', () => {
  const devices = [
    phone('new'),
    phone('steady', STEADY_900),
    phone('once', undefined, { pushProfile: 'once' }),
    phone('other'),
  ]
  inVirtualTime(time => {
    const { schedule, wait, sent, messages } = open(time, { waitMs: 2_000, intervalMs: 500, devices })
    schedule.lead(wait)
    // Then one says no.
    setTimeout(() => (wait.unavailable = new Set(['other'])), 600)
    time.runAll()
    expect(sent).toEqual([
      'new 1@0',
      'steady 1@0',
      'once 1@0',
      'other 1@0',
      'new 2@500',
      'other 2@500',
      'new 3@1000',
      'steady 2@1125',
    ])
    expect(messages.map(each => each.devices.length)).toEqual([4, 2, 1, 1])
  })
})

describe('a wait that takes over the pushes', () => {
  const devices = [phone('new'), phone('steady', STEADY_900)]
  const world = { waitMs: 4_000, intervalMs: 500, devices }

  test('goes on where the one before stopped, for each phone', () => {
    inVirtualTime(time => {
      const former = open(time, world)
      const next = open(time, world)
      former.schedule.lead(former.wait)
      setTimeout(() => {
        clearTimeout(former.wait.timer)
        next.wait.pushed = former.wait.pushed
        next.wait.sentBefore = sentText(former.wait, time.clock())
        next.schedule.lead(next.wait)
      }, 1_300)
      time.runAll()
      const alone = pushesOf(world)
      expect(former.sent.length).toBeGreaterThan(3)
      expect([...former.sent, ...next.sent]).toEqual(alone)
    })
  })

  test('from an older version, which tells the number of attempts alone, keeps the least distance', () => {
    inVirtualTime(time => {
      const next = open(time, world)
      next.wait.pushed = 3
      setTimeout(() => next.schedule.lead(next.wait), 1_100)
      time.runAll()
      expect(next.sent).toEqual([
        'new 4@1500',
        'new 5@2000',
        'steady 4@2125',
        'new 6@2500',
        'new 7@3000',
        'steady 5@3250',
      ])
    })
  })

  test('from a dead one pushes all phones at once, with attempts that nobody has sent', () => {
    inVirtualTime(time => {
      const next = open(time, world)
      next.wait.pushed = 'unsure'
      setTimeout(() => next.schedule.lead(next.wait), 1_100)
      time.runAll()
      expect(next.sent.slice(0, 2)).toEqual(['new 4@1100', 'steady 4@1100'])
      expect(next.sent.slice(2)).toEqual([
        'new 5@2000',
        'steady 5@2225',
        'new 6@2500',
        'new 7@3000',
        'steady 6@3350',
      ])
    })
  })

  test.each(['', 'nonsense', 'new=', 'new=1:2', 'new=x:1:1', '=1:1:1'])(
    'is told %p, and goes by the number of attempts',
    text => {
      inVirtualTime(time => {
        const next = open(time, world, { sentBefore: text, pushed: 1 })
        setTimeout(() => next.schedule.lead(next.wait), 100)
        time.runAll()
        expect(next.sent.slice(0, 2)).toEqual(['new 2@500', 'new 3@1000'])
      })
    },
  )
})

describe('what is learned', () => {
  test('of a phone that answers is its time since the push that it names', () => {
    inVirtualTime(time => {
      const { schedule, wait } = open(time, {
        waitMs: 4_000,
        intervalMs: 500,
        devices: [phone('a', STEADY_900), phone('b')],
      })
      expect(schedule.answered(wait, 'a')).toBeUndefined()
      schedule.lead(wait)
      time.pass(1_000)
      const learned = schedule.answered(wait, 'a', time.clock() - 990)
      expect(learned).toMatchObject({ device: { id: 'a' }, pushes: 1, answers: { misses: 0 } })
      expect(learned?.answers.counts.slice(3, 6)).toEqual([40, 1, 0])
      expect(schedule.answered(wait, 'stranger')).toBeUndefined()
    })
  })

  for (const [who, device, learns] of [
    [
      'is relied on, and had fewer pushes for it, is one resend that may have been needed',
      phone('a', STEADY_900),
      [true],
    ],
    ['had all pushes is nothing', phone('a', CAUTIOUS_900), []],
    ['has no history is nothing', phone('a'), []],
    ['asked for one push is nothing', phone('a', STEADY_900, { pushProfile: 'once' }), []],
  ] as const)
    test(`of a phone that stays silent and ${who}`, () => {
      inVirtualTime(time => {
        const { schedule, wait } = open(time, { waitMs: 2_500, intervalMs: 500, devices: [device] })
        schedule.lead(wait)
        time.runAll()
        expect(schedule.silent(wait).length).toBe(learns.length)
        for (const { answers } of schedule.silent(wait)) expect(answers.misses).toBe(16)
      })
    })
})

describe('in a thousand seeded waits', () => {
  const random = (...place: number[]) => {
    const hash = new Bun.CryptoHasher('md5').update(place.join(' ')).digest()
    return hash.readUInt32BE() / 2 ** 32
  }
  const HISTORIES = [
    undefined,
    STEADY_900,
    CAUTIOUS_900,
    CAUTIOUS_2700,
    LOSSY_900,
    '0,40',
    '0,0,0,0,0,0,0,0,0,40',
    '16,5,5,5,5,5,5',
  ]
  const worldOf = (seed: number) => {
    const intervalMs = 50 + Math.floor(random(seed, 1) * 3_000)
    const waitMs = 100 + Math.floor(random(seed, 2) * 12 * intervalMs)
    return { waitMs, intervalMs, devices: HISTORIES.map((answers, index) => phone(`p${index}`, answers)) }
  }

  test('pushes keep the least distance, none is in the last interval, attempts rise by one, and a phone without a long history without a miss gets no fewer', () => {
    inVirtualTime(time => {
      for (let seed = 0; seed < 1_000; seed++) {
        const world = worldOf(seed)
        const { schedule, wait, messages } = open(time, world)
        const beganAtMs = time.clock()
        const at = new Map<string, number[]>()
        schedule.lead(wait)
        let known = 0
        const note = () => {
          for (const { devices, attempt } of messages.slice(known))
            for (const { id } of devices) {
              const times = at.get(id) ?? []
              expect(attempt).toBe(times.length + 1)
              at.set(id, [...times, time.clock() - beganAtMs])
            }
          known = messages.length
        }
        note()
        while (time.runNext()) note()
        const span = { beganAtMs, endsAtMs: beganAtMs + world.waitMs, resendIntervalMs: world.intervalMs }
        for (const [index, answers] of HISTORIES.entries()) {
          const times = at.get(`p${index}`)!
          for (const [nth, pushAtMs] of times.entries()) {
            if (nth === 0) continue
            expect(pushAtMs - times[nth - 1]!).toBeGreaterThanOrEqual(world.intervalMs)
            expect(pushAtMs).toBeLessThan(world.waitMs - world.intervalMs)
          }
          const isSteady = answers?.startsWith('0,')
          if (!isSteady) expect(times.length).toBe(fixedPushes(span))
          else expect(times.length).toBeWithin(Math.min(2, fixedPushes(span)), fixedPushes(span) + 1)
        }
      }
    })
  })

  test('the next push is never earlier than the history allows', () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const { waitMs, intervalMs } = worldOf(seed)
      const usualMs = 100 + random(seed, 3) * 5_000
      const span = { beganAtMs: 0, endsAtMs: waitMs, resendIntervalMs: intervalMs }
      const next = nextPushAtMs(
        span,
        { count: 1, firstAtMs: 0, lastAtMs: 0 },
        { usualMs, reliance: 'steady' },
      )
      const latestMs = waitMs - intervalMs - 1
      if (next !== undefined)
        expect(next).toBeGreaterThanOrEqual(Math.min(latestMs, Math.max(intervalMs, usualMs * 1.25)))
    }
  })
})

describe('against seeded phones the budget', () => {
  const trial = (kind: string, keepsHistory: boolean) =>
    inVirtualTime(time => {
      const found = KINDS.findIndex(({ name }) => name === kind)
      const all = Array.from({ length: 40 }, (_, index) =>
        runTrial(time, createPhone(KINDS[found]!, 5 + found * 1_000_000 + index * 1_000, true), {
          waitMs: 4_000,
          resendIntervalMs: 1_000,
          wakes: 250,
          keepsHistory,
        }),
      )
      const answered = all.reduce((sum, each) => sum + each.answeredMs.length, 0)
      return { answered, pushesPerAnswer: all.reduce((sum, each) => sum + each.pushesAnswered, 0) / answered }
    })

  for (const kind of ['fast', 'slow'])
    test(`sends at most 1.15 pushes per answered wake to ${kind} ones, and wakes as many`, () => {
      const [fixed, budget] = [trial(kind, false), trial(kind, true)]
      expect(budget.pushesPerAnswer).toBeLessThanOrEqual(1.15)
      expect(budget.pushesPerAnswer).toBeLessThan(fixed.pushesPerAnswer)
      expect(budget.answered).toBeGreaterThanOrEqual(fixed.answered)
    })

  for (const kind of ['lossy', 'lossy and slow'])
    test(`wakes as many ${kind} ones as the fixed schedule, with no more pushes`, () => {
      const [fixed, budget] = [trial(kind, false), trial(kind, true)]
      expect(budget.answered).toBeGreaterThanOrEqual(fixed.answered)
      expect(budget.pushesPerAnswer).toBeLessThanOrEqual(fixed.pushesPerAnswer)
    })
})
