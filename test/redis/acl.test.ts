// The users that docs/security.md gives Redis: what hookswitch does works with its own, and neither it nor a backend can
// do more than is said there. The lines are read from the document.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, Redis } from 'ioredis'
import { cli } from '../cli/cli.ts'
import { aspJob, botJob, GATEWAY, SOUND } from '../dial/stage.ts'
import { acked, answer, askPbx, endCall, postForm, proceeds, registerPhone } from '../harness/client.ts'
import { startCluster } from '../harness/cluster.ts'
import { eventually, readMetrics, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService, type TestService } from '../harness/service.ts'
import { apiAt } from '../http/internal/api.ts'
import { readEvents } from '../http/internal/eventReader.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

const document = await Bun.file(join(import.meta.dir, '../../docs/security.md')).text()
const users = /```acl\n(.*?)```/s
  .exec(document)![1]!
  .split('\n')
  .map(line => line.trim())
  .filter(line => line !== '')

/** Who looks on. */
const TESTER = 'tester'
const PASSWORD = 'secret'

/** So that it is the user's rules that refuse. */
const EVERYTHING = ['--enable-debug-command', 'yes', '--enable-module-command', 'yes']

let redis: TestRedis
let directory: string
const clients: Redis[] = []
const urlOf = (user: string, secret: string) => `redis://${user}:${secret}@127.0.0.1:${redis.port}`

/** A client of a backend's. */
function asBackend(): Redis {
  const client = new Redis(urlOf('backend', 'SECRET-2'), { enableReadyCheck: false })
  client.on('error', () => undefined)
  clients.push(client)
  return client
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hookswitch-acl-'))
  const file = join(directory, 'users.acl')
  await Bun.write(
    file,
    [...users, `user ${TESTER} on >${PASSWORD} allkeys allchannels allcommands`, ''].join('\n'),
  )
  redis = await startRedis(['--aclfile', file, '--acllog-max-len', '1000', ...EVERYTHING], {
    username: TESTER,
    password: PASSWORD,
  })
})
afterAll(async () => {
  for (const client of clients) client.disconnect()
  await redis.close()
  await rm(directory, { recursive: true, force: true })
})

test('the document names them, and nobody comes in without a name', async () => {
  expect(users.map(line => line.split(' ')[1])).toEqual(['default', 'hookswitch', 'backend'])
  const nobody = new Redis({
    port: redis.port,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
  })
  nobody.on('error', () => undefined)
  await expect(nobody.connect().then(() => nobody.get('x'))).rejects.toThrow(/NOAUTH|closed|Authentication/)
  nobody.disconnect()
})

describe('hookswitch', () => {
  let testSwitch: TestSwitch
  let services: TestService[]
  beforeAll(async () => {
    testSwitch = await startTestSwitch({ msPerSecond: 100 })
    const env = {
      PUBSUB_REDIS_URL: urlOf('hookswitch', 'SECRET-1'),
      ROLE: 'all',
      ESL_URL: `127.0.0.1:${testSwitch.port}`,
      GATEWAY,
    }
    services = await Promise.all([startService(env), startService(env)])
    await Promise.all(services.map(each => untilReady(each.internalUrl)))
  })
  afterAll(async () => {
    await Promise.all(services.map(each => each.kill()))
    await testSwitch.close()
  })

  async function wake(callId: string): Promise<void> {
    const [first, second] = services as [TestService, TestService]
    const held = askPbx(first.publicUrl, { sip_user_id: '2201', call_id: callId })
    expect(await answer(await first.pushed(callId), { baseUrl: second.publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
    await endCall(second.publicUrl, callId, 'caller_hangup')
  }

  async function talk(dialId: string): Promise<void> {
    const api = apiAt(services[0]!.internalUrl)
    await eventually(`${dialId} to talk`, async () => {
      const legs = (await api.get(`/api/calls/${dialId}`)).body.legs ?? []
      return legs.length === 2 && legs.every((leg: { state: string }) => leg.state === 'answered')
    })
  }

  test('does all that it does, and Redis refuses it nothing', async () => {
    const [first, second] = services as [TestService, TestService]
    const api = apiAt(second.internalUrl)
    const { publicUrl } = first
    const statuses: number[] = []
    for (const token of ['push-token', 'another-token'])
      statuses.push(await registerPhone(publicUrl, { sip_user_id: '2201', token }))
    expect(statuses).toEqual([201, 200])
    await wake('a-wake')
    await postForm(`${publicUrl}/api/check-in/`, { sip_user_id: '2201' })
    await postForm(`${publicUrl}/api/hangup-reason/`, {
      sip_user_id: '2201',
      unique_key: 'a-wake',
      reason: 'r',
    })
    await postForm(`${publicUrl}/api/log-metrics/`, { sip_user_id: '2201', os: 'Android' })

    // By a backend's own user: jobs, an ear and a word on the channel, the lists that are kept for it.
    const [backend, ear] = [asBackend(), asBackend()]
    const heard: string[] = []
    ear.on('message', (_, text: string) => heard.push(text))
    await ear.subscribe('a-call')
    await backend.rpush('talkiq-asp.calls', JSON.stringify(aspJob('a-call')))
    await backend.rpush('talkiq-bot.calls', 'no JSON', JSON.stringify(botJob('a-bot')))
    await talk('a-call')
    await backend.publish('a-call', JSON.stringify({ type: 'play', path: SOUND, command_id: 'p' }))
    await eventually('the answer', () => heard.some(text => text.includes('"ack"') && text.includes('"p"')))
    await eventually('the active sides', async () => {
      const [key] = await redis.client.keys('redswitch.a-call.*')
      return key !== undefined && (await backend.lrange(key, 0, -1)).length === 2
    })

    // A callee who is an account is woken by whichever process takes the request, until the caller leaves.
    await backend.rpush(
      'talkiq-asp.calls',
      JSON.stringify(aspJob('account-call', { callee_account: '2201' })),
    )
    await Promise.any([first, second].map(each => each.pushed('account-call')))
    await backend.publish('account-call', JSON.stringify({ type: 'hangup' }))

    // By the internal API and the command line.
    const events = await readEvents(`${second.internalUrl}/api/calls/a-call/events`)
    const page = await readEvents(`${first.internalUrl}/api/live`)
    const key = { 'idempotency-key': 'k' }
    const { type: kind, ...job } = aspJob('b-call')
    for (let time = 0; time < 2; time++)
      expect((await api.post('/api/calls', { kind, ...job }, key)).status).toBe(202)
    await talk('b-call')
    await api.post('/api/calls/a-call/barge', { phone_number: '15557654321', caller_id: '15550000001' })
    for (const command of ['whisper', 'mute', 'stop-playback']) await api.post(`/api/calls/a-call/${command}`)
    expect((await api.get('/api/devices/2201')).status).toBe(200)
    const hookswitchUrl = urlOf('hookswitch', 'SECRET-1')
    for (const line of [['calls'], ['history', 'org', 'user'], ['timeline', 'a-call'], ['hangup', 'a-bot']])
      expect([line, (await cli(hookswitchUrl, line)).code]).not.toEqual([line, 69])
    const doctor = await cli(hookswitchUrl, ['doctor', '--json', '--timeout', '5'], {
      env: { ROLE: 'front' },
    })
    const findings = doctor.out.map(
      line => JSON.parse(line) as { check: string; level: string; what: string },
    )
    const ofRedis = findings.filter(each => each.check.startsWith('redis'))
    expect(ofRedis.length).toBeGreaterThan(5)
    // How fast Redis answers is the machine's business.
    const isRightful = ({ check, level }: { check: string; level: string }) =>
      level === 'ok' || check === 'redis round trip'
    expect(ofRedis.filter(each => !isRightful(each)).map(each => each.check)).toEqual(['redis persistence'])

    // One process leaves its calls to the other, then one dies.
    await first.stop()
    await eventually('the calls at the other one', async () => {
      const { calls } = (await api.get('/api/calls')).body as {
        calls: { owner: string; is_owner_alive: boolean }[]
      }
      return calls.length > 0 && calls.every(call => call.is_owner_alive)
    })
    for (const dialId of ['a-call', 'b-call']) await api.post(`/api/calls/${dialId}/hangup`)
    await events.ended
    await eventually('no call', async () => (await api.get('/api/calls')).body.total === 0)
    await eventually('a timeline', async () => (await api.get('/api/timeline/a-call')).status === 200)
    expect((await api.get('/api/timeline/2201')).body.calls).not.toEqual([])
    expect(
      (await readMetrics(second.internalUrl)).get('hookswitch_dead_letter_depth{list="talkiq-bot.calls"}'),
    ).toBe(1)
    page.leave()
    expect(await refusals()).toEqual([])
  })
})

test('on a Cluster it does so with what the document adds', async () => {
  const added = /In a Cluster hookswitch needs `([^`]+)`/.exec(document)![1]!.split(' ')
  await using cluster = await startCluster(2)
  const client = cluster.connect() as Cluster
  await client.ping()
  const nodes = client.nodes('master')
  expect(nodes).toHaveLength(2)
  const [, name, ...rules] = users[1]!.split(' ')
  for (const node of nodes) await node.call('ACL', 'SETUSER', name!, ...rules, ...added)
  const testSwitch = await startTestSwitch({ msPerSecond: 100 })
  await using service = await startService({
    PUBSUB_REDIS_URL: cluster.settings.PUBSUB_REDIS_URL!.replaceAll('//', '//hookswitch:SECRET-1@'),
    ROLE: 'all',
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    GATEWAY,
  })
  await untilReady(service.internalUrl)
  await registerPhone(service.publicUrl, { sip_user_id: '2201' })
  const held = askPbx(service.publicUrl, { sip_user_id: '2201', call_id: 'a-wake' })
  expect(await answer(await service.pushed('a-wake'), { baseUrl: service.publicUrl })).toEqual(proceeds)
  expect(await held).toEqual(acked)
  const api = apiAt(service.internalUrl)
  const { type: kind, ...job } = aspJob('c-call')
  await api.post('/api/calls', { kind, ...job })
  await eventually('the call', async () => (await api.get('/api/calls/c-call')).status === 200)
  await eventually('its end', async () => (await api.post('/api/calls/c-call/hangup')).status === 404)
  for (const node of nodes) expect(await refusals(node)).toEqual([])
  await service.kill()
  await testSwitch.close()
})

/** What Redis has refused to anybody so far, and forgets. */
async function refusals(node: Redis = redis.client): Promise<string[]> {
  const log = (await node.call('ACL', 'LOG')) as (string | number)[][]
  await node.call('ACL', 'LOG', 'RESET')
  const fieldOf = (entry: (string | number)[], name: string) => entry[entry.indexOf(name) + 1]
  return log
    .map(entry => ['username', 'reason', 'object'].map(name => fieldOf(entry, name)).join(' '))
    .filter(line => !line.includes(' auth '))
}

/** What would harm everybody who shares the server. */
const ADMINISTRATION: string[][] = [
  ['CLIENT', 'PAUSE', '1'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['CLIENT', 'KILL', '127.0.0.1:1'],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'NO-EVICT', 'on'],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'maxmemory', '1'],
  ['CONFIG', 'REWRITE'],
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['SWAPDB', '0', '1'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['RANDOMKEY'],
  ['SHUTDOWN'],
  ['DEBUG', 'SLEEP', '1'],
  ['MONITOR'],
  ['SAVE'],
  ['BGSAVE'],
  ['BGREWRITEAOF'],
  ['REPLICAOF', 'no', 'one'],
  ['SLAVEOF', 'no', 'one'],
  ['FAILOVER'],
  ['MODULE', 'LOAD', '/x'],
  ['ACL', 'LIST'],
  ['ACL', 'SETUSER', 'backend', '+@all'],
  ['SCRIPT', 'FLUSH'],
  ['SCRIPT', 'KILL'],
  ['FUNCTION', 'FLUSH'],
  ['FUNCTION', 'LOAD', '#!lua name=x'],
  ['SLOWLOG', 'GET'],
  ['LATENCY', 'RESET'],
  ['MIGRATE', '127.0.0.1', '1', 'talkiq-x', '0', '1'],
  ['RESTORE', 'talkiq-x', '0', 'x'],
  ['SORT', 'talkiq-x'],
  ['SYNC'],
  ['CLUSTER', 'RESET'],
]

const refused = async (client: Redis, [command, ...args]: string[]): Promise<string> => {
  try {
    return `done: ${JSON.stringify(await client.call(command!, ...args))}`
  } catch (thrown) {
    return (thrown as Error).message
  }
}

test.each(['hookswitch', 'backend'])('%s can not administer the server', async user => {
  const client = new Redis(urlOf(user, user === 'backend' ? 'SECRET-2' : 'SECRET-1'), {
    enableReadyCheck: false,
  })
  clients.push(client)
  for (const command of ADMINISTRATION)
    expect([command.join(' '), await refused(client, command)]).toEqual([
      command.join(' '),
      expect.stringContaining('NOPERM'),
    ])
  // It is all there, and the client still is connected.
  expect(await client.ping()).toBe('PONG')
})

describe('a backend', () => {
  const OTHERS: string[][] = [
    ['GET', 'hookswitch:jwt-secret'],
    ['HGETALL', 'hookswitch:devices:{2201}'],
    ['LRANGE', 'hookswitch:timeline:a-call', '0', '-1'],
    ['LRANGE', 'talkiq-asp.calls', '0', '-1'],
    ['LRANGE', 'talkiq-asp.calls:dead', '0', '-1'],
    ['RPUSH', 'hookswitch:in-flight:x', 'x'],
    ['RPUSH', 'redswitch.a.b.c', 'x'],
    ['RPUSH', 'else', 'x'],
    ['LPOP', 'talkiq-asp.calls'],
    ['DEL', 'talkiq-asp.calls'],
    ['SET', 'talkiq-asp.calls', 'x'],
    ['BLMOVE', 'talkiq-asp.calls', 'talkiq-x', 'LEFT', 'RIGHT', '1'],
    ['EVAL', 'return 1', '0'],
    ['EVAL', "return redis.call('FLUSHALL')", '0'],
    ['MULTI'],
    ['CLIENT', 'UNBLOCK', '1'],
    ['PSUBSCRIBE', '*'],
    ['PUBSUB', 'CHANNELS'],
    ['INFO'],
  ]
  test.each(OTHERS.map(command => [command.join(' '), command] as const))(
    'can not %s',
    async (_, command) => {
      expect(await refused(asBackend(), [...command])).toContain('NOPERM')
    },
  )
})

test('the other keys of the server are none of hookswitch’s either', async () => {
  const client = new Redis(urlOf('hookswitch', 'SECRET-1'))
  clients.push(client)
  for (const command of [
    ['GET', 'else'],
    ['SET', 'else', '1'],
    ['EVAL', "return redis.call('GET', 'else')", '0'],
    ['EVAL', "return redis.call('FLUSHALL')", '0'],
    ['BLMOVE', 'talkiq-x', 'else', 'LEFT', 'RIGHT', '0.01'],
  ])
    expect([command.join(' '), await refused(client, command)]).toEqual([
      command.join(' '),
      expect.stringMatching(/NOPERM|ACL failure|can't (access|run)/),
    ])
})
