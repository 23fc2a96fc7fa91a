// Redis with a replica and Sentinel: the service finds the master by its name, and its successor after a failover.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { acked, answer, askPbx, proceeds, registerPhone } from '../harness/client.ts'
import { eventually, obstaclesOf, untilReady } from '../harness/internal.ts'
import { BINARY, freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'

let directory: string
let master: TestRedis
let replica: TestRedis
let sentinelPort: number
let sentinel: Bun.Subprocess
let service: TestService

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hookswitch-sentinel-'))
  master = await startRedis(['--repl-diskless-sync-delay', '0'])
  replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)])
  // Sentinel looks when it starts, and then not for a while.
  await eventually('the replica to be known to the master', async () =>
    String(await master.client.call('INFO', 'replication')).includes('state=online'),
  )
  sentinelPort = await freePort()
  const config = join(directory, 'sentinel.conf')
  const settings = [
    `port ${sentinelPort}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds main 300',
    'sentinel failover-timeout main 1000',
  ]
  await Bun.write(config, settings.join('\n'))
  sentinel = Bun.spawn([BINARY, config, '--sentinel'], { stdout: 'ignore', stderr: 'ignore' })
  service = await startService({
    PUBSUB_REDIS_URL: `redis+sentinel://127.0.0.1:${sentinelPort}/main`,
    APP_PUSH_ROUNDTRIP_WAIT: '10000',
  })
})
afterAll(async () => {
  await service.kill()
  sentinel.kill('SIGKILL')
  await sentinel.exited
  await Promise.all([master.close(), replica.close()])
  await rm(directory, { recursive: true, force: true })
})

async function expectWake(callId: string): Promise<void> {
  const held = askPbx(service.publicUrl, { sip_user_id: '2101', call_id: callId })
  const push = await service.pushed(callId)
  expect(await answer(push, { baseUrl: service.publicUrl })).toEqual(proceeds)
  expect(await held).toEqual(acked)
}

test('a service that knows Sentinel finds the master, and the next one after a failover', async () => {
  await untilReady(service.internalUrl)
  expect(await registerPhone(service.publicUrl, { sip_user_id: '2101' })).toBe(201)
  await expectWake('before')
  await eventually(
    'the replica',
    async () => (await replica.client.exists('hookswitch:devices:{2101}')) === 1,
  )
  const sentinelClient = new Redis({ port: sentinelPort, host: '127.0.0.1' })
  // It refuses for as long as it does not know the replica.
  await eventually('Sentinel ready to change the master', () =>
    sentinelClient.call('SENTINEL', 'FAILOVER', 'main').then(
      () => true,
      () => false,
    ),
  )
  sentinelClient.disconnect()
  await eventually('the failover', async () =>
    String(await replica.client.call('INFO', 'replication')).includes('role:master'),
  )
  await master.kill()
  await eventually('a service that has noticed and is ready again', async () => {
    const status = await registerPhone(service.publicUrl, { sip_user_id: '2102' })
    return status < 300 && (await obstaclesOf(service.internalUrl)).length === 0
  })
  await expectWake('after')
})
