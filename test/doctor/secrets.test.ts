// What the doctor says of secrets that everybody knows, that can be guessed, and of files that others can read.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfigAnyway } from '../../src/config/config.ts'
import { examineFiles } from '../../src/doctor/files.ts'
import { examineSecrets } from '../../src/doctor/secrets.ts'
import { troubles } from './findings.ts'

const ROOT = join(import.meta.dir, '../..')
const { randomBytes } = await import('node:crypto')
const random = (bytes = 32) => randomBytes(bytes).toString('hex')

const examine = (env: Record<string, string>) => {
  const findings = examineSecrets(readConfigAnyway(env).config)
  // No value is ever told.
  for (const value of Object.values(env).filter(each => each.length >= 8))
    expect(JSON.stringify(findings)).not.toContain(value)
  return findings
}

describe('example secrets', async () => {
  const manifests = (await Bun.file(join(ROOT, 'deploy/kubernetes/secret.example.yaml')).text())
    .split('---')
    .map(text => Bun.YAML.parse(text) as { stringData?: Record<string, string> })
  const inFiles = manifests.flatMap(({ stringData = {} }) => Object.entries(stringData))
  const secrets = inFiles.filter(([name]) => /TOKEN|SECRET|PASSWORD/.test(name))

  test('stand in the example of Kubernetes', () => {
    expect(secrets.map(([name]) => name).toSorted()).toEqual([
      'ADMIN_TOKEN',
      'ESL_PASSWORD',
      'JWT_SECRETS',
      'METRICS_TOKEN',
      'PBX_TOKEN',
    ])
  })

  test.each(secrets)('%s as in that file is told', (name, value) => {
    const [finding, ...rest] = examine({ [name]: value })
    expect(rest).toEqual([])
    expect(finding).toMatchObject({ level: 'problem', check: 'example secrets' })
    expect(finding!.what).toStartWith(name)
  })

  test('and so are the passwords of the documented Redis users', async () => {
    const document = await Bun.file(join(ROOT, 'docs/security.md')).text()
    const passwords = [...document.matchAll(/^\s*user \w+ on >(\S+)/gm)].map(([, password]) => password!)
    expect(passwords).toHaveLength(2)
    for (const password of passwords)
      expect(troubles(examine({ PUBSUB_REDIS_URL: `redis://hookswitch:${password}@redis:6379` }))).toEqual([
        expect.stringContaining('problem example secrets: PUBSUB_REDIS_URL'),
      ])
  })

  test('and whatever .env.example sets, once a switch is elsewhere', async () => {
    const given = [...(await Bun.file(join(ROOT, '.env.example')).text()).matchAll(/^#?([A-Z_]+)=(.+)$/gm)]
    const env = Object.fromEntries(given.map(([, name, value]) => [name!, value!]))
    expect(examineSecrets(readConfigAnyway(env).config)).toEqual([])
    expect(troubles(examine({ ...env, ESL_URL: '127.0.0.1,10.0.0.5' }))).toEqual([
      expect.stringContaining('problem example secrets: ESL_PASSWORD'),
    ])
  })

  test.each([
    ['127.0.0.1', {}, false],
    ['localhost:8021,[::1]', {}, false],
    ['10.0.0.5', {}, true],
    ['freeswitch', { ESL_PASSWORD: 'ClueCon' }, true],
    ['127.0.0.1,freeswitch', { ESL_PASSWORD: 'ClueCon' }, true],
    ['freeswitch', { ESL_PASSWORD: 'of-my-own' }, false],
    ['freeswitch', { ROLE: 'front' }, false],
  ])('ClueCon at %s with %p', (switches, env, isTold) => {
    expect(examine({ ESL_URL: switches, ...(env as Record<string, string>) })).toHaveLength(isTold ? 1 : 0)
  })
})

describe('weak secrets', () => {
  const weak = [
    's'.repeat(32),
    'ab'.repeat(16),
    '0123456789'.repeat(4),
    'abcdefghijklmnopqrstuvwxyz012345',
    'zyxwvutsrqponmlkjihgfedcba987654',
    'password-password-1-password-2-xyz',
    'this-is-a-very-secret-key-for-jwt-',
    'changemechangemechangemechangeme12',
    'hookswitch-2026-hookswitch-in-prod',
    'qwertyuiopasdfghjklzxcvbnm12345678',
    'a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1',
  ]
  test.each(weak)('%s is told, in each setting', secret => {
    for (const [env, name] of [
      [{ JWT_SECRETS: `good:${random()},old:${secret}` }, 'JWT_SECRETS (old)'],
      [{ ADMIN_TOKEN: secret }, 'ADMIN_TOKEN'],
      [{ ADMIN_TOKENS: `ann:${secret}` }, 'ADMIN_TOKENS (ann)'],
      [{ METRICS_TOKEN: secret }, 'METRICS_TOKEN'],
      [{ PBX_TOKEN: secret }, 'PBX_TOKEN'],
      [{ PUBSUB_REDIS_URL: `redis://:${secret}@redis` }, 'PUBSUB_REDIS_URL'],
    ] as [Record<string, string>, string][]) {
      expect(troubles(examine(env))).toEqual([expect.stringContaining(`warning weak secrets: ${name}:`)])
      expect(examine({ ...env, APPS_FILE: '/nowhere/apps.json' })).toEqual([
        expect.objectContaining({ level: 'problem', check: 'weak secrets' }),
      ])
    }
  })

  test('what chance made is not', () => {
    for (let time = 0; time < 200; time++) {
      const base64 = randomBytes(24).toString('base64url')
      const env = { JWT_SECRETS: `a:${random()},b:${base64}`, ADMIN_TOKEN: random(24), PBX_TOKEN: random(16) }
      expect(examine(env)).toEqual([])
    }
    expect(examine({})).toEqual([])
  })
})

describe('files of secrets', () => {
  let directory: string
  let open: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'hookswitch-files-'))
    chmodSync(directory, 0o755)
    open = join(directory, 'etc')
    mkdirSync(join(open, 'keys'), { recursive: true })
    const entries = [
      { app: 'a', platform: 'apns', keyFile: 'keys/AuthKey.p8' },
      { app: 'a', platform: 'android', serviceAccountFile: join(open, 'account.json') },
      { app: 'b', platform: 'apns', keyFile: 'missing.p8' },
    ]
    writeFileSync(join(open, 'apps.json'), JSON.stringify(entries))
    writeFileSync(join(open, 'keys', 'AuthKey.p8'), 'x')
    writeFileSync(join(open, 'account.json'), 'x')
    writeFileSync(join(open, '.env'), 'x')
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  const FILES = ['apps.json', 'keys/AuthKey.p8', 'account.json', '.env']

  /** The trouble with one file of such a mode, the others being for their owner alone. */
  function trouble(file: string, mode: number, at = open): string[] {
    for (const each of FILES) chmodSync(join(open, each), each === file ? mode : 0o600)
    return troubles(examineFiles({ appsFile: join(at, 'apps.json') }, at))
  }

  test.each(FILES)('%s is told when every user can read it, or change it', file => {
    expect(trouble(file, 0o644)).toEqual([
      `warning secret files: Every user of this machine can read ${join(open, file)}.`,
    ])
    expect(trouble(file, 0o666)).toEqual([
      `problem secret files: Every user of this machine can change ${join(open, file)}.`,
      expect.stringContaining('can read'),
    ])
    for (const mode of [0o600, 0o640, 0o400, 0o660]) expect(trouble(file, mode)).toEqual([])
  })

  test('a directory that others can not enter keeps them', () => {
    chmodSync(open, 0o750)
    expect(trouble('keys/AuthKey.p8', 0o644)).toEqual([])
    chmodSync(open, 0o755)
    chmodSync(join(open, 'keys'), 0o700)
    expect(trouble('keys/AuthKey.p8', 0o644)).toEqual([])
    chmodSync(join(open, 'keys'), 0o755)
    expect(trouble('keys/AuthKey.p8', 0o644)).toHaveLength(1)
  })

  test('without APPS_FILE, or where it is not there, nothing is said', () => {
    expect(examineFiles({ appsFile: undefined }, '/nowhere')).toEqual([])
    expect(troubles(examineFiles({ appsFile: '/nowhere/apps.json' }, '/nowhere'))).toEqual([])
  })
})
