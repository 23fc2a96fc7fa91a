// Thousands of calls held at once by two processes on one Redis: every answer is right and in time, and nothing of
// them stays in memory.
import { beforeAll, expect, test } from 'bun:test'
import { idOfToken } from '../../src/redis/devices/devices.ts'
import { confirm, proceeds, registerPhone } from '../harness/client.ts'
import { forAllTests } from '../harness/forAllTests.ts'
import { eventually, readMetrics } from '../harness/internal.ts'
import { type HeldAnswer, type HeldCall, holdCall } from '../harness/pbx.ts'
import { watchStalls } from '../harness/stalls.ts'
import { JWT_SECRETS, signConfirmation } from '../harness/tokens.ts'
import { type HeapWeight, startVendorService } from '../harness/vendor.ts'

/** Long enough for a slow machine to hold two thousand calls and to answer them: those that are silent take all of it. */
const WAIT_MS = 12_000
/** The most that an answer may come after its deadline, by the service's own clock. */
const LATENESS_MAX_MS = 50
const ANSWERS_AT_ONCE = 100
/** Few enough for a slow machine to begin each within the 0.8 s after which a PBX hears `busy`. */
const ASKED_AT_ONCE = 200
/** A wait that stayed would keep some 2 KB on the main thread: four thousand, many times this. */
const GROWTH_MAX_BYTES = 1_500_000

const SETTINGS = {
  JWT_SECRETS,
  APP_PUSH_ROUNDTRIP_WAIT: String(WAIT_MS),
  APP_PUSH_RESEND_INTERVAL: '60000',
  RATE_LIMIT: '0',
  WAITS_PER_ACCOUNT: '10000',
  LOG_LEVEL: 'warn',
  TEST_WAIT_PROGRAM: '../wake/measuredWait.ts',
}
const [, ...services] = forAllTests(startVendorService, SETTINGS, SETTINGS)
beforeAll(async () => {
  await registerPhone(services[0].publicUrl, { sip_user_id: '601' })
})

const EXPECTED = {
  confirms: { status: 'ACK', reason: 'confirmed' },
  refuses: { status: 'NAK', reason: 'unavailable' },
  'is silent': { status: 'NAK', reason: 'timeout' },
} as const
type Behaviour = keyof typeof EXPECTED

interface Call {
  callId: string
  token: string
  behaviour: Behaviour
}

/** Ten per cent refuse, and ten more are silent where that is wanted. */
function behaviourOf(index: number, hasSilence: boolean): Behaviour {
  if (index % 10 === 0) return 'refuses'
  return index % 10 === 1 && hasSilence ? 'is silent' : 'confirms'
}

function plan(round: string, count: number, hasSilence: boolean): Promise<Call[]> {
  const deviceId = idOfToken('push-token')
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const callId = `${round}-${index}`
      const token = await signConfirmation({ account: '601', callId, deviceId })
      return { callId, token, behaviour: behaviourOf(index, hasSilence) }
    }),
  )
}

/** A counter's value at both processes together. */
async function count(series: string): Promise<number> {
  const metrics = await Promise.all(services.map(each => readMetrics(each.internalUrl)))
  return metrics.reduce((sum, each) => sum + (each.get(series) ?? 0), 0)
}

/** The app of each call answers as planned, in random order, at the process that does not hold it. */
async function answerAll(calls: Call[]): Promise<void> {
  const shuffled = calls
    .map((call, index) => ({ ...call, service: services[(index + 1) % 2]!, place: Math.random() }))
    .filter(each => each.behaviour !== 'is silent')
    .toSorted((a, b) => a.place - b.place)
  const answerNext = async () => {
    for (let next = shuffled.pop(); next; next = shuffled.pop()) {
      const { token, callId, behaviour, service } = next
      const fields = { available: String(behaviour === 'confirms') }
      expect(await confirm(service.publicUrl, { token, callId, fields })).toEqual(proceeds)
    }
  }
  await Promise.all(Array.from({ length: ANSWERS_AT_ONCE }, answerNext))
}

/** Holds the calls, has them answered, and checks every answer. */
async function play(round: string, options: { calls: number; hasSilence: boolean }): Promise<HeapWeight[]> {
  const calls = await plan(round, options.calls, options.hasSilence)
  const pushed = 'hookswitch_pushes_total{platform="android",outcome="accepted"}'
  const pushedBefore = await count(pushed)
  const held: HeldCall[] = []
  for (let from = 0; from < calls.length; from += ASKED_AT_ONCE) {
    const asked = calls.slice(from, from + ASKED_AT_ONCE)
    held.push(
      ...(await Promise.all(
        asked.map(({ callId }, index) => holdCall(services[index % 2]!.publicUrl, '601', callId)),
      )),
    )
    await eventually(
      'a push for every call',
      async () => (await count(pushed)) === pushedBefore + held.length,
    )
  }
  expect(await count('hookswitch_waits')).toBe(calls.length)
  await answerAll(calls)
  const stalledForMs = watchStalls()
  const answers = await Promise.all(held.map(each => each.answered))
  const latest = WAIT_MS + LATENESS_MAX_MS + stalledForMs()

  const isRight = (answer: HeldAnswer | undefined, { callId, behaviour }: Call) => {
    const { status, reason } = EXPECTED[behaviour]
    return answer?.call_id === callId && answer.status === status && answer.reason === reason
  }
  expect(answers.filter((answer, index) => !isRight(answer, calls[index]!))).toEqual([])
  expect(Math.max(...answers.map(each => each!.waited_ms))).toBeLessThanOrEqual(latest)
  expect(await count('hookswitch_waits')).toBe(0)
  return Promise.all(services.map(each => each.weigh()))
}

test('two thousand calls at once get their own answers in time, and leave nothing in memory', async () => {
  const atFirst = await play('warm-up', { calls: 500, hasSilence: false })
  for (const [round, hasSilence] of [
    ['silence', true],
    ['without', false],
  ] as const) {
    await play(round, { calls: 2_000, hasSilence })
    // Lots for the timelines and the metrics are written a little later than the answers.
    await eventually(`the memory of the round ${round} is given back`, async () => {
      const weights = await Promise.all(services.map(each => each.weigh()))
      return weights.every(
        ({ mainBytes, waitWorkerBytes }, process) =>
          mainBytes - atFirst[process]!.mainBytes < GROWTH_MAX_BYTES &&
          waitWorkerBytes - atFirst[process]!.waitWorkerBytes < GROWTH_MAX_BYTES,
      )
    })
  }
}, 120_000)
