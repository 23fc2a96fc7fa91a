// Wrong situations as people meet them, each with the text that they are told: by the doctor, and by the start where the
// start finds them. One cause is one problem, it names what to mend, nothing contradicts it, and no library speaks. All of
// them are examined at the same time, in this process, at stand-ins for whatever speaks at a wrong port.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { readConfig } from '../../src/config/config.ts'
import { misspeltSentence, misspeltSettings } from '../../src/config/misspelt.ts'
import { examineAll } from '../../src/doctor/doctor.ts'
import type { PlacedFinding } from '../../src/doctor/report.ts'
import { AppsFileError, openApps } from '../../src/push/apps.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { makeAppleCredentials } from '../push/appCredentials.ts'
import { makeStrangeCertificate } from '../push/vendorCerts.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'
import { silence } from './findings.ts'

type Env = Record<string, string>

interface Situation {
  name: string
  env: () => Env | Promise<Env>
  /** The check of the one problem; of the one warning where `isWarning`. */
  check: string
  isWarning?: true
  what: RegExp
  todo: RegExp
  /** What the start says of it; undefined: nothing, because the service starts and waits until it is mended. */
  start?: RegExp
  /** A clock of ours that is wrong. */
  clock?: () => number
}

const PASSWORD = 'not-the-default'
let redis: TestRedis
let replica: TestRedis
let good: TestSwitch
let stands: Stands
let directory: string
const closing = new AsyncDisposableStack()

const situations: Situation[] = [
  {
    name: 'Redis is not started',
    env: async () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${await freePort()}` }),
    check: 'redis connection',
    what: /^Redis can't be reached at 127\.0\.0\.1:\d+: nobody listens there \(ECONNREFUSED\)\.$/,
    todo: /^Start it, or mend PUBSUB_REDIS_URL/,
  },
  {
    name: "Redis' name has a slip in it",
    env: () => ({ PUBSUB_REDIS_URL: 'redis://no-such-host.invalid' }),
    check: 'redis connection',
    what: /no-such-host\.invalid:6379: the DNS (knows no such name|does not answer)/,
    todo: /mend PUBSUB_REDIS_URL/,
  },
  {
    name: 'Redis wants TLS and the URL says none',
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${stands.tlsRedis}` }),
    check: 'redis connection',
    what: /speaks TLS, and PUBSUB_REDIS_URL says redis:\/\/\.$/,
    todo: /^Write rediss:\/\/ in PUBSUB_REDIS_URL/,
  },
  {
    name: 'the URL says TLS and Redis has none',
    env: () => ({ PUBSUB_REDIS_URL: `rediss://127.0.0.1:${redis.port}` }),
    check: 'redis connection',
    what: /speaks no TLS, and PUBSUB_REDIS_URL says rediss:\/\/\.$/,
    todo: /^Write redis:\/\/ in place of rediss:\/\//,
  },
  {
    name: "a web server's port is given as Redis",
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${stands.http}` }),
    check: 'redis connection',
    what: /is a web server \(HTTP\), not Redis\.$/,
    todo: /6379 by default/,
  },
  {
    name: "the event socket's port is given as Redis",
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${good.port}` }),
    check: 'redis connection',
    what: /is FreeSWITCH's event socket, not Redis\.$/,
    todo: /^Mend host and port in PUBSUB_REDIS_URL/,
  },
  {
    name: 'Redis is a replica',
    env: () => ({ PUBSUB_REDIS_URL: replica.url }),
    check: 'redis topology',
    what: /^Redis is a replica: it refuses to write\.$/,
    todo: /^Name the master/,
  },
  {
    name: 'a comma list names one server',
    env: () => ({ PUBSUB_REDIS_URL: `${redis.url},redis://localhost:${redis.port}` }),
    check: 'redis connection',
    what: /names several nodes, and they are no Cluster/,
    todo: /^Name one server alone, or use redis\+sentinel:\/\//,
  },
  {
    name: 'a comma list names Sentinels without their scheme',
    env: () => ({ PUBSUB_REDIS_URL: `redis://127.0.0.1:${stands.sentinel},127.0.0.1:${stands.sentinel}` }),
    check: 'redis connection',
    what: /is a Redis Sentinel, and PUBSUB_REDIS_URL does not say so\.$/,
    todo: /^Write redis\+sentinel:\/\/host:port,host:port\//,
  },
  {
    name: "Sentinels' master is named behind redis://",
    env: () => ({ PUBSUB_REDIS_URL: 'redis://s1:26379,s2:26379/mymaster' }),
    check: 'settings',
    what: /^PUBSUB_REDIS_URL names Sentinels without saying so: write redis\+sentinel:\/\//,
    todo: /does not start/,
    start: /names Sentinels without saying so/,
  },
  {
    name: 'an ordinary Redis is named as a Sentinel',
    env: () => ({ PUBSUB_REDIS_URL: `redis+sentinel://127.0.0.1:${redis.port}/main` }),
    check: 'redis connection',
    what: /names Sentinels, and what answers is an ordinary Redis\.$/,
    todo: /26379 by default/,
  },
  {
    name: 'Redis is named without a scheme',
    env: () => ({ PUBSUB_REDIS_URL: `127.0.0.1:${redis.port}` }),
    check: 'settings',
    what: /^PUBSUB_REDIS_URL must begin with redis:\/\/ or rediss:\/\/, also before a plain host:port\.$/,
    todo: /docs\/settings\.md/,
    start: /must begin with redis:\/\//,
  },
  {
    name: "Redis' password is wrong",
    env: () => ({ PUBSUB_REDIS_URL: `redis://nobody:wrong@127.0.0.1:${redis.port}` }),
    check: 'redis connection',
    what: /^Redis refuses the password/,
    todo: /%XX/,
  },
  {
    name: "Redis' user may do nothing but look",
    env: async () => {
      await redis.client.call(
        'ACL',
        'SETUSER',
        'looker',
        'reset',
        'on',
        '>secret',
        '~*',
        '&*',
        '+@all',
        '-@write',
        '-eval',
      )
      return { PUBSUB_REDIS_URL: `redis://looker:secret@127.0.0.1:${redis.port}` }
    },
    check: 'redis rights',
    what: /^We can't write keys under hookswitch:, .*move jobs \(BLMOVE\): NOPERM /,
    todo: /docs\/security\.md/,
  },
  {
    name: 'a list of jobs is something else',
    env: async () => {
      await redis.client.set('situations.no-list', 'a text')
      return { PUBSUB_REDIS_URL: redis.url, JOB_LIST_BOT: 'situations.no-list' }
    },
    check: 'redis job lists',
    what: /^situations\.no-list is a string, not a list/,
    todo: /JOB_LIST_BOT/,
  },
  {
    name: "a web server's port is given as the switch",
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.http}` }),
    check: 'switch connection',
    what: /is a web server \(HTTP\), not FreeSWITCH's event socket\.$/,
    todo: /8021 by default/,
  },
  {
    name: "Redis' port is given as the switch",
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${redis.port}` }),
    check: 'switch connection',
    what: /is a Redis, not FreeSWITCH's event socket\.$/,
    todo: /^Mend host and port in ESL_URL/,
  },
  {
    name: "Asterisk's manager is given as the switch",
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.manager}` }),
    check: 'switch connection',
    what: /is Asterisk's manager interface \(AMI\), not FreeSWITCH's event socket\.$/,
    todo: /^Mend host and port in ESL_URL/,
  },
  {
    name: 'our own listener for dialplans is given as the switch',
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.door}` }),
    check: 'switch connection',
    what: /is hookswitch's own listener for dialplans \(SOCKET_PORT\)/,
    todo: /8021 by default/,
  },
  {
    name: 'TLS stands in front of the event socket',
    env: () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${stands.tls}` }),
    check: 'switch connection',
    what: /is something that speaks TLS, not FreeSWITCH's event socket\.$/,
    todo: /^The event socket knows no TLS\./,
  },
  {
    name: 'two switches refuse one password',
    env: async () => {
      const other = await startTestSwitch({ password: PASSWORD })
      closing.defer(() => other.close())
      return {
        ROLE: 'agent',
        ESL_URL: `127.0.0.1:${good.port},127.0.0.1:${other.port}`,
        ESL_PASSWORD: 'mistaken',
      }
    },
    check: 'switch connection',
    what: /^The switch refuses the password/,
    todo: /^Put the password of event_socket\.conf into ESL_PASSWORD\.$/,
  },
  {
    name: 'FreeSWITCH is not started',
    env: async () => ({ ROLE: 'agent', ESL_URL: `127.0.0.1:${await freePort()}` }),
    check: 'switch connection',
    what: /^The switch can't be reached at 127\.0\.0\.1:\d+: nobody listens there \(ECONNREFUSED\)\.$/,
    todo: /^Start FreeSWITCH with its event socket/,
  },
  {
    name: 'mod_sofia is not loaded',
    env: async () => {
      const bare = await startTestSwitch({
        password: PASSWORD,
        gateways: { flowroute: 'up' },
        modules: ['mod_commands', 'mod_dptools', 'mod_local_stream', 'mod_sndfile', 'mod_tone_stream'],
      })
      closing.defer(() => bare.close())
      return { ROLE: 'agent', ESL_URL: `127.0.0.1:${bare.port}` }
    },
    check: 'switch modules',
    what: /^mod_sofia is not loaded: no phone can be called, and none registers\.$/,
    todo: /load mod_sofia/,
  },
  {
    name: 'a gateway has a slip in its name',
    env: () => ({ ROLE: 'agent', GATEWAY: 'flowrouet' }),
    check: 'switch gateway',
    what: /^GATEWAY names the gateway flowrouet, which the switch does not know/,
    todo: /mend GATEWAY/,
  },
  {
    name: 'a registered contact smuggles a dial string',
    env: async () => {
      const robbed = await startTestSwitch({ password: PASSWORD, gateways: { flowroute: 'up' } })
      closing.defer(() => robbed.close())
      robbed.register({ user: '1000', uri: 'sip:1000@192.0.2.7:5060;x=:_:sofia/gateway/acme/0900123456' })
      robbed.register({ user: '1002', uri: 'sip:1002@192.0.2.9:5060;x=,sofia/gateway/acme/0900123456' })
      robbed.register({
        user: '1001',
        uri: 'sip:1001@192.0.2.8:5060;pn-provider=fcm;pn-param=p;pn-prid=token',
      })
      return { ROLE: 'agent', ESL_URL: `127.0.0.1:${robbed.port}` }
    },
    check: 'switch contacts',
    what: /^A registered Contact has another dial string in it \(…000@127\.0\.0\.1, …002@127\.0\.0\.1\): a plain bridge to user\/… dials that, too/,
    todo: /flush_inbound_reg.*docs\/security\.md/,
  },
  {
    name: 'the switch stands elsewhere, and its dialplan is to come to loopback',
    env: () => ({
      ROLE: 'all',
      ESL_URL: `localhost.localdomain.invalid:${good.port}`,
      ESL_PASSWORD: PASSWORD,
    }),
    check: 'dialplan socket',
    isWarning: true,
    what: /can't reach the dialplan's socket, which listens on 127\.0\.0\.1 alone\.$/,
    todo: /^Set SOCKET_HOST to an address of this machine that the switch reaches/,
  },
  {
    name: "the app's login is not started",
    env: async () => ({ AUTH_MODE: 'upstream', AUTH_URL: `http://127.0.0.1:${await freePort()}` }),
    check: 'app login',
    what: /^AUTH_URL can't be asked: nobody listens there \(ECONNREFUSED\)\. No device can register \(503\)\.$/,
    todo: /^Start it, or mend AUTH_URL\.$/,
  },
  {
    name: "the issuer's keys are asked for by https where there is none",
    env: () => ({
      ...{ AUTH_MODE: 'jwt', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' },
      AUTH_JWKS_URL: `https://127.0.0.1:${stands.http}/keys`,
    }),
    check: 'app login',
    what: /^AUTH_JWKS_URL says https, and what listens there speaks no TLS/,
    todo: /^Name the port that speaks TLS/,
  },
  {
    name: "the app's login is asked by http where TLS is spoken",
    env: () => ({ AUTH_MODE: 'upstream', AUTH_URL: `http://127.0.0.1:${stands.tls}` }),
    check: 'app login',
    what: /^AUTH_URL says http, and what listens there speaks TLS/,
    todo: /^Write https:\/\/\.$/,
  },
  {
    name: 'a comma is missing in APPS_FILE',
    env: () =>
      withApps(
        'comma.json',
        '[\n  { "app": "com.example.phone", "platform": "apns"\n    "teamId": "TEAM123456" }\n]',
      ),
    check: 'apps file',
    what: /^APPS_FILE: line 3, column 5: a comma is missing before this\.$/,
    todo: /Push credentials/,
    start: /^APPS_FILE: line 3, column 5: a comma is missing before this$/,
  },
  {
    name: 'APPS_FILE went through a word processor',
    env: () => withApps('quotes.json', '[{ “app”: “com.example.phone” }]'),
    check: 'apps file',
    what: /^APPS_FILE: line 1, column 4: this is no JSON: texts and names stand in straight double quotes/,
    todo: /Push credentials/,
    start: /line 1, column 4/,
  },
  {
    name: 'APPS_FILE has one app, and no list',
    env: () => withApps('single.json', '{ "app": "com.example.phone" }'),
    check: 'apps file',
    what: /^APPS_FILE: must be a JSON list of entries, also where there is one app/,
    todo: /Push credentials/,
    start: /must be a JSON list/,
  },
  {
    name: "Apple's key is not where APPS_FILE says",
    env: () => withApps('nokey.json', JSON.stringify([{ ...appleEntry, keyFile: 'AuthKey_gone.p8' }])),
    check: 'apps file',
    what: /^APPS_FILE, entry 1 \(com\.example\.phone\): keyFile: can't be read \(ENOENT\)\.$/,
    todo: /relative to APPS_FILE/,
    start: /keyFile: can't be read \(ENOENT\)/,
  },
  {
    name: 'a setting has a slip in its name',
    env: () => ({ PUBSUB_REDIS_URL: redis.url, APP_PUSH_ROUNDTRIP_WIAT: '4000' }),
    check: 'misspelt setting',
    isWarning: true,
    what: /^APP_PUSH_ROUNDTRIP_WIAT is no setting and has no effect\.$/,
    todo: /^If APP_PUSH_ROUNDTRIP_WAIT is meant/,
    start: /APP_PUSH_ROUNDTRIP_WIAT is no setting and has no effect; is APP_PUSH_ROUNDTRIP_WAIT meant/,
  },
  {
    name: "this machine's clock is two minutes late, against everybody's",
    env: () => ({ ROLE: 'agent' }),
    clock: () => Date.now() - 120_000,
    check: 'clock',
    what: /^The clock of this machine is 1(19|20|21) s behind Redis and the switch\.$/,
    todo: /NTP/,
  },
]

const appleEntry = { app: 'com.example.phone', platform: 'apns', teamId: 'TEAM123456', keyId: 'KEY1234567' }

function withApps(name: string, text: string): Env {
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  return {
    ...{ APPS_FILE: path, AUTH_MODE: 'upstream', AUTH_URL: `http://127.0.0.1:${stands.login}` },
    JWT_SECRETS: `k1:${SECRET}`,
  }
}

const SECRET = 'f3a9c0715be84d2296aa0d6cb1e7f458'

/** Settings that nothing is to be said of, but that they are for development. */
const base = (): Env => ({
  ROLE: 'front',
  PUBSUB_REDIS_URL: redis.url,
  ESL_URL: `127.0.0.1:${good.port}`,
  ESL_PASSWORD: PASSWORD,
  APP_API_URL: 'https://wake.example.com',
  JWT_SECRETS: `k1:${SECRET}`,
  WAITS_MAX: '100',
})

interface Told {
  env: Env
  findings: PlacedFinding[]
}

/** By name, once all have been examined. */
const told = new Map<string, Told>()

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hookswitch-situations-'))
  writeFileSync(join(directory, 'AuthKey.p8'), makeAppleCredentials().signingKey, { mode: 0o600 })
  redis = closing.use(await startRedis(['--appendonly', 'yes']))
  replica = closing.use(await startRedis(['--replicaof', '127.0.0.1', String(redis.port)]))
  good = await startTestSwitch({ password: PASSWORD, gateways: { flowroute: 'up' } })
  closing.defer(() => good.close())
  stands = await openStands()
  await Promise.all(
    situations.map(async ({ name, env: own, clock = Date.now }) => {
      const env = { ...base(), ...(await own()) }
      told.set(name, { env, findings: await examineAll({ env, clock, log: silence, timeoutMs: 20_000 }) })
    }),
  )
}, 60_000)

afterAll(async () => {
  await closing.disposeAsync()
  rmSync(directory, { recursive: true })
})

/** What a library says to its own users, and what is a slip of ours. */
const NOT_FOR_PEOPLE =
  /report this|computer able|verbose: true|enableOfflineQueue|writeable|getaddrinfo|write E|read E|connect E|undefined|\[object|\.\.$|\.\.:|:: |\(\(|\)\)/i

describe.each(situations)('$name', ({ name, check, isWarning, what, todo, start }) => {
  const level = isWarning ? 'warning' : 'problem'
  const findings = () => told.get(name)!.findings

  test('is one finding, which says what to mend', () => {
    const found = findings().filter(each => each.level === level && each.check === check)
    expect(found).toEqual([
      {
        level,
        check,
        part: expect.any(String),
        what: expect.stringMatching(what),
        todo: expect.stringMatching(todo),
      },
    ])
  })

  test('has no other problem beside it, and none that contradicts it', () => {
    const all = findings()
    // A switch that is not there, in the one case in which that is not the point.
    const beside = isWarning ? ['switch connection'] : [check]
    expect(all.filter(each => each.level === 'problem' && !beside.includes(each.check))).toEqual([])
    const { part } = all.find(each => each.level === level && each.check === check)!
    const isWellToo = (each: PlacedFinding) =>
      each.level === 'ok' && each.check === check && part.split(', ').includes(each.part)
    expect(all.filter(isWellToo)).toEqual([])
  })

  test('comes first, in whole sentences of ours', () => {
    const all = findings()
    const order = ['problem', 'warning', 'ok']
    const levels = all.map(each => order.indexOf(each.level))
    expect(levels).toEqual(levels.toSorted())
    for (const each of all) {
      expect(`${each.what} ${each.todo}`).not.toMatch(NOT_FOR_PEOPLE)
      expect(each.what).toMatch(/[.?!]$/)
      if (each.level !== 'ok') expect(each.todo).toMatch(/\.$/)
      expect(JSON.stringify(each)).not.toContain(SECRET)
    }
  })

  test(start === undefined ? 'does not keep the service from starting' : 'is told at the start', () => {
    const { env } = told.get(name)!
    const said = [...mistakesAtStart(env), ...misspeltSettings(env).map(misspeltSentence)]
    if (start === undefined) expect(said).toEqual([])
    else expect(said).toEqual([expect.stringMatching(start)])
  })
})

/** As `main` reads settings and APPS_FILE. */
function mistakesAtStart(env: Env): readonly string[] {
  const config = readConfig(env)
  if (!config.ok) return config.failure
  try {
    openApps(config.value.appsFile, { log: silence }).close()
    return []
  } catch (thrown) {
    if (thrown instanceof AppsFileError) return thrown.mistakes
    throw thrown
  }
}

/** Ports at which something else is spoken. */
interface Stands {
  http: number
  tls: number
  tlsRedis: number
  sentinel: number
  manager: number
  door: number
  /** An app's login that is as it should be. */
  login: number
}

async function openStands(): Promise<Stands> {
  const web = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('<html>') })
  const login = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('', { status: 401 }) })
  closing.defer(async () => {
    await Promise.all([web.stop(true), login.stop(true)])
  })
  const certificate = makeStrangeCertificate()
  const saying = (greeting: string) => (socket: Socket) => void socket.write(greeting)
  const answering = (answer: (line: string) => string) => (socket: Socket) =>
    void socket.on('data', bytes => {
      for (const line of bytes.toString('latin1').split('\r\n')) if (line !== '') socket.write(answer(line))
    })
  return {
    http: web.port!,
    login: login.port!,
    tls: await listen(
      take => createTlsServer(certificate, take),
      answering(() => 'who are you?\n'),
    ),
    tlsRedis: await listen(
      take => createTlsServer(certificate, take),
      answering(line => (line === 'PING' ? '+PONG\r\n' : '-ERR unknown command\r\n')),
    ),
    sentinel: await listen(createServer, answering(asSentinel)),
    manager: await listen(createServer, saying('Asterisk Call Manager/11.0.0\r\n')),
    door: await listen(createServer, saying('connect\n\n')),
  }
}

/** Sentinel 7.0's own words. The names of commands stand on lines of their own in RESP. */
function asSentinel(line: string): string {
  if (/^INFO/i.test(line)) return '$41\r\n# Server\r\nredis_mode:sentinel\r\nuptime:1000\r\n'
  if (/^PING/i.test(line)) return '+PONG\r\n'
  return /^(CLUSTER|HELLO|CLIENT)/i.test(line) ? `-ERR unknown command '${line.split(' ')[0]}'\r\n` : ''
}

async function listen(
  create: (take: (socket: Socket) => void) => Server,
  greet: (socket: Socket) => void,
): Promise<number> {
  const sockets = new Set<Socket>()
  const server = create(socket => {
    sockets.add(socket)
    // The examination ends the connection when it has seen enough.
    socket.on('error', () => undefined)
    greet(socket)
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.defer(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  return (server.address() as { port: number }).port
}
