// The connection that a switch makes to us for one channel: recorded ones, callers' names that break parsers, and
// peers that are no switch.
import { describe, expect, test } from 'bun:test'
import { parseVariableText } from '../../src/esl/allow.ts'
import { type ChannelApplication, ringReady, setVariable } from '../../src/esl/channelApplications.ts'
import type { LinkLoss } from '../../src/esl/connection.ts'
import type { CommandOutcome } from '../../src/esl/outcome.ts'
import { CallingPeer, openDoor, type Reaction, replay } from './callingSwitch.ts'
import { fixture } from './recordings.ts'

const OK: CommandOutcome = { kind: 'ok', text: '+OK' }

const variable = (name: string, text: string): ChannelApplication => {
  const value = parseVariableText(text)
  if (!value.ok) throw new Error(value.failure)
  return setVariable(name, value.value)
}

/** The answer to `connect`, as short as it may be. */
const channelData = (lines: string[] = []): string =>
  [
    'Event-Name: CHANNEL_DATA',
    'Unique-ID: 0cc76157-0172-43b7-90dd-aca2992094f5',
    ...lines,
    'Content-Type: command/reply',
    'Reply-Text: %2BOK%0A',
    '\n',
  ].join('\n')

const reply = (text: string): string => `Content-Type: command/reply\nReply-Text: ${text}\n\n`

/** A switch that says yes to everything. */
const willing: Reaction = (packet, peer) => peer.send(packet === 'connect' ? channelData() : reply('+OK'))

/** A connection that is ready, and the switch's end of it. */
async function readyChannel(react: Reaction, limits: Parameters<typeof openDoor>[0] = {}) {
  const door = await openDoor(limits)
  const peer = await CallingPeer.connect(door.port, (packet, self) => {
    if (packet === 'connect') self.send(channelData())
    else if (packet === 'resume') self.send(reply('+OK'))
    else react(packet, self)
  })
  const ours = await door.accepted.next()
  await ours.ready.next()
  return { ...ours, peer, door, [Symbol.asyncDispose]: () => door[Symbol.asyncDispose]() }
}

describe('a recorded channel', () => {
  /** All of it in one piece; single bytes. */
  const sizes = [Number.POSITIVE_INFINITY, 1]

  test.each(sizes)(
    'whose phone confirms is told so, and goes on in its dialplan (%d bytes at a time)',
    async size => {
      await using door = await openDoor()
      const peer = await CallingPeer.connect(door.port, replay(fixture('outbound-socket-ack'), size))
      const { connection, ready, events, lost } = await door.accepted.next()
      const channel = await ready.next()
      expect(
        ['Unique-ID', 'variable_hs_account', 'variable_sip_from_display', 'Socket-Mode', 'Control'].map(
          name => channel.header(name),
        ),
      ).toEqual(['0cc76157-0172-43b7-90dd-aca2992094f5', '1000', 'Rene 50% caller', 'async', 'full'])
      // FreeSWITCH decoded `% c` of the SIP display name into a byte that is no UTF-8.
      expect(channel.header('Caller-Caller-ID-Name')).toBe('Rene 50Êaller')
      expect(channel.header('variable_switch_r_sdp')).toStartWith('v=0\r\no=u 1 1 IN IP4 127.0.0.1\r\n')
      expect([channel.name, channel.body, channel.header('variable_none')]).toEqual([
        'CHANNEL_DATA',
        undefined,
        undefined,
      ])

      expect(await connection.linger(5)).toEqual({ kind: 'ok', text: '+OK will linger 5 seconds' })
      expect(await connection.followEvents()).toEqual({ kind: 'ok', text: '+OK Events Enabled' })
      expect(await connection.execute(ringReady())).toEqual(OK)
      expect(await connection.execute(variable('hookswitch_status', 'ACK'))).toEqual(OK)
      expect(await connection.execute(variable('hookswitch_reason', 'confirmed'))).toEqual(OK)
      expect(await connection.exit()).toEqual({ kind: 'ok', text: '+OK bye' })
      expect(await lost.next()).toEqual({
        kind: 'disconnect-notice',
        detail: 'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/',
      })
      expect(peer.packets.all).toEqual([
        'connect',
        'resume',
        'linger 5',
        'myevents plain',
        'sendmsg\ncall-command: execute\nexecute-app-name: ring_ready',
        'sendmsg\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: hookswitch_status=ACK',
        'sendmsg\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: hookswitch_reason=confirmed',
        'exit',
      ])
      expect(events.all.map(event => `${event.name} ${event.header('Application')}`)).toEqual([
        'CHANNEL_EXECUTE ring_ready',
        'CHANNEL_PROGRESS undefined',
        'CHANNEL_EXECUTE_COMPLETE ring_ready',
        'CHANNEL_EXECUTE set',
        'CHANNEL_EXECUTE_COMPLETE set',
        'CHANNEL_EXECUTE set',
        'CHANNEL_EXECUTE_COMPLETE set',
      ])
      expect(await connection.followEvents()).toEqual({ kind: 'lost' })
      await peer.closed.promise
    },
  )

  test.each(sizes)(
    'whose caller hangs up is followed to its end, which the switch waits for (%d bytes at a time)',
    async size => {
      await using door = await openDoor()
      await CallingPeer.connect(door.port, replay(fixture('outbound-socket-caller-hangs-up'), size))
      const { connection, ready, events, lost } = await door.accepted.next()
      await ready.next()
      await connection.linger(5)
      await connection.followEvents()
      await connection.execute(ringReady())
      expect((await lost.next()).kind).toBe('disconnect-notice')
      // The hangup's notice (`linger`) was not the end: these came before it and none of them is missing.
      expect(events.all.map(event => event.name).slice(3)).toEqual([
        'CHANNEL_HANGUP',
        'CHANNEL_UNPARK',
        'CHANNEL_EXECUTE_COMPLETE',
        'CHANNEL_STATE',
        'CHANNEL_STATE',
        'CHANNEL_HANGUP_COMPLETE',
      ])
      expect(events.all.at(-1)!.header('Hangup-Cause')).toBe('NORMAL_CLEARING')
    },
  )

  test('that we drop hears nothing more, and tells nobody', async () => {
    await using door = await openDoor()
    // The recording's end is ours: its switch does not end the stream.
    const recording = { ...fixture('outbound-socket-dropped-by-us') }
    const peer = await CallingPeer.connect(door.port, replay(recording, Number.POSITIVE_INFINITY))
    const { connection, ready, lost } = await door.accepted.next()
    await ready.next()
    await connection.linger(5)
    const last = connection.followEvents()
    connection.close()
    expect(await last).toEqual({ kind: 'lost' })
    await peer.closed.promise
    expect(lost.all).toEqual([])
  })
})

describe("a caller's name", () => {
  const names: [wire: string | Buffer, name: string][] = [
    ['50% off', '50% off'],
    ['50%25 off', '50% off'],
    ['%', '%'],
    ['100%%', '100%%'],
    ['%E9mile', 'émile'],
    ['%C3%A9mile', 'émile'],
    ['%zz%2', '%zz%2'],
    ['\u{1f600}', '\u{1f600}'],
    ['_undef_', ''],
    ['%0a%0aexit%0a%0a', '\n\nexit\n\n'],
    ['x'.repeat(100_000), 'x'.repeat(100_000)],
  ]
  for (const [wire, name] of names) {
    test(`that stands as ${JSON.stringify(wire).slice(0, 40)} in a head of 140 lines is read, and harms nobody`, async () => {
      await using door = await openDoor()
      const variables = Array.from({ length: 135 }, (_, n) => `variable_${n}: ${n}%`)
      await CallingPeer.connect(door.port, (packet, peer) => {
        if (packet === 'connect') peer.send(channelData([...variables, `Caller-Caller-ID-Name: ${wire}`]))
        else peer.send(reply('+OK'))
      })
      const { ready, connection } = await door.accepted.next()
      const channel = await ready.next()
      expect(channel.header('Caller-Caller-ID-Name')).toBe(name)
      expect(channel.header('variable_134')).toBe('134%')
      expect(connection.isReady).toBe(true)
    })
  }

  test('in bytes that are no UTF-8, and not encoded, is read with a mark in their place', async () => {
    await using door = await openDoor()
    const head = Buffer.from(channelData(['Caller-Caller-ID-Name: \u00e9mile']), 'latin1')
    await CallingPeer.connect(door.port, (packet, peer) =>
      peer.send(packet === 'connect' ? head : reply('+OK')),
    )
    const { ready } = await door.accepted.next()
    expect((await ready.next()).header('Caller-Caller-ID-Name')).toBe('\ufffdmile')
  })
})

describe('a peer that is no switch', () => {
  const protocolError = (detail: string): LinkLoss => ({ kind: 'protocol-error', detail })
  const timeout: LinkLoss = { kind: 'handshake-timeout' }
  const peers: [name: string, react: (peer: CallingPeer) => void, loss: LinkLoss][] = [
    ['never ends its head', peer => peer.sendForEver('x'.repeat(4_096)), protocolError('head-too-long')],
    ['sends endless lines', peer => peer.sendForEver('a: b\n'.repeat(800)), protocolError('head-too-long')],
    ['sends endless line feeds', peer => peer.sendForEver('\n'.repeat(4_096)), timeout],
    ['speaks HTTP', peer => peer.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), timeout],
    ['sends text', peer => peer.sendForEver('hello\n\n'.repeat(600)), protocolError('no-content-type')],
    [
      'announces more than an event',
      peer => peer.send('Content-Type: text/event-plain\nContent-Length: 60000000\n\n'),
      protocolError('body-too-long'),
    ],
    [
      'floods with events of nobody',
      peer => peer.sendForEver('Content-Type: log/data\n\n'.repeat(100)),
      timeout,
    ],
    [
      'asks for a password',
      peer => peer.send('Content-Type: auth/request\n\n'),
      protocolError('asks for a password'),
    ],
    ['says nothing', () => undefined, timeout],
    [
      'does not know its channel',
      peer => peer.send(reply('-ERR invalid')),
      { kind: 'handshake-failed', detail: 'no channel data' },
    ],
    [
      'answers what was not asked',
      peer => peer.send('Content-Type: api/response\n\n'),
      protocolError('a reply that nobody asked for'),
    ],
    [
      'answers twice',
      peer => peer.send(channelData() + reply('+OK') + reply('+OK')),
      protocolError('a reply that nobody asked for'),
    ],
    ['leaves', peer => peer.end(), { kind: 'socket-closed', detail: 'end of stream' }],
  ]
  test.each(peers)('and %s ends its own connection, and no other', async (_, react, loss) => {
    await using door = await openDoor()
    await CallingPeer.connect(door.port, willing)
    const other = await door.accepted.next()
    await other.ready.next()
    if (loss === timeout) door.limits = { handshakeTimeoutMs: 50 }
    const peer = await CallingPeer.connect(door.port, (packet, self) => {
      if (packet === 'connect') react(self)
    })
    const ours = await door.accepted.next()
    expect(await ours.lost.next()).toEqual(loss)
    await peer.closed.promise
    expect(await other.connection.followEvents()).toEqual(OK)
    expect([other.connection.isReady, other.lost.all, ours.lost.all.length]).toEqual([true, [], 1])
  })
})

describe('a command to a channel', () => {
  test('that gets no reply is a timeout, and the end of its connection', async () => {
    await using channel = await readyChannel(() => undefined, { commandTimeoutMs: 30 })
    const [first, second] = [channel.connection.linger(1), channel.connection.followEvents()]
    expect([await first, await second]).toEqual([{ kind: 'timeout' }, { kind: 'lost' }])
    expect(await channel.lost.next()).toEqual({ kind: 'command-timeout' })
    await channel.peer.closed.promise
  })

  test('that is refused says why', async () => {
    await using channel = await readyChannel((_, peer) => peer.send(reply('-ERR permission denied')))
    expect(await channel.connection.followEvents()).toEqual({ kind: 'error', text: '-ERR permission denied' })
  })

  test('that waits when the switch leaves is lost, before that is told', async () => {
    await using channel = await readyChannel((_, peer) => peer.end())
    const order: string[] = []
    const told = channel.lost.next().then(() => order.push('told'))
    order.push((await channel.connection.followEvents()).kind)
    await told
    expect(order).toEqual(['lost', 'told'])
  })

  test('beyond the bound of waiting ones, or of unsent bytes, is busy', async () => {
    await using channel = await readyChannel(() => undefined, { waitingCommandsMax: 2 })
    void channel.connection.linger(1)
    void channel.connection.linger(1)
    expect(await channel.connection.linger(1)).toEqual({ kind: 'busy' })
    await using slow = await readyChannel(() => undefined, { waitingCommandsMax: 1e9, unsentBytesMax: 4_096 })
    slow.peer.pause()
    const application = variable('a', 'x'.repeat(128))
    const outcomes: CommandOutcome[] = []
    for (let n = 0; n < 100_000 && outcomes.length === 0; n += 1)
      void slow.connection.execute(application).then(outcome => outcomes.push(outcome))
    await Promise.resolve()
    expect(outcomes[0]).toEqual({ kind: 'busy' })
    expect(slow.connection.isReady).toBe(true)
  })

  test('is one command, whatever it was given', async () => {
    await using channel = await readyChannel(willing)
    const forged = (name: string, argument: string) => ({ name, argument }) as unknown as ChannelApplication
    for (const text of ['a\n\nexit', 'a\rb', 'a\0', 'reload mod_event_socket'])
      await expect(channel.connection.execute(forged('set', text))).rejects.toThrow('assertion failed')
    expect(() => setVariable('a b', 'c' as never)).toThrow('a plain name')
    expect(() => setVariable('a', ('$' + '{hupall}') as never)).toThrow('nothing that expands')
    expect(() => channel.connection.linger(0.5)).toThrow('seconds to linger')
    expect(channel.peer.packets.all).toEqual(['connect', 'resume'])
    expect(await channel.connection.followEvents()).toEqual(OK)
  })
})
