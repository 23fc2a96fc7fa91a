// A wake for a side of a call takes seconds, in which everything can happen: the backend hangs up, the agent dies or stops,
// the front dies, Redis loses what was said. The phones are asked for once, and the call goes on.
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { callKey } from '../../src/redis/keys.ts'
import type { HowHeld, WakeServiceOptions } from '../../src/union/serveWakes.ts'
import type { WakeCall } from '../../src/union/wakeCall.ts'
import { openValve, type Valve } from '../chaos/valve.ts'
import {
  aspJob,
  leftovers,
  newDialId,
  type OpenedAgent,
  type OpenedFront,
  openStage,
  type Stage,
  until,
} from './stage.ts'

interface Held {
  call: WakeCall
  how: HowHeld
  dropped: AbortSignal
  confirm: () => void
}

let stage: Stage
/** Between an agent and Redis. */
let redisLine: Valve
beforeAll(async () => {
  stage = await openStage({ switch: { answerAfterMs: 20 } })
  redisLine = await openValve(stage.redis.port)
  stage.switch.register({ user: 'a.1', uri: 'sip:15550000001@192.0.2.7:5060' })
  stage.switch.register({ user: 'b.1', uri: 'sip:15550000002@192.0.2.7:5060' })
})
afterAll(async () => {
  await stage.close()
  redisLine.close()
})

/** Of the running test: what it takes part in ends with it, however it ends. */
let opened: { fronts: OpenedFront[]; agents: OpenedAgent[] } = { fronts: [], agents: [] }
afterEach(async () => {
  const { fronts, agents } = opened
  opened = { fronts: [], agents: [] }
  // One whose call a failed test left up keeps it.
  await Promise.all(agents.map(each => Promise.race([each.drain(), Bun.sleep(3_000)])))
  for (const front of fronts) front.kill()
})

function startAgent(settings?: Parameters<Stage['agent']>[0]): OpenedAgent {
  const agent = stage.agent(settings)
  opened.agents.push(agent)
  return agent
}

/** A front whose phones are pushed, and wait for the test to confirm. */
async function openFront(held: Held[], name?: string): Promise<OpenedFront> {
  const hold: WakeServiceOptions['hold'] = (call, dropped, how) => {
    const { promise, resolve } = Promise.withResolvers<{ status: 'ACK' | 'NAK'; reason: string }>()
    held.push({ call, how, dropped, confirm: () => resolve({ status: 'ACK', reason: 'confirmed' }) })
    dropped.addEventListener('abort', () => resolve({ status: 'NAK', reason: 'caller-gone' }), { once: true })
    if (how.attemptsBefore === 0) how.onPush(1)
    return promise
  }
  const front = await stage.front(hold, name)
  opened.fronts.push(front)
  return front
}

const withoutNumbers = ({ caller_number: _, ...job }: Record<string, unknown>) => job
const wakeCaller = (dialId: string) => withoutNumbers(aspJob(dialId, { caller_account: 'a.1' }))
const isPushed = (side: string) => (each: Record<string, string>) =>
  each.type === 'wake-event' && each.side === side && each.state === 'pushed'

const isAnswered = (side: string) => (each: Record<string, string>) =>
  each.type === 'answer-event' && each.side === side

/** A front, an agent, and a call of which this side is being woken. */
async function wakeUnderWay(
  side: '0' | '1',
  settings?: Parameters<Stage['agent']>[0],
  callee: Record<string, unknown> = { callee_account: 'b.1' },
) {
  const held: Held[] = []
  const front = await openFront(held)
  const agent = startAgent(settings)
  await agent.isReady
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(side === '0' ? wakeCaller(dialId) : aspJob(dialId, callee))
  await channel.next(isPushed(side))
  return { held, front, agent, channel, dialId }
}

const isEmpty = () => until('nothing is left', async () => (await leftovers(stage)).length === 0)

test('a hangup while the caller is woken cancels the wake, and nobody rings', async () => {
  const { held, channel } = await wakeUnderWay('0')
  expect(await channel.order({ type: 'hangup' })).toMatchObject({ type: 'ack', event: 'hangup' })
  expect((await channel.next('failure')).cause).toBe('cancelled')
  await until('the phones are told', () => held[0]?.dropped.aborted === true)
  await isEmpty()
  expect(stage.switch.records(0, ['ring'])).toEqual([])
})

test('a caller who hangs up while the callee is woken ends the wake', async () => {
  const { held, channel } = await wakeUnderWay('1')
  expect(await channel.order({ type: 'hangup' })).toMatchObject({ type: 'ack', event: 'hangup' })
  await channel.next('hangup-event')
  await until('the phones are told', () => held[0]?.dropped.aborted === true)
  await isEmpty()
  expect(channel.heard.filter(each => each.type === 'hangup-event').map(each => each.side)).toEqual(['0'])
})

test.each([
  ['the caller', '0'],
  ['the callee', '1'],
] as const)('an agent that stops while %s is woken hands the wake over', async (_, side) => {
  const { held, agent: leaver, channel } = await wakeUnderWay(side)
  const successor = startAgent()
  await successor.isReady
  await leaver.drain()
  await channel.next('handover-event')
  held[0]!.confirm()
  await channel.next(isAnswered('1'))
  expect(held).toHaveLength(1)
  expect(channel.heard.filter(each => each.type === 'wake-event').map(each => each.state)).toEqual([
    'pushed',
    'confirmed',
  ])
  await channel.order({ type: 'hangup' })
  await isEmpty()
})

test('a front that dies is replaced: another one goes on, and knows what was pushed', async () => {
  const { held: first, front: dying, channel } = await wakeUnderWay('0')
  const second: Held[] = []
  dying.kill()
  await openFront(second)
  await until('another front has it', () => second.length === 1)
  expect(second[0]?.call).toEqual(first[0]!.call)
  expect(second[0]?.how.attemptsBefore).toBe(1)
  second[0]!.confirm()
  await channel.next(isAnswered('1'))
  expect(channel.heard.filter(isPushed('0'))).toHaveLength(1)
  await channel.order({ type: 'hangup' })
  await isEmpty()
})

test('a callee who wakes while the line to the switch is gone is rung when it is back', async () => {
  const { held, channel } = await wakeUnderWay('1')
  stage.switch.stopAccepting()
  stage.switch.dropSockets()
  held[0]!.confirm()
  await channel.next(each => each.type === 'wake-event' && each.state === 'confirmed')
  stage.switch.accept()
  await channel.next(isAnswered('1'))
  await channel.order({ type: 'hangup' })
  await isEmpty()
})

test('a callee is rung though the line to the switch breaks between the note that they are and the order', async () => {
  const redis = { url: `redis://127.0.0.1:${redisLine.port}`, connectTimeoutMs: 1_000 }
  const { held, channel, dialId } = await wakeUnderWay('1', { redis }, { callee_account: 'late.1' })
  const contactsAsked = () =>
    stage.switch
      .records(0, ['command'])
      .filter(each => each.kind === 'command' && each.command === 'api sofia_contact */late.1').length
  held[0]!.confirm()
  await channel.next(each => each.type === 'wake-event' && each.state === 'confirmed')
  // The agent hears where the phone is, and can't write that it rings it.
  redisLine.set('stalled')
  stage.switch.register({ user: 'late.1', uri: 'sip:15550000002@192.0.2.7:5060' })
  const askedBefore = contactsAsked()
  await until('the contacts are asked for', () => contactsAsked() > askedBefore)
  stage.switch.stopAccepting()
  stage.switch.dropSockets()
  redisLine.set('open')
  await until(
    'it is written',
    async () => (await stage.redis.client.hexists(callKey(dialId), 'places.1')) === 1,
  )
  expect(
    stage.switch.records(0, ['ring']).filter(each => each.kind === 'ring' && each.dialId === dialId),
  ).toHaveLength(1)
  stage.switch.accept()
  await channel.next(isAnswered('1'))
  await channel.order({ type: 'hangup' })
  await isEmpty()
})

test('a callee who was woken and of whose ringing nobody knows ends as absent, as the caller who waits for them does', async () => {
  const redis = { url: `redis://127.0.0.1:${redisLine.port}`, connectTimeoutMs: 1_000 }
  const { channel, dialId, agent } = await wakeUnderWay('1', { redis })
  // As an agent leaves it that dies between the note and the order.
  redisLine.set('stalled')
  await stage.redis.client.hset(callKey(dialId), 'places.1', '1')
  await startAgent().isReady
  await until(
    'the call is over',
    () => channel.heard.filter(each => each.type === 'hangup-event').length === 2,
  )
  expect(
    channel.heard.flatMap(each => (each.type === 'hangup-event' ? [`${each.side} ${each.cause}`] : [])),
  ).toEqual(['1 SUBSCRIBER_ABSENT', '0 SUBSCRIBER_ABSENT'])
  redisLine.set('open')
  await until('the agent hears of its death', () => agent.isDeclaredDead)
  await isEmpty()
})

test.each([
  ['the caller', '0'],
  ['the callee', '1'],
] as const)(
  'the next owner rings the number of %s whose account is told to have no phone, and tells nothing twice',
  async (_, side) => {
    const who = side === '0' ? 'caller' : 'callee'
    const held: Held[] = []
    await openFront(held)
    const redis = { url: `redis://127.0.0.1:${redisLine.port}`, connectTimeoutMs: 1_000 }
    const dying = startAgent({ redis, callsPerSecond: 0.2 })
    await dying.isReady
    // The number waits for its turn behind this call.
    const before = newDialId()
    await stage.push(aspJob(before))
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { [`${who}_account`]: 'nowhere.1' }))
    await channel.next(isPushed(side))
    held[0]!.confirm()
    await channel.next(each => each.type === 'wake-event' && each.state === 'failed')
    redisLine.set('stalled')
    await startAgent().isReady
    await channel.next(isAnswered('1'))
    expect(channel.heard.filter(each => each.type === 'wake-event').map(each => each.state)).toEqual([
      'pushed',
      'confirmed',
      'failed',
    ])
    redisLine.set('open')
    await until('the agent hears of its death', () => dying.isDeclaredDead)
    for (const each of [channel, await stage.listen(before)]) await each.order({ type: 'hangup' })
    await isEmpty()
  },
)

test('without any front the wake ends by its own limit', async () => {
  const agent = startAgent({ wakeTimeoutMs: 50 })
  await agent.isReady
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(wakeCaller(dialId))
  const failed = await channel.next('failure')
  expect(failed.cause).toBe('the phones of the account did not wake: timeout')
  await isEmpty()
})

test('a setting that is no gateway’s name costs the call, and leaves nobody waiting', async () => {
  const { held, channel } = await wakeUnderWay('0', {
    accountDial: { kind: 'gateway', gateway: 'no gateway' },
  })
  held[0]!.confirm()
  expect((await channel.next('failure')).cause).toBe('an error of hookswitch itself')
  await isEmpty()
})
