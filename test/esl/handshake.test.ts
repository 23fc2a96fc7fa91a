// How a link comes up: what it says, in which order, and what it makes of switches that refuse, fall silent or are none.
import { afterEach, describe, expect, test } from 'bun:test'
import pino from 'pino'
import { DIAL_EVENTS, SwitchLink, type SwitchLinkOptions } from '../../src/esl/link.ts'
import { openFullListener } from './fullListener.ts'
import { closeAll, done, linkTo, SILENCE, STATUS } from './linkHarness.ts'
import { type Behaviour, CORE_UUID, spoofSwitch } from './spoofedSwitch.ts'

afterEach(closeAll)

describe('the handshake', () => {
  test('authenticates, filters before it subscribes, and is ready with the core uuid', async () => {
    await using spoof = spoofSwitch()
    const { link, ready } = linkTo(spoof.port)
    expect(link.isReady).toBe(false)
    expect(await ready.next()).toEqual({ coreUuid: CORE_UUID, attempt: 1 })
    expect([link.state, link.isReady, link.coreUuid]).toEqual(['ready', true, CORE_UUID])
    expect(spoof.peers[0]!.received).toEqual([
      'auth ClueCon',
      'filter variable_dial_id /.+/',
      'filter Event-Name BACKGROUND_JOB',
      'filter Event-Name HEARTBEAT',
      'filter Event-Name SHUTDOWN',
      'api global_getvar core_uuid',
      `event plain ${DIAL_EVENTS.join(' ')}`,
    ])
  })

  test('says nothing before it was greeted', async () => {
    await using spoof = spoofSwitch({ greeting: '' })
    const { link, logged } = linkTo(spoof.port, { limits: { handshakeTimeoutMs: 30 } })
    expect((await logged.next()).msg).toBe('switch not reached; trying again')
    expect(spoof.peers[0]!.received).toEqual([])
    expect(link.isReady).toBe(false)
  })

  test('with a wrong password is refused, is told as an error, and is tried again slowly', async () => {
    await using spoof = spoofSwitch({ password: 'other' })
    const { link, ready, lost, logged } = linkTo(spoof.port)
    const line = await logged.next()
    expect(line).toMatchObject({
      level: 50,
      msg: 'switch refuses the link',
      loss: { kind: 'refused' },
      retryMs: 15,
    })
    expect(JSON.stringify(line)).not.toContain('ClueCon')
    expect(link.state).toBe('refused')
    spoof.behave({})
    expect(await ready.next()).toMatchObject({ attempt: spoof.peers.length })
    expect(lost.all).toEqual([])
  })

  const refusals: [name: string, behaviour: Behaviour, loss: Record<string, unknown>][] = [
    [
      'an access list',
      { greeting: 'Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n' },
      { kind: 'refused', detail: 'Access Denied, go away.' },
    ],
    ['a silent server', { greeting: '' }, { kind: 'handshake-timeout' }],
    ['a server that falls silent after the password', SILENCE, { kind: 'handshake-timeout' }],
    ['an SSH server', { greeting: 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n' }, { kind: 'handshake-timeout' }],
    [
      'an HTTP server',
      { greeting: 'HTTP/1.1 400 Bad Request\n\nContent-Type: x' },
      { kind: 'protocol-error', detail: 'no-content-type' },
    ],
    [
      'an endless head',
      { greeting: 'x'.repeat(70_000) },
      { kind: 'protocol-error', detail: 'head-too-long' },
    ],
    [
      'an unasked reply',
      { greeting: 'Content-Type: command/reply\nReply-Text: +OK\n\n' },
      { kind: 'protocol-error', detail: 'a reply that nobody asked for' },
    ],
    [
      'a second greeting',
      { greeting: 'Content-Type: auth/request\n\nContent-Type: auth/request\n\n' },
      { kind: 'protocol-error', detail: 'greeted twice' },
    ],
    [
      'a filter that is not allowed',
      { answer: (packet, peer) => packet.startsWith('filter') && done(peer.reply('-ERR permission denied')) },
      { kind: 'handshake-failed', detail: 'filter: -ERR permission denied' },
    ],
    [
      'a switch without a core uuid',
      { answer: (packet, peer) => packet.startsWith('api') && done(peer.respond('-ERR no such variable')) },
      { kind: 'handshake-failed', detail: 'no core_uuid' },
    ],
  ]
  for (const [name, behaviour, loss] of refusals) {
    test(`ends on ${name}, and is tried again until it succeeds`, async () => {
      await using spoof = spoofSwitch(behaviour)
      const { ready, logged, lost } = linkTo(spoof.port, { limits: { handshakeTimeoutMs: 200 } })
      expect(await logged.next()).toMatchObject({ loss })
      spoof.behave({})
      await ready.next()
      expect(lost.all).toEqual([])
    })
  }

  test('is tried again while nobody listens, and only its first failure is a warning', async () => {
    const gone = spoofSwitch()
    await gone[Symbol.asyncDispose]()
    const { logged, link } = linkTo(gone.port)
    const levels = [await logged.next(), await logged.next(), await logged.next()].map(line => line.level)
    expect(levels).toEqual([40, 20, 20])
    expect(logged.all[0]).toMatchObject({ loss: { kind: 'connect-failed' } })
    expect(await link.api(STATUS)).toEqual({ kind: 'lost' })
  })

  test.skipIf(process.platform !== 'linux')('gives up a connection that is not made in time', async () => {
    using full = await openFullListener()
    const { logged } = linkTo(full.port, { limits: { connectTimeoutMs: 20 } })
    expect(await logged.next()).toMatchObject({ loss: { kind: 'connect-timeout' } })
  })

  test('waits longer after each failure, up to the maximum, with half of it jitter', async () => {
    const gone = spoofSwitch()
    await gone[Symbol.asyncDispose]()
    const { logged } = linkTo(gone.port, { limits: { reconnectMinMs: 4, reconnectMaxMs: 20 } })
    const delays: number[] = []
    for (let i = 0; i < 5; i += 1)
      delays.push(((await logged.next()) as unknown as { retryMs: number }).retryMs)
    expect(delays).toEqual([3, 6, 12, 15, 15])
  })
})

test('a link refuses settings that would be more than one command', () => {
  const options = {
    host: 'h',
    port: 1,
    log: pino({ level: 'silent' }),
    random: () => 0,
  } as never as SwitchLinkOptions
  expect(() => new SwitchLink({ ...options, password: 'a\n\nexit' })).toThrow('no line end')
  expect(() => new SwitchLink({ ...options, password: 'a', events: ['ALL\nexit'] })).toThrow('no line end')
  expect(() => new SwitchLink({ ...options, password: 'a', events: [] })).toThrow('subscribes to something')
  const filters = [{ header: 'a', value: 'b\n' }]
  expect(() => new SwitchLink({ ...options, password: 'a', filters })).toThrow('no line end')
})
