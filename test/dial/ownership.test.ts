// Who owns a call, and the channel of a switch, while agents come, go, sleep and lose their lines: one agent obeys, each
// message has one answer, and nothing that happened meanwhile is left untold.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import pino from 'pino'
import { openBackend } from '../../src/backend/backend.ts'
import { steer } from '../../src/backend/sendCommand.ts'
import type { Log } from '../../src/base/log.ts'
import { createTaskQueue } from '../../src/dial/call/taskQueue.ts'
import { openCalls } from '../../src/redis/calls/calls.ts'
import { openRedis } from '../../src/redis/connect.ts'
import { openValve, type Valve } from '../chaos/valve.ts'
import { EslProbe } from '../switch/eslProbe.ts'
import {
  aspJob,
  botJob,
  type Channel,
  leftovers,
  newDialId,
  type OpenedAgent,
  openStage,
  SOUND,
  type Stage,
  until,
} from './stage.ts'

const log = pino({ level: 'silent' }) as unknown as Log

/** By which agents know it, whatever its life. */
const SWITCH = 'one switch'

let stage: Stage
/** Between an agent and Redis, and between an agent and the switch. */
let redisLine: Valve
let switchLine: Valve
beforeEach(async () => {
  stage = await openStage()
  redisLine = await openValve(stage.redis.port)
  switchLine = await openValve(stage.switch.port)
})
afterEach(async () => {
  for (const each of [redisLine, switchLine]) each.set('open')
  await stage.close()
  for (const each of [redisLine, switchLine]) each.close()
})

async function ready(agent: OpenedAgent): Promise<OpenedAgent> {
  await agent.isReady
  return agent
}

const behindRedisLine = () =>
  ready(stage.agent({ redis: { url: `redis://127.0.0.1:${redisLine.port}`, connectTimeoutMs: 1_000 } }))

const behindSwitchLine = () =>
  ready(
    stage.agent({
      switch: { name: 'by another line', host: '127.0.0.1', port: switchLine.port, password: 'ClueCon' },
    }),
  )

async function parked(phone = '15550000003'): Promise<{ dialId: string; channel: Channel }> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(botJob(dialId, { phone_number: phone }))
  await channel.next('answer-event')
  return { dialId, channel }
}

async function talk(): Promise<{ dialId: string; channel: Channel }> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(aspJob(dialId))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  return { dialId, channel }
}

const commands = () =>
  stage.switch.records(0, ['command']).map(each => ('command' in each ? each.command : ''))
const legOf = (phone: string) => stage.switch.channels().find(each => each.destination === phone)
const listenersOf = async (channel: string) =>
  ((await stage.redis.client.pubsub('NUMSUB', channel)) as [string, number])[1]
const answersTo = (channel: Channel, commandId: string) =>
  channel.heard.filter(each => each.command_id === commandId).map(each => each.type)
const endsIn = (channel: Channel) => channel.heard.filter(each => each.type === 'hangup-event')
const nothingIsLeft = () => until('nothing is left', async () => (await leftovers(stage)).length === 0)
const stopPlayback = (commandId: string) => ({ type: 'stop-playback', command_id: commandId })

describe('the channel of a switch', () => {
  const heldBy = (agent: OpenedAgent) =>
    until('it is held', async () => {
      const owner = await stage.redis.client.hget(`hookswitch:switch:{${stage.switch.coreUuid}}`, 'owner')
      return owner === agent.name && (await listenersOf(stage.switch.coreUuid)) > 0
    })

  test('answers what it heard while Redis was full, each once', async () => {
    const agent = await ready(stage.agent())
    await heldBy(agent)
    const core = await stage.listen(stage.switch.coreUuid)
    const { client } = stage.redis
    await client.config('SET', 'maxmemory', '1')
    await core.say({ type: 'nonsense', command_id: 'at once' })
    // Its lease runs out meanwhile, so that it must ask before it acts.
    await until(
      'it is known no more',
      async () => (await client.exists(`hookswitch:{agents}:${agent.name}`)) === 0,
    )
    const late = Array.from({ length: 8 }, (_, index) => `late ${index}`)
    for (const commandId of late) await core.say({ type: 'nonsense', command_id: commandId })
    await client.config('SET', 'maxmemory', '0')
    for (const commandId of ['at once', ...late])
      await until(`${commandId} is answered`, () => answersTo(core, commandId).length > 0)
    expect(['at once', ...late].map(each => answersTo(core, each))).toEqual(
      Array.from({ length: 9 }, () => ['failure']),
    )
  })

  test('that starts anew is heard under its new name, and the old name is free', async () => {
    const agent = await ready(stage.agent())
    await heldBy(agent)
    const former = stage.switch.coreUuid
    await stage.switch.restart()
    await heldBy(agent)
    const core = await stage.listen(stage.switch.coreUuid)
    const dialId = newDialId()
    expect(await core.order(botJob(dialId))).toEqual({ type: 'ack', event: 'bot-call' })
    expect(await stage.redis.client.exists(`hookswitch:switch:{${former}}`)).toBe(0)
    expect(await listenersOf(former)).toBe(0)
    expect(await stage.redis.client.smembers(`hookswitch:agent-switches:${agent.name}`)).toEqual([
      stage.switch.coreUuid,
    ])
  })

  test('that is gone with its owner still answers what that one had heard', async () => {
    const first = await ready(
      stage.agent({
        redis: { url: `redis://127.0.0.1:${redisLine.port}`, connectTimeoutMs: 1_000 },
        switch: { name: SWITCH, host: '127.0.0.1', port: switchLine.port, password: 'ClueCon' },
      }),
    )
    await heldBy(first)
    const former = stage.switch.coreUuid
    const core = await stage.listen(former)
    switchLine.set('stalled')
    await core.say({ ...botJob(newDialId()), command_id: 'last' })
    await until('it is noted', async () => {
      const noted = await stage.redis.client.hkeys(`hookswitch:switch:{${former}}`)
      return noted.some(field => field.startsWith('heard.'))
    })
    redisLine.set('stalled')
    await stage.switch.restart()
    await ready(
      stage.agent({
        switch: { name: SWITCH, host: '127.0.0.1', port: stage.switch.port, password: 'ClueCon' },
      }),
    )
    const answer = await core.next(each => each.command_id === 'last')
    expect(answer).toMatchObject({ type: 'failure', event: 'bot-call' })
    await until('its name is free', async () => {
      return (await stage.redis.client.exists(`hookswitch:switch:{${former}}`)) === 0
    })
    for (const line of [redisLine, switchLine]) line.set('open')
    await until('the first one has heard of its death', () => first.isDeclaredDead)
    expect(answersTo(core, 'last')).toEqual(['failure'])
  })

  test('is another agent’s after a stall; what both heard is answered once, and a bot-call dialled once', async () => {
    const first = await behindRedisLine()
    await heldBy(first)
    const second = await ready(stage.agent())
    const core = await stage.listen(stage.switch.coreUuid)
    redisLine.set('stalled')
    const dialId = newDialId()
    const call = await stage.listen(dialId)
    await core.say({ ...botJob(dialId), command_id: 'asleep' })
    await core.next('handover-event')
    await heldBy(second)
    await core.say({ type: 'bridge', dial_id1: 'a', dial_id2: 'b', command_id: 'awake' })
    await core.next(each => each.command_id === 'awake')
    redisLine.set('open')
    await core.next(each => each.command_id === 'asleep')
    await until('one listens', async () => (await listenersOf(stage.switch.coreUuid)) === 2)
    expect(answersTo(core, 'awake')).toEqual(['failure'])
    expect(answersTo(core, 'asleep')).toEqual(['failure'])
    expect(call.heard).toEqual([])
    expect(stage.switch.records(0, ['originate'])).toEqual([])
  })

  test('is handed over by an agent that stops: nobody who publishes finds it unheard', async () => {
    const leaver = await ready(stage.agent())
    await heldBy(leaver)
    const successor = await ready(stage.agent())
    const core = await stage.listen(stage.switch.coreUuid)
    const said: Promise<number>[] = []
    const order = { type: 'bridge', dial_id1: 'a', dial_id2: 'b' }
    const talker = setInterval(() => said.push(core.say({ ...order, command_id: `c${said.length}` })), 5)
    try {
      await leaver.drain()
      await heldBy(successor)
    } finally {
      clearInterval(talker)
    }
    const listeners = await Promise.all(said)
    expect(Math.min(...listeners)).toBeGreaterThan(1)
    await until('all answers', () => said.every((_, index) => answersTo(core, `c${index}`).length > 0))
    expect(said.map((_, index) => answersTo(core, `c${index}`))).toEqual(said.map(() => ['failure']))
  })

  test('is free at once when the only agent stops', async () => {
    const alone = await ready(stage.agent())
    await heldBy(alone)
    await alone.drain()
    expect(await stage.redis.client.exists(`hookswitch:switch:{${stage.switch.coreUuid}}`)).toBe(0)
  })

  test('is no dial id of a job', async () => {
    await heldBy(await ready(stage.agent()))
    const core = await stage.listen(stage.switch.coreUuid)
    await stage.push(botJob(stage.switch.coreUuid))
    expect(await core.next('failure')).toEqual({
      type: 'failure',
      cause: 'the dial_id is the core UUID of the switch',
    })
    expect((await core.order(botJob(newDialId(), { phone_number: '15550000486' }))).type).toBe('ack')
  })

  test('starts no bot-call beyond CALLS_MAX, nor one that is older than JOB_MAX_AGE', async () => {
    const agent = await ready(stage.agent({ callsMax: 1 }))
    await heldBy(agent)
    const core = await stage.listen(stage.switch.coreUuid)
    const old = botJob(newDialId(), { queued_at: Date.now() / 1_000 - 61 })
    expect(await core.order(old)).toMatchObject({ type: 'failure', cause: 'expired' })
    const { channel } = await parked()
    expect(await core.order(botJob(newDialId()))).toMatchObject({
      type: 'failure',
      cause: 'the agent has CALLS_MAX calls',
    })
    await channel.order({ type: 'hangup' })
  })

  test('starts bot-calls at CALLS_PER_SECOND', async () => {
    const agent = await ready(stage.agent({ callsPerSecond: 2 }))
    await heldBy(agent)
    const core = await stage.listen(stage.switch.coreUuid)
    const order = () => core.order(botJob(newDialId(), { phone_number: '15550000486' }))
    await Promise.all(Array.from({ length: 5 }, order))
    const sentAtMs = stage.switch.records(0, ['originate']).map(each => each.at)
    // Two at once, and the others by the bucket.
    expect(sentAtMs.at(-1)! - sentAtMs[0]!).toBeGreaterThan(1_000)
  })
})

describe('what nobody could tell while a call changed its owner is told', () => {
  test('a bridge of two parked calls, on both channels', async () => {
    const first = await behindRedisLine()
    const [one, two] = [await parked('15551110001'), await parked('15551110002')]
    await ready(stage.agent())
    redisLine.set('stalled')
    const uuids = [legOf('15551110001')!.uuid, legOf('15551110002')!.uuid]
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
    await nothingIsLeft()
  })

  test('the end of a callee that had only rung, when all ended meanwhile', async () => {
    await behindRedisLine()
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: '15550000480', callee_number: '15550010480' }))
    await channel.next('call-start')
    stage.switch.answer(legOf('15550000480')!.uuid)
    await channel.next('answer-event')
    redisLine.set('stalled')
    await until('the callee rings', () => legOf('15550010480') !== undefined)
    stage.switch.hangup(legOf('15550000480')!.uuid)
    await until('all is over', () => stage.switch.channels().length === 0)
    await ready(stage.agent())
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    expect(endsIn(channel)).toHaveLength(2)
    redisLine.set('open')
    await nothingIsLeft()
  })
})

test('what looks like a marker makes nobody leave its call', async () => {
  await ready(stage.agent())
  const { channel } = await parked()
  await channel.say({ type: 'handover-event', agent: 'nobody' })
  for (const id of ['one', 'two']) await channel.say({ type: 'handover-event', agent: id })
  expect(await channel.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await channel.next('hangup-event')
  await nothingIsLeft()
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
  await until('the successor listens', async () => (await listenersOf(dialId)) === 3)
  await stage.push(botJob(dialId), 'second.calls')
  expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'duplicate dial_id' })
  expect(await listenersOf(dialId)).toBe(3)
  stage.switch.set({ silent: false })
  await channel.next('handover-event')
  expect(await channel.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
  await drained
  await channel.order({ type: 'hangup' })
  await nothingIsLeft()
})

test('a call that is found in two ways at once is held once', async () => {
  const owner = 'handed-over-and-gone'
  const { client } = stage.redis
  const first = await behindRedisLine()
  const { dialId, channel } = await parked()
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
  await until('it is found', async () => (await listenersOf(dialId)) === 3)
  redisLine.set('open')
  await until('one listens', async () => (await listenersOf(dialId)) === 2)
  await channel.say(stopPlayback('once'))
  await channel.next(each => each.command_id === 'once')
  await channel.order({ type: 'hangup' })
  await channel.next('hangup-event')
  await nothingIsLeft()
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
  expect(await listenersOf(dialId)).toBe(0)
})

test('an agent whose own line to the switch is gone gives its calls to one whose line stands', async () => {
  await behindSwitchLine()
  const { dialId, channel } = await parked()
  const neighbour = await ready(stage.agent())
  switchLine.set('cut')
  expect(await channel.next('handover-event')).toEqual({ type: 'handover-event', agent: neighbour.name })
  await until('it listens', async () => (await listenersOf(dialId)) === 2)
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await channel.next('hangup-event')
  await nothingIsLeft()
})

test('a dial id may be used again by whoever hears its call’s last event', async () => {
  await ready(stage.agent())
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  for (const job of [aspJob(dialId), botJob(dialId)])
    for (let times = 0; times < 10; times++) {
      await stage.push(job)
      const sides = job.type === 'asp-call' ? ['0', '1'] : ['0']
      for (const side of sides) await channel.next(each => each.type === 'answer-event' && each.side === side)
      stage.switch.hangup(stage.switch.channels()[0]!.uuid)
      for (const _ of sides) await channel.next('hangup-event')
    }
  expect(channel.heard.filter(each => each.type === 'failure')).toEqual([])
  expect(channel.heard.filter(each => each.type === 'call-start')).toHaveLength(20)
})

test('so may that of a call whose last event is a barger’s', async () => {
  await ready(stage.agent())
  const { dialId, channel } = await parked()
  await channel.order({ type: 'barge', phone_number: '15550000004', caller_id: '15550000009' })
  await channel.next(each => each.type === 'barge-event' && each.state === 'answered')
  // The switch ends the barger behind it, and is done with the call a moment later.
  stage.switch.hangup(legOf('15550000003')!.uuid)
  await channel.next('hangup-event')
  await channel.next(each => each.type === 'barge-event' && each.state === 'ended')
  expect(await stage.redis.client.keys(`hookswitch:call:*${dialId}*`)).toEqual([])
  await nothingIsLeft()
})

test('what an agent hears late of an earlier call does not end the next one of that dial id', async () => {
  // Each of them takes its own list, so that it is known who dials.
  await ready(stage.agent({ jobLists: ['talkiq-asp.calls'] }))
  await ready(
    stage.agent({
      jobLists: ['talkiq-bot.calls'],
      switch: { name: 'by another line', host: '127.0.0.1', port: switchLine.port, password: 'ClueCon' },
    }),
  )
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  switchLine.set('stalled')
  await stage.push(aspJob(dialId), 'talkiq-asp.calls')
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  await channel.order({ type: 'hangup' })
  for (const _ of ['0', '1']) await channel.next('hangup-event')
  await stage.push(aspJob(dialId), 'talkiq-bot.calls')
  await until('it is claimed', async () => (await leftovers(stage)).includes(`hookswitch:call:{${dialId}}`))
  switchLine.set('open')
  for (const side of ['0', '1'])
    await channel.next(each => each.type === 'answer-event' && each.side === side)
  expect(endsIn(channel)).toHaveLength(2)
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await nothingIsLeft()
})

describe('a side that leaves', () => {
  test('while a file plays to both does not keep the other', async () => {
    await ready(stage.agent())
    const { channel } = await talk()
    expect(await channel.order({ type: 'play', path: SOUND })).toEqual({ type: 'ack', event: 'play' })
    stage.switch.hangup(legOf('15550000002')!.uuid)
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    expect(commands().some(each => each.includes('uuid_break'))).toBe(true)
    await nothingIsLeft()
  })

  for (const cause of ['BLIND_TRANSFER', 'ATTENDED_TRANSFER'])
    test.each([
      ['the callee', '15550000001', '15550000002'],
      ['the caller', '15550000002', '15550000001'],
    ])(`by ${cause} sends %s elsewhere, who lives on`, async (_who, leaving, staying) => {
      await ready(stage.agent())
      const { channel } = await talk()
      // Both have answered a moment before they are bridged; a leg that is not yet has no "after the bridge".
      await until('the two talk', () => legOf(staying)?.bridgedTo !== undefined)
      const probe = await EslProbe.listen(stage.switch.port, '')
      // The switch's dialplan has it from then on.
      await probe.api(`uuid_setvar ${legOf(staying)!.uuid} park_after_bridge true`)
      stage.switch.hangup(legOf(leaving)!.uuid, cause)
      await channel.next('hangup-event')
      await channel.next('hangup-event')
      expect(endsIn(channel).map(each => each.cause)).toEqual([cause, cause])
      await nothingIsLeft()
      // An answer to this stands behind whatever the agent has ordered.
      await probe.api('status')
      probe.close()
      expect(legOf(staying)).toBeDefined()
      expect(commands().filter(each => each.includes('uuid_kill'))).toEqual([])
    })
})

test('a call whose hang-up was lost is found by comparing it with the switch', async () => {
  await ready(stage.agent({ compareMs: 200 }))
  const { channel } = await talk()
  stage.switch.set({ loseHangups: true })
  stage.switch.hangup(legOf('15550000001')!.uuid)
  await channel.next('hangup-event')
  await channel.next('hangup-event')
  await nothingIsLeft()
})

test('a command that a watcher alone heard is said again to the next owner', async () => {
  const first = await behindRedisLine()
  const { dialId, channel } = await parked()
  redisLine.set('cut')
  await until('the owner is cut off', async () => (await listenersOf(dialId)) === 1)
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
  await nothingIsLeft()
})

test('idle agents cost Redis in proportion to their number', async () => {
  const { client } = stage.redis
  // In a lease of a second a look comes often; it is the growth that is weighed here.
  let agents = 0
  const costWith = async (more: number): Promise<number> => {
    await Promise.all(Array.from({ length: more }, () => ready(stage.agent({ takeoverMs: 3_000 }))))
    agents += more
    await client.config('RESETSTAT')
    const asked = () => client.info('commandstats')
    await until('all have looked', async () => callsOf(await asked(), 'mget') >= 6 * agents)
    const stats = await asked()
    return ['get', 'mget', 'hget', 'smembers'].reduce((sum, each) => sum + callsOf(stats, each), 0) / agents
  }
  const withFew = await costWith(2)
  expect(await costWith(14)).toBeLessThan(2 * withFew)
})

const callsOf = (stats: string, command: string): number =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)

test('a record that can not be read back is told of once, however often it is looked at', async () => {
  const { client } = stage.redis
  const agent = await ready(stage.agent())
  const record = { dialId: 'unreadable', orgId: 'o', userId: 'u', owner: agent.name, fence: '7', steps: '1' }
  await client.hset('hookswitch:call:{unreadable}', { ...record, job: 'of another version' })
  const owned = `hookswitch:owned:${agent.name}`
  const poke = JSON.stringify({ kind: 'look', dialId: 'x', isSwitch: false, from: 'x' })
  // Each look takes a dial id away of which there is nothing.
  for (let look = 0; look < 4; look++) {
    await client.sadd(owned, 'unreadable', `gone-${look}`)
    await client.publish(`hookswitch:agent-inbox:${agent.name}`, poke)
    await until('it has looked', async () => (await client.sismember(owned, `gone-${look}`)) === 0)
  }
  expect(agent.counts.get('bugs takeover')).toBe(1)
  await client.del('hookswitch:call:{unreadable}')
  await until('it is let go', async () => {
    await client.publish(`hookswitch:agent-inbox:${agent.name}`, poke)
    return (await client.exists(owned)) === 0
  })
})

test('messages of types that nobody knows are counted as one', async () => {
  const agent = await ready(stage.agent())
  const { channel } = await parked()
  for (const type of ['whatever', 'x'.repeat(100), 'hangup\u0000']) await channel.order({ type })
  await channel.order({ type: 'hangup' })
  await nothingIsLeft()
  const counted = [...agent.counts].filter(([name]) => name.startsWith('controls'))
  expect(counted).toEqual([
    ['controls unknown', 3],
    ['controls hangup', 1],
  ])
})

test('a barger beyond BARGERS_MAX rings no phone, and may when another has left', async () => {
  await ready(stage.agent({ bargersMax: 2 }))
  const { channel } = await talk()
  const barge = (phone: string) => channel.order({ type: 'barge', phone_number: phone, caller_id: '1' })
  const first = await barge('15550000011')
  expect((await barge('15550000012')).type).toBe('ack')
  expect(await barge('15550000013')).toMatchObject({
    type: 'failure',
    cause: 'the call has 2 bargers (BARGERS_MAX)',
  })
  expect(legOf('15550000013')).toBeUndefined()
  await channel.order({ type: 'hangup', barge_id: first.barge_id })
  await channel.next(each => each.state === 'ended')
  expect((await barge('15550000013')).type).toBe('ack')
  await channel.order({ type: 'hangup' })
  await nothingIsLeft()
})

test('a task that throws is lost alone, and told', async () => {
  const told: unknown[] = []
  const done: number[] = []
  const tasks = createTaskQueue(thrown => told.push(thrown))
  tasks.run(async () => {
    throw new Error('a bug')
  })
  tasks.run(async () => void done.push(1))
  await tasks.idle()
  expect(done).toEqual([1])
  expect(told).toEqual([new Error('a bug')])
})
