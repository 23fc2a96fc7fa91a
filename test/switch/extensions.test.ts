// A phone dials an extension: what the dialplan does with it, and what becomes of it when somebody else holds the channel.
import { afterEach, expect, test } from 'bun:test'
import { openDoor } from '../esl/callingSwitch.ts'
import { eventually } from '../harness/internal.ts'
import { startTestSwitch, type TestSwitch } from './testSwitch.ts'

const started: TestSwitch[] = []
afterEach(async () => {
  for (const each of started.splice(0)) await each.close()
})

async function startWith(extensions: Record<string, string[]>): Promise<TestSwitch> {
  const testSwitch = await startTestSwitch({ extensions, answerAfterMs: 1 })
  started.push(testSwitch)
  return testSwitch
}

const caused = (testSwitch: TestSwitch, uuid: string) =>
  testSwitch
    .records(0, ['hangup'])
    .flatMap(each => ('cause' in each && each.channelUuid === uuid ? [each.cause] : []))

test('a bridge to a user rings all its contacts, and the caller is answered with the first of them', async () => {
  const testSwitch = await startWith({ 1000: ['bridge user/1000'] })
  testSwitch.register({ user: '1000', uri: 'sip:503@192.0.2.7:5060' })
  testSwitch.register({ user: '1000', uri: 'sip:1000@192.0.2.8:5060' })
  const uuid = testSwitch.dial({ from: '1001', extension: '1000' })
  expect(testSwitch.channel(uuid)?.state).toBe('ringing')
  await eventually('the two to talk', () => testSwitch.channel(uuid)?.bridgedTo !== undefined)
  expect(testSwitch.channel(uuid)).toMatchObject({ destination: '1001', state: 'answered' })
  expect(testSwitch.records(0, ['ring'])).toHaveLength(2)
  testSwitch.hangup(uuid)
  await eventually('the end of both', () => testSwitch.channels().length === 0)
  expect(testSwitch.injections).toEqual([])
})

test.each([
  ['that nobody has', '9', 'NO_ROUTE_DESTINATION'],
  ['whose user is registered nowhere', '1000', 'USER_NOT_REGISTERED'],
  ['at whose socket nobody listens', '1001', 'USER_NOT_REGISTERED'],
])('an extension %s ends the call', async (_, extension, cause) => {
  const testSwitch = await startWith({
    1000: ['bridge user/1000'],
    1001: ['set hookswitch_account=1001', 'socket 127.0.0.1:1 async full', 'bridge user/1001'],
  })
  const uuid = testSwitch.dial({ from: '1002', extension })
  await eventually('the end', () => caused(testSwitch, uuid).length > 0)
  expect(caused(testSwitch, uuid)).toEqual([cause])
})

test('whoever holds the channel by its socket hears that the caller gives up', async () => {
  await using door = await openDoor()
  const testSwitch = await startWith({
    1000: [`socket 127.0.0.1:${door.port} async full`, 'bridge user/1000'],
  })
  const uuid = testSwitch.dial({ from: '1001', extension: '1000' })
  const held = await door.accepted.next()
  const channel = await held.ready.next()
  expect(channel.header('Unique-ID')).toBe(uuid)
  expect(testSwitch.hangup(uuid)).toBe(true)
  const event = await held.events.next()
  expect(event.name).toBe('CHANNEL_HANGUP')
  await eventually('its end', () => testSwitch.channels().length === 0)
  expect(caused(testSwitch, uuid)).toEqual(['ORIGINATOR_CANCEL'])
})
