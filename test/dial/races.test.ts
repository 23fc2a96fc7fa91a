// Moments in which something is easily lost: a call's last one, the one in which it changes its owner, an agent's last
// one, and a pop that is carried out after its agent died.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { openAgentDirectory } from '../../src/redis/agents/directory.ts'
import { openCalls } from '../../src/redis/calls/calls.ts'
import { openJobs } from '../../src/redis/jobs/jobs.ts'
import { openValve, type Valve } from '../chaos/valve.ts'
import { monitorRedis } from '../harness/redisMonitor.ts'
import { listenersOf, nothingIsLeft, parked } from './scenes.ts'
import {
  aspJob,
  botJob,
  type Channel,
  newDialId,
  type OpenedAgent,
  openStage,
  type Stage,
  until,
} from './stage.ts'

let stage: Stage
/** Between the first agent and Redis, in tests that stall it: to Redis it listens then as a sleeper does. */
let valve: Valve
let otherValve: Valve
beforeEach(async () => {
  stage = await openStage()
  valve = await openValve(stage.redis.port)
  otherValve = await openValve(stage.redis.port)
})
afterEach(async () => {
  for (const each of [valve, otherValve]) each.set('open')
  await stage.close()
  for (const each of [valve, otherValve]) each.close()
})

async function agentBehindValve(which = valve): Promise<OpenedAgent> {
  const redis = { url: `redis://127.0.0.1:${which.port}`, connectTimeoutMs: 1_000 }
  const agent = stage.agent({ redis })
  await agent.isReady
  return agent
}

const CAUSE_TAKEN_OVER = 'another agent took the call over meanwhile; whether it was obeyed is unknown'
const answersTo = (channel: Channel, commandId: string) =>
  channel.heard.filter(each => each.command_id === commandId).map(({ type, cause }) => ({ type, cause }))

const hangupsOf = (agent: OpenedAgent) =>
  [...agent.counts].reduce((sum, [name, count]) => (name.startsWith('hangups') ? sum + count : sum), 0)

/** Holds up an agent's commands to Redis, or what it subscribes and hears. */
async function stall(which: Valve, what: 'commands' | 'subscriptions'): Promise<void> {
  const subscribers = await portsOf(/ sub=[1-9]/)
  which.set('stalled', (_, farPort) => subscribers.has(farPort) === (what === 'subscriptions'))
}

/** The connections that Redis tells of so, by their port. */
async function portsOf(kind: RegExp): Promise<Set<number>> {
  const list = (await stage.redis.client.client('LIST')) as string
  const lines = list.split('\n').filter(line => kind.test(line))
  return new Set(lines.map(line => Number(/ addr=\S*:(\d+)/.exec(line)![1])))
}

test("a message in a call's last moment is answered once, and does not bring the call back", async () => {
  const agent = await agentBehindValve()
  const { dialId, channel } = await parked(stage)
  // What the agent tells Redis of the end comes late, so Redis still counts it as a listener.
  await stall(valve, 'commands')
  stage.switch.hangup(stage.switch.channels()[0]!.uuid)
  await until('its agent knows of the end', () => hangupsOf(agent) === 1)
  expect(await channel.say({ type: 'stop-playback', command_id: 'last' })).toBe(2)
  valve.set('open')
  await channel.next('hangup-event')
  await channel.next(each => each.command_id === 'last')
  await nothingIsLeft(stage)
  expect(answersTo(channel, 'last')).toEqual([{ type: 'failure', cause: 'the call has ended' }])
  expect(await listenersOf(stage, dialId)).toBe(1)
})

test('a job that was popped for an agent after its death is dialled by another', async () => {
  const dead = 'gone-agent'
  const { client } = stage.redis
  await client.sadd('hookswitch:agents', dead)
  await stage.agent().isReady
  await until(
    'it is declared dead',
    async () => (await client.exists(`hookswitch:{agents}:${dead}:dead`)) === 1,
  )
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  const job = JSON.stringify(aspJob(dialId, { caller_number: '15550000603' }))
  await client.rpush(`hookswitch:in-flight:{talkiq-asp.calls}:${dead}`, job)
  await channel.next('hangup-event')
  await nothingIsLeft(stage)
})

test('a job that comes to an agent again and again after its death is no duplicate of itself', async () => {
  const agent = stage.agent({
    redis: { url: `redis://127.0.0.1:${valve.port}`, connectTimeoutMs: 1_000 },
    jobLists: ['its.calls'],
  })
  await agent.isReady
  const { client } = stage.redis
  const isPopping = / cmd=blmove /
  await until('it waits for jobs', async () => (await portsOf(isPopping)).size === 1)
  const popping = await portsOf(isPopping)
  const subscribed = await portsOf(/ sub=[1-9]/)
  valve.set('stalled', (_, farPort) => !popping.has(farPort) && !subscribed.has(farPort))
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  const popped = (count: number) =>
    until(
      'it is popped',
      async () => (await client.llen(`hookswitch:in-flight:{its.calls}:${agent.name}`)) === count,
    )
  await stage.push(botJob(dialId), 'its.calls')
  await popped(1)
  // Longer than its claim may take, so that the job is to be given back.
  await Bun.sleep(1_200)
  await client
    .multi()
    .set(`hookswitch:{agents}:${agent.name}:dead`, '1')
    .del(`hookswitch:{agents}:${agent.name}`)
    .exec()
  // Survivors have given it back, and it has come to the same agent.
  for (const count of [2, 3]) {
    await stage.push(botJob(dialId), 'its.calls')
    await popped(count)
  }
  valve.set('open')
  await until('it knows, and has said its last', () => agent.isDeclaredDead)
  expect(channel.heard).toEqual([])
  await client.del(`hookswitch:in-flight:{its.calls}:${agent.name}`)
})

test('a job that is given back again, because the answer was lost, stays with the agent that has taken it anew', async () => {
  const { client } = stage.redis
  const list = 'nobodys.calls'
  const jobs = openJobs(client, 'one-agent')
  await client.rpush(list, 'a job')
  const take = () => jobs.take(client, list, 1)
  await take()
  await jobs.putBack(list, 'a job', { name: 'its claim' })
  expect(await take()).toBe('a job')
  await jobs.putBack(list, 'a job', { name: 'its claim' })
  expect(await jobs.inFlight(list)).toEqual(['a job'])
  await jobs.putBack(list, 'a job', { name: 'its next claim' })
  expect(await client.lrange(list, 0, -1)).toEqual(['a job'])
})

test('a message between a takeover and the subscription of the new owner is answered once, by the former owner', async () => {
  const { name } = await agentBehindValve()
  const { dialId, channel } = await parked(stage)
  valve.set('stalled')
  const marker = '{"type":"handover-event","agent":"who-dies-before-it-listens"}'
  const move = { from: name, to: 'who-dies-before-it-listens', marker }
  await openCalls(stage.redis.client).move(dialId, move)
  expect(await channel.say({ type: 'stop-playback', command_id: 'between' })).toBe(2)
  valve.set('open')
  await channel.next(each => each.command_id === 'between')
  await until('the former one has left', async () => (await listenersOf(stage, dialId)) === 1)
  expect(answersTo(channel, 'between')).toEqual([{ type: 'failure', cause: CAUSE_TAKEN_OVER }])
  await stage.redis.client.del(`hookswitch:call:{${dialId}}`, `hookswitch:owned:${move.to}`)
})

/** Takes the calls that are offered to it, and hears nothing of them. @returns its part of the talk. */
async function openMortalSuccessor(
  of: OpenedAgent,
  { beforeReady, afterReady }: { beforeReady: () => Promise<void>; afterReady: () => Promise<void> },
) {
  const { client } = stage.redis
  const name = 'mortal-agent'
  let card: { coreUuid?: string } = {}
  await until('its switch stands in its card', async () => {
    card = JSON.parse((await client.get(`hookswitch:{agents}:${of.name}`)) ?? '{}')
    return Boolean(card.coreUuid)
  })
  await client.sadd('hookswitch:agents', name)
  await client.set(`hookswitch:{agents}:${name}`, JSON.stringify({ ...card, agent: name }), 'EX', 60)
  const subscriber = client.duplicate()
  const store = openCalls(client)
  const heard: string[] = []
  subscriber.on('message', async (_channel: string, text: string) => {
    const { kind, dialId, isSwitch, from } = JSON.parse(text)
    heard.push(kind)
    if (isSwitch) return
    const answer = JSON.stringify({ kind: 'ready', dialId, isSwitch, from: name })
    if (kind !== 'prepare') return
    await beforeReady()
    await client.publish(`hookswitch:agent-inbox:${from}`, answer)
    await afterReady()
  })
  await subscriber.subscribe(`hookswitch:agent-inbox:${name}`)
  return {
    name,
    heard,
    hasTaken: (dialId: string) => store.ownerOf(dialId).then(owner => owner === name),
    async die() {
      subscriber.disconnect()
      await client.del(`hookswitch:{agents}:${name}`)
    },
  }
}

test('what only the leaver heard behind its move is answered by it, when its successor has died', async () => {
  const leaver = await agentBehindValve()
  const { dialId, channel } = await parked(stage)
  const successor = await openMortalSuccessor(leaver, {
    beforeReady: () => stall(valve, 'commands'),
    // The leaver has heard that it may move the call; from here on Redis can't be told that it listens no more.
    async afterReady() {
      await Bun.sleep(50)
      await stall(valve, 'subscriptions')
    },
  })
  const drained = leaver.drain()
  await until('it is taken', () => successor.hasTaken(dialId))
  // One that the successor answered in its last moment, as its own word on the channel tells.
  await channel.say({ type: 'stop-playback', command_id: 'answered' })
  await stage.redis.client.publish(dialId, '{"type":"ack","event":"stop-playback","command_id":"answered"}')
  expect(await channel.say({ type: 'stop-playback', command_id: 'unheard' })).toBe(2)
  valve.set('open')
  await successor.die()
  await stage.agent().isReady
  await channel.next(each => each.command_id === 'unheard')
  await drained
  expect(answersTo(channel, 'unheard')).toEqual([{ type: 'failure', cause: CAUSE_TAKEN_OVER }])
  expect(answersTo(channel, 'answered')).toEqual([{ type: 'ack', cause: undefined }])
  await until('it is taken over', async () => !(await successor.hasTaken(dialId)))
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await nothingIsLeft(stage)
})

test('an offer that comes late, from a leaver that hears nothing now, is not taken up', async () => {
  const { name } = await agentBehindValve()
  const successor = stage.agent()
  await successor.isReady
  const { client } = stage.redis
  valve.set('cut')
  await until(
    'it hears nothing',
    async () => (await listenersOf(stage, `hookswitch:agent-inbox:${name}`)) === 0,
  )
  const dialId = newDialId()
  using monitor = await monitorRedis(stage.redis.port)
  const done = () => monitor.commands.filter(({ key }) => key === dialId).map(({ name }) => name)
  const offer = JSON.stringify({ kind: 'prepare', dialId, isSwitch: false, from: name })
  await client.publish(`hookswitch:agent-inbox:${successor.name}`, offer)
  // A leaver that hears is waited for longer than `until` waits.
  await until('it has left', () => done().includes('unsubscribe'))
  expect(done()).toEqual(['subscribe', 'unsubscribe'])
})

test('a message that only a sleeper heard is answered by it, though the call has ended meanwhile', async () => {
  await agentBehindValve()
  const { dialId, channel } = await parked(stage)
  await stage.agent().isReady
  valve.set('stalled')
  await channel.say({ type: 'stop-playback', command_id: 'asleep' })
  // The sleeper itself sees this, and can't say so.
  stage.switch.hangup(stage.switch.channels()[0]!.uuid)
  await channel.next('hangup-event')
  await until('the new owner has left', async () => (await listenersOf(stage, dialId)) === 2)
  valve.set('open')
  await channel.next(each => each.command_id === 'asleep')
  await until('the sleeper has left', async () => (await listenersOf(stage, dialId)) === 1)
  expect(answersTo(channel, 'asleep')).toEqual([{ type: 'failure', cause: CAUSE_TAKEN_OVER }])
  expect(channel.heard.filter(each => each.type === 'hangup-event')).toHaveLength(1)
})

test('a former owner that comes back to a call of which it knows nothing new is no listener of it', async () => {
  const { name } = await agentBehindValve()
  const { dialId, channel } = await parked(stage)
  const { client } = stage.redis
  valve.set('cut')
  await until('it is gone', async () => (await listenersOf(stage, dialId)) === 1)
  // Another has taken it over since and died: the call has an owner that hears nothing.
  await client.hset(`hookswitch:call:{${dialId}}`, { owner: 'gone-agent', fence: '1' })
  valve.set('open')
  const said: number[] = []
  await until('it is back', async () => {
    said.push(await channel.say({ type: 'stop-playback' }))
    return (await listenersOf(stage, `hookswitch:agent-inbox:${name}`)) === 1
  })
  said.push(await channel.say({ type: 'stop-playback' }))
  // The test itself.
  expect(Math.max(...said)).toBe(1)
  await client.del(`hookswitch:call:{${dialId}}`)
})

test('what an agent heard of a call in its own last moment is answered before it ends', async () => {
  const agent = stage.agent()
  await agent.isReady
  const { channel } = await parked(stage)
  const drained = agent.drain()
  stage.redis.pause()
  // All of it lies before Redis when it goes on: the end, its release, and what comes behind.
  const ids = ['one', 'two', 'three', 'four']
  const said = ids.map(id => channel.say({ type: 'stop-playback', command_id: id }))
  stage.switch.hangup(stage.switch.channels()[0]!.uuid)
  stage.redis.resume()
  const heardBy = (await Promise.all(said)).map(count => count - 1)
  await drained
  await until('the answers', () => ids.every((id, index) => answersTo(channel, id).length >= heardBy[index]!))
  expect(ids.map(id => answersTo(channel, id).length)).toEqual(heardBy)
})

test('what is heard in the last moment of a call is answered, though Redis stands still while its agent stops', async () => {
  const agent = await agentBehindValve()
  const { dialId, channel } = await parked(stage)
  // Redis learns late that the agent has left the channel, so it counts the agent as a listener.
  await stall(valve, 'subscriptions')
  const before = agent.health
  stage.switch.hangup(stage.switch.channels()[0]!.uuid)
  await channel.next('hangup-event')
  // Told anew when a call is gone.
  await until('the agent holds no call', () => agent.health !== before && agent.health?.calls === 0)
  expect(await channel.say({ type: 'stop-playback', command_id: 'last' })).toBe(2)
  valve.set('stalled')
  const drained = agent.drain()
  // Longer than several commands may take, and shorter than a connection may be silent.
  await Bun.sleep(2_500)
  valve.set('open')
  await drained
  await until('the answer', () => answersTo(channel, 'last').length === 1)
  expect(answersTo(channel, 'last')).toEqual([{ type: 'failure', cause: 'the call has ended' }])
  expect(await listenersOf(stage, dialId)).toBe(1)
})

test('a job that waits for its turn when its agent is told to stop is a call that is steered until it ends', async () => {
  // Two sessions a call: the first has its turn at once, the second four seconds later.
  const agent = stage.agent({ callsPerSecond: 0.5 })
  await agent.isReady
  const [first, second] = [newDialId(), newDialId()]
  const channels = [await stage.listen(first), await stage.listen(second)]
  await stage.push(aspJob(first, { caller_number: '15550000603' }))
  await stage.push(aspJob(second, { caller_number: '15550000001' }))
  const inFlight = () =>
    stage.redis.client.lrange(`hookswitch:in-flight:{talkiq-asp.calls}:${agent.name}`, 0, -1)
  await channels[0]!.next('hangup-event')
  await until('the second job is taken', async () => (await inFlight()).some(job => job.includes(second)))
  const drained = agent.drain().then(() => 'drained')
  await channels[1]!.next('answer-event')
  expect(await channels[1]!.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
  await channels[1]!.order({ type: 'hangup' })
  expect(await drained).toBe('drained')
  await nothingIsLeft(stage)
})

test('an agent whose channels are heard no more ends with its last call', async () => {
  const agent = await agentBehindValve()
  const { channel } = await parked(stage)
  const subscribers = await portsOf(/ sub=[1-9]/)
  // Those that stand, and all new ones, whose port at the far end is not known yet.
  valve.set('cut', (_, farPort) => farPort === 0 || subscribers.has(farPort))
  const drained = agent.drain().then(() => 'drained')
  await until('the others know that it stops', async () => {
    const card = (await openAgentDirectory(stage.redis.client).all()).get(agent.name)
    return card?.isDraining === true
  })
  stage.switch.hangup(stage.switch.channels()[0]!.uuid)
  await channel.next('hangup-event')
  expect(await drained).toBe('drained')
  await nothingIsLeft(stage)
})

test('what is said while a fenced agent is still being taken off the channel is answered by it', async () => {
  const agent = await agentBehindValve()
  const { dialId, channel } = await parked(stage)
  await stage.redis.client
    .multi()
    .set(`hookswitch:{agents}:${agent.name}:dead`, '1')
    .del(`hookswitch:{agents}:${agent.name}`)
    .exec()
  // It has learned by now that it was declared dead, and listens on for a second; then it leaves, and can't say so.
  await Bun.sleep(600)
  valve.set('stalled')
  await Bun.sleep(1_000)
  expect(await channel.say({ type: 'stop-playback', command_id: 'late' })).toBe(2)
  valve.set('open')
  await channel.next(each => each.command_id === 'late')
  await until('it has left', async () => (await listenersOf(stage, dialId)) === 1)
  expect(answersTo(channel, 'late')).toEqual([{ type: 'failure', cause: CAUSE_TAKEN_OVER }])
})

test('a takeover whose outcome Redis did not tell in time is found out, and the call is steered as before', async () => {
  const { name } = await agentBehindValve()
  const { channel } = await parked(stage)
  await agentBehindValve(otherValve)
  valve.set('cut')
  await until('it is declared dead', async () => {
    const isDeclaredDead = (await stage.redis.client.exists(`hookswitch:{agents}:${name}:dead`)) === 1
    if (isDeclaredDead) otherValve.set('stalled')
    return isDeclaredDead
  })
  // Longer than a command may take: what is on its way is not answered in time, and carried out all the same.
  await Bun.sleep(1_200)
  otherValve.set('open')
  await channel.next('handover-event')
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await nothingIsLeft(stage)
})
