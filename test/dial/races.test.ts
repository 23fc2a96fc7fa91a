// Moments in which something is easily lost: a call's last one, the one in which it changes its owner, an agent's last
// one, and a pop that is carried out after its agent died.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { openValve, type Valve } from '../chaos/valve.ts'
import {
  aspJob,
  botJob,
  type Channel,
  leftovers,
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
  await agent.isSwitchReady
  return agent
}

async function parked(): Promise<{ dialId: string; channel: Channel }> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(botJob(dialId))
  await channel.next('answer-event')
  return { dialId, channel }
}

const CAUSE_TAKEN_OVER = 'another agent took the call over meanwhile; whether it was obeyed is unknown'
const answersTo = (channel: Channel, commandId: string) =>
  channel.heard.filter(each => each.command_id === commandId).map(({ type, cause }) => ({ type, cause }))
const listenersOf = async (dialId: string) =>
  ((await stage.redis.client.pubsub('NUMSUB', dialId)) as [string, number])[1]

const nothingIsLeft = () => until('nothing is left', async () => (await leftovers(stage)).length === 0)
const answersIn = (channel: Channel) => channel.heard.filter(each => each.event === 'stop-playback')

test("a message in a call's last moment is answered if anybody heard it, and does not bring the call back", async () => {
  await stage.agent().isSwitchReady
  for (let round = 0; round < 10; round++) {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: '15550000603' }))
    await channel.next('hangup-event')
    // The test listens too.
    const heardBy = (await channel.say({ type: 'stop-playback' })) - 1
    if (heardBy > 0) await channel.next(each => each.event === 'stop-playback')
    await nothingIsLeft()
    expect(answersIn(channel)).toHaveLength(heardBy)
  }
})

test('a job that was popped for an agent after its death is dialled by another', async () => {
  const dead = 'gone-agent'
  const { client } = stage.redis
  await client.sadd('hookswitch:agents', dead)
  await stage.agent().isSwitchReady
  await until('it is buried', async () => (await client.exists(`hookswitch:agent:{${dead}}:tomb`)) === 1)
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  const job = JSON.stringify(aspJob(dialId, { caller_number: '15550000603' }))
  await client.rpush(`hookswitch:in-flight:{talkiq-asp.calls}:${dead}`, job)
  await channel.next('hangup-event')
  await nothingIsLeft()
})

/** Gives the next owner so much to answer first that it listens for a while before it marks where its part begins. */
async function delayMarker(dialId: string): Promise<void> {
  const notes = Array.from({ length: 500 }, (_, index) => [
    `heard.of-before.${index}`,
    '{"event":"stop-playback"}',
  ])
  await stage.redis.client.hset(`hookswitch:call:{${dialId}}`, Object.fromEntries(notes))
}

for (const isHeardByFormer of [false, true])
  test(`a message between the new owner's subscription and its marker is answered once, ${
    isHeardByFormer ? 'though the former owner hears it too' : 'though the former owner never hears it'
  }`, async () => {
    await agentBehindValve()
    const { dialId, channel } = await parked()
    await delayMarker(dialId)
    await stage.agent().isSwitchReady
    valve.set(isHeardByFormer ? 'stalled' : 'cut')
    if (!isHeardByFormer) await until('the former one is gone', async () => (await listenersOf(dialId)) === 1)
    const listeners = isHeardByFormer ? 3 : 2
    await until('the new owner listens', async () => (await listenersOf(dialId)) === listeners)
    await channel.say({ type: 'stop-playback', command_id: 'between' })
    expect(channel.heard.some(each => each.type === 'handover-event')).toBe(false)
    await channel.next('handover-event')
    valve.set('open')
    // The former one lets go when it has heard the marker, or that the call is not its own.
    await until('one listens', async () => (await listenersOf(dialId)) === 2)
    expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
    await nothingIsLeft()
    expect(answersTo(channel, 'between')).toEqual([{ type: 'failure', cause: CAUSE_TAKEN_OVER }])
  })

test('a message that only a sleeper heard is answered by it, though the call has ended meanwhile', async () => {
  await agentBehindValve()
  const { dialId, channel } = await parked()
  await stage.agent().isSwitchReady
  valve.set('stalled')
  await channel.say({ type: 'stop-playback', command_id: 'asleep' })
  // The sleeper itself sees this, and can't say so.
  stage.switch.hangup(stage.switch.channels()[0]!.uuid)
  await channel.next('hangup-event')
  await until('the new owner has left', async () => (await listenersOf(dialId)) === 2)
  valve.set('open')
  await channel.next(each => each.command_id === 'asleep')
  await until('the sleeper has left', async () => (await listenersOf(dialId)) === 1)
  expect(answersTo(channel, 'asleep')).toEqual([{ type: 'failure', cause: CAUSE_TAKEN_OVER }])
  expect(channel.heard.filter(each => each.type === 'hangup-event')).toHaveLength(1)
})

test('a former owner that comes back to a call of which it knows nothing new is no listener of it', async () => {
  const { name } = await agentBehindValve()
  const { dialId, channel } = await parked()
  const { client } = stage.redis
  valve.set('cut')
  await until('it is gone', async () => (await listenersOf(dialId)) === 1)
  // Another has taken it over since and died: the call has an owner that hears nothing.
  await client.hset(`hookswitch:call:{${dialId}}`, { owner: 'gone-agent', fence: '1' })
  valve.set('open')
  const said: number[] = []
  await until('it is back', async () => {
    said.push(await channel.say({ type: 'stop-playback' }))
    return (await listenersOf(`hookswitch:agent-inbox:${name}`)) === 1
  })
  said.push(await channel.say({ type: 'stop-playback' }))
  // The test itself.
  expect(Math.max(...said)).toBe(1)
  await client.del(`hookswitch:call:{${dialId}}`)
})

test('what an agent heard of a call in its own last moment is answered before it ends', async () => {
  const agent = stage.agent()
  await agent.isSwitchReady
  const { channel } = await parked()
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

test('a takeover whose outcome Redis did not tell in time is found out, and the call is steered as before', async () => {
  const { name } = await agentBehindValve()
  const { channel } = await parked()
  await agentBehindValve(otherValve)
  valve.set('cut')
  await until('it is buried', async () => {
    const isBuried = (await stage.redis.client.exists(`hookswitch:agent:{${name}}:tomb`)) === 1
    if (isBuried) otherValve.set('stalled')
    return isBuried
  })
  // Longer than a command may take: what is on its way is not answered in time, and carried out all the same.
  await Bun.sleep(1_200)
  otherValve.set('open')
  await channel.next('handover-event')
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await nothingIsLeft()
})
