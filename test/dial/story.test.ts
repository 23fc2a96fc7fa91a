// Every way a dialled call can go, by the exact messages that its channel carries, in order, and by what is left in
// Redis at its end.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  aspJob,
  botJob,
  type Channel,
  GATEWAY,
  leftovers,
  newDialId,
  openStage,
  type Stage,
  until,
} from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage({ switch: { gateways: { [GATEWAY]: 'up', downed: 'down' } } })
  await stage.agent().isReady
})
afterAll(() => stage.close())

/** Dials and hears the call to its end. */
async function dial(job: Record<string, unknown>): Promise<Channel> {
  const channel = await stage.listen(String(job.dial_id))
  await stage.push(job)
  return channel
}

const callStart = (dialId: string) => ({ type: 'call-start', dial_id: dialId })
const answered = (side: string) => ({ type: 'answer-event', side })
const hungup = (side: string, cause: string) => ({ type: 'hangup-event', side, cause })

async function nothingIsLeft(): Promise<void> {
  await until('nothing is left', async () => (await leftovers(stage)).length === 0)
}

/** The channel of one side of a call, as the switch has it. */
const channelOf = (destination: string) =>
  stage.switch.channels().find(each => each.destination === destination)!.uuid

describe('an asp-call', () => {
  test('tells start, answers and ends when the caller hangs up', async () => {
    const dialId = newDialId()
    const channel = await dial(aspJob(dialId))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    // B answers a moment before the two are bridged; a caller who hangs up in between cancels B.
    await until('the two talk', () => stage.switch.channel(channelOf('15550000001'))?.bridgedTo !== undefined)
    stage.switch.hangup(channelOf('15550000001'))
    await channel.next(each => each.type === 'hangup-event' && each.side === '1')
    expect(channel.heard).toEqual([
      callStart(dialId),
      answered('0'),
      answered('1'),
      hungup('0', 'NORMAL_CLEARING'),
      hungup('1', 'NORMAL_CLEARING'),
    ])
    await nothingIsLeft()
  })

  test('tells the callee first when the callee hangs up', async () => {
    const dialId = newDialId()
    const channel = await dial(aspJob(dialId, { callee_number: '15550000102' }))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    stage.switch.hangup(channelOf('15550000102'))
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    expect(channel.heard.slice(3)).toEqual([hungup('1', 'NORMAL_CLEARING'), hungup('0', 'NORMAL_CLEARING')])
    await nothingIsLeft()
  })

  const callerEnds = [
    ['is busy', '15550000486', 'USER_BUSY'],
    ['rejects', '15550000603', 'CALL_REJECTED'],
    ['does not exist', '15550000404', 'UNALLOCATED_NUMBER'],
    ['is unavailable', '15550000503', 'NORMAL_TEMPORARY_FAILURE'],
    ['does not answer', '15550000480', 'NO_ANSWER'],
  ] as const

  test.each(callerEnds)('ends with the cause when the caller %s', async (_what, number, cause) => {
    const dialId = newDialId()
    const channel = await dial(aspJob(dialId, { caller_number: number }))
    await channel.next('hangup-event')
    expect(channel.heard).toEqual([callStart(dialId), hungup('0', cause)])
    await nothingIsLeft()
  })

  test.each(callerEnds)('ends both sides when the callee %s', async (_what, number, cause) => {
    const dialId = newDialId()
    const channel = await dial(aspJob(dialId, { callee_number: number }))
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    // The switch hands every other cause on to the caller's side.
    const callersCause = cause === 'NO_ANSWER' ? 'NORMAL_CLEARING' : cause
    expect(channel.heard).toEqual([
      callStart(dialId),
      answered('0'),
      hungup('1', cause),
      hungup('0', callersCause),
    ])
    await nothingIsLeft()
  })

  test('has one failure and nothing else when its gateway is unknown', async () => {
    stage.switch.gateway(GATEWAY, undefined)
    const channel = await dial(aspJob(newDialId()))
    await channel.next('failure')
    stage.switch.gateway(GATEWAY, 'up')
    expect(channel.heard).toEqual([{ type: 'failure', cause: 'INVALID_GATEWAY' }])
    await nothingIsLeft()
  })

  test('has one failure when its gateway is down', async () => {
    stage.switch.gateway(GATEWAY, 'down')
    const channel = await dial(aspJob(newDialId()))
    await channel.next('failure')
    stage.switch.gateway(GATEWAY, 'up')
    expect(channel.heard).toEqual([{ type: 'failure', cause: 'GATEWAY_DOWN' }])
    await nothingIsLeft()
  })

  test('goes through the gateway that GATEWAYS names for its provider', async () => {
    stage.switch.gateway('special_gateway', 'up')
    const dialId = newDialId()
    const channel = await dial(aspJob(dialId, { call_provider: 'special', caller_number: '15550001486' }))
    await channel.next('hangup-event')
    const ring = stage.switch
      .records(0, ['ring'])
      .findLast(each => each.kind === 'ring' && each.dialId === dialId)
    expect(ring).toMatchObject({ gateway: 'special_gateway' })
    await nothingIsLeft()
  })

  test('is told without ringing progress, and with results before their events', async () => {
    stage.switch.set({ skipProgress: 1, jobsFirst: true })
    const dialId = newDialId()
    const channel = await dial(aspJob(dialId, { callee_number: '15550000603' }))
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    stage.switch.set({ skipProgress: 0, jobsFirst: false })
    expect(channel.heard.map(each => each.type)).toEqual([
      'call-start',
      'answer-event',
      'hangup-event',
      'hangup-event',
    ])
    await nothingIsLeft()
  })
})

describe('the lists', () => {
  test('hold the active sides, and lose each at its hangup', async () => {
    const dialId = newDialId()
    const key = `redswitch.${dialId}.org.user`
    const channel = await dial(aspJob(dialId, { callee_number: '15550000202' }))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    expect((await stage.redis.client.lrange(key, 0, -1)).sort()).toEqual(['ACTIVE.0', 'ACTIVE.1'])
    expect(await stage.redis.client.ttl(key)).toBeWithin(86_000, 86_401)
    stage.switch.hangup(channelOf('15550000202'))
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    expect(await stage.redis.client.exists(key)).toBe(0)
    await nothingIsLeft()
  })

  test('hold the events of the newest call, newest first, word for word', async () => {
    const key = 'redswitch_history.org.user'
    await stage.redis.client.lpush(key, 'of an earlier call')
    const dialId = newDialId()
    const channel = await dial(aspJob(dialId, { caller_number: '15550000603' }))
    await channel.next('hangup-event')
    expect(await stage.redis.client.lrange(key, 0, -1)).toEqual([
      JSON.stringify(hungup('0', 'CALL_REJECTED')),
      JSON.stringify(callStart(dialId)),
    ])
    expect(await stage.redis.client.ttl(key)).toBeWithin(14_000, 14_401)
    await nothingIsLeft()
  })
})

describe('a bot-call', () => {
  test('rings one phone, names its switch, parks, and ends by order', async () => {
    const dialId = newDialId()
    const core = await stage.listen(stage.switch.coreUuid)
    const channel = await dial(botJob(dialId))
    await channel.next('answer-event')
    expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
    await channel.next('hangup-event')
    expect(channel.heard.filter(each => each.type !== 'ack')).toEqual([
      callStart(dialId),
      { type: 'channel-create-event', core_uuid: stage.switch.coreUuid },
      answered('0'),
      hungup('0', 'NORMAL_CLEARING'),
    ])
    expect(core.heard).toEqual([{ type: 'channel-create-event', core_uuid: stage.switch.coreUuid }])
    await nothingIsLeft()
  })

  test('reaches a SIP URI with the credentials it was given', async () => {
    const dialId = newDialId()
    const job = botJob(dialId, {
      phone_number: 'bot@bots.example.com',
      auth: 'true',
      sip_auth_username: 'me',
      sip_auth_password: 'not-so-secret',
    })
    const channel = await dial(job)
    await channel.next('answer-event')
    const line = stage.switch.records(0, ['originate']).findLast(each => each.kind === 'originate')
    expect(line).toMatchObject({ kind: 'originate' })
    const text = JSON.stringify(line)
    expect(text).toContain('sofia/external/sip:bot@bots.example.com')
    expect(text).toContain('sip_auth_username=me,sip_auth_password=not-so-secret')
    await channel.order({ type: 'hangup' })
    await channel.next('hangup-event')
    await nothingIsLeft()
  })
})

test('a load-test speaks with its leg as the side', async () => {
  const dialId = newDialId()
  const job = {
    type: 'load-test',
    phone_number: '15550000004',
    dial_id: dialId,
    org_id: 'org',
    user_id: 'user',
    leg: '7',
    gateway: GATEWAY,
    dialpad_crm: 'crm',
    parent_callid: 'p',
    callee_name: 'n',
    target_key: 'k',
    topic: 't',
  }
  const channel = await dial(job)
  await channel.next('answer-event')
  await channel.order({ type: 'hangup' })
  await channel.next('hangup-event')
  expect(channel.heard.filter(each => each.side)).toEqual([answered('7'), hungup('7', 'NORMAL_CLEARING')])
  await nothingIsLeft()
})
