// A channel's own event socket, opened by a real switch: `socket` in a dialplan that connects back to this process, so
// switch and suite must share a host. The channels are FreeSWITCH's `null` endpoints; no phone rings.
import { expect, test } from 'bun:test'
import { parseVariableText } from '../../src/esl/allow.ts'
import { ringReady, setVariable } from '../../src/esl/channelApplications.ts'
import { openDoor } from '../esl/callingSwitch.ts'
import { eventually } from '../harness/internal.ts'
import type { Testbed } from './testbed.ts'

export function channelSocketTests(bed: () => Testbed): void {
  const word = (text: string) => {
    const value = parseVariableText(text)
    if (!value.ok) throw new Error(value.failure)
    return value.value
  }
  const originate = (channelUuid: string, port: number): Promise<string> => {
    bed().usedChannels.add(channelUuid)
    return bed().probe.ask(
      `originate {origination_uuid=${channelUuid},offer='50% off'}null/x ` +
        `'socket:127.0.0.1:${port} async full,set:goes_on=yes,park:' inline`,
    )
  }
  const variableOf = (channelUuid: string, name: string) =>
    bed().probe.ask(`uuid_getvar ${channelUuid} ${name}`)

  const untilGoneOn = (channelUuid: string): Promise<void> =>
    eventually(
      'the next action of the dialplan',
      async () => (await variableOf(channelUuid, 'goes_on')) === 'yes',
    )

  test('takes commands, tells its events, and lets the dialplan go on with what was set', async () => {
    await using door = await openDoor()
    const channelUuid = crypto.randomUUID()
    expect(await originate(channelUuid, door.port)).toBe(`+OK ${channelUuid}`)
    const { connection, ready, events, lost } = await door.accepted.next()
    const channel = await ready.next()
    expect(['Unique-ID', 'variable_offer', 'Control'].map(name => channel.header(name))).toEqual([
      channelUuid,
      '50% off',
      'full',
    ])
    const outcomes = [
      connection.linger(5),
      connection.followEvents(),
      connection.execute(ringReady()),
      connection.execute(setVariable('hookswitch_status', word('ACK'))),
    ]
    expect((await Promise.all(outcomes)).map(({ kind }) => kind)).toEqual(outcomes.map(() => 'ok'))
    while (events.all.filter(event => event.name === 'CHANNEL_EXECUTE_COMPLETE').length < 2)
      await events.next()
    expect(await connection.exit()).toEqual({ kind: 'ok', text: '+OK bye' })
    expect((await lost.next()).kind).toBe('disconnect-notice')
    await untilGoneOn(channelUuid)
    expect(await variableOf(channelUuid, 'hookswitch_status')).toBe('ACK')
    await bed().probe.ask(`uuid_kill ${channelUuid}`)
  })

  test('runs what was queued in the moment of the end', async () => {
    await using door = await openDoor()
    const channelUuid = crypto.randomUUID()
    await originate(channelUuid, door.port)
    const { connection, ready } = await door.accepted.next()
    await ready.next()
    await Promise.all([connection.execute(setVariable('hookswitch_status', word('NAK'))), connection.exit()])
    await untilGoneOn(channelUuid)
    expect(await variableOf(channelUuid, 'hookswitch_status')).toBe('NAK')
    await bed().probe.ask(`uuid_kill ${channelUuid}`)
  })

  test.each(['at once', 'when it is ready'])('that we drop %s lets the dialplan go on', async when => {
    await using door = await openDoor()
    const channelUuid = crypto.randomUUID()
    const originated = originate(channelUuid, door.port)
    const { connection, ready } = await door.accepted.next()
    if (when === 'when it is ready') await ready.next()
    connection.close()
    await originated
    await untilGoneOn(channelUuid)
    await bed().probe.ask(`uuid_kill ${channelUuid}`)
  })

  test('that lingers tells how its channel ended', async () => {
    await using door = await openDoor()
    const channelUuid = crypto.randomUUID()
    await originate(channelUuid, door.port)
    const { connection, ready, events, lost } = await door.accepted.next()
    await ready.next()
    await Promise.all([connection.linger(1), connection.followEvents()])
    await bed().probe.ask(`uuid_kill ${channelUuid} USER_BUSY`)
    expect((await lost.next()).kind).toBe('disconnect-notice')
    const complete = events.all.find(event => event.name === 'CHANNEL_HANGUP_COMPLETE')
    expect(complete?.header('Hangup-Cause')).toBe('USER_BUSY')
  })
}
