// The settings: read once, checked together. Whoever makes mistakes hears of all of them at once, by name, and never
// with the values, because half of the settings are secrets.
import { describe, expect, test } from 'bun:test'
import { type Config, readConfig } from '../../src/config/config.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { freePort } from '../harness/redis.ts'
import { spawnService, startService } from '../harness/service.ts'

type Env = Record<string, string>

function read(env: Env): Config {
  const config = readConfig(env)
  if (!config.ok) throw new Error(config.failure.join('\n'))
  return config.value
}

function mistakesOf(env: Env): string[] {
  const config = readConfig(env)
  return config.ok ? [] : config.failure
}

const SECRET_32 = 's'.repeat(32)

describe('the settings', () => {
  test('all have a name, a meaning, and a default that the documentation can show', () => {
    const settings = Object.values(SETTINGS)
    for (const { env, about, fallbackText } of settings) {
      expect(env).toMatch(/^[A-Z][A-Z0-9_]+$/)
      expect(about).toMatch(/^.{10,}\.$/)
      expect(typeof fallbackText).toBe('string')
    }
    expect(new Set(settings.map(each => each.env)).size).toBe(settings.length)
  })

  test('have defaults that the documentation tells right: reading them as they are shown changes nothing', () => {
    const shown = Object.fromEntries(Object.values(SETTINGS).map(each => [each.env, each.fallbackText]))
    const asShown = read(shown)
    const asDefault = read({})
    for (const name of Object.keys(SETTINGS) as (keyof Config)[]) {
      if (typeof asDefault[name] === 'function') continue
      expect({ [name]: asShown[name] }).toEqual({ [name]: asDefault[name] })
    }
  })

  test('without any set are those of a machine for development', () => {
    const config = read({})
    expect(config).toMatchObject({
      role: 'all',
      port: 8080,
      internalHost: '127.0.0.1',
      internalPort: 9090,
      redisUrl: 'redis://127.0.0.1:6379',
      roundtripWaitMs: 4_000,
      resendIntervalMs: 1_000,
      devicesPerAccountMax: 10,
      rateLimitPerMinute: 600,
      authMode: 'none',
      jwtSecrets: [],
      showsFullNumbers: false,
    })
    expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(config.pbxAllow)).toBe(true)
    const others = ['10.9.8.7', '172.17.0.1', '192.168.1.1', 'fd00::1', '8.8.8.8', '2001:db8::1', '::', '']
    expect(others.some(config.pbxAllow)).toBe(false)
    expect(config.trustProxy('127.0.0.1')).toBe(false)
  })

  test('are frozen', () => {
    expect(Object.isFrozen(read({}))).toBe(true)
  })

  test('are read with blanks around them taken off, and empty ones as not set', () => {
    const config = read({ PORT: ' 8081 ', APP_API_URL: '  ', PBX_TOKEN: '', LOG_LEVEL: ' warn' })
    expect(config).toMatchObject({ port: 8081, logLevel: 'warn' })
    expect(config.appApiUrl).toBeUndefined()
    expect(config.pbxToken).toBeUndefined()
  })

  const TOKEN = 'the-token-of-this-pbx'
  const LOOPBACK = ['127.0.0.1', '::1']
  const pbxs: [what: string, env: Env, admitted: string[]][] = [
    ['neither setting', {}, LOOPBACK],
    ['an empty list', { PBX_ALLOW: '' }, []],
    ['a list of blanks and commas', { PBX_ALLOW: ' , ' }, []],
    ['a token', { PBX_TOKEN: TOKEN }, []],
    ['a token and an empty list', { PBX_TOKEN: TOKEN, PBX_ALLOW: '' }, []],
    ['a token and a list', { PBX_TOKEN: TOKEN, PBX_ALLOW: '10.0.0.7' }, ['10.0.0.7']],
    ['an empty token', { PBX_TOKEN: '' }, LOOPBACK],
    ['a list', { PBX_ALLOW: '10.0.0.0/30,::1' }, ['::1', '10.0.0.2']],
    [
      'IPv4 as IPv6',
      { PBX_ALLOW: '::ffff:10.0.0.0/124, ::ffff:192.0.2.1' },
      ['10.0.0.2', '10.0.0.7', '192.0.2.1'],
    ],
  ]
  test.each(pbxs)('admit as PBXs, with %s, nobody but who is meant', (_, env, admitted) => {
    const { pbxAllow } = read(env)
    const asked = ['127.0.0.1', '::1', '10.0.0.2', '10.0.0.7', '192.0.2.1', '203.0.113.9', '', 'unknown']
    expect(asked.filter(each => pbxAllow(each))).toEqual(admitted)
    expect(pbxAllow.isEmpty).toBe(admitted.length === 0)
  })

  test('have units: seconds of the environment are milliseconds inside', () => {
    expect(read({ PUBSUB_REDIS_TIMEOUT: '2.5' }).redisConnectTimeoutMs).toBe(2_500)
  })

  test('hold several keys, newest first', () => {
    const keys = read({ JWT_SECRETS: `b:${SECRET_32}x, a:${SECRET_32}` }).jwtSecrets
    expect(keys).toEqual([
      { kid: 'b', secret: `${SECRET_32}x` },
      { kid: 'a', secret: SECRET_32 },
    ])
  })

  test('take the slash off the end of a URL, because paths are put after it', () => {
    expect(read({ APP_API_URL: 'https://wake.example.com/' }).appApiUrl).toBe('https://wake.example.com')
  })
})

const SECRET = 'hush-never-shown'

const bad: [keyof typeof SETTINGS, string[], RegExp][] = [
  ['role', ['both', 'ALL'], /must be one of all, front, agent$/],
  ['port', ['-1', '65536', '80.5', 'http', '0x50', '1e3'], /must be a whole number from 0 to 65535$/],
  ['roundtripWaitMs', ['99', '120001', '4s'], /must be a whole number from 100 to 120000$/],
  ['resendIntervalMs', ['49'], /must be a whole number from 50/],
  ['redisConnectTimeoutMs', ['0', '301', 'ten', '1,5'], /must be a number of seconds from 0.1 to 300$/],
  ['redisUrl', [`http://${SECRET}`, SECRET, `redis://:${SECRET}@h:x`], /must be|must begin|is no URL/],
  ['adminToken', ['short'], /must have at least 16 characters$/],
  ['pbxToken', ['short'], /must have at least 16 characters$/],
  ['metricsToken', ['short'], /must have at least 16 characters$/],
  [
    'adminTokens',
    [SECRET_32, 'ann', ':x', 'an n:x', `ann:${SECRET_32},`],
    /must be `name:token`, with commas between$/,
  ],
  ['adminTokens', ['ann:short', `ann:${SECRET_32},bob:`], /needs tokens of at least 16 characters$/],
  ['adminTokens', [`ann:${SECRET_32},ann:${SECRET_32}x`], /names somebody twice$/],
  ['adminTokens', [`ann:${SECRET_32},bob:${SECRET_32}`], /has one token under two names$/],
  ['jwtSecrets', [SECRET, `k:${SECRET}`, `k:${SECRET_32},`, `bad kid:${SECRET_32}`], /must be|needs secrets/],
  ['jwtSecrets', [`k:${SECRET_32},k:${SECRET_32}`], /names a kid twice$/],
  ['pbxAllow', [SECRET, '10.0.0.0/33', '10.0.0.0/8 192.168.0.0/16', '10'], /neither an address nor a CIDR/],
  ['trustProxy', ['10.0.0.1,example.com'], /neither an address nor a CIDR block \(number 2\)$/],
  ['appApiUrl', [SECRET, 'ftp://example.com', 'example.com'], /must be an http\(s\) URL$/],
  ['authMode', ['ldap'], /must be one of none, upstream, jwt$/],
  ['logLevel', ['loud'], /must be one of debug, info, warn, error$/],
  ['showsFullNumbers', ['yes', '1', 'TRUE'], /must be true or false$/],
]

describe('a mistake', () => {
  for (const [name, values, sentence] of bad) {
    const { env } = SETTINGS[name]
    test(`in ${env} is told by its name, not by its value (${sentence.source})`, () => {
      for (const value of values) {
        const mistakes = mistakesOf({ [env]: value })
        expect(mistakes.length).toBe(1)
        expect(mistakes[0]).toStartWith(`${env} `)
        expect(mistakes[0]).toMatch(sentence)
        expect(mistakes[0]).not.toContain(SECRET)
      }
    })
  }

  const contradictions: [string, Env, string][] = [
    ['an exposed internal listener', { INTERNAL_HOST: '0.0.0.0' }, 'ADMIN_TOKEN is required'],
    ['upstream without a URL', { AUTH_MODE: 'upstream' }, 'AUTH_URL is required'],
    [
      'one token for Prometheus and operators',
      { ADMIN_TOKENS: `ann:${SECRET_32}`, METRICS_TOKEN: SECRET_32 },
      'METRICS_TOKEN is one of the admin tokens',
    ],
    [
      'jwt without keys',
      { AUTH_MODE: 'jwt', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' },
      'AUTH_JWKS_URL is required',
    ],
  ]
  for (const [what, env, mistake] of contradictions)
    test(`of settings that are wrong together is told too: ${what}`, () => {
      expect(mistakesOf(env)).toEqual([expect.stringContaining(mistake)])
    })

  test('is told together with all others', () => {
    const mistakes = mistakesOf({
      PORT: 'x',
      ROLE: 'y',
      AUTH_MODE: 'jwt',
      PUBSUB_REDIS_URL: 'z',
      INTERNAL_HOST: '::',
    })
    expect(mistakes.map(each => each.split(' ')[0]).toSorted()).toEqual([
      'ADMIN_TOKEN',
      'AUTH_AUDIENCE',
      'AUTH_ISSUER',
      'AUTH_JWKS_URL',
      'PORT',
      'PUBSUB_REDIS_URL',
      'ROLE',
    ])
  })

  test('ends the process with 78 (EX_CONFIG) and a message that names every one, without values', async () => {
    const child = spawnService({
      PORT: '99999',
      PUBSUB_REDIS_URL: `http://${SECRET}`,
      PBX_TOKEN: 'brief',
      JWT_SECRETS: `kid:${SECRET}`,
      AUTH_MODE: 'upstream',
    })
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
    expect(await child.exited).toBe(78)
    expect(stderr).toStartWith("hookswitch can't start with these settings:\n")
    for (const name of ['PORT', 'PUBSUB_REDIS_URL', 'PBX_TOKEN', 'JWT_SECRETS', 'AUTH_URL'])
      expect(stderr).toContain(`  ${name} `)
    expect(stderr.trim().split('\n').length).toBe(6)
    expect(stdout + stderr).not.toContain(SECRET)
    expect(stdout + stderr).not.toContain('99999')
  })

  test('names what was perhaps meant by a misspelt one, at a start that fails and at one that does not', async () => {
    const sentence = 'AUTH_ISUER is no setting and has no effect; is AUTH_ISSUER meant, which is not set?'
    const failing = spawnService({ AUTH_MODE: 'jwt', AUTH_ISUER: SECRET })
    const stderr = await failing.stderr.text()
    expect(await failing.exited).toBe(78)
    expect(stderr).toContain(`  AUTH_ISSUER is required with AUTH_MODE=jwt\n`)
    expect(stderr).toEndWith(`  ${sentence}\n`)
    await using service = await startService({
      PUBSUB_REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      AUTH_ISUER: SECRET,
    })
    expect(await service.logged(line => line.msg === sentence)).toMatchObject({
      level: 'warn',
      given: 'AUTH_ISUER',
      meant: 'AUTH_ISSUER',
    })
    expect(stderr + service.output()).not.toContain(SECRET)
  })

  test('in APPS_FILE ends it in the same way', async () => {
    const child = spawnService({
      APPS_FILE: '/nowhere/apps.json',
      PUBSUB_REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
    })
    const stderr = await child.stderr.text()
    expect(await child.exited).toBe(78)
    expect(stderr).toContain('APPS_FILE')
  })
})
