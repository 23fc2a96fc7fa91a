// Redis behind TLS and a password, as managed services offer it. The Redis of the test speaks plainly; what encrypts
// stands before it, so that any build of Redis will do.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { acked, answer, askPbx, naked, proceeds, registerPhone } from '../harness/client.ts'
import { obstaclesOf, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'
import { makeVendorCerts, readVendorCerts } from '../push/vendorCerts.ts'

const PASSWORD = 'p@ss/word'

let directory: string
let redis: TestRedis
let server: Server
let caPath: string
let port: number

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hookswitch-tls-'))
  caPath = makeVendorCerts(directory, ['localhost'])
  redis = await startRedis()
  await redis.client.config('SET', 'requirepass', PASSWORD)
  server = createServer(readVendorCerts(directory), encrypted => {
    const plain = connect(redis.port, '127.0.0.1')
    encrypted.pipe(plain).pipe(encrypted)
    // Whichever side goes first takes the other along.
    encrypted.on('error', () => plain.destroy()).on('close', () => plain.destroy())
    plain.on('error', () => encrypted.destroy()).on('close', () => encrypted.destroy())
  })
  // A client that does not trust us ends the handshake.
  server.on('tlsClientError', () => undefined)
  await new Promise<void>(resolve => server.listen(0, 'localhost', resolve))
  port = (server.address() as { port: number }).port
})
afterAll(async () => {
  server.close()
  await redis.close()
  await rm(directory, { recursive: true, force: true })
})

const url = (password: string) => `rediss://:${encodeURIComponent(password)}@localhost:${port}`

describe.concurrent('a Redis behind TLS', () => {
  test('holds calls as any other, for who trusts its certificate and knows the password', async () => {
    await using service = await startService({
      PUBSUB_REDIS_URL: url(PASSWORD),
      NODE_EXTRA_CA_CERTS: caPath,
      APP_PUSH_ROUNDTRIP_WAIT: '10000',
    })
    await untilReady(service.internalUrl)
    await registerPhone(service.publicUrl, { sip_user_id: '2001' })
    const held = askPbx(service.publicUrl, { sip_user_id: '2001', call_id: 'over-tls' })
    const push = await service.pushed('over-tls')
    expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
  })

  const strangers: [string, () => Record<string, string>][] = [
    ['that does not trust its certificate', () => ({ PUBSUB_REDIS_URL: url(PASSWORD) })],
    [
      'that has a wrong password',
      () => ({ PUBSUB_REDIS_URL: url('wrong-word'), NODE_EXTRA_CA_CERTS: caPath }),
    ],
  ]
  for (const [which, settings] of strangers)
    test(`is no Redis for a service ${which}: it is unready, says so, and tells no secret`, async () => {
      await using service = await startService(settings())
      expect(await obstaclesOf(service.internalUrl)).toEqual(['redis'])
      expect(await askPbx(service.publicUrl, { sip_user_id: '2001' })).toEqual(naked('busy'))
      await service.logged(line => line.level === 'warn' && line.msg.startsWith('redis connection'))
      expect(service.output()).not.toContain(PASSWORD)
      expect(service.output()).not.toContain('wrong-word')
    })
})
