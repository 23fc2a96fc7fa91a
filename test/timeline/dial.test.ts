// Dialled calls as their timelines tell them: by a real service with an agent, on the test switch. What each phone does
// follows from its number.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { talk } from '../dial/scenes.ts'
import { aspJob, botJob, GATEWAY, newDialId, openStage, type Stage } from '../dial/stage.ts'
import { startService, type TestService } from '../harness/service.ts'
import { callsOf, entryOf, kinds, timelineOf } from './reading.ts'

let stage: Stage
let service: TestService
beforeAll(async () => {
  stage = await openStage()
  service = await startAgent()
})
afterAll(async () => {
  await service.kill()
  await stage.close()
})

async function startAgent(): Promise<TestService> {
  const started = await startService({
    ROLE: 'agent',
    PUBSUB_REDIS_URL: stage.redis.url,
    ESL_URL: `127.0.0.1:${stage.switch.port}`,
    GATEWAY,
    TAKEOVER_MS: '1000',
    CALLS_PER_SECOND: '0',
    RING_TIMEOUT: '3',
    GATEWAYS: 'broken=unknown-gateway',
  })
  await started.logged(line => line.msg === 'switch link ready')
  return started
}

const timeline = (dialId: string, until = 'over') => timelineOf(service.internalUrl, dialId, until)

async function push(job: (dialId: string) => Record<string, unknown>): Promise<string> {
  const dialId = newDialId()
  await stage.push(job(dialId))
  return dialId
}

describe('a call', () => {
  test('is told from its job to its end, with its barger and every message and its answer', async () => {
    const { dialId, channel } = await talk(stage)
    const { barge_id } = await channel.order({ type: 'barge', phone_number: '15550000003', caller_id: '1' })
    await channel.next(each => each.state === 'answered')
    await channel.order({ type: 'whisper' })
    await channel.order({ type: 'play', path: '/no/such/file.wav' })
    await channel.order({ type: 'hangup' })
    const told = await timeline(dialId)
    expect(kinds(told).slice(0, 7).toSorted()).toEqual(
      ['job-taken', 'originate', 'leg', 'originate-answered', 'leg', 'leg', 'leg'].toSorted(),
    )
    const steps = told.entries.map(({ what, event, state, side, is_obeyed: isObeyed, barger }) =>
      [what, event, state, side, isObeyed, barger].filter(each => each !== undefined).join(' '),
    )
    for (const step of [
      'leg ringing 0',
      'leg answered 0',
      'leg ringing 1',
      'leg answered 1',
      'bridge',
      'control barge',
      'control-answered barge true',
      `barger ringing ${barge_id}`,
      `barger answered ${barge_id}`,
      'control whisper',
      'control-answered whisper true',
      'control play',
      'control-answered play false',
      'control hangup',
      'control-answered hangup true',
      'hangup 0',
      'hangup 1',
      `barger ended ${barge_id}`,
    ])
      expect(steps.filter(each => each === step)).toEqual([step])
    expect(told.entries.at(-1)!.what).toBe('over')
    expect(entryOf(told, 'job-taken')).toMatchObject({ kind: 'asp-call', list: 'talkiq-asp.calls' })
    expect(told.entries.find(each => each.event === 'play' && each.is_obeyed === false)!.text).toMatch(
      /^Play: not done after \d+ ms, because the switch has no such file\.$/,
    )
    expect(told.summary).toMatch(/^Both phones were answered, for \d+ ms; a hangup message ended the call\.$/)
    expect(new Set(told.entries.map(each => each.by)).size).toBe(1)
  })

  test('whose callee is busy explains that, and does not blame the caller', async () => {
    const told = await timeline(await push(id => aspJob(id, { callee_number: '15550000486' })))
    expect(told.summary).toStartWith(
      "The callee's phone (B-leg, side 1) was called and not answered: USER_BUSY: the phone is busy (SIP 486).",
    )
    expect(told.entries.find(each => each.what === 'hangup' && each.side === '0')!.text).toContain(
      "is let go with the callee's cause, USER_BUSY",
    )
  })

  test('whose caller does not answer, or does not exist, says what that means', async () => {
    const silent = await timeline(await push(id => aspJob(id, { caller_number: '15550000480' })))
    expect(silent.summary).toContain('NO_ANSWER: the phone rang for as long as RING_TIMEOUT allows')
    const unknown = await timeline(await push(id => botJob(id, { phone_number: '15550000404' })))
    expect(unknown.summary).toContain('UNALLOCATED_NUMBER: that number does not exist')
  })

  test('that comes too late, is malformed or doubled says why it was refused', async () => {
    const late = await timeline(await push(id => aspJob(id, { queued_at: 1_700_000_000 })), 'job-refused')
    expect(late.summary).toContain('JOB_MAX_AGE')
    const bad = await timeline(await push(id => aspJob(id, { caller_number: '$(x)' })), 'job-refused')
    expect(bad.summary).toStartWith('No phone rang, because the job was refused: caller_number must be')
    expect(entryOf(bad, 'job-refused').text).toEndWith('It is kept on the dead-letter list.')
    const { dialId } = await talk(stage)
    await stage.push(aspJob(dialId))
    const doubled = await timeline(dialId, 'job-refused')
    expect(entryOf(doubled, 'job-refused').text).toStartWith('Another job of this id is refused')
    expect(doubled.summary).toMatch(/^Both answered, 0:\d\d\.$/)
  })

  test('through a gateway that the switch does not know fails, and says where to look', async () => {
    const told = await timeline(await push(id => aspJob(id, { call_provider: 'broken' })))
    expect(entryOf(told, 'originate').text).toContain('through the gateway unknown-gateway')
    expect(kinds(told)).toContain('failure')
    expect(told.summary).toStartWith(
      'No phone rang, because the call failed: INVALID_GATEWAY: the switch knows no',
    )
  })

  test('stands in the index of its user, whose name is no number and stays', async () => {
    const dialId = await push(id => botJob(id, { user_id: 'user-of-bots', phone_number: '15550000404' }))
    const told = await timeline(dialId)
    expect(entryOf(told, 'job-taken')).toMatchObject({ account: 'user-of-bots', caller_number: '…404' })
    expect(JSON.stringify(told)).not.toContain('15550000404')
    const { calls } = await callsOf(service.internalUrl, 'user-of-bots', 1)
    expect(calls.map(call => call.id)).toEqual([dialId])
  })
})

describe('a takeover', () => {
  test('is written by the survivor, who goes on with the story', async () => {
    const { dialId, channel } = await talk(stage)
    await timeline(dialId, 'bridge')
    const survivor = await startAgent()
    await using _ = survivor
    await service.kill()
    await survivor.logged(line => line.msg === 'call taken over' && line.dialId === dialId)
    await channel.order({ type: 'hangup' })
    const told = await timelineOf(survivor.internalUrl, dialId, 'over')
    service = await startAgent()
    const takeover = entryOf(told, 'taken-over')
    const [first] = told.entries
    expect(takeover.from).toBe(first!.by)
    expect(takeover.by).not.toBe(first!.by)
    expect(takeover.text).toBe(
      `The agent ${first!.by} has died; this one takes the call over and goes on with it.`,
    )
    expect(told.entries.at(-1)).toMatchObject({ what: 'over', by: takeover.by })
  })

  test('of an agent that stops is a hand-over', async () => {
    const { dialId, channel } = await talk(stage)
    const successor = await startAgent()
    await using _ = successor
    expect(await service.stop()).toBe(0)
    await channel.order({ type: 'hangup' })
    const told = await timelineOf(successor.internalUrl, dialId, 'over')
    service = await startAgent()
    expect(entryOf(told, 'taken-over')).toMatchObject({ is_handed_over: true, from: told.entries[0]!.by })
    const former = await timelineOf(service.internalUrl, dialId, 'handed-over')
    expect(entryOf(former, 'handed-over')).toMatchObject({ to: told.entries.at(-1)!.by })
  })
})
