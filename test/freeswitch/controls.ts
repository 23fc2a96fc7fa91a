// Every control message at a real switch: its one answer, the events that it causes, and what it must not do. Each
// test compares the channel's whole story; what the orders sound like is audio.ts's.
import { expect, test } from 'bun:test'
import { aspJob, dial, type TestCall } from './call.ts'
import type { Message } from './line.ts'
import type { PhoneOptions, Plan } from './phones.ts'
import { acked, answered, barging, hungUp, refused, started } from './story.ts'
import type { Testbed } from './testbed.ts'

const BARGE = { type: 'barge', caller_id: '15550004444' }
const LOGIN = { username: 'boss', password: 'boss.Secret-1' }

/** Supervisors who are not reached, and how the barge ends. */
const UNREACHED: { what: string; plan: Plan; cause: string }[] = [
  { what: 'is busy', plan: { kind: 'refuses', status: 486 }, cause: 'USER_BUSY' },
  { what: 'rejects the call', plan: { kind: 'refuses', status: 603 }, cause: 'CALL_REJECTED' },
  { what: 'does not answer', plan: { kind: 'rings' }, cause: 'NO_ANSWER' },
]

export function controlTests(bed: () => Testbed): void {
  const beginning = (call: TestCall): Message[] => [started(call.dialId), answered('0'), answered('1')]
  const ending = [acked('hangup'), hungUp('0', 'NORMAL_CLEARING'), hungUp('1', 'NORMAL_CLEARING')]

  async function talk() {
    const { phones } = bed()
    const [caller, callee] = [phones.add(), phones.add()]
    const call = await dial(bed(), aspJob(caller.number, callee.number))
    await call.talks()
    return { call, A: await caller.rung(), B: await callee.rung() }
  }

  async function ring(side: 'A' | 'B') {
    const { phones } = bed()
    const caller = phones.add(side === 'A' ? { plan: { kind: 'rings' } } : {})
    const callee = phones.add({ plan: { kind: 'rings' } })
    const call = await dial(bed(), aspJob(caller.number, callee.number))
    const leg = await (side === 'A' ? caller : callee).rung()
    await call.line.heard(side === 'A' ? started(call.dialId) : answered('0'))
    return { call, leg }
  }

  /** Rings a supervisor. @returns the phone, and the barge_id of the ack. */
  async function barge(call: TestCall, options: PhoneOptions = {}) {
    const phone = bed().phones.add(options)
    const answer = await call.line.order({ ...BARGE, phone_number: phone.number })
    const bargeId = String(answer.barge_id)
    expect(answer).toEqual(acked('barge', { barge_id: bargeId }))
    bed().usedChannels.add(bargeId)
    return { phone, bargeId }
  }

  async function bargeAndListen(call: TestCall) {
    const { phone, bargeId } = await barge(call)
    await call.line.heard(barging(bargeId, 'answered'))
    return { leg: await phone.rung(), bargeId }
  }

  const joined = (bargeId: string): Message[] => [
    acked('barge', { barge_id: bargeId }),
    barging(bargeId, 'ringing'),
    barging(bargeId, 'answered'),
  ]

  test('hangup ends a call', async () => {
    const { call, A, B } = await talk()
    expect(await call.line.order({ type: 'hangup' })).toEqual(acked('hangup'))
    expect(await Promise.all([A.ended, B.ended])).toEqual(['hung-up', 'hung-up'])
    await call.endsWith([...beginning(call), ...ending])
  })

  test('hangup while A rings: B is never rung', async () => {
    const { call, leg } = await ring('A')
    expect(await call.line.order({ type: 'hangup' })).toEqual(acked('hangup'))
    expect(await leg.ended).toBe('cancelled')
    await call.endsWith([started(call.dialId), acked('hangup'), hungUp('0', 'NORMAL_CLEARING')])
  })

  test('hangup while B rings: both phones go quiet', async () => {
    const { call, leg } = await ring('B')
    expect(await call.line.order({ type: 'hangup' })).toEqual(acked('hangup'))
    expect(await leg.ended).toBe('cancelled')
    await call.endsWith([
      started(call.dialId),
      answered('0'),
      acked('hangup'),
      hungUp('0', 'NORMAL_CLEARING'),
      hungUp('1', 'ORIGINATOR_CANCEL'),
    ])
  })

  test('a barger comes and goes, and the call goes on', async () => {
    const { call, A, B } = await talk()
    const { leg, bargeId } = await bargeAndListen(call)
    expect(leg.callerId).toBe('15550004444')
    leg.hangUp()
    await call.line.heard(barging(bargeId, 'ended', 'NORMAL_CLEARING'))
    expect([A.isLive, B.isLive]).toEqual([true, true])
    await call.line.order({ type: 'hangup' })
    await call.endsWith([
      ...beginning(call),
      ...joined(bargeId),
      barging(bargeId, 'ended', 'NORMAL_CLEARING'),
      ...ending,
    ])
  })

  test('every mode is acked with the barger that it went to', async () => {
    const { call } = await talk()
    const { bargeId } = await bargeAndListen(call)
    const acks: Message[] = []
    for (const type of ['whisper', 'mute', 'threeway', 'unthreeway']) {
      const ack = acked(type, { barge_id: bargeId, command_id: `to ${type}` })
      expect(await call.line.order({ type, command_id: `to ${type}` })).toEqual(ack)
      acks.push(ack)
    }
    await call.line.order({ type: 'hangup', barge_id: bargeId })
    await call.line.heard(barging(bargeId, 'ended', 'NORMAL_CLEARING'))
    await call.line.order({ type: 'hangup' })
    await call.endsWith([
      ...beginning(call),
      ...joined(bargeId),
      ...acks,
      acked('hangup', { barge_id: bargeId }),
      barging(bargeId, 'ended', 'NORMAL_CLEARING'),
      ...ending,
    ])
  })

  test('of several bargers the newest is meant, or the one whose barge_id is given', async () => {
    const { call } = await talk()
    const first = await bargeAndListen(call)
    const second = await bargeAndListen(call)
    const order = (type: string, barge_id?: string) =>
      call.line.order(barge_id === undefined ? { type } : { type, barge_id })
    const to = (type: string, { bargeId }: { bargeId: string }) => acked(type, { barge_id: bargeId })
    expect(await order('whisper')).toEqual(to('whisper', second))
    expect(await order('whisper', first.bargeId)).toEqual(to('whisper', first))
    expect(await order('hangup', second.bargeId)).toEqual(to('hangup', second))
    expect(await second.leg.ended).toBe('hung-up')
    await call.line.heard(barging(second.bargeId, 'ended', 'NORMAL_CLEARING'))
    expect(await order('threeway')).toEqual(to('threeway', first))
    const gone = 'no barger with this barge_id'
    expect(await order('mute', second.bargeId)).toEqual(refused('mute', gone))
    expect(await order('mute', crypto.randomUUID())).toEqual(refused('mute', gone))
    expect(first.leg.isLive).toBe(true)
    first.leg.hangUp()
    await call.line.heard(barging(first.bargeId, 'ended', 'NORMAL_CLEARING'))
    const nobody = refused('whisper', 'nobody barges in on this call')
    expect(await order('whisper')).toEqual(nobody)
    await order('hangup')
    await call.endsWith([
      ...beginning(call),
      ...joined(first.bargeId),
      ...joined(second.bargeId),
      to('whisper', second),
      to('whisper', first),
      to('hangup', second),
      barging(second.bargeId, 'ended', 'NORMAL_CLEARING'),
      to('threeway', first),
      refused('mute', gone),
      refused('mute', gone),
      barging(first.bargeId, 'ended', 'NORMAL_CLEARING'),
      nobody,
      ...ending,
    ])
  })

  for (const { what, plan, cause } of UNREACHED) {
    test(`a supervisor who ${what} leaves the call alone`, async () => {
      const { call, A, B } = await talk()
      const { bargeId } = await barge(call, { plan })
      await call.line.heard(barging(bargeId, 'ended', cause))
      expect([A.isLive, B.isLive]).toEqual([true, true])
      await call.line.order({ type: 'hangup' })
      await call.endsWith([
        ...beginning(call),
        acked('barge', { barge_id: bargeId }),
        barging(bargeId, 'ringing'),
        barging(bargeId, 'ended', cause),
        ...ending,
      ])
    })
  }

  test('a supervisor is reached by SIP URI too, with a login', async () => {
    const { call } = await talk()
    const phone = bed().phones.add({ challenge: { status: 401, ...LOGIN } })
    const order = { ...BARGE, phone_number: phone.uri, auth: true, sip_auth_username: LOGIN.username }
    const missing = 'sip_auth_password must be 1-128 of letters, digits and !#%&*+./;?@_~=-'
    expect(await call.line.order(order)).toEqual(refused('barge', missing))
    const { barge_id } = await call.line.order({ ...order, sip_auth_password: LOGIN.password })
    const bargeId = String(barge_id)
    bed().usedChannels.add(bargeId)
    await call.line.heard(barging(bargeId, 'answered'))
    ;(await phone.rung()).hangUp()
    await call.line.heard(barging(bargeId, 'ended', 'NORMAL_CLEARING'))
    await call.line.order({ type: 'hangup' })
    await call.endsWith([
      ...beginning(call),
      refused('barge', missing),
      ...joined(bargeId),
      barging(bargeId, 'ended', 'NORMAL_CLEARING'),
      ...ending,
    ])
  })

  test('a call that ends takes its bargers with it, those who listen and those who ring', async () => {
    const { call, A } = await talk()
    const listening = await bargeAndListen(call)
    const ringing = await barge(call, { plan: { kind: 'rings' } })
    const leg = await ringing.phone.rung()
    await call.line.heard(barging(ringing.bargeId, 'ringing'))
    A.hangUp()
    expect(await leg.ended).toBe('cancelled')
    expect(await listening.leg.ended).toBe('hung-up')
    await call.endsWith([
      ...beginning(call),
      ...joined(listening.bargeId),
      acked('barge', { barge_id: ringing.bargeId }),
      barging(ringing.bargeId, 'ringing'),
      hungUp('0', 'NORMAL_CLEARING'),
      hungUp('1', 'NORMAL_CLEARING'),
      barging(listening.bargeId, 'ended', 'NORMAL_CLEARING'),
      barging(ringing.bargeId, 'ended', 'NORMAL_CLEARING'),
    ])
  })

  test('what is wrong is refused in plain words, and the call is unharmed', async () => {
    const { call, A, B } = await talk()
    const { line } = call
    const wrong: [Message | string, Message][] = [
      ['{"type":"hangup"', refused('', 'the message is not valid JSON')],
      ['["hangup"]', refused('', 'the message is no JSON object with a type')],
      ['{"type":7}', refused('', 'the message is no JSON object with a type')],
      [{ type: 'dance' }, refused('dance', 'unknown type: dance')],
      [{ type: 'mute', barge_id: 7 }, refused('mute', 'barge_id must be a text')],
      [{ type: 'whisper' }, refused('whisper', 'nobody barges in on this call')],
      [{ type: 'play' }, refused('play', expect.stringContaining('path must be a sound file'))],
      [{ type: 'play', path: 'a\nhangup' }, refused('play', expect.stringContaining('path must be'))],
      [{ type: 'barge' }, refused('barge', expect.stringContaining('phone_number must be'))],
      [
        { ...BARGE, phone_number: '1 &system(reboot)' },
        refused('barge', expect.stringContaining('phone_number must be')),
      ],
      [
        { type: 'bridge', dial_id1: call.dialId, dial_id2: 'x' },
        refused('bridge', 'bridge belongs on the channel of the switch, its core_uuid'),
      ],
    ]
    for (const [message, answer] of wrong) {
      const heard = line.next({ event: answer.event })
      await line.say(message)
      expect(await heard).toEqual(answer)
    }
    expect([A.isLive, B.isLive]).toEqual([true, true])
    const refusals = line.messages.slice(3)
    expect(refusals).toHaveLength(wrong.length)
    await line.order({ type: 'hangup' })
    await call.endsWith([...beginning(call), ...refusals, ...ending])
  })

  test('what a call can not do yet is refused: A rings, then B rings', async () => {
    const { sounds } = bed()
    const a = await ring('A')
    const early = 'the call is not answered yet'
    expect(await a.call.line.order({ type: 'play', path: sounds.file })).toEqual(refused('play', early))
    expect(await a.call.line.order({ type: 'start-background', path: sounds.music })).toEqual(
      refused('start-background', early),
    )
    await a.call.line.order({ type: 'hangup' })
    const b = await ring('B')
    const half = refused('play', 'the callee has not answered yet')
    expect(await b.call.line.order({ type: 'play', path: sounds.file })).toEqual(half)
    await b.call.line.order({ type: 'hangup' })
    await b.call.line.heard(hungUp('1', 'ORIGINATOR_CANCEL'))
  })

  test('a file that the switch does not have is refused; so is music that plays already, or not at all', async () => {
    const { call } = await talk()
    const { file, music, missing } = bed().sounds
    const steps: [Message, Message][] = [
      [{ type: 'play', path: missing }, refused('play', 'the switch has no such file')],
      [{ type: 'play-now', path: missing }, refused('play-now', 'the switch has no such file')],
      [{ type: 'stop-playback' }, acked('stop-playback')],
      [{ type: 'play', path: file }, acked('play')],
      [{ type: 'play-now', path: music }, acked('play-now')],
      [{ type: 'stop-playback' }, acked('stop-playback')],
      [
        { type: 'start-background', path: missing },
        refused('start-background', 'the switch refused: Cannot displace session!'),
      ],
      [{ type: 'start-background', path: music }, acked('start-background')],
      [
        { type: 'start-background', path: music },
        refused('start-background', 'the switch refused: Cannot displace session!'),
      ],
      [{ type: 'stop-background', path: music }, acked('stop-background')],
      [
        { type: 'stop-background', path: music },
        refused('stop-background', 'the switch refused: Cannot stop displace session!'),
      ],
    ]
    for (const [message, answer] of steps) expect(await call.line.order(message)).toEqual(answer)
    await call.line.order({ type: 'hangup' })
    await call.endsWith([...beginning(call), ...steps.map(([, answer]) => answer), ...ending])
  })

  test('a call that is over hears nothing any more', async () => {
    const { call } = await talk()
    await call.line.order({ type: 'hangup' })
    await call.endsWith([...beginning(call), ...ending])
    expect(await bed().redis.client.publish(call.dialId, '{"type":"hangup"}')).toBe(0)
  })
}
