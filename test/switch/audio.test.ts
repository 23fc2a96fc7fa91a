// The audio model against what was measured with tones on a real switch: who hears whom in every mode.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { EslProbe, headerValue } from './eslProbe.ts'
import { ended, parkedLeg, settled, startCall, supervisor, talkingCall } from './testCalls.ts'
import { startTestSwitch, type TestSwitch } from './testSwitch.ts'

const FILE = '/sounds/long.wav'
const PLAYED = `file:${FILE}`

let testSwitch: TestSwitch
let probe: EslProbe
beforeEach(async () => {
  testSwitch = await startTestSwitch({ msPerSecond: 20, files: { [FILE]: 1_000 } })
  probe = await EslProbe.listen(testSwitch.port)
})
afterEach(async () => {
  probe.close()
  await testSwitch.close()
})

/** What these legs hear, by the names given to them, sorted. */
function heard(legs: Record<string, string>): Record<string, string[]> {
  const names = new Map(Object.entries(legs).map(([name, uuid]) => [uuid, name]))
  const named = (sound: string): string => names.get(sound) ?? sound
  return Object.fromEntries(
    Object.entries(legs).map(([name, uuid]) => [name, [...testSwitch.hears(uuid)].map(named).sort()]),
  )
}

describe('a supervisor', () => {
  const MODES: [key: string, meaning: string, a: string[], b: string[]][] = [
    ['0', 'is heard by nobody', ['b'], ['a']],
    ['2', 'is heard by the A-leg alone', ['b', 's'], ['a']],
    ['1', 'is heard by the B-leg alone', ['b'], ['a', 's']],
    ['3', 'is heard by both', ['b', 's'], ['a', 's']],
  ]
  for (const [key, meaning, a, b] of MODES) {
    test(`of mode ${key} ${meaning} and hears both`, async () => {
      const legs = await talkingCall(probe)
      const s = await supervisor(probe, legs.a)
      probe.send(`sendevent CUSTOM\nEvent-Subclass: ours::mode\nunique-id: ${s}\neavesdrop-command: ${key}`)
      const isApplied = (): boolean => {
        const { isHeardByOther, isHeardByTarget } = testSwitch.channel(s)!.eavesdrops!
        return isHeardByOther === b.includes('s') && isHeardByTarget === a.includes('s')
      }
      await settled(probe, isApplied)
      expect(heard({ ...legs, s })).toEqual({ a, b, s: ['a', 'b'] })
      expect(probe.events('CUSTOM')).toEqual([])
    })
  }

  test('starts in the mode that its variables name, which are named the other way round', async () => {
    const legs = await talkingCall(probe)
    const s = await supervisor(probe, legs.a, { variables: 'eavesdrop_whisper_aleg=true' })
    expect(heard({ ...legs, s })).toEqual({ a: ['b'], b: ['a', 's'], s: ['a', 'b'] })
    const t = await supervisor(probe, legs.a, { variables: 'eavesdrop_whisper_bleg=true' })
    expect(heard({ ...legs, t }).a).toEqual(['b', 't'])
  })

  test('gets a mode that was sent while it still rang', async () => {
    testSwitch.phone('15105550003', { kind: 'no-answer' })
    const legs = await talkingCall(probe)
    const s = crypto.randomUUID()
    probe.send(
      `bgapi originate {origination_uuid=${s}}sofia/gateway/talk_call_provider/15105550003 &eavesdrop(${legs.a})`,
    )
    await probe.event('CHANNEL_CREATE', event => headerValue(event, 'Unique-ID') === s)
    await probe.command(`sendevent CUSTOM\nunique-id: ${s}\neavesdrop-command: 2`)
    testSwitch.answer(s)
    await probe.event('CHANNEL_EXECUTE', event => headerValue(event, 'Unique-ID') === s)
    expect(heard({ ...legs, s })).toEqual({ a: ['b', 's'], b: ['a'], s: ['a', 'b'] })
  })

  test('uses its keypad only where nobody has turned that off', async () => {
    const legs = await talkingCall(probe)
    const free = await supervisor(probe, legs.a, { variables: '' })
    const tied = await supervisor(probe, legs.a, { number: '15105550004' })
    expect(testSwitch.press(tied, '3')).toBe(false)
    expect(await probe.api(`uuid_recv_dtmf ${free} 3`)).toBe(`+OK ${free} received DTMF 3.\n`)
    await probe.event('DTMF')
    expect(heard({ ...legs, free, tied }).b).toEqual(['a', 'free'])
    testSwitch.press(free, '*')
    expect(await ended(probe, free)).toBe('NORMAL_CLEARING')
    expect(heard({ ...legs, tied })).toEqual({ a: ['b'], b: ['a'], tied: ['a', 'b'] })
  })

  test('may hear the whisper of one that came before, not of one that came after', async () => {
    const legs = await talkingCall(probe)
    const first = await supervisor(probe, legs.a, { variables: 'eavesdrop_whisper_bleg=true' })
    const second = await supervisor(probe, legs.a, {
      variables: 'eavesdrop_whisper_bleg=true',
      number: '15105550004',
    })
    expect(heard({ ...legs, first, second })).toEqual({
      a: ['b', 'first', 'second'],
      b: ['a'],
      first: ['a', 'b'],
      second: ['a', 'b', 'first'],
    })
  })

  test('goes with the call, and the call stays when it goes', async () => {
    const legs = await talkingCall(probe)
    const s = await supervisor(probe, legs.a)
    testSwitch.hangup(s)
    await ended(probe, s)
    expect(heard(legs)).toEqual({ a: ['b'], b: ['a'] })
    const t = await supervisor(probe, legs.a)
    testSwitch.hangup(legs.b)
    expect(await ended(probe, t)).toBe('NORMAL_CLEARING')
  })

  test('of a leg that rings hears it once it answers, if that comes in time', async () => {
    testSwitch.phone('15105620001', { kind: 'no-answer' })
    const legs = startCall(probe)
    await probe.event('CHANNEL_PROGRESS')
    const s = await supervisor(probe, legs.a)
    expect(heard({ ...legs, s }).s).toEqual([])
    testSwitch.answer(legs.a)
    await probe.event('CHANNEL_BRIDGE')
    expect(heard({ ...legs, s }).s).toEqual(['a', 'b'])
  })
})

describe('a caller who waits', () => {
  const waiting = async (variables: string): Promise<{ a: string; b: string }> => {
    testSwitch.phone('14157690002', { kind: 'no-answer' })
    const legs = startCall(probe, { variables })
    await probe.event('CHANNEL_PROGRESS', event => headerValue(event, 'Unique-ID') === legs.b)
    return legs
  }

  test('hears silence with instant_ringback alone, and not even a whisper', async () => {
    const legs = await waiting('ignore_early_media=true,instant_ringback=true')
    const s = await supervisor(probe, legs.a, { variables: 'eavesdrop_whisper_bleg=true' })
    expect(heard({ ...legs, s })).toEqual({ a: [], b: [], s: ['a'] })
  })

  test('hears a tone that was named, and a whisper over it', async () => {
    const legs = await waiting('ignore_early_media=true,instant_ringback=true,ringback=%(1000\\,0\\,1500)')
    expect(heard(legs)).toEqual({ a: ['ringback'], b: [] })
    const s = await supervisor(probe, legs.a, { variables: 'eavesdrop_whisper_bleg=true' })
    expect(heard({ ...legs, s })).toEqual({ a: ['ringback', 's'], b: [], s: ['a', 'ringback'] })
    testSwitch.answer(legs.b)
    await probe.event('CHANNEL_BRIDGE')
    expect(heard(legs)).toMatchObject({ b: ['a'] })
  })
})

describe('a file', () => {
  const start = (event = 'PLAYBACK_START'): Promise<unknown> => probe.event(event)

  test('that is broadcast to both keeps them apart until both have stopped', async () => {
    const legs = await talkingCall(probe)
    await probe.api(`uuid_broadcast ${legs.a} ${FILE} both`)
    await start()
    await probe.until(() => probe.events('PLAYBACK_START').length === 2)
    expect(heard(legs)).toEqual({ a: [PLAYED], b: [PLAYED] })
    await probe.api(`uuid_break ${legs.a} all`)
    await start('PLAYBACK_STOP')
    expect(heard(legs)).toEqual({ a: [], b: [PLAYED] })
    await probe.api(`uuid_break ${legs.a} all both`)
    await probe.until(() => probe.events('PLAYBACK_STOP').length === 2)
    expect(heard(legs)).toEqual({ a: ['b'], b: ['a'] })
  })

  test('that is broadcast twice plays twice, unless what waits is broken off too', async () => {
    const legs = await talkingCall(probe)
    await probe.api(`uuid_broadcast ${legs.a} ${FILE} aleg`)
    await probe.api(`uuid_broadcast ${legs.a} ${FILE} aleg`)
    await start()
    await settled(probe, () => testSwitch.channel(legs.a)!.queued.length === 1)
    await probe.api(`uuid_break ${legs.a}`)
    await probe.until(() => probe.events('PLAYBACK_START').length === 2)
    await probe.api(`uuid_broadcast ${legs.a} ${FILE} aleg`)
    await probe.api(`uuid_break ${legs.a} all`)
    await probe.until(() => probe.events('PLAYBACK_STOP').length === 2)
    expect(testSwitch.channel(legs.a)).toMatchObject({ playing: undefined, queued: [] })
  })

  test('plays on a parked leg too', async () => {
    const uuid = await parkedLeg(probe)
    await probe.api(`uuid_broadcast ${uuid} ${FILE} both`)
    await start()
    expect([...testSwitch.hears(uuid)]).toEqual([PLAYED])
  })

  const DISPLACED: [flags: string, meaning: string, a: string[], b: string[]][] = [
    ['mux', 'is heard by A under the talk', ['b', PLAYED], ['a']],
    ['mr', 'is heard by B under the talk', ['b'], ['a', PLAYED]],
    ['', 'is heard by A alone and cuts the two apart', [PLAYED], []],
    ['r', 'is heard by B alone and cuts the two apart', [], [PLAYED]],
  ]
  for (const [flags, meaning, a, b] of DISPLACED) {
    test(`displaced with '${flags}' ${meaning}`, async () => {
      const legs = await talkingCall(probe)
      expect(await probe.api(`uuid_displace ${legs.a} start ${FILE} 0 ${flags}`)).toBe('+OK Success\n')
      const sorted = { a: [...a].sort(), b: [...b].sort() }
      expect(heard(legs)).toEqual(sorted)
      await probe.api(`uuid_displace ${legs.a} stop ${FILE}`)
      await start('MEDIA_BUG_STOP')
      expect(heard(legs)).toEqual({ a: ['b'], b: ['a'] })
    })
  }

  test('mixed under the talk on both legs is heard by both, who go on hearing each other', async () => {
    const legs = await talkingCall(probe)
    for (const leg of [legs.a, legs.b]) await probe.api(`uuid_displace ${leg} start ${FILE} 0 mux`)
    expect(heard(legs)).toEqual({ a: ['b', PLAYED], b: ['a', PLAYED] })
  })

  test('displaced on a leg that rings, or that is not there, is refused', async () => {
    testSwitch.phone('15105620001', { kind: 'no-answer' })
    const legs = startCall(probe)
    await probe.event('CHANNEL_PROGRESS')
    expect(await probe.api(`uuid_displace ${legs.a} start ${FILE} 0 mux`)).toBe(
      '-ERR Cannot displace session!\n',
    )
    expect(await probe.api(`uuid_displace nobody start ${FILE} 0 mux`)).toBe('-ERR Cannot locate session!\n')
  })
})

describe('legs that change partners', () => {
  test('hear the new one, and the one left behind is hung up or parks as it was told', async () => {
    const legs = await talkingCall(probe)
    const bot = await parkedLeg(probe, { variables: 'park_after_bridge=true' })
    await probe.api(`uuid_bridge ${legs.a} ${bot}`)
    await probe.until(() => probe.events('CHANNEL_BRIDGE').length === 2)
    expect(await ended(probe, legs.b)).toBe('NORMAL_CLEARING')
    expect(heard({ a: legs.a, bot })).toEqual({ a: ['bot'], bot: ['a'] })
    testSwitch.hangup(legs.a)
    await ended(probe, legs.a)
    expect(testSwitch.channel(bot)).toMatchObject({ isParked: true, bridgedTo: undefined })
    expect([...testSwitch.hears(bot)]).toEqual([])
  })

  test('may be parked by command, which ends the other', async () => {
    const legs = await talkingCall(probe)
    expect(await probe.api(`uuid_park ${legs.a}`)).toBe('+OK\n')
    expect(await ended(probe, legs.b)).toBe('NORMAL_CLEARING')
    expect(testSwitch.channel(legs.a)?.isParked).toBe(true)
  })
})
