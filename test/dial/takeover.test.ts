// Agents that die, or stop for a while, as real processes on one Redis and one switch: another goes on with their
// calls, no phone rings twice, and whoever comes back finds itself fenced.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { startService, type TestService } from '../harness/service.ts'
import { legOf, nothingIsLeft, ringsOf, talk } from './scenes.ts'
import { aspJob, botJob, type Channel, GATEWAY, newDialId, openStage, type Stage, until } from './stage.ts'

const TAKEOVER_MS = 1_000

let stage: Stage
let processes: TestService[]
beforeEach(async () => {
  stage = await openStage()
  processes = []
})
afterEach(async () => {
  await Promise.all(processes.map(each => each.kill()))
  await stage.close()
})

/** An agent in a process of its own, connected to the switch. */
async function startAgent(settings: Record<string, string> = {}): Promise<TestService> {
  const service = await startService({
    ROLE: 'agent',
    PUBSUB_REDIS_URL: stage.redis.url,
    ESL_URL: `127.0.0.1:${stage.switch.port}`,
    GATEWAY,
    TAKEOVER_MS: String(TAKEOVER_MS),
    CALLS_PER_SECOND: '0',
    ...settings,
  })
  processes.push(service)
  await service.logged(line => line.msg === 'switch link ready')
  return service
}

/** Linux's word for a process that SIGSTOP has reached. */
const isStopped = async ({ process: { pid } }: TestService) =>
  /^State:\s+T/m.test(await Bun.file(`/proc/${pid}/status`).text())

const types = (channel: Channel) =>
  channel.heard.map(each => `${each.type} ${each.side ?? each.state ?? each.event ?? ''}`.trim())

describe('a killed agent', () => {
  test('has its calls taken over, with their bargers and modes; control messages are obeyed as before', async () => {
    const first = await startAgent()
    const { dialId, channel } = await talk(stage)
    const { barge_id } = await channel.order({ type: 'barge', phone_number: '15550000003', caller_id: '1' })
    await channel.next(each => each.state === 'answered')
    await channel.order({ type: 'whisper' })
    const second = await startAgent()
    await first.kill()
    await second.logged(line => line.msg === 'call taken over' && line.dialId === dialId)
    expect(await channel.order({ type: 'threeway' })).toEqual({
      type: 'ack',
      event: 'threeway',
      barge_id: barge_id!,
    })
    expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
    await nothingIsLeft(stage)
    expect(
      types(channel)
        .filter(each => /answer|hangup-event|ended/.test(each))
        .sort(),
    ).toEqual(
      [
        'answer-event 0',
        'answer-event 1',
        'barge-event answered',
        'barge-event ended',
        'hangup-event 0',
        'hangup-event 1',
      ].sort(),
    )
    expect(ringsOf(stage, dialId)).toHaveLength(3)
  })

  test('has the events published that nobody could publish meanwhile', async () => {
    const first = await startAgent()
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: '15550000480', callee_number: '15550000002' }))
    await channel.next('call-start')
    await first.kill()
    stage.switch.answer(legOf(stage, '15550000480')!.uuid)
    await startAgent()
    await channel.next(each => each.type === 'answer-event' && each.side === '0')
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    expect((await stage.redis.client.lrange(`redswitch.${dialId}.org.user`, 0, -1)).sort()).toEqual([
      'ACTIVE.0',
      'ACTIVE.1',
    ])
    await channel.order({ type: 'hangup' })
    await nothingIsLeft(stage)
  })

  test('whose call ended meanwhile has its end told, and its lists cleaned', async () => {
    const first = await startAgent()
    const { channel } = await talk(stage)
    await first.kill()
    stage.switch.hangup(legOf(stage, '15550000001')!.uuid)
    await until('the legs are gone', () => stage.switch.channels().length === 0)
    await startAgent()
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    expect(types(channel).filter(each => each.startsWith('hangup-event'))).toEqual([
      'hangup-event 0',
      'hangup-event 1',
    ])
    await nothingIsLeft(stage)
  })

  test('of a switch that nobody serves has its calls reported after ORPHAN_MAX', async () => {
    const elsewhere = await openStage()
    const first = await startAgent()
    const { channel } = await talk(stage)
    await first.kill()
    await startAgent({ ESL_URL: `127.0.0.1:${elsewhere.switch.port}`, ORPHAN_MAX: '1' })
    expect(await channel.next('failure')).toEqual({ type: 'failure', cause: 'unknown outcome' })
    await elsewhere.close()
  })
})

describe('an agent that was stopped for a while', () => {
  test('is fenced: it says nothing stale, obeys nothing, and a new one takes its place', async () => {
    const paused = await startAgent()
    const { dialId, channel } = await talk(stage)
    await channel.order({ type: 'barge', phone_number: '15550000003', caller_id: '1' })
    await channel.next(each => each.state === 'answered')
    const other = await startAgent()
    paused.process.kill('SIGSTOP')
    // Heard by the sleeper's socket, and by nobody who is awake: it must not ring a phone when the sleeper wakes up.
    await until('it sleeps', () => isStopped(paused))
    await channel.say({
      type: 'barge',
      phone_number: '15550000004',
      caller_id: '1',
      command_id: 'while asleep',
    })
    await other.logged(line => line.msg === 'call taken over' && line.dialId === dialId)
    expect(await channel.order({ type: 'whisper' })).toMatchObject({ type: 'ack' })
    paused.process.kill('SIGCONT')
    await paused.logged(line => String(line.msg).startsWith('this agent was taken for dead'))
    expect(await channel.order({ type: 'hangup' })).toMatchObject({ type: 'ack' })
    await nothingIsLeft(stage)
    expect(channel.heard.filter(each => each.type === 'hangup-event')).toHaveLength(2)
    expect(ringsOf(stage, dialId)).toHaveLength(3)
    // Its one answer comes from the sleeper: nobody else has heard it.
    expect(channel.heard.filter(each => each.command_id === 'while asleep')).toEqual([
      {
        type: 'failure',
        event: 'barge',
        command_id: 'while asleep',
        cause: 'another agent took the call over meanwhile; whether it was obeyed is unknown',
      },
    ])
    await paused.logged(line => line.msg === 'switch link ready' && line.agent !== undefined)
  })
})

describe('SIGTERM', () => {
  test('hands the calls to the other agent and exits 0', async () => {
    const leaver = await startAgent()
    const { channel } = await talk(stage)
    await startAgent()
    await until('both are known', async () => (await stage.knownAgents()).length === 2)
    expect(await leaver.stop()).toBe(0)
    expect(await channel.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
    await channel.order({ type: 'hangup' })
    await nothingIsLeft(stage)
  })

  test('to the only agent lets its call end first', async () => {
    const alone = await startAgent()
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(botJob(dialId))
    await channel.next('answer-event')
    const exited = alone.stop()
    expect(await channel.order({ type: 'stop-playback' })).toMatchObject({ type: 'ack' })
    await channel.order({ type: 'hangup' })
    expect(await exited).toBe(0)
    await channel.next('hangup-event')
    await nothingIsLeft(stage)
  })
})
