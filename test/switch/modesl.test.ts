// The test switch seen by an independent client: the modesl package, which other people's programs use.

import { expect, test } from 'bun:test'
import { createRequire } from 'node:module'
import { startTestSwitch } from './testSwitch.ts'

interface EslEvent {
  getHeader(name: string): string | null
  getBody(): string
}

interface EslConnection {
  on(name: string, listener: (event: EslEvent) => void): void
  subscribe(events: string[], done: () => void): void
  filter(header: string, value: string, done: () => void): void
  api(command: string, args: string, done: (result: EslEvent) => void): void
  bgapi(command: string, args: string, done: (result: EslEvent) => void): void
  disconnect(): void
}

interface Modesl {
  Connection: new (host: string, port: number, password: string, ready: () => void) => EslConnection
}

const modesl = createRequire(import.meta.url)('modesl') as Modesl

test('modesl authenticates, subscribes, originates and sees the whole call', async () => {
  const testSwitch = await startTestSwitch({ msPerSecond: 20, bulky: true })
  const ready = Promise.withResolvers<void>()
  const connection = new modesl.Connection('127.0.0.1', testSwitch.port, 'ClueCon', ready.resolve)
  await ready.promise
  const seen: string[] = []
  const over = Promise.withResolvers<void>()
  connection.on('esl::event::**', event => {
    const name = event.getHeader('Event-Name')
    if (name) seen.push(`${event.getHeader('variable_call-side') ?? '-'} ${name}`)
    if (name === 'CHANNEL_HANGUP_COMPLETE' && event.getHeader('variable_call-side') === '0') over.resolve()
  })
  const names = 'CREATE PROGRESS ANSWER BRIDGE UNBRIDGE EXECUTE EXECUTE_COMPLETE HANGUP HANGUP_COMPLETE'
  const subscribed = Promise.withResolvers<void>()
  connection.subscribe(
    [...names.split(' ').map(name => `CHANNEL_${name}`), 'BACKGROUND_JOB'],
    subscribed.resolve,
  )
  await subscribed.promise
  const variables = (side: number, uuid: string): string =>
    `call-side=${side},dial_id=d,origination_uuid=${uuid}`
  const endpoint = 'sofia/gateway/talk_call_provider'
  const job = Promise.withResolvers<EslEvent>()
  connection.bgapi(
    'originate',
    `{${variables(0, 'uuid-a')}}${endpoint}/15105620001 &bridge([${variables(1, 'uuid-b')}]${endpoint}/14157690777)`,
    job.resolve,
  )
  expect((await job.promise).getBody()).toBe('+OK uuid-a\n')
  await over.promise
  const status = Promise.withResolvers<EslEvent>()
  connection.api('status', '', status.resolve)
  expect((await status.promise).getBody()).toStartWith('UP 0 years')
  expect(seen.filter(name => !name.startsWith('- '))).toEqual([
    ...['0 CHANNEL_CREATE', '0 CHANNEL_PROGRESS', '0 CHANNEL_ANSWER', '0 CHANNEL_EXECUTE'],
    ...['1 CHANNEL_CREATE', '1 CHANNEL_PROGRESS', '1 CHANNEL_ANSWER', '0 CHANNEL_BRIDGE'],
    ...['1 CHANNEL_HANGUP', '1 CHANNEL_HANGUP_COMPLETE', '0 CHANNEL_UNBRIDGE', '0 CHANNEL_EXECUTE_COMPLETE'],
    ...['0 CHANNEL_HANGUP', '0 CHANNEL_HANGUP_COMPLETE'],
  ])
  const gone = Promise.withResolvers<void>()
  connection.on('esl::end', () => gone.resolve())
  connection.disconnect()
  await gone.promise
  await testSwitch.close()
})
