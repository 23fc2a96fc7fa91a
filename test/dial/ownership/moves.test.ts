// Who owns a call while agents come, go, sleep and lose their lines: one agent obeys, each message has one answer, and
// nothing that happened meanwhile is left untold.
import { describe, expect, test } from 'bun:test'
import pino from 'pino'
import { openBackend } from '../../../src/backend/backend.ts'
import { steer } from '../../../src/backend/sendCommand.ts'
import type { Log } from '../../../src/base/log.ts'
import { openCalls } from '../../../src/redis/calls/calls.ts'
import { openRedis } from '../../../src/redis/connect.ts'
import { EslProbe } from '../../switch/eslProbe.ts'
import { legOf, listenersOf, nothingIsLeft, parked } from '../scenes.ts'
import { aspJob, botJob, newDialId, until } from '../stage.ts'
import {
  answersTo,
  behindRedisLine,
  behindSwitchLine,
  endsIn,
  openLines,
  ready,
  redisLine,
  stage,
  stopPlayback,
  switchLine,
} from './lines.ts'

const log = pino({ level: 'silent' }) as unknown as Log

openLines()

describe('what nobody could tell while a call changed its owner is told', () => {
  test('a bridge of two parked calls, on both channels', async () => {
    const first = await behindRedisLine()
    const [one, two] = [
      await parked(stage, { phone_number: '15551110001' }),
      await parked(stage, { phone_number: '15551110002' }),
    ]
    await ready(stage.agent())
    redisLine.set('stalled')
    const uuids = [legOf(stage, '15551110001')!.uuid, legOf(stage, '15551110002')!.uuid]
    const probe = await EslProbe.listen(stage.switch.port, '')
    await probe.api(`uuid_bridge ${uuids[0]} ${uuids[1]}`)
    probe.close()
    const [heardByOne, heardByTwo] = await Promise.all([
      one.channel.next('bridge-event'),
      two.channel.next('bridge-event'),
    ])
    const ids = (heard: Record<string, string>) => [heard.chan_uuid1, heard.chan_uuid2].sort()
    expect(ids(heardByOne)).toEqual([one.dialId, two.dialId].sort())
    expect(ids(heardByTwo)).toEqual([one.dialId, two.dialId].sort())
    redisLine.set('open')
    await until('the former owner ends', () => first.isDeclaredDead)
    expect(one.channel.heard.filter(each => each.type === 'bridge-event')).toHaveLength(1)
    for (const { channel } of [one, two]) await channel.order({ type: 'hangup' })
    await nothingIsLeft(stage)
  })

  test('the end of a callee that had only rung, when all ended meanwhile', async () => {
    await behindRedisLine()
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: '15550000480', callee_number: '15550010480' }))
    await channel.next('call-start')
    stage.switch.answer(legOf(stage, '15550000480')!.uuid)
    await channel.next('answer-event')
    redisLine.set('stalled')
    await until('the callee rings', () => legOf(stage, '15550010480') !== undefined)
    stage.switch.hangup(legOf(stage, '15550000480')!.uuid)
    await until('all is over', () => stage.switch.channels().length === 0)
    await ready(stage.agent())
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    expect(endsIn(channel)).toHaveLength(2)
    redisLine.set('open')
    await nothingIsLeft(stage)
  })
})

test('what looks like a marker makes nobody leave its call', async () => {
  await ready(stage.agent())
  const { channel } = await parked(stage)
  await channel.say({ type: 'handover-event', agent: 'nobody' })
  for (const id of ['one', 'two']) await channel.say({ type: 'handover-event', agent: id })
  expect(await channel.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await channel.next('hangup-event')
  await nothingIsLeft(stage)
})

test('a duplicate job while a call is handed over leaves its successor listening', async () => {
  const leaver = await ready(stage.agent({ jobLists: ['first.calls'] }))
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(botJob(dialId), 'first.calls')
  await channel.next('answer-event')
  await ready(stage.agent({ jobLists: ['second.calls'] }))
  // The leaver waits for the switch before it moves the call.
  stage.switch.set({ silent: true })
  await channel.say(stopPlayback('before'))
  const drained = leaver.drain()
  await until('the successor listens', async () => (await listenersOf(stage, dialId)) === 3)
  await stage.push(botJob(dialId), 'second.calls')
  expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'duplicate dial_id' })
  expect(await listenersOf(stage, dialId)).toBe(3)
  stage.switch.set({ silent: false })
  await channel.next('handover-event')
  expect(await channel.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
  await drained
  await channel.order({ type: 'hangup' })
  await nothingIsLeft(stage)
})

test('a call that is found in two ways at once is held once', async () => {
  const owner = 'handed-over-and-gone'
  const { client } = stage.redis
  const first = await behindRedisLine()
  const { dialId, channel } = await parked(stage)
  const second = await ready(stage.agent())
  redisLine.set('stalled')
  const move = {
    from: first.name,
    to: second.name,
    marker: JSON.stringify({ type: 'handover-event', agent: owner }),
  }
  await openCalls(client).move(dialId, move)
  const poke = JSON.stringify({ kind: 'look', dialId, isSwitch: false, from: owner })
  for (let times = 0; times < 5; times++) await client.publish(`hookswitch:agent-inbox:${second.name}`, poke)
  await client.sadd(`hookswitch:owned:${first.name}`, dialId)
  await until('it is found', async () => (await listenersOf(stage, dialId)) === 3)
  redisLine.set('open')
  await until('one listens', async () => (await listenersOf(stage, dialId)) === 2)
  await channel.say(stopPlayback('once'))
  await channel.next(each => each.command_id === 'once')
  await channel.order({ type: 'hangup' })
  await channel.next('hangup-event')
  await nothingIsLeft(stage)
  expect(answersTo(channel, 'once')).toEqual(['ack'])
  expect(endsIn(channel)).toHaveLength(1)
})

test('an agent that was asked to take a call and then learns of its own death hears that channel no more', async () => {
  const sleeper = await behindRedisLine()
  const { client } = stage.redis
  redisLine.set('stalled')
  const survivor = await ready(stage.agent())
  await until('it is declared dead', async () => (await client.keys('hookswitch:*dead*')).length > 0)
  const dialId = newDialId()
  const prepare = JSON.stringify({ kind: 'prepare', dialId, isSwitch: false, from: survivor.name })
  await client.publish(`hookswitch:agent-inbox:${sleeper.name}`, prepare)
  redisLine.set('open')
  await until('it knows', () => sleeper.isDeclaredDead)
  expect(await listenersOf(stage, dialId)).toBe(0)
})

test('an agent that has promised to take a call and then learns of its own death answers what it heard there', async () => {
  const agent = await ready(stage.agent())
  const { client } = stage.redis
  const dialId = newDialId()
  const [channel, inbox] = [await stage.listen(dialId), await stage.listen('hookswitch:agent-inbox:leaver')]
  const prepare = JSON.stringify({ kind: 'prepare', dialId, isSwitch: false, from: 'leaver' })
  await client.publish(`hookswitch:agent-inbox:${agent.name}`, prepare)
  await inbox.next(each => each.kind === 'ready')
  expect(await channel.say(stopPlayback('promised'))).toBe(2)
  await client
    .multi()
    .set(`hookswitch:{agents}:${agent.name}:dead`, '1')
    .del(`hookswitch:{agents}:${agent.name}`)
    .exec()
  await until('it knows, and has said its last', () => agent.isDeclaredDead)
  expect(await listenersOf(stage, dialId)).toBe(1)
  await until('the answer', () => answersTo(channel, 'promised').length > 0)
  expect(answersTo(channel, 'promised')).toEqual(['failure'])
})

test('an agent whose own line to the switch is gone gives its calls to one whose line stands', async () => {
  await behindSwitchLine()
  const { dialId, channel } = await parked(stage)
  const neighbour = await ready(stage.agent())
  switchLine.set('cut')
  expect(await channel.next('handover-event')).toEqual({ type: 'handover-event', agent: neighbour.name })
  await until('it listens', async () => (await listenersOf(stage, dialId)) === 2)
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await channel.next('hangup-event')
  await nothingIsLeft(stage)
})

test('a command that a watcher alone heard is said again to the next owner', async () => {
  const first = await behindRedisLine()
  const { dialId, channel } = await parked(stage)
  redisLine.set('cut')
  await until('the owner is cut off', async () => (await listenersOf(stage, dialId)) === 1)
  const settings = { url: stage.redis.url, connectTimeoutMs: 1_000 }
  const redis = openRedis(settings, 'commands', log)
  await until('the backend is connected', () => redis.status === 'ready')
  const backend = openBackend(redis, () => openRedis(settings, 'subscriber', log), log)
  const steering = steer(backend, {
    to: { kind: 'call', dialId },
    message: { type: 'stop-playback' },
    commandId: 'watched',
    timeoutMs: 5_000,
    isPatient: true,
    signal: new AbortController().signal,
  })
  await until('it is said', () => channel.heard.some(each => each.command_id === 'watched'))
  await ready(stage.agent())
  expect(await steering).toMatchObject({ kind: 'ack' })
  redisLine.set('open')
  await until('the former owner ends', () => first.isDeclaredDead)
  expect(answersTo(channel, 'watched').filter(type => type !== 'stop-playback')).toEqual(['ack'])
  backend.close()
  redis.disconnect()
  await channel.order({ type: 'hangup' })
  await nothingIsLeft(stage)
})
