// Every control message, by what it does at the switch (who hears whom) and by its one answer.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import {
  aspJob,
  type Channel,
  GATEWAY,
  type Heard,
  leftovers,
  newDialId,
  openStage,
  SOUND,
  type Stage,
  until,
} from '../stage.ts'

let stage: Stage
beforeAll(async () => {
  // As FreeSWITCH does: of a file that is ordered before that, one of the two hears nothing.
  stage = await openStage({ switch: { firstLookMs: 200 } })
  await stage.agent().isReady
})
afterAll(() => stage.close())

/** Each test's phones, so that no test finds another's legs. */
let caller: string
let callee: string
let supervisor: string
let tests = 0
beforeEach(() => {
  tests += 1
  caller = `1556${String(tests).padStart(4, '0')}001`
  callee = `1556${String(tests).padStart(4, '0')}002`
  supervisor = `1556${String(tests).padStart(4, '0')}003`
})

const legOf = (destination: string) => stage.switch.channels().find(each => each.destination === destination)
const uuidOf = (destination: string) => legOf(destination)!.uuid

/** A call whose two sides talk. */
async function talk(): Promise<Channel> {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(aspJob(dialId, { caller_number: caller, callee_number: callee }))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  await until('the two talk', () => legOf(caller)?.bridgedTo !== undefined)
  return channel
}

async function bargeIn(channel: Channel, phone = supervisor): Promise<string> {
  const answer = await channel.order({ type: 'barge', phone_number: phone, caller_id: '15550000009' })
  expect(answer).toEqual({ type: 'ack', event: 'barge', barge_id: expect.any(String) })
  await channel.next(each => each.type === 'barge-event' && each.state === 'answered')
  await until('the barger listens', () => legOf(phone)?.eavesdrops !== undefined)
  return answer.barge_id!
}

async function end(channel: Channel): Promise<void> {
  expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
  await until('nothing is left', async () => (await leftovers(stage)).length === 0)
}

const failure = (event: string, cause: unknown) => ({ type: 'failure', event, cause }) as unknown as Heard

/** Who hears the phone at `speaker`: 0 the caller, 1 the callee. */
function hearersOf(speaker: string): string[] {
  const uuid = uuidOf(speaker)
  return [caller, callee]
    .filter(each => stage.switch.hears(uuidOf(each)).has(uuid))
    .map(each => (each === caller ? '0' : '1'))
}

/** A command has five seconds for its answer, a new connection as many for its greeting. */
const LATE_LIMIT_MS = 12_000

describe('hangup', () => {
  test('ends a call while the caller still rings', async () => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: '15550000480' }))
    await channel.next('call-start')
    expect(await channel.order({ type: 'hangup' })).toEqual({ type: 'ack', event: 'hangup' })
    expect(await channel.next('hangup-event')).toEqual({
      type: 'hangup-event',
      side: '0',
      cause: 'NORMAL_CLEARING',
    })
    expect(channel.heard.map(each => each.type)).toEqual(['call-start', 'ack', 'hangup-event'])
  })

  test('ends a call while the callee still rings', async () => {
    const dialId = newDialId()
    const channel = await stage.listen(dialId)
    await stage.push(aspJob(dialId, { caller_number: caller, callee_number: '15550000480' }))
    await channel.next('answer-event')
    await until('the callee rings', () => legOf('15550000480') !== undefined)
    await channel.order({ type: 'hangup' })
    const ends = [await channel.next('hangup-event'), await channel.next('hangup-event')]
    expect(ends).toEqual([
      { type: 'hangup-event', side: '0', cause: 'NORMAL_CLEARING' },
      { type: 'hangup-event', side: '1', cause: 'ORIGINATOR_CANCEL' },
    ])
  })

  test('is acked before the ends that it causes', async () => {
    const channel = await talk()
    await channel.order({ type: 'hangup' })
    await channel.next('hangup-event')
    await channel.next('hangup-event')
    expect(channel.heard.slice(-3).map(each => each.type)).toEqual(['ack', 'hangup-event', 'hangup-event'])
  })
})

describe('a barger', () => {
  test('hears both and is heard by nobody; the channel tells of its phone', async () => {
    const channel = await talk()
    const bargeId = await bargeIn(channel)
    expect(hearersOf(supervisor)).toEqual([])
    expect(stage.switch.hears(uuidOf(supervisor))).toEqual(new Set([uuidOf(caller), uuidOf(callee)]))
    expect(channel.heard.filter(each => each.type === 'barge-event')).toEqual([
      { type: 'barge-event', barge_id: bargeId, state: 'ringing' },
      { type: 'barge-event', barge_id: bargeId, state: 'answered' },
    ])
    await end(channel)
    await channel.next(each => each.state === 'ended')
  })

  test.each([
    ['whisper', ['0']],
    ['mute', []],
    ['threeway', ['0', '1']],
    ['unthreeway', []],
  ])('is heard as %s says', async (type, hearers) => {
    const channel = await talk()
    const bargeId = await bargeIn(channel)
    // From the opposite state, so that doing nothing is not enough.
    await channel.order({ type: hearers.length === 0 ? 'threeway' : 'mute' })
    expect(await channel.order({ type })).toEqual({ type: 'ack', event: type, barge_id: bargeId })
    await until(`${type} applies`, () => JSON.stringify(hearersOf(supervisor)) === JSON.stringify(hearers))
    await end(channel)
  })

  test('cannot change who hears it with its keypad', async () => {
    const channel = await talk()
    await bargeIn(channel)
    stage.switch.press(uuidOf(supervisor), '3')
    expect(hearersOf(supervisor)).toEqual([])
    await end(channel)
  })

  test('is one of several: messages name one, or mean the newest', async () => {
    const channel = await talk()
    const second = supervisor.replace(/003$/, '004')
    const firstId = await bargeIn(channel)
    const secondId = await bargeIn(channel, second)
    expect(await channel.order({ type: 'whisper', barge_id: firstId })).toMatchObject({ barge_id: firstId })
    expect(await channel.order({ type: 'threeway' })).toMatchObject({ barge_id: secondId })
    await until(
      'both modes apply',
      () => hearersOf(second).length === 2 && hearersOf(supervisor).join() === '0',
    )
    expect(await channel.order({ type: 'hangup', barge_id: secondId })).toMatchObject({
      type: 'ack',
      barge_id: secondId,
    })
    await channel.next(each => each.state === 'ended' && each.barge_id === secondId)
    expect(await channel.order({ type: 'mute' })).toMatchObject({ barge_id: firstId })
    expect(await channel.order({ type: 'mute', barge_id: secondId })).toEqual(
      failure('mute', 'no barger with this barge_id'),
    )
    await end(channel)
  })

  test('that hangs up leaves the call as it is', async () => {
    const channel = await talk()
    const bargeId = await bargeIn(channel)
    stage.switch.hangup(uuidOf(supervisor))
    expect(await channel.next(each => each.state === 'ended')).toEqual({
      type: 'barge-event',
      barge_id: bargeId,
      state: 'ended',
      cause: 'NORMAL_CLEARING',
    })
    expect(legOf(caller)?.bridgedTo).toBe(uuidOf(callee))
    expect(await channel.order({ type: 'whisper' })).toEqual(
      failure('whisper', 'nobody barges in on this call'),
    )
    await end(channel)
  })

  test('that is busy is told, and the call goes on', async () => {
    const channel = await talk()
    await channel.order({ type: 'barge', phone_number: '15550000486', caller_id: '1' })
    expect(await channel.next(each => each.state === 'ended')).toMatchObject({ cause: 'USER_BUSY' })
    expect(legOf(caller)?.bridgedTo).toBe(uuidOf(callee))
    await end(channel)
  })

  test('whose gateway is down is told by its end alone', async () => {
    const channel = await talk()
    stage.switch.gateway(GATEWAY, 'down')
    await channel.order({ type: 'barge', phone_number: supervisor, caller_id: '1' })
    expect(await channel.next('barge-event')).toMatchObject({ state: 'ended', cause: 'GATEWAY_DOWN' })
    stage.switch.gateway(GATEWAY, 'up')
    await end(channel)
  })

  test('is hung up with its call', async () => {
    const channel = await talk()
    await bargeIn(channel)
    await end(channel)
    expect(
      channel.heard.at(-1)!.type === 'barge-event' || channel.heard.some(each => each.state === 'ended'),
    ).toBe(true)
    expect(legOf(supervisor)).toBeUndefined()
  })
})

describe('playing', () => {
  test('is heard by both sides, and stops on order', async () => {
    const channel = await talk()
    expect(await channel.order({ type: 'play', path: SOUND })).toEqual({ type: 'ack', event: 'play' })
    const isHeard = (number: string) => stage.switch.hears(uuidOf(number)).has(`file:${SOUND}`)
    await until('both hear the file', () => isHeard(caller) && isHeard(callee))
    expect(await channel.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
    await until('nobody hears it', () => !isHeard(caller) && !isHeard(callee))
    await end(channel)
  })

  test('now replaces what plays', async () => {
    const channel = await talk()
    const other = '/usr/share/freeswitch/sounds/test/beep.wav'
    stage.switch.file(other, 3)
    await channel.order({ type: 'play', path: SOUND })
    expect(await channel.order({ type: 'play-now', path: other })).toEqual({ type: 'ack', event: 'play-now' })
    await until('the other file plays', () => stage.switch.hears(uuidOf(caller)).has(`file:${other}`))
    expect(stage.switch.hears(uuidOf(caller)).has(`file:${SOUND}`)).toBe(false)
    await end(channel)
  })

  test('of a file that is missing fails', async () => {
    const channel = await talk()
    expect(await channel.order({ type: 'play', path: '/no/such.wav' })).toEqual(
      failure('play', 'the switch has no such file'),
    )
    await end(channel)
  })

  test('in the background is heard by both, who go on hearing each other', async () => {
    const channel = await talk()
    expect(await channel.order({ type: 'start-background', path: SOUND })).toEqual({
      type: 'ack',
      event: 'start-background',
    })
    expect(stage.switch.hears(uuidOf(caller))).toEqual(new Set([uuidOf(callee), `file:${SOUND}`]))
    expect(stage.switch.hears(uuidOf(callee))).toEqual(new Set([uuidOf(caller), `file:${SOUND}`]))
    expect(await channel.order({ type: 'stop-background', path: SOUND })).toEqual({
      type: 'ack',
      event: 'stop-background',
    })
    expect(stage.switch.hears(uuidOf(callee))).toEqual(new Set([uuidOf(caller)]))
    expect(await channel.order({ type: 'stop-background', path: SOUND })).toMatchObject({ type: 'failure' })
    await end(channel)
  })
})

describe('a message that makes no sense', () => {
  test.each([
    ['{"type":', '', 'the message is not valid JSON'],
    ['[]', '', 'the message is no JSON object with a type'],
    ['{"type":"dance"}', 'dance', 'unknown type: dance'],
    ['{"type":"play"}', 'play', 'path must be a sound file'],
    ['{"type":"play","path":"/a/../b.wav"}', 'play', 'path must be a sound file'],
    ['{"type":"barge","phone_number":"1;rm","caller_id":"1"}', 'barge', 'phone_number must be'],
    ['{"type":"barge","phone_number":"15550000003","caller_id":"$(id)"}', 'barge', 'caller_id must be'],
    ['{"type":"whisper"}', 'whisper', 'nobody barges in on this call'],
    ['{"type":"mute","barge_id":7}', 'mute', 'barge_id must be a text'],
    ['{"type":"bridge","dial_id1":"a","dial_id2":"b"}', 'bridge', 'belongs on the channel of the switch'],
  ])('gets one failure with its cause: %s', async (text, event, cause) => {
    const channel = await talk()
    await channel.say(text)
    const answer = await channel.next('failure')
    expect(answer).toEqual(failure(event, expect.stringContaining(cause)))
    expect(channel.heard.filter(each => each.type === 'failure')).toHaveLength(1)
    await end(channel)
  })

  test('is not one of our own: those are never answered', async () => {
    const channel = await talk()
    for (const type of ['call-start', 'ack', 'failure', 'hangup-event', 'barge-event'])
      await channel.say({ type })
    expect(await channel.order({ type: 'stop-playback' })).toEqual({ type: 'ack', event: 'stop-playback' })
    expect(channel.heard.filter(each => each.type === 'failure')).toEqual([])
    await end(channel)
  })
})

test('nobody listens once both sides are gone', async () => {
  const channel = await talk()
  await end(channel)
  // The test's own subscription is the only one left.
  expect(await channel.say({ type: 'whisper' })).toBe(1)
})

test('a switch that answers too late gives a failure, and the call its end', async () => {
  const channel = await talk()
  stage.switch.set({ silent: true })
  await channel.say({ type: 'play', path: SOUND })
  const failed = () => channel.heard.find(each => each.type === 'failure')
  await until('the failure', () => failed() !== undefined, LATE_LIMIT_MS)
  expect(failed()).toEqual(failure('play', 'the switch did not answer in time; whether it obeyed is unknown'))
  stage.switch.set({ silent: false })
  const isBack = async () => (await channel.order({ type: 'stop-playback' })).type === 'ack'
  await until('the link is back', isBack, LATE_LIMIT_MS)
  await end(channel)
  expect(
    channel.heard
      .filter(each => each.type === 'hangup-event')
      .map(each => each.side)
      .sort(),
  ).toEqual(['0', '1'])
})
