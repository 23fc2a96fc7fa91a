// The relay from Asterisk's manager interface, at a stand-in that speaks it: what it logs in with, what becomes of each
// ContactStatus at the service, and that it comes back. No Asterisk was asked.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import pino from 'pino'
import { relay } from '../../examples/pbx/asterisk/relay.ts'
import { openService, type Service } from '../../src/app/service.ts'
import type { Log } from '../../src/base/log.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { readConfig } from '../../src/config/config.ts'
import { openApps } from '../../src/push/apps.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'

let redis: TestRedis
let service: Service
let manager: Server
beforeAll(async () => {
  redis = await startRedis()
  const config = readConfig({
    ROLE: 'front',
    ...{ HOST: '127.0.0.1', PORT: '0', INTERNAL_PORT: '0', SOCKET_PORT: '0' },
    PUBSUB_REDIS_URL: redis.url,
    PBX_TOKEN: 'of-chance-4711-0815',
  })
  if (!config.ok) throw new Error(config.failure.join())
  const log = pino({ level: 'silent' }) as unknown as Log
  service = await openService({
    ...{ config: config.value, log, apps: openApps(undefined, { log }), metrics: createMetrics() },
    ...{ pod: 'relay-test', isPretty: false },
  })
  manager = createServer().listen(0, '127.0.0.1')
  await once(manager, 'listening')
})
afterAll(async () => {
  manager.close()
  await service.stop()
  await redis.close()
})

const event = (status: string, account: string) =>
  [
    'Event: ContactStatus',
    'Privilege: system,all',
    `URI: sip:${account}@192.0.2.7:5060;transport=tcp;pn-provider=fcm;pn-param=example;pn-prid=token%3A${account}`,
    `ContactStatus: ${status}`,
    `AOR: ${account}`,
    `EndpointName: ${account}`,
    'RoundtripUsec: 0',
  ].join('\r\n')

test('tells each REGISTER, and neither a qualify nor a binding’s end; a broken line is made anew', async () => {
  const told: string[] = []
  const heard = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const lines = [
    [
      event('Created', '1001'),
      event('NonQualified', '1001'),
      event('Reachable', '1001'),
      event('NonQualified', '1001'),
    ],
    [event('Removed', '1001'), event('NonQualified', '1002')],
  ]
  const logins: string[] = []
  manager.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined)
    socket.write('Asterisk Call Manager/11.0.0\r\n')
    socket.on('data', bytes => {
      logins.push(bytes.toString())
      const events = lines.shift() ?? []
      const text = ['Response: Success\r\nMessage: Authentication accepted', ...events].join('\r\n\r\n')
      // In two pieces, as the network likes it; the first line breaks after it.
      socket.write(text.slice(0, 100))
      socket.write(`${text.slice(100)}\r\n\r\n`)
      if (lines.length > 0) socket.end()
    })
  })
  relay(
    {
      host: '127.0.0.1',
      port: (manager.address() as { port: number }).port,
      user: 'hookswitch',
      secret: 'of-manager.conf',
      hookswitch: service.publicUrl!,
      pbxToken: 'of-chance-4711-0815',
      againAfterMs: 10,
      onTold(status, answer) {
        told.push(`${status} ${answer}`)
        if (told.length === 3) heard.resolve()
      },
    },
    stopping.signal,
  )
  await heard.promise
  stopping.abort()
  expect(told).toEqual([
    '200 {"device":"created","confirmed":0}',
    '200 {"device":"updated","confirmed":0}',
    '200 {"device":"created","confirmed":0}',
  ])
  expect(logins[0]).toBe('Action: Login\r\nUsername: hookswitch\r\nSecret: of-manager.conf\r\n\r\n')
  const devices = await fetch(`${service.internalUrl}/api/devices/1001`)
  expect(await devices.json()).toMatchObject({ devices: [{ platform: 'android', app: 'example' }] })
})
