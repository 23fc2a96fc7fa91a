// A switch that refuses what it is asked: it gets no jobs while another takes them, is tried with one job at a time, and
// takes them again when it carries them out.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'
import {
  aspJob,
  botJob,
  type Channel,
  GATEWAY,
  leftovers,
  newDialId,
  type OpenedAgent,
  openStage,
  type Stage,
  until as untilSoon,
} from './stage.ts'

/** Agents look at each other several times a second, on a busy machine more rarely. */
const PATIENCE_MS = 20_000
const until = (what: string, holds: () => Promise<boolean> | boolean) => untilSoon(what, holds, PATIENCE_MS)

let stage: Stage
let other: TestSwitch
beforeEach(async () => {
  stage = await openStage()
  other = await startTestSwitch({ msPerSecond: 100 })
})
afterEach(async () => {
  // Calls that are up would keep their agent.
  for (const { uuid } of other.channels()) other.hangup(uuid)
  await stage.close()
  await other.close()
})

async function agentOfOther(): Promise<OpenedAgent> {
  const { port } = other
  const agent = stage.agent({ switch: { name: 'other', host: '127.0.0.1', port, password: 'ClueCon' } })
  await agent.isReady
  return agent
}

/** @returns how the job ended: `answer-event`, or why not. */
async function dialled(job = botJob(newDialId()), list?: string): Promise<string> {
  const channel: Channel = await stage.listen(String(job.dial_id))
  await stage.push(job, list)
  const end = await channel.next(each => ['answer-event', 'failure', 'hangup-event'].includes(each.type))
  return end.cause ?? end.type
}

/** Until it is refusing. @returns why the jobs failed that this took. */
async function dialUntilRefusing(agent: OpenedAgent): Promise<string[]> {
  const causes: string[] = []
  await until('it is known to refuse', async () => {
    const end = await dialled()
    if (end !== 'answer-event') causes.push(end)
    return agent.health?.isRefusing === true
  })
  return causes
}

const originates = (testSwitch: TestSwitch): number => testSwitch.records(0, ['originate']).length

const BLACK_HOLES: [string, string, (testSwitch: TestSwitch) => void, (testSwitch: TestSwitch) => void][] = [
  [
    'is paused',
    'DESTINATION_OUT_OF_ORDER',
    testSwitch => testSwitch.set({ isPaused: true }),
    testSwitch => testSwitch.set({ isPaused: false }),
  ],
  [
    'does not know its gateway',
    'INVALID_GATEWAY',
    testSwitch => testSwitch.gateway(GATEWAY, undefined),
    testSwitch => testSwitch.gateway(GATEWAY, 'up'),
  ],
  [
    'has lost its gateway',
    'GATEWAY_DOWN',
    testSwitch => testSwitch.gateway(GATEWAY, 'down'),
    testSwitch => testSwitch.gateway(GATEWAY, 'up'),
  ],
  [
    'has nobody at its gateway’s address',
    'NORMAL_TEMPORARY_FAILURE',
    testSwitch => testSwitch.gateway(GATEWAY, 'unreachable'),
    testSwitch => testSwitch.gateway(GATEWAY, 'up'),
  ],
]

describe.each(BLACK_HOLES)('a switch that %s', (_, cause, breakIt, mend) => {
  test('loses three jobs, and then another switch has them all', async () => {
    const agent = stage.agent()
    await agent.isReady
    await agentOfOther()
    breakIt(stage.switch)
    const causes = await dialUntilRefusing(agent)
    expect(causes).toEqual([cause, cause, cause])
    await theOtherHasAll()
  })

  test('gets one job at a time while it is alone, and all of them when it is mended', async () => {
    const agent = stage.agent()
    await agent.isReady
    breakIt(stage.switch)
    await dialUntilRefusing(agent)
    const refused = await Promise.all(Array.from({ length: 10 }, () => dialled()))
    expect(new Set(refused)).toEqual(new Set([cause]))
    mend(stage.switch)
    const jobs = Array.from({ length: 10 }, () => dialled(aspJob(newDialId())))
    expect(new Set(await Promise.all(jobs))).toEqual(new Set(['answer-event']))
    expect(agent.health?.isRefusing).toBe(false)
    await stage.switch.restart()
    await until('nothing is left', async () => (await leftovers(stage)).length === 0)
  })
})

/** As soon as our agent has seen that there is another switch. */
const theOtherHasAll = () =>
  until('the other switch has all jobs', async () => {
    const before = originates(stage.switch)
    const ends = await Promise.all(Array.from({ length: 20 }, () => dialled()))
    return ends.every(end => end === 'answer-event') && originates(stage.switch) === before
  })

test('a switch that still refuses gives the job back with which it is tried', async () => {
  const agent = stage.agent({ tryRefusingMs: 400 })
  await agent.isReady
  stage.switch.set({ isPaused: true })
  await dialUntilRefusing(agent)
  const spare = await agentOfOther()
  await theOtherHasAll()
  const before = originates(stage.switch)
  await until('it is tried again', async () => {
    expect(await dialled()).toBe('answer-event')
    return originates(stage.switch) > before + 1
  })
  expect(agent.health?.isRefusing).toBe(true)
  stage.switch.set({ isPaused: false })
  await until('it takes jobs again', async () => {
    expect(await dialled()).toBe('answer-event')
    return agent.health?.isRefusing === false
  })
  expect(spare.health?.isRefusing).toBe(false)
})

test.each([
  ['busy', '15550000486', 'USER_BUSY'],
  ['a refusal', '15550000603', 'CALL_REJECTED'],
  ['a number that is none', '15550000404', 'UNALLOCATED_NUMBER'],
  ['a 503 that is answered through the gateway', '15550000503', 'NORMAL_TEMPORARY_FAILURE'],
])('%s is the callee’s, and no refusal of the switch', async (_, phone, cause) => {
  const agent = stage.agent()
  await agent.isReady
  for (let times = 0; times < 5; times++)
    expect(await dialled(botJob(newDialId(), { phone_number: phone }))).toBe(cause)
  expect(agent.health?.isRefusing).toBe(false)
})

/** What a job meets, and whether the switch then counts as refusing. */
type Met = 'gone' | 'answered 503' | 'busy'
const times = (count: number, met: Met): Met[] => Array.from({ length: count }, () => met)

test.each<[string, Met[], boolean]>([
  ['two calls that nobody at the gateway answers', times(2, 'gone'), false],
  ['three calls that nobody at the gateway answers', times(3, 'gone'), true],
  ['nine answers of 503', times(9, 'answered 503'), false],
  ['ten answers of 503', times(10, 'answered 503'), true],
  [
    'ten answers of 503 with another one between',
    [...times(5, 'answered 503'), 'busy', ...times(5, 'answered 503')],
    false,
  ],
  [
    'a 503 behind two calls that nobody answered, and another such call',
    [...times(2, 'gone'), 'answered 503', 'gone'],
    false,
  ],
  ['a 503 behind three calls that nobody answered', [...times(3, 'gone'), 'answered 503'], false],
])('after %s a switch is judged rightly', async (_, met, isRefusing) => {
  const agent = stage.agent()
  await agent.isReady
  const phones = { gone: '15550000003', 'answered 503': '15550000503', busy: '15550000486' }
  for (const each of met) {
    stage.switch.gateway(GATEWAY, each === 'gone' ? 'unreachable' : 'up')
    await dialled(botJob(newDialId(), { phone_number: phones[each] }))
  }
  await until('it is judged', () => agent.health?.isRefusing === isRefusing)
})
