// Who holds the channel of a switch while agents come, go, sleep and lose their lines: one agent obeys what is said there,
// and each message has one answer.
import { describe, expect, test } from 'bun:test'
import { listenersOf, parked } from '../scenes.ts'
import { botJob, newDialId, type OpenedAgent, until } from '../stage.ts'
import { answersTo, behindRedisLine, openLines, ready, redisLine, stage, switchLine } from './lines.ts'

openLines()

/** The name by which agents know the switch before and after its restart. */
const SWITCH = 'one switch'

describe('the channel of a switch', () => {
  const heldBy = (agent: OpenedAgent) =>
    until('it is held', async () => {
      const owner = await stage.redis.client.hget(`hookswitch:switch:{${stage.switch.coreUuid}}`, 'owner')
      return owner === agent.name && (await listenersOf(stage, stage.switch.coreUuid)) > 0
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
    const { client } = stage.redis
    await until('nobody hears the old name', async () => (await listenersOf(stage, former)) === 0)
    expect(await client.exists(`hookswitch:switch:{${former}}`)).toBe(0)
    expect(await client.smembers(`hookswitch:agent-switches:${agent.name}`)).toEqual([stage.switch.coreUuid])
  })

  test('that starts anew is heard under its new name while an order under the old one still waits for its turn', async () => {
    const agent = await ready(stage.agent({ callsPerSecond: 0.05 }))
    await heldBy(agent)
    const former = await stage.listen(stage.switch.coreUuid)
    expect(await former.order(botJob(newDialId()))).toEqual({ type: 'ack', event: 'bot-call' })
    await former.say({ ...botJob(newDialId()), command_id: 'waits for twenty seconds' })
    await stage.switch.restart()
    await heldBy(agent)
    expect(answersTo(former, 'waits for twenty seconds')).toEqual([])
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
    await until('one listens', async () => (await listenersOf(stage, stage.switch.coreUuid)) === 2)
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
    const { channel } = await parked(stage)
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
