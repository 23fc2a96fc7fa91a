// What becomes of a command: its reply, and every way of not getting one.
import { afterEach, describe, expect, test } from 'bun:test'
import { asCommand, type EslCommand } from '../../src/esl/command.ts'
import { closeAll, done, inTurn, JOB, readyLink, SILENCE, STATUS } from './linkHarness.ts'
import type { Peer } from './spoofedSwitch.ts'

afterEach(closeAll)

describe('a command', () => {
  test('gets its reply, in order, though many are on their way at once and events stand between', async () => {
    const { link, events, peer } = await readyLink({
      answer(packet, switchSide) {
        switchSide.event({ 'Event-Name': 'HEARTBEAT', n: packet })
        switchSide.respond(`${packet} done\n`)
        return true
      },
    })
    const answers = await Promise.all([1, 2, 3].map(n => link.api(asCommand(`uuid_exists ${n}`))))
    expect(answers).toEqual([1, 2, 3].map(n => ({ kind: 'ok', text: `api uuid_exists ${n} done` })))
    expect(events.all).toEqual([1, 2, 3].map(n => `api uuid_exists ${n}`))
    expect(peer.received.slice(-3)).toEqual([1, 2, 3].map(n => `api uuid_exists ${n}`))
  })

  const answers: [text: string, outcome: object][] = [
    ['+OK\n', { kind: 'ok', text: '+OK' }],
    ['true', { kind: 'ok', text: 'true' }],
    ['', { kind: 'ok', text: '' }],
    ['{"row_count": 0}', { kind: 'ok', text: '{"row_count": 0}' }],
    ['-ERR No such channel!\n', { kind: 'error', text: '-ERR No such channel!' }],
    ['-USAGE: <uuid> [cause]\n', { kind: 'error', text: '-USAGE: <uuid> [cause]' }],
    ['- no error\n', { kind: 'ok', text: '- no error' }],
    ['grüße\n\n', { kind: 'ok', text: 'grüße' }],
  ]
  test.each(answers)('answered with %j is an outcome', async (text, outcome) => {
    const { link } = await readyLink(inTurn(text))
    expect(await link.api(STATUS)).toEqual(outcome as never)
  })

  test('of 16 MB gets its answer whole', async () => {
    const { link } = await readyLink({
      answer(_, peer) {
        peer.raw(`Content-Type: api/response\nContent-Length: ${16 * 1024 * 1024}\n\n`)
        void sendAll(peer, Buffer.alloc(16 * 1024 * 1024, 'x'))
        return true
      },
    })
    const outcome = await link.api(STATUS, 5_000)
    expect(outcome.kind === 'ok' && outcome.text.length).toBe(16 * 1024 * 1024)
  })

  test('without a reply in time is a timeout, and the connection is made anew', async () => {
    const { link, lost, ready, spoof } = await readyLink(SILENCE)
    const first = link.api(STATUS, 20)
    const second = link.api(STATUS, 10_000)
    expect(await first).toEqual({ kind: 'timeout' })
    expect(await second).toEqual({ kind: 'lost' })
    expect(await lost.next()).toEqual({ kind: 'command-timeout' })
    spoof.behave({})
    await ready.next()
    expect(spoof.peers).toHaveLength(2)
  })

  test('never gets the late reply of an earlier one', async () => {
    const { link, ready, spoof, peer } = await readyLink(SILENCE)
    expect(await link.api(asCommand('slow'), 20)).toEqual({ kind: 'timeout' })
    spoof.behave({
      answer(packet, switchSide) {
        if (!packet.startsWith('api quick')) return false
        switchSide.respond('of quick')
        return true
      },
    })
    peer.respond('of slow')
    await ready.next()
    expect(await link.api(asCommand('quick'))).toEqual({ kind: 'ok', text: 'of quick' })
  })

  test('that waits when the socket drops is lost at once, before onLost', async () => {
    let outstandingAtLoss = -1
    const { link, lost, peer, spoof } = await readyLink(SILENCE, {})
    const commands = [1, 2, 3].map(n => link.api(asCommand(`c ${n}`), 60_000))
    await spoof.packet('api c 3')
    const dropped = lost.next().then(loss => {
      outstandingAtLoss = link.outstanding
      return loss
    })
    peer.drop()
    expect(await Promise.all(commands)).toEqual([{ kind: 'lost' }, { kind: 'lost' }, { kind: 'lost' }])
    expect((await dropped).kind).toBe('socket-closed')
    expect(outstandingAtLoss).toBe(0)
  })

  test('beyond the bound of waiting ones is busy at once, and nothing of it is sent', async () => {
    const { link, spoof, peer } = await readyLink(SILENCE, { limits: { waitingCommandsMax: 2 } })
    const waiting = [link.api(asCommand('one'), 60_000), link.api(asCommand('two'), 60_000)]
    expect(await link.api(asCommand('three'))).toEqual({ kind: 'busy' })
    await spoof.packet('api two')
    peer.respond('1')
    expect(await waiting[0]!).toEqual({ kind: 'ok', text: '1' })
    void link.api(asCommand('four'), 60_000)
    await spoof.packet('api four')
    expect(peer.received.slice(-3)).toEqual(['api one', 'api two', 'api four'])
  })

  test('waits for its turn if it is a lookup; originates have their share, and orders the rest', async () => {
    const limits = { lookupsMax: 2, originatesMax: 1, commandTimeoutMs: 30_000 }
    const { link, spoof, peer } = await readyLink(SILENCE, { limits })
    const lookups = [1, 2, 3, 4].map(n => link.api(asCommand(`uuid_dump ${n} json`)))
    const first = link.bgapi(asCommand('originate one'), { jobUuid: 'one', timeoutMs: 30_000 })
    expect(link.isBusy).toBe(true)
    const second = link.bgapi(asCommand('originate two'), { jobUuid: 'two', timeoutMs: 30_000 })
    expect(await second.accepted).toEqual({ kind: 'busy' })
    const order = link.api(asCommand('uuid_kill 5'))
    await spoof.packet('api uuid_kill 5')
    const ours = () =>
      peer.received.filter(each => /^(bg)?api (uuid|orig)/.test(each)).map(each => each.split('\n')[0])
    expect(ours()).toEqual([
      'api uuid_dump 1 json',
      'api uuid_dump 2 json',
      'bgapi originate one',
      'api uuid_kill 5',
    ])
    peer.respond('1')
    peer.respond('2')
    await spoof.packet('api uuid_dump 4 json')
    for (const answer of ['5', '3', '4']) peer.respond(answer)
    const texts = (await Promise.all([...lookups, order])).map(each =>
      'text' in each ? each.text : each.kind,
    )
    expect(texts).toEqual(['1', '2', '3', '4', '5'])
    peer.drop()
    expect(await first.accepted).toEqual({ kind: 'lost' })
  })

  test('that waits for its turn when the socket drops is lost with the others', async () => {
    const { link, lost, peer, spoof } = await readyLink(SILENCE, { limits: { lookupsMax: 1 } })
    const lookups = Array.from({ length: 5_000 }, () => link.api(asCommand('show channels as json'), 60_000))
    await spoof.packet('api show channels as json')
    peer.drop()
    expect(new Set((await Promise.all(lookups)).map(each => each.kind))).toEqual(new Set(['lost']))
    await lost.next()
  })

  const LONG = asCommand('x'.repeat(16_000))
  const MANY = 600

  test('that the kernel does not take yet is sent when the switch reads on, whole and in order', async () => {
    const limits = { unsentBytesMax: 64 * 1024 * 1024, commandTimeoutMs: 30_000 }
    const { link, peer } = await readyLink(
      { answer: (packet, switchSide) => done(switchSide.respond(String(packet.length))) },
      { limits },
    )
    peer.pause()
    const outcomes = Array.from({ length: MANY }, () => link.api(LONG))
    const last = link.api(STATUS)
    peer.resume()
    const expected = { kind: 'ok', text: String('api '.length + LONG.length) } as const
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => expected))
    expect(await last).toEqual({ kind: 'ok', text: String('api status'.length) })
  })

  test('beyond the bound of unsent bytes is busy, while the switch does not read', async () => {
    const limits = { unsentBytesMax: 64 * 1024, commandTimeoutMs: 30_000 }
    const { link, peer } = await readyLink(SILENCE, { limits })
    peer.pause()
    let busy = 0
    for (let n = 0; n < MANY; n += 1)
      void link.api(LONG).then(outcome => (busy += Number(outcome.kind === 'busy')))
    await Promise.resolve()
    expect(busy).toBeGreaterThan(0)
    expect(link.outstanding).toBe(MANY - busy)
    expect(link.isReady).toBe(true)
  })

  test('that is not one line throws, whoever forged it', async () => {
    const { link, peer } = await readyLink()
    const before = peer.received.length
    for (const forged of ['a\n\napi hupall', 'a\rb', 'a\0b', 'reload mod_event_socket']) {
      expect(() => link.api(forged as EslCommand)).toThrow('assertion failed')
      expect(() => link.bgapi(forged as EslCommand, { jobUuid: JOB, timeoutMs: 1 })).toThrow(
        'assertion failed',
      )
      expect(() => link.sendEvent({ eventName: 'CUSTOM', headers: [['a', forged]] })).toThrow(
        'assertion failed',
      )
    }
    expect(peer.received).toHaveLength(before)
    expect(link.outstanding).toBe(0)
  })

  test('sendevent carries its headers in one packet', async () => {
    const { link, peer } = await readyLink({ answer: (_, switchSide) => done(switchSide.reply('+OK 1')) })
    const headers = [
      ['Event-Subclass', 'a::b'],
      ['unique-id', 'u'],
    ] as const
    expect(await link.sendEvent({ eventName: 'CUSTOM', headers })).toEqual({ kind: 'ok', text: '+OK 1' })
    expect(peer.received.at(-1)).toBe('sendevent CUSTOM\nEvent-Subclass: a::b\nunique-id: u')
  })
})

/** Writes more than the kernel takes at once. */
async function sendAll(peer: Peer, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += Math.max(0, peer.raw(bytes.subarray(at)))
    await Bun.sleep(0)
  }
}
