// A job names an account instead of a number: its phones are woken by a front, then rung at the contacts with which they are
// registered. Each side, both, the number beside the account, and whoever says no.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { channelUuidOf, placeUuidOf } from '../../src/dial/call/identity.ts'
import type { HowHeld } from '../../src/union/serveWakes.ts'
import type { WakeCall } from '../../src/union/wakeCall.ts'
import { aspJob, botJob, type Channel, leftovers, newDialId, openStage, type Stage, until } from './stage.ts'

/** What a front makes of the phones of one account: told by the account's name. */
const PHONES: Record<string, { status: 'ACK' | 'NAK'; reason: string }> = {
  no: { status: 'NAK', reason: 'unavailable' },
  none: { status: 'NAK', reason: 'no-device' },
  silent: { status: 'NAK', reason: 'timeout' },
}

let stage: Stage
const held: { call: WakeCall; how: HowHeld }[] = []
beforeAll(async () => {
  stage = await openStage({ switch: { answerAfterMs: 20 } })
  await stage.front(async (call, _dropped, how) => {
    held.push({ call, how })
    const [kind = ''] = call.account.split('.')
    if (kind !== 'none') how.onPush(1)
    await Bun.sleep(1)
    return PHONES[kind] ?? { status: 'ACK', reason: 'confirmed' }
  })
  await stage.agent().isReady
})
afterAll(() => stage.close())

/** Registers a phone of the account; what its number's last digits say it does when it is rung. */
const register = (account: string, user = '15550000002') =>
  stage.switch.register({ user: account, uri: `sip:${user}@192.0.2.7:5060;transport=tcp;pn-provider=fcm` })

async function dialled(job: Record<string, unknown>): Promise<Channel> {
  const channel = await stage.listen(String(job.dial_id))
  await stage.push(job)
  return channel
}

const told = ({ heard }: Channel) =>
  heard.flatMap(({ type, side, state, reason, cause }) => [
    [type, side, state, reason ?? cause].filter(each => each !== undefined).join(' '),
  ])

async function over(channel: Channel, dialId: string): Promise<void> {
  await until(
    'nothing is left of it',
    async () => !(await leftovers(stage)).some(each => each.includes(dialId)),
  )
  expect(stage.switch.channels().filter(each => each.variables?.dial_id === dialId)).toEqual([])
  // What was published before is heard before: an event of ours is the last.
  await stage.redis.client.publish(dialId, JSON.stringify({ type: 'success', event: 'over' }))
  await until('all that was told is heard', () => channel.heard.at(-1)?.event === 'over')
  channel.heard.pop()
  expect(channel.heard.length).toBeGreaterThan(0)
}

const withoutNumber = (job: Record<string, unknown>, ...names: string[]) =>
  Object.fromEntries(Object.entries(job).filter(([name]) => !names.includes(name)))

const rings = (dialId: string) =>
  stage.switch
    .records(0, ['ring'])
    .flatMap(each => (each.kind === 'ring' && each.dialId === dialId ? [each.destination] : []))

describe('the caller', () => {
  test('is woken, rung at its contact, and connected to the callee', async () => {
    const dialId = newDialId()
    register('a.1')
    const channel = await dialled(withoutNumber(aspJob(dialId, { caller_account: 'a.1' }), 'caller_number'))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    expect(held.find(each => each.call.callId === dialId)?.call).toMatchObject({
      account: 'a.1',
      phonenumber: '15550000002',
    })
    expect(rings(dialId)[0]).toBe('sip:15550000002@192.0.2.7:5060;transport=tcp;pn-provider=fcm')
    expect(await channel.order({ type: 'hangup' })).toMatchObject({ type: 'ack' })
    await over(channel, dialId)
    expect(told(channel)).toEqual([
      'wake-event 0 pushed',
      'wake-event 0 confirmed',
      'call-start',
      'answer-event 0',
      'answer-event 1',
      'ack',
      'hangup-event 0 NORMAL_CLEARING',
      'hangup-event 1 NORMAL_CLEARING',
    ])
  })

  test.each([
    ['says no', 'no', 'wake-event 0 pushed', 'unavailable'],
    ['has no phone', 'none', undefined, 'no-device'],
    ['sleeps on', 'silent', 'wake-event 0 pushed', 'timeout'],
  ])('who %s is a failure where the job has no number', async (_, account, pushed, reason) => {
    const dialId = newDialId()
    const channel = await dialled(withoutNumber(aspJob(dialId, { caller_account: account }), 'caller_number'))
    await channel.next('failure')
    await over(channel, dialId)
    expect(told(channel)).toEqual([
      ...(pushed ? [pushed] : []),
      `wake-event 0 failed ${reason}`,
      `failure the phones of the account did not wake: ${reason}`,
    ])
    expect(rings(dialId)).toEqual([])
  })

  test('who sleeps on is called by the number beside the account', async () => {
    const dialId = newDialId()
    const channel = await dialled(aspJob(dialId, { caller_account: 'silent', caller_number: '15550000001' }))
    await channel.next(each => each.type === 'answer-event' && each.side === '0')
    expect(rings(dialId)[0]).toBe('15550000001')
    await channel.order({ type: 'hangup' })
    await over(channel, dialId)
  })

  test('is rung at all its contacts, stale ones among them, and the first to answer is the side', async () => {
    const dialId = newDialId()
    register('a.many', '15550000503')
    register('a.many', '15550000480')
    register('a.many', '15550000001')
    const channel = await dialled(
      withoutNumber(aspJob(dialId, { caller_account: 'a.many' }), 'caller_number'),
    )
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    expect(rings(dialId)).toHaveLength(4)
    const uuid = placeUuidOf(dialId, '0', 2)
    await until('the two talk', () => stage.switch.channel(uuid)?.bridgedTo === channelUuidOf(dialId, '1'))
    await channel.order({ type: 'hangup' })
    await over(channel, dialId)
    expect(channel.heard.filter(each => each.type === 'hangup-event')).toHaveLength(2)
  })

  test('all of whose contacts fail ends with one hangup-event', async () => {
    const dialId = newDialId()
    register('a.stale', '15550000503')
    register('a.stale', '15551000486')
    const channel = await dialled(
      withoutNumber(aspJob(dialId, { caller_account: 'a.stale' }), 'caller_number'),
    )
    await channel.next('hangup-event')
    await over(channel, dialId)
    expect(told(channel).slice(2)).toEqual(['call-start', expect.stringMatching(/^hangup-event 0 /)])
  })

  test('who is awake and registered nowhere is called by the number, or is a failure', async () => {
    const dialId = newDialId()
    const channel = await dialled(
      withoutNumber(aspJob(dialId, { caller_account: 'a.away' }), 'caller_number'),
    )
    await channel.next('failure')
    await over(channel, dialId)
    expect(told(channel).slice(1)).toEqual([
      'wake-event 0 confirmed',
      'wake-event 0 failed no-contact',
      'failure the phones of the account did not wake: no-contact',
    ])
  })
})

describe('the callee', () => {
  test('is woken when the caller has answered, who hears it ring, and is joined to them', async () => {
    const dialId = newDialId()
    register('b.1')
    const channel = await dialled(withoutNumber(aspJob(dialId, { callee_account: 'b.1' }), 'callee_number'))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    const a = channelUuidOf(dialId, '0')
    await until('the two talk', () => stage.switch.channel(a)?.bridgedTo === channelUuidOf(dialId, '1'))
    await channel.order({ type: 'hangup' })
    await over(channel, dialId)
    expect(told(channel)).toEqual([
      'call-start',
      'answer-event 0',
      'wake-event 1 pushed',
      'wake-event 1 confirmed',
      'answer-event 1',
      'ack',
      'hangup-event 0 NORMAL_CLEARING',
      'hangup-event 1 NORMAL_CLEARING',
    ])
    const transfers = stage.switch
      .records(0, ['command'])
      .flatMap(each =>
        each.kind === 'command' && each.command.includes(`uuid_transfer ${a}`) ? [each.command] : [],
      )
    expect(transfers).toHaveLength(2)
    expect(transfers[0]).toContain('m:!:playback:tone_stream://')
  })

  test('who does not wake is absent, and the caller is let go', async () => {
    const dialId = newDialId()
    const channel = await dialled(withoutNumber(aspJob(dialId, { callee_account: 'no' }), 'callee_number'))
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    await over(channel, dialId)
    expect(told(channel)).toEqual([
      'call-start',
      'answer-event 0',
      'wake-event 1 pushed',
      'wake-event 1 failed unavailable',
      'hangup-event 1 SUBSCRIBER_ABSENT',
      'hangup-event 0 SUBSCRIBER_ABSENT',
    ])
  })

  test('who does not wake is called by the number beside the account', async () => {
    const dialId = newDialId()
    const channel = await dialled(aspJob(dialId, { callee_account: 'none', callee_number: '15550000002' }))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    expect(rings(dialId)).toEqual(['15550000001', '15550000002'])
    await channel.order({ type: 'hangup' })
    await over(channel, dialId)
  })

  test('rings at several phones, and when all refuse the caller ends too', async () => {
    const dialId = newDialId()
    register('b.busy', '15550000486')
    register('b.busy', '15550000603')
    const channel = await dialled(
      withoutNumber(aspJob(dialId, { callee_account: 'b.busy' }), 'callee_number'),
    )
    await channel.next(each => each.type === 'hangup-event' && each.side === '0')
    await over(channel, dialId)
    expect(channel.heard.filter(each => each.type === 'hangup-event')).toHaveLength(2)
  })

  test('is rung at eight contacts at most, the newest, IPv6 ones among them', async () => {
    const dialId = newDialId()
    for (let at = 0; at < 9; at += 1) register('b.nine', `1555000${at}480`)
    stage.switch.register({ user: 'b.nine', uri: 'sip:1@192.0.2.9;x=a|sofia/gateway/g/900' })
    const newest = 'sip:15550000002@[2001:db8::1]:5060;transport=tcp'
    stage.switch.register({ user: 'b.nine', uri: newest })
    const channel = await dialled(
      withoutNumber(aspJob(dialId, { callee_account: 'b.nine' }), 'callee_number'),
    )
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    const [, ...contacts] = rings(dialId)
    expect(contacts).toHaveLength(8)
    expect(contacts.at(-1)).toBe(newest)
    expect(contacts[0]).toStartWith('sip:15550002480@')
    expect(stage.switch.injections).toEqual([])
    const place = 7
    await until('the two talk', () => stage.switch.channel(placeUuidOf(dialId, '1', place)) !== undefined)
    await channel.order({ type: 'hangup' })
    await over(channel, dialId)
  })

  test('is not woken for a caller who never answers', async () => {
    const dialId = newDialId()
    const job = aspJob(dialId, { callee_account: 'b.1', caller_number: '15550000486' })
    const channel = await dialled(withoutNumber(job, 'callee_number'))
    await channel.next('hangup-event')
    await over(channel, dialId)
    expect(held.some(each => each.call.callId === dialId)).toBe(false)
  })
})

test('both sides may be apps', async () => {
  const dialId = newDialId()
  register('both.a', '15550000001')
  register('both.b', '15550000002')
  const job = aspJob(dialId, { caller_account: 'both.a', callee_account: 'both.b' })
  const channel = await dialled(withoutNumber(job, 'caller_number', 'callee_number'))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  await channel.order({ type: 'hangup' })
  await over(channel, dialId)
  expect(held.filter(each => each.call.callId === dialId).map(each => each.call.account)).toEqual([
    'both.a',
    'both.b',
  ])
})

test('a bot call wakes its account and parks the phone', async () => {
  const dialId = newDialId()
  register('bot.1', '15550000003')
  const channel = await dialled(withoutNumber(botJob(dialId, { account: 'bot.1' }), 'phone_number'))
  await channel.next('answer-event')
  expect(rings(dialId)[0]).toContain('sip:15550000003@')
  await channel.order({ type: 'hangup' })
  await over(channel, dialId)
})

test('a job that names neither an account nor a number is none', async () => {
  const dialId = newDialId()
  const channel = await dialled(withoutNumber(aspJob(dialId, { caller_account: null }), 'caller_number'))
  expect((await channel.next('failure')).cause).toBe('caller_number is missing')
  const bad = newDialId()
  const other = await dialled(aspJob(bad, { callee_account: 'a b' }))
  expect((await other.next('failure')).cause).toContain('callee_account must be an account')
})

test('with ACCOUNT_DIAL=gateway the account is called through that gateway', async () => {
  const own = await openStage({
    switch: { answerAfterMs: 20, gateways: { talk_call_provider: 'up', pbx: 'up' } },
  })
  try {
    await own.front(async () => ({ status: 'ACK', reason: 'confirmed' }))
    await own.agent({ accountDial: { kind: 'gateway', gateway: 'pbx' } }).isReady
    const dialId = newDialId()
    const channel = await own.listen(dialId)
    await own.push(withoutNumber(aspJob(dialId, { callee_account: '1000@example.com' }), 'callee_number'))
    await channel.next(each => each.type === 'answer-event' && each.side === '1')
    const [, second] = own.switch.records(0, ['ring'])
    expect(second).toMatchObject({ destination: '1000', gateway: 'pbx' })
    await channel.order({ type: 'hangup' })
    await channel.next('hangup-event')
  } finally {
    await own.close()
  }
})
