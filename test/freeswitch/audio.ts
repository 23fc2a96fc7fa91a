// The proof by ear: what A, B and a supervisor S hear of each other and of what is played, in every state that a
// control message can bring about. Tones are played and detected at the phones; no event of the switch is believed.
import { expect, test } from 'bun:test'
import { aspJob, botJob, dial, type TestCall } from './call.ts'
import { expectHearing, hearingOf } from './hearing.ts'
import type { PhoneLeg } from './phoneLeg.ts'
import type { PhoneOptions } from './phones.ts'
import { acked } from './story.ts'
import { HERTZ, type Testbed } from './testbed.ts'

export function audioTests(bed: () => Testbed): void {
  async function talk(): Promise<{ call: TestCall; A: PhoneLeg; B: PhoneLeg }> {
    const { phones } = bed()
    const [caller, callee] = [phones.add({ hertz: HERTZ.A }), phones.add({ hertz: HERTZ.B })]
    const call = await dial(bed(), aspJob(caller.number, callee.number))
    await call.talks()
    return { call, A: await caller.rung(), B: await callee.rung() }
  }

  async function barge(call: TestCall, hertz: number, options: PhoneOptions = {}) {
    const phone = bed().phones.add({ ...options, hertz })
    const order = { type: 'barge', phone_number: phone.number, caller_id: '15550004444' }
    const { barge_id } = await call.line.order(order)
    bed().usedChannels.add(String(barge_id))
    return { leg: await phone.rung(), bargeId: String(barge_id) }
  }

  async function obeys(call: TestCall, message: { type: string } & Record<string, unknown>): Promise<void> {
    expect(await call.line.order(message)).toMatchObject(acked(message.type))
  }

  const end = async (call: TestCall): Promise<void> => {
    await obeys(call, { type: 'hangup' })
    await call.line.heard({ type: 'hangup-event', side: '0' })
  }

  test('the caller hears ring-back, and no announcement, until the callee answers', async () => {
    const { phones } = bed()
    const caller = phones.add({ hertz: HERTZ.A })
    const callee = phones.add({ hertz: HERTZ.B, plan: { kind: 'early-media' } })
    const call = await dial(bed(), aspJob(caller.number, callee.number))
    const [A, B] = [await caller.rung(), await callee.rung()]
    await expectHearing('B rings and announces', { A, B }, { A: ['ring'], B: [] })
    await B.answer()
    await expectHearing('B has answered', { A, B }, { A: ['B'], B: ['A'] })
    await end(call)
  })

  test('a supervisor: whisper is heard by A, threeway by both, everything else by nobody', async () => {
    const { call, A, B } = await talk()
    await expectHearing('talk', { A, B }, { A: ['B'], B: ['A'] })
    const { leg: S } = await barge(call, HERTZ.S)
    const both = { S: ['A', 'B'] as ('A' | 'B')[] }
    const nobody = { A: ['B' as const], B: ['A' as const], ...both }
    await expectHearing('barge', { A, B, S }, nobody)
    await obeys(call, { type: 'whisper' })
    await expectHearing('whisper', { A, B, S }, { A: ['B', 'S'], B: ['A'], ...both })
    await obeys(call, { type: 'mute' })
    await expectHearing('mute', { A, B, S }, nobody)
    await obeys(call, { type: 'threeway' })
    await expectHearing('threeway', { A, B, S }, { A: ['B', 'S'], B: ['A', 'S'], ...both })
    await obeys(call, { type: 'unthreeway' })
    await expectHearing('unthreeway', { A, B, S }, nobody)
    await obeys(call, { type: 'threeway' })
    await obeys(call, { type: 'whisper' })
    await expectHearing('threeway, then whisper', { A, B, S }, { A: ['B', 'S'], B: ['A'], ...both })
    S.hangUp()
    await expectHearing('S has left', { A, B }, { A: ['B'], B: ['A'] })
    await end(call)
  })

  test("the supervisor's keypad changes nothing", async () => {
    const { call, A, B } = await talk()
    const { leg: S } = await barge(call, HERTZ.S)
    const nobody = { A: ['B' as const], B: ['A' as const], S: ['A' as const, 'B' as const] }
    await expectHearing('barge', { A, B, S }, nobody)
    for (const key of ['2', '1', '3', '*']) {
      await S.press(key)
      await expectHearing(`S presses ${key}`, { A, B, S }, nobody)
    }
    await obeys(call, { type: 'whisper' })
    const whispering = { ...nobody, A: ['B' as const, 'S' as const] }
    await expectHearing('whisper', { A, B, S }, whispering)
    await S.press('0')
    await expectHearing('whisper, S presses 0', { A, B, S }, whispering)
    await end(call)
  })

  test('the keys of these phones do reach the switch, where it listens to them', async () => {
    const { phones, probe } = bed()
    const phone = phones.add({ hertz: HERTZ.A })
    const call = await dial(bed(), botJob(phone.number))
    await call.answers('0')
    const leg = await phone.rung()
    await leg.press('213*')
    await leg.hear(200)
    expect(probe.keys.filter(key => key.startsWith(call.a))).toEqual(
      ['2', '1', '3', '*'].map(k => `${call.a} ${k}`),
    )
    await end(call)
  })

  test('a supervisor who is told to whisper while the phone still rings does so from the answer on', async () => {
    const { call, A, B } = await talk()
    const { leg: S, bargeId } = await barge(call, HERTZ.S, { plan: { kind: 'rings' } })
    await call.line.heard({ type: 'barge-event', barge_id: bargeId, state: 'ringing' })
    await obeys(call, { type: 'whisper' })
    await S.answer()
    await expectHearing(
      'whisper ordered while S rang',
      { A, B, S },
      { A: ['B', 'S'], B: ['A'], S: ['A', 'B'] },
    )
    await end(call)
  })

  test('of two supervisors each is addressed by its barge_id', async () => {
    const { call, A, B } = await talk()
    const first = await barge(call, HERTZ.S)
    const second = await barge(call, HERTZ.S2)
    const all = { A, B }
    await expectHearing('S and S2 barge', all, { A: ['B'], B: ['A'] })
    await obeys(call, { type: 'whisper', barge_id: first.bargeId })
    await expectHearing('S whispers', all, { A: ['B', 'S'], B: ['A'] })
    await obeys(call, { type: 'threeway', barge_id: second.bargeId })
    await expectHearing('S whispers, S2 threeway', all, { A: ['B', 'S', 'S2'], B: ['A', 'S2'] })
    await obeys(call, { type: 'mute', barge_id: first.bargeId })
    await expectHearing('S mute, S2 threeway', all, { A: ['B', 'S2'], B: ['A', 'S2'] })
    await obeys(call, { type: 'hangup', barge_id: second.bargeId })
    await expectHearing('S2 was hung up', all, { A: ['B'], B: ['A'] })
    expect((await hearingOf({ S: first.leg })).S).toEqual(['A', 'B'])
    await end(call)
  })

  test('a supervisor joins while A rings, and hears the call when there is one', async () => {
    const { phones } = bed()
    const caller = phones.add({ hertz: HERTZ.A, plan: { kind: 'rings' } })
    const callee = phones.add({ hertz: HERTZ.B })
    const call = await dial(bed(), aspJob(caller.number, callee.number))
    const A = await caller.rung()
    await call.line.heard({ type: 'call-start' })
    const { leg: S } = await barge(call, HERTZ.S)
    await S.acknowledged
    await A.answer()
    await call.talks()
    const B = await callee.rung()
    await expectHearing('barge while A rang', { A, B, S }, { A: ['B'], B: ['A'], S: ['A', 'B'] })
    await end(call)
  })

  test('a supervisor joins while B rings, and whispers meanwhile', async () => {
    const { phones } = bed()
    const caller = phones.add({ hertz: HERTZ.A })
    const callee = phones.add({ hertz: HERTZ.B, plan: { kind: 'rings' } })
    const call = await dial(bed(), aspJob(caller.number, callee.number))
    const [A, B] = [await caller.rung(), await callee.rung()]
    await call.answers('0')
    const { leg: S } = await barge(call, HERTZ.S)
    await obeys(call, { type: 'whisper' })
    await expectHearing('whisper while B rings', { A, S }, { A: ['S', 'ring'], S: ['A', 'ring'] })
    await B.answer()
    await expectHearing('B has answered', { A, B, S }, { A: ['B', 'S'], B: ['A'], S: ['A', 'B'] })
    await end(call)
  })

  test('a parked bot call hears a supervisor, and background music', async () => {
    const { phones, sounds } = bed()
    const phone = phones.add({ hertz: HERTZ.A })
    const call = await dial(bed(), botJob(phone.number))
    await call.answers('0')
    const A = await phone.rung()
    const { leg: S } = await barge(call, HERTZ.S)
    await expectHearing('a bot call: barge', { A, S }, { A: [], S: ['A'] })
    await obeys(call, { type: 'whisper' })
    await expectHearing('a bot call: whisper', { A, S }, { A: ['S'], S: ['A'] })
    await obeys(call, { type: 'mute' })
    await obeys(call, { type: 'start-background', path: sounds.music })
    await expectHearing('a bot call: start-background', { A }, { A: ['music'] })
    await obeys(call, { type: 'stop-background', path: sounds.music })
    await expectHearing('a bot call: stop-background', { A, S }, { A: [], S: ['A'] })
    await end(call)
  })

  test('play is heard by both sides, one file after another; stop-playback gives them back to each other', async () => {
    const { call, A, B } = await talk()
    const { sounds } = bed()
    await obeys(call, { type: 'play', path: sounds.file })
    await expectHearing('play', { A, B }, { A: ['file'], B: ['file'] })
    await obeys(call, { type: 'play', path: sounds.music })
    await expectHearing('play while one plays', { A, B }, { A: ['file'], B: ['file'] })
    await obeys(call, { type: 'stop-playback' })
    await expectHearing('stop-playback', { A, B }, { A: ['B'], B: ['A'] })
    await end(call)
  })

  test('play-now replaces what plays', async () => {
    const { call, A, B } = await talk()
    const { sounds } = bed()
    await obeys(call, { type: 'play', path: sounds.file })
    await expectHearing('play', { A, B }, { A: ['file'], B: ['file'] })
    await obeys(call, { type: 'play-now', path: sounds.music })
    await expectHearing('play-now of music', { A, B }, { A: ['music'], B: ['music'] })
    await obeys(call, { type: 'stop-playback' })
    await expectHearing('stop-playback', { A, B }, { A: ['B'], B: ['A'] })
    await end(call)
  })

  test('background music is heard by both, who go on hearing each other', async () => {
    const { call, A, B } = await talk()
    const { sounds } = bed()
    await obeys(call, { type: 'start-background', path: sounds.music })
    await expectHearing('start-background', { A, B }, { A: ['B', 'music'], B: ['A', 'music'] })
    await obeys(call, { type: 'stop-background', path: sounds.music })
    await expectHearing('stop-background', { A, B }, { A: ['B'], B: ['A'] })
    await end(call)
  })

  test('two bot calls hear each other when bridged, and the one left over nobody', async () => {
    const { phones, probe, lines } = bed()
    const core = await lines.open(probe.coreUuid)
    const park = async (hertz: number) => {
      const phone = phones.add({ hertz })
      const call = await dial(bed(), botJob(phone.number))
      await call.answers('0')
      return { call, leg: await phone.rung() }
    }
    const [first, second] = [await park(HERTZ.A), await park(HERTZ.B)]
    const legs = { A: first.leg, B: second.leg }
    await expectHearing('two bot calls, parked', legs, { A: [], B: [] })
    await core.order({ type: 'bridge', dial_id1: first.call.dialId, dial_id2: second.call.dialId })
    await expectHearing('two bot calls, bridged', legs, { A: ['B'], B: ['A'] })
    first.leg.hangUp()
    await expectHearing('the bot call left over', { B: second.leg }, { B: [] })
    await obeys(second.call, { type: 'play', path: bed().sounds.file })
    await expectHearing('play to a parked bot call', { B: second.leg }, { B: ['file'] })
    await end(second.call)
  })
}
