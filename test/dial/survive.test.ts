// What becomes of calls when something dies: an agent, its pause, Redis, the link to the switch, the switch.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { openValve } from '../chaos/valve.ts'
import { legOf, nothingIsLeft, ringsOf, talk } from './scenes.ts'
import { aspJob, botJob, newDialId, openStage, SOUND, type Stage, until } from './stage.ts'

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

describe('an agent without calls', () => {
  /** How often its pops were ended for it, rather than by themselves. */
  const ended = async () =>
    /cmdstat_client\|unblock:calls=(\d+)/.exec(await stage.redis.client.info('commandstats'))?.[1] ?? '0'
  const agents = () => stage.redis.client.smembers('hookswitch:agents')
  /** All three of its pops wait. */
  const pops = async () =>
    String(await stage.redis.client.call('CLIENT', 'LIST')).split('cmd=blmove').length === 4

  test('ends its pops when it stops, and is gone from the directory', async () => {
    const agent = stage.agent()
    await agent.isReady
    await until('its pops wait', pops)
    await agent.drain()
    expect(Number(await ended())).toBeGreaterThanOrEqual(3)
    expect(await agents()).toEqual([])
  })

  test('that may not end its pops waits for their end', async () => {
    await stage.redis.client.call('ACL', 'SETUSER', 'default', '-client|unblock')
    const agent = stage.agent()
    await agent.isReady
    await until('its pops wait', pops)
    await agent.drain()
    expect(await ended()).toBe('0')
    expect(await agents()).toEqual([])
  })
})

describe('a hand-over', () => {
  test('loses no control message and answers none twice', async () => {
    const leaver = stage.agent()
    await leaver.isReady
    const { channel } = await talk(stage)
    const { barge_id } = await channel.order({ type: 'barge', phone_number: '15550000003', caller_id: '1' })
    const successor = stage.agent()
    await successor.isReady

    let sent = 0
    const talker = setInterval(() => {
      void channel.say({ type: sent % 2 ? 'whisper' : 'mute', barge_id, command_id: `c${sent}` })
      sent += 1
    }, 2)
    await Bun.sleep(50)
    await leaver.drain()
    await Bun.sleep(50)
    clearInterval(talker)
    expect((await channel.order({ type: 'mute' })).type).toBe('ack')

    const answers = channel.heard
      // Those of `order` are UUIDs.
      .filter(each => /^c\d{1,6}$/.test(each.command_id ?? ''))
      .map(each => each.command_id)
    expect(answers).toEqual(Array.from({ length: sent }, (_, index) => `c${index}`))
    expect(channel.heard.filter(each => each.type === 'handover-event')).toEqual([
      { type: 'handover-event', agent: successor.name },
    ])
    expect(legOf(stage, '15550000001')?.bridgedTo).toBeDefined()
    await channel.order({ type: 'hangup' })
    await nothingIsLeft(stage)
  })

  test('of a call that ends in the middle of it leaves no message unanswered', async () => {
    const leaver = stage.agent()
    await leaver.isReady
    const { dialId, channel } = await talk(stage)
    await stage.agent().isReady
    stage.switch.set({ silent: true })
    await channel.say({ type: 'stop-playback', command_id: 'c0' })
    const drained = leaver.drain()
    const listeners = async () => ((await stage.redis.client.pubsub('NUMSUB', dialId)) as [string, number])[1]
    await until('the successor listens', async () => (await listeners()) === 3)
    stage.switch.hangup(legOf(stage, '15550000001')!.uuid)
    stage.switch.set({ silent: false })
    // The answer, the marker and the end follow one another; what is said meanwhile is before, between or behind them.
    const heardBy: number[] = []
    do heardBy.push((await channel.say({ type: 'mute', command_id: `c${heardBy.length + 1}` })) - 1)
    while (heardBy.at(-1)! > 0)
    await drained
    const answers = () => channel.heard.filter(each => /^c\d+$/.test(each.command_id ?? ''))
    await until('all answers', () => answers().length >= heardBy.length)
    await nothingIsLeft(stage)
    expect(answers().map(each => each.command_id)).toEqual(heardBy.map((_, index) => `c${index}`))
  })

  test('to an agent that begins to stop itself leaves no message unanswered', async () => {
    const leaver = stage.agent()
    await leaver.isReady
    const { channel } = await talk(stage)
    const successor = stage.agent()
    await successor.isReady
    const said: Promise<number>[] = []
    const talker = setInterval(
      () => said.push(channel.say({ type: 'mute', command_id: `c${said.length}` })),
      2,
    )
    const drains = [leaver.drain()]
    await channel.next('handover-event')
    drains.push(successor.drain())
    await Bun.sleep(300)
    clearInterval(talker)
    const heardBy = await Promise.all(said)
    const answers = () => channel.heard.filter(each => /^c\d{1,6}$/.test(each.command_id ?? ''))
    await until('all answers', () => answers().length >= heardBy.length)
    expect(new Set(answers().map(each => each.command_id)).size).toBe(heardBy.length)
    expect(answers()).toHaveLength(heardBy.length)
    await channel.order({ type: 'hangup' })
    await Promise.all(drains)
    await nothingIsLeft(stage)
  })

  test('has no successor when the agent is alone: it keeps its calls until they end', async () => {
    const alone = stage.agent()
    await alone.isReady
    const { channel } = await talk(stage)
    const drained = alone.drain().then(() => 'drained')
    expect(await channel.order({ type: 'stop-playback' })).toMatchObject({ type: 'ack' })
    expect(await Promise.race([drained, Bun.sleep(100)])).toBeUndefined()
    await channel.order({ type: 'hangup' })
    expect(await drained).toBe('drained')
    await nothingIsLeft(stage)
  })
})

describe('the link to the switch', () => {
  beforeEach(() => stage.agent().isReady)

  test('is made again, and calls go on as they were', async () => {
    const { channel } = await talk(stage)
    stage.switch.dropSockets()
    await until(
      'the link is back',
      async () => (await channel.order({ type: 'stop-playback' })).type === 'ack',
    )
    await channel.order({ type: 'hangup' })
    expect(channel.heard.filter(each => each.type === 'answer-event')).toHaveLength(2)
    await nothingIsLeft(stage)
  })

  test('misses an end, which is told when it is back', async () => {
    const { channel } = await talk(stage)
    stage.switch.stopAccepting()
    stage.switch.dropSockets()
    stage.switch.hangup(legOf(stage, '15550000001')!.uuid)
    await until('the legs are gone', () => stage.switch.channels().length === 0)
    stage.switch.accept()
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    expect(channel.heard.filter(each => each.type === 'hangup-event')).toEqual([
      { type: 'hangup-event', side: '0', cause: 'NORMAL_UNSPECIFIED' },
      { type: 'hangup-event', side: '1', cause: 'NORMAL_UNSPECIFIED' },
    ])
    await nothingIsLeft(stage)
  })

  test('misses an answer, which is told when it is back', async () => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: '15550000480' }))
    await channel.next('call-start')
    stage.switch.stopAccepting()
    stage.switch.dropSockets()
    stage.switch.answer(legOf(stage, '15550000480')!.uuid)
    stage.switch.accept()
    await channel.next(each => each.type === 'answer-event' && each.side === '0')
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    await channel.order({ type: 'hangup' })
    await nothingIsLeft(stage)
  })

  test('breaks after an originate that the switch never carried out: unknown outcome, and no second ring', async () => {
    stage.switch.set({ loseOriginates: true })
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId))
    await until('it was sent', () => stage.switch.records(0, ['originate']).length === 1)
    stage.switch.dropSockets()
    stage.switch.set({ loseOriginates: false })
    expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'unknown outcome' })
    await until('a dead letter', async () => (await stage.redis.client.llen('talkiq-asp.calls:dead')) === 1)
    const letter = JSON.parse((await stage.redis.client.lpop('talkiq-asp.calls:dead'))!)
    expect(letter.reason).toBe('unknown outcome')
    expect(ringsOf(stage, dialId)).toEqual([])
    expect(stage.switch.records(0, ['originate'])).toHaveLength(1)
    await nothingIsLeft(stage)
  })

  test('stands still with an originate in it: its phone is hung up when it rings after the call was given up', async () => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    const line = await openValve(stage.switch.port)
    try {
      const leaver = stage.agent({
        switch: { name: 'by another line', host: '127.0.0.1', port: line.port, password: 'ClueCon' },
        jobLists: ['its.calls'],
      })
      await leaver.isReady
      line.set('stalled')
      await stage.push(botJob(dialId), 'its.calls')
      await until(
        'it is claimed',
        async () => (await stage.redis.client.exists(`hookswitch:call:{${dialId}}`)) === 1,
      )
      const left = leaver.drain()
      expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'unknown outcome' })
      line.set('open')
      await until('it rings', () => ringsOf(stage, dialId).length === 1)
      await until('it is hung up', () => stage.switch.channels().length === 0)
      await left
      await until('a dead letter', async () => (await stage.redis.client.del('its.calls:dead')) === 1)
      await nothingIsLeft(stage)
      expect(channel.heard.map(each => each.type)).toEqual(['handover-event', 'failure'])
    } finally {
      line.close()
    }
  })

  test('finds a switch that restarted: every call ends with CRASH', async () => {
    const { channel } = await talk(stage)
    await stage.switch.restart()
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    expect(channel.heard.filter(each => each.type === 'hangup-event')).toEqual([
      { type: 'hangup-event', side: '0', cause: 'CRASH' },
      { type: 'hangup-event', side: '1', cause: 'CRASH' },
    ])
    await nothingIsLeft(stage)
  })

  test('hears a switch that shuts down say so', async () => {
    const { channel } = await talk(stage)
    await stage.switch.restart({ graceful: true })
    const end = await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    expect(end.cause).toBe('SYSTEM_SHUTDOWN')
    await nothingIsLeft(stage)
  })
})

describe('Redis', () => {
  beforeEach(() => stage.agent().isReady)

  test('that is away for a while hears everything afterwards, in order', async () => {
    const { channel } = await talk(stage)
    stage.redis.pause()
    stage.switch.hangup(legOf(stage, '15550000001')!.uuid)
    await Bun.sleep(1_000)
    stage.redis.resume()
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    expect(channel.heard.filter(each => each.type === 'hangup-event').map(each => each.side)).toEqual([
      '0',
      '1',
    ])
    await nothingIsLeft(stage)
  })

  test('that restarted without its data gets the calls written again, and they are steered as before', async () => {
    const { dialId, channel } = await talk(stage)
    await stage.redis.client.flushall()
    expect(await channel.order({ type: 'play', path: SOUND })).toEqual({ type: 'ack', event: 'play' })
    expect((await stage.redis.client.lrange(`redswitch.${dialId}.org.user`, 0, -1)).sort()).toEqual([
      'ACTIVE.0',
      'ACTIVE.1',
    ])
    await channel.order({ type: 'hangup' })
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    await nothingIsLeft(stage)
  })
})
