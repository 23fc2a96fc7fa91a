// The channel of a switch: parked calls are bridged there by their dial ids, and bot calls started on that switch.
// Two agents serve the switch, so that every answer is shown to come once.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { aspJob, botJob, type Channel, newDialId, openStage, type Stage, until } from '../stage.ts'

let stage: Stage
let core: Channel
beforeAll(async () => {
  stage = await openStage()
  await Promise.all([stage.agent().isReady, stage.agent().isReady])
  const { coreUuid } = stage.switch
  await until(
    'an agent listens',
    async () => Number((await stage.redis.client.pubsub('NUMSUB', coreUuid))[1]) === 1,
  )
  core = await stage.listen(coreUuid)
})
afterAll(() => stage.close())

async function parkedCall(phone: string): Promise<{ dialId: string; channel: Channel }> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(botJob(dialId, { phone_number: phone }))
  await channel.next('answer-event')
  await until('it is parked', () => legOf(phone)?.isParked === true)
  return { dialId, channel }
}

const legOf = (phone: string) => stage.switch.channels().find(each => each.destination === phone)

test('two parked calls are bridged, once acked, and park again when the other leaves', async () => {
  const first = await parkedCall('15551110001')
  const second = await parkedCall('15551110002')
  const order = { type: 'bridge', dial_id1: first.dialId, dial_id2: second.dialId }
  expect(await core.order(order)).toEqual({ type: 'ack', event: 'bridge' })
  expect(await core.next('success')).toEqual({ type: 'success', event: 'bridge-event' })
  const uuids = { channel_uuid1: legOf('15551110001')!.uuid, channel_uuid2: legOf('15551110002')!.uuid }
  const ids = { chan_uuid1: first.dialId, chan_uuid2: second.dialId }
  const bridged = { type: 'bridge-event', core_uuid: stage.switch.coreUuid, ...ids, ...uuids }
  expect(await first.channel.next('bridge-event')).toEqual(bridged)
  expect(await second.channel.next('bridge-event')).toEqual(bridged)
  await until('the switch’s channel says it too', () => core.heard.some(each => each.type === 'bridge-event'))
  expect(core.heard.filter(each => each.type === 'ack' || each.type === 'failure')).toHaveLength(1)
  expect(core.heard.filter(each => each.type === 'bridge-event')).toEqual([bridged])
  stage.switch.hangup(uuids.channel_uuid1)
  await first.channel.next('hangup-event')
  await until('the other parks again', () => legOf('15551110002')?.isParked === true)
  await second.channel.order({ type: 'hangup' })
})

test('the other spelling of the ids is understood', async () => {
  const first = await parkedCall('15551110011')
  const second = await parkedCall('15551110012')
  const order = { type: 'bridge', dial_id_1: first.dialId, dial_id_2: second.dialId }
  expect(await core.order(order)).toEqual({ type: 'ack', event: 'bridge' })
  await Promise.all([first.channel.order({ type: 'hangup' }), second.channel.order({ type: 'hangup' })])
})

test('a bridge that can not be is answered with its cause', async () => {
  const { dialId, channel } = await parkedCall('15551110021')
  const cause = async (message: Record<string, unknown>) =>
    (await core.order({ type: 'bridge', ...message })).cause
  expect(await cause({ dial_id1: dialId, dial_id2: 'nobody' })).toBe('no such call: nobody')
  expect(await cause({ dial_id1: dialId, dial_id2: dialId })).toBe('a call is not bridged to itself')
  expect(await cause({ dial_id1: dialId })).toBe('dial_id1 and dial_id2 are required')
  const ringing = newDialId()
  const other = await stage.listen(ringing)
  await stage.push(botJob(ringing, { phone_number: '15550000480' }))
  await other.next('call-start')
  expect(await cause({ dial_id1: dialId, dial_id2: ringing })).toBe(`the call ${ringing} is not answered`)
  await Promise.all([channel.order({ type: 'hangup' }), other.order({ type: 'hangup' })])
})

test('a bot-call is dialled on this very switch, and acked when the switch has it', async () => {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  expect(await core.order(botJob(dialId, { phone_number: '15551110031' }))).toEqual({
    type: 'ack',
    event: 'bot-call',
  })
  await channel.next('answer-event')
  expect(await core.order(botJob(dialId))).toEqual({
    type: 'failure',
    event: 'bot-call',
    cause: 'duplicate dial_id',
  })
  await channel.order({ type: 'hangup' })
  await channel.next('hangup-event')
})

test('anything else gets one failure', async () => {
  expect(await core.order({ type: 'hangup' })).toMatchObject({
    type: 'failure',
    cause: 'only bridge and bot-call belong on this channel',
  })
  const bad = await core.order(botJob(newDialId(), { phone_number: '{}' }))
  expect(bad.cause).toStartWith('phone_number must be')
  await core.say('{')
  expect((await core.next(each => each.event === '')).cause).toBe('the message is not valid JSON')
})

test('an asp-call says nothing on the channel of the switch', async () => {
  const before = core.heard.length
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(aspJob(dialId))
  await channel.next(each => each.side === '1')
  await channel.order({ type: 'hangup' })
  await channel.next('hangup-event')
  expect(core.heard.length).toBe(before)
})
