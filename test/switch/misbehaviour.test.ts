import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { EslProbe, headerValue } from './eslProbe.ts'
import { ended, jobResult, parkedLeg, settled, startCall, talkingCall } from './testCalls.ts'
import { startTestSwitch, type TestSwitch } from './testSwitch.ts'

let testSwitch: TestSwitch
let probe: EslProbe
beforeEach(async () => {
  testSwitch = await startTestSwitch({ msPerSecond: 20 })
  probe = await EslProbe.listen(testSwitch.port)
})
afterEach(async () => {
  probe.close()
  await testSwitch.close()
})

const ENDPOINT = 'sofia/gateway/talk_call_provider'
const names = (from: EslProbe): string[] => from.events().map(event => headerValue(event, 'Event-Name'))

describe('a switch that is lost', () => {
  test('killed ends every stream without a word, and comes back on its port without a call', async () => {
    const { coreUuid, port } = testSwitch
    await talkingCall(probe)
    const rings = testSwitch.records(0, ['ring']).length
    await testSwitch.restart()
    await probe.until(() => probe.isClosed)
    expect(names(probe).at(-1)).toBe('CHANNEL_BRIDGE')
    expect(testSwitch.port).toBe(port)
    expect(testSwitch.coreUuid).not.toBe(coreUuid)
    const again = await EslProbe.listen(port)
    expect(await again.api('show channels as json')).toBe('{"row_count": 0}\n')
    expect(testSwitch.records(0, ['ring'])).toHaveLength(rings)
    expect(testSwitch.records(0, ['start', 'stop']).map(entry => entry.kind)).toEqual([
      'start',
      'stop',
      'start',
    ])
    again.close()
  })

  test('shut down in order hangs everything up, and only then says goodbye', async () => {
    // Its last moment is long enough for what is tried in it.
    await using opened = new AsyncDisposableStack()
    const testSwitch = opened.adopt(await startTestSwitch({ msPerSecond: 500 }), each => each.close())
    const probe = await EslProbe.listen(testSwitch.port)
    const { a, b } = await talkingCall(probe)
    const stopped = testSwitch.stop({ graceful: true })
    await probe.event('SHUTDOWN')
    await expect(EslProbe.connect(testSwitch.port)).rejects.toThrow()
    expect([await ended(probe, a), await ended(probe, b)]).toEqual(['SYSTEM_SHUTDOWN', 'SYSTEM_SHUTDOWN'])
    // It makes no call any more, and no new life begins beside the old one.
    probe.send(`bgapi originate ${ENDPOINT}/15105620001 &park()\nJob-UUID: late`)
    const late = await probe.event('BACKGROUND_JOB', frame => headerValue(frame, 'Job-UUID') === 'late')
    expect(headerValue(late, '_body')).toBe('-ERR CHAN_NOT_IMPLEMENTED\n')
    testSwitch.start()
    await expect(EslProbe.connect(testSwitch.port)).rejects.toThrow()
    await stopped
    await probe.until(() => probe.isClosed)
    expect(probe.frames.at(-1)).toMatchObject({ body: 'The system is being shut down.\n' })
    const again = await EslProbe.listen(testSwitch.port)
    again.close()
  })

  test('of sockets only goes on with its jobs, whose results reach the others and nobody later', async () => {
    const uuid = crypto.randomUUID()
    testSwitch.phone('15105620001', { kind: 'no-answer' })
    probe.send(`bgapi originate {origination_uuid=${uuid}}${ENDPOINT}/15105620001 &park()\nJob-UUID: lost`)
    await probe.event('CHANNEL_PROGRESS')
    testSwitch.dropSockets()
    await probe.until(() => probe.isClosed)
    const other = await EslProbe.listen(testSwitch.port)
    testSwitch.answer(uuid)
    const job = await other.event('BACKGROUND_JOB')
    expect([headerValue(job, 'Job-UUID'), headerValue(job, '_body')]).toEqual(['lost', `+OK ${uuid}\n`])
    const late = await EslProbe.listen(testSwitch.port)
    expect(await late.api(`uuid_exists ${uuid}`)).toBe('true')
    expect(late.events()).toEqual([])
    testSwitch.dropSockets({ reset: true })
    await Promise.all([other, late].map(each => each.until(() => each.isClosed)))
  })

  test('to new connections keeps the old ones', async () => {
    testSwitch.stopAccepting()
    await expect(EslProbe.connect(testSwitch.port)).rejects.toThrow()
    expect(await probe.api('uuid_exists x')).toBe('false')
    testSwitch.accept()
    const another = await EslProbe.listen(testSwitch.port)
    expect(testSwitch.connectionCount).toBe(2)
    another.close()
  })

  test('refuses the password if it was told to, with one try for each connection', async () => {
    testSwitch.set({ refusePassword: true })
    const another = await EslProbe.connect(testSwitch.port)
    another.send('auth ClueCon')
    await another.until(() => another.isClosed)
    expect(another.frames[1]!.head).toEndWith('-ERR invalid')
    expect(another.frames[2]!.head).toStartWith('Content-Type: text/disconnect-notice')
  })
})

describe('a switch that is slow', () => {
  test('and silent says nothing until it is itself again', async () => {
    testSwitch.set({ silent: true })
    probe.send('api uuid_exists x')
    testSwitch.emit('test::quiet', {})
    const another = await EslProbe.connect(testSwitch.port)
    await settledWithout(another)
    expect([probe.frames, another.frames]).toEqual([[], []])
    testSwitch.set({ silent: false })
    await probe.until(() => probe.frames.length === 2)
    await another.until(() => another.frames.length === 1)
    another.close()
  })

  // The far end has had time to answer once a fresh connection has been made and closed.
  const settledWithout = async (quiet: EslProbe): Promise<void> => {
    const other = await startTestSwitch()
    const busy = await EslProbe.listen(other.port)
    for (let i = 0; i < 20; i++) await busy.api('status')
    busy.close()
    await other.close()
    expect(quiet.isClosed).toBe(false)
  }

  test('with its replies lets events and even job results overtake them', async () => {
    testSwitch.set({ replyDelayMs: 400 })
    const uuid = crypto.randomUUID()
    probe.send(`bgapi originate {origination_uuid=${uuid}}${ENDPOINT}/15105620486 &park()`)
    await probe.until(() => probe.frames.some(frame => frame.head.includes('Job-UUID')))
    expect(names(probe).filter(name => name !== 'HEARTBEAT')).toEqual([
      'CHANNEL_CREATE',
      'CHANNEL_HANGUP',
      'CHANNEL_HANGUP_COMPLETE',
      'BACKGROUND_JOB',
    ])
    expect(probe.frames.at(-1)!.head).toContain('+OK Job-UUID')
  })

  test('with `show` blocks that socket alone', async () => {
    testSwitch.set({ showChannelsDelayMs: 30 })
    const other = await EslProbe.listen(testSwitch.port)
    probe.send('api show channels as json')
    const uuid = await parkedLeg(other)
    await probe.until(() => probe.frames.length > 0)
    expect(probe.frames[0]!.head).toContain('api/response')
    expect(probe.frames[0]!.body).toContain(uuid)
    await probe.event('CHANNEL_PARK')
    other.close()
  })

  test('with its database shows what was some time ago', async () => {
    testSwitch.set({ showLagMs: 40 })
    const uuid = await parkedLeg(probe)
    expect(await probe.api('show channels count')).toBe('\n0 total.\n')
    const count = async (): Promise<string> => (await probe.api('show channels count')).trim()
    while ((await count()) === '0 total.') await Bun.sleep(1)
    await probe.api(`uuid_kill ${uuid}`)
    await ended(probe, uuid)
    expect(await count()).toBe('1 total.')
    while ((await count()) === '1 total.') await Bun.sleep(1)
  })

  test('with job results gives them later than everything else, or sooner, or never', async () => {
    testSwitch.set({ jobDelayMs: 10 })
    await jobResult(probe, `originate ${ENDPOINT}/15105620486 &park()`)
    expect(names(probe).at(-1)).toBe('BACKGROUND_JOB')
    probe.frames.length = 0
    testSwitch.set({ jobDelayMs: 0, jobsFirst: true })
    await jobResult(probe, `originate {origination_uuid=first}${ENDPOINT}/15105620486 &park()`)
    await ended(probe, 'first')
    expect(names(probe)).toEqual([
      'CHANNEL_CREATE',
      'BACKGROUND_JOB',
      'CHANNEL_HANGUP',
      'CHANNEL_HANGUP_COMPLETE',
    ])
    probe.frames.length = 0
    testSwitch.set({ loseJobs: true })
    await parkedLeg(probe)
    expect(names(probe)).not.toContain('BACKGROUND_JOB')
    testSwitch.set({ loseOriginates: true })
    const before = testSwitch.records(0, ['ring']).length
    await probe.command(`bgapi originate ${ENDPOINT}/15105620002 &park()`)
    await probe.api('status')
    expect(testSwitch.records(0, ['ring'])).toHaveLength(before)
    expect(testSwitch.records(0, ['originate'])).toHaveLength(before + 1)
  })
})

describe('a switch at its limits', () => {
  test('takes no more channels at once, or in one second, than it was told', async () => {
    testSwitch.set({ maxChannels: 1 })
    const uuid = await parkedLeg(probe)
    const another = `originate ${ENDPOINT}/15105620002 &park()`
    expect(await jobResult(probe, another)).toBe('-ERR DESTINATION_OUT_OF_ORDER')
    await probe.api(`uuid_kill ${uuid}`)
    testSwitch.set({ maxChannels: 0, maxRate: 3 })
    const results = await Promise.all(Array.from({ length: 5 }, () => jobResult(probe, another)))
    expect(results.filter(result => result.startsWith('-ERR')).length).toBeGreaterThanOrEqual(1)
    await settled(probe, () => true)
  })

  test('leaves out CHANNEL_PROGRESS', async () => {
    testSwitch.set({ skipProgress: 1 })
    await talkingCall(probe)
    expect(names(probe)).not.toContain('CHANNEL_PROGRESS')
    expect(names(probe).filter(name => name === 'CHANNEL_ANSWER')).toHaveLength(2)
  })

  test('with races left to chance reports each leg once, after its own HANGUP, in more than one order', async () => {
    testSwitch.set({ shuffleRaces: true })
    const legs = Array.from({ length: 30 }, (_, i) => startCall(probe, { dialId: `dial-${i}` }))
    await probe.until(() => names(probe).filter(name => name === 'CHANNEL_BRIDGE').length === legs.length)
    const orders = new Set<string>()
    for (const { a, b } of legs) {
      probe.frames.length = 0
      testSwitch.hangup(a)
      await Promise.all([ended(probe, a), ended(probe, b)])
      const order = probe
        .events()
        .filter(event => headerValue(event, 'Event-Name') !== 'HEARTBEAT')
        .map(
          event => `${headerValue(event, 'Unique-ID') === a ? 'A' : 'B'}.${headerValue(event, 'Event-Name')}`,
        )
      expect([...order].sort()).toEqual([
        ...[
          'A.CHANNEL_EXECUTE_COMPLETE',
          'A.CHANNEL_HANGUP',
          'A.CHANNEL_HANGUP_COMPLETE',
          'A.CHANNEL_UNBRIDGE',
        ],
        ...['B.CHANNEL_HANGUP', 'B.CHANNEL_HANGUP_COMPLETE'],
      ])
      orders.add(order.join())
    }
    expect(orders.size).toBeGreaterThan(1)
  })

  test('full of other calls lets a filter keep them all away', async () => {
    const observer = await EslProbe.listen(testSwitch.port, 'json ALL')
    await probe.command('filter variable_dial_id /.+/')
    await probe.command('filter Event-Name BACKGROUND_JOB')
    const record = testSwitch.record.length
    const foreign = testSwitch.addForeignCalls(20, { turnsPerSecond: 500 })
    await observer.until(() => observer.events('CHANNEL_HANGUP_COMPLETE').length >= 20)
    const { a } = await talkingCall(probe)
    foreign.stop()
    const strangers = probe.events().filter(event => headerValue(event, 'variable_dial_id') !== 'dial-1')
    expect(strangers.map(event => headerValue(event, 'Event-Name'))).toEqual(['BACKGROUND_JOB'])
    expect(
      testSwitch.records(record, ['ring']).map(entry => entry.kind === 'ring' && entry.channelUuid),
    ).toContain(a)
    expect(testSwitch.records(record, ['ring'])).toHaveLength(2)
    observer.close()
  })
})

describe('two ends at once', () => {
  const reports = (uuid: string): number =>
    probe.events('CHANNEL_HANGUP_COMPLETE').filter(event => headerValue(event, 'Unique-ID') === uuid).length

  test('of both phones of a call report each leg once', async () => {
    for (let i = 0; i < 10; i++) {
      const { a, b } = await talkingCall(probe)
      testSwitch.hangup(i % 2 ? a : b)
      testSwitch.hangup(i % 2 ? b : a)
      await Promise.all([ended(probe, a), ended(probe, b)])
      await probe.api('status')
      expect([reports(a), reports(b)]).toEqual([1, 1])
    }
  })

  test('of the caller and a busy callee report each leg once', async () => {
    testSwitch.phone('14157690002', { kind: 'busy' })
    const legs = startCall(probe)
    await probe.event('CHANNEL_CREATE', event => headerValue(event, 'Unique-ID') === legs.b)
    probe.send(`bgapi uuid_kill ${legs.a}`)
    await Promise.all([ended(probe, legs.a), ended(probe, legs.b)])
    await probe.api('status')
    expect([reports(legs.a), reports(legs.b)]).toEqual([1, 1])
  })

  test('of a leg on its way into a bridge let the other one park, or go', async () => {
    for (const [variables, isLeft] of [
      ['park_after_bridge=true', true],
      ['', false],
    ] as const) {
      const first = await parkedLeg(probe, { variables })
      const second = await parkedLeg(probe)
      probe.send(`api uuid_bridge ${first} ${second}\n\napi uuid_kill ${second}`)
      await ended(probe, second)
      const parked = (): number =>
        probe.events('CHANNEL_PARK').filter(event => headerValue(event, 'Unique-ID') === first).length
      if (isLeft) await probe.until(() => parked() === 2)
      else expect(await ended(probe, first)).toBe('NORMAL_CLEARING')
      expect([parked(), reports(first)]).toEqual(isLeft ? [2, 0] : [1, 1])
    }
  })
})
