// `hookswitch doctor` as an operator runs it: the whole report, its exit code, and the findings that belong to no
// vendor: settings, the machine, the apps' login.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Finding } from '../../src/base/finding.ts'
import { examineMachine } from '../../src/doctor/machine.ts'
import { cli, jsonLines, startCli } from '../cli/cli.ts'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { startTestSwitch, type TestSwitch } from '../switch/testSwitch.ts'

type Placed = Finding & { part: string }
type Env = Record<string, string>

const ROOT = join(import.meta.dir, '../..')
const SECRET = 'never-to-be-shown-0123456789-abcdef'

let redis: TestRedis
let testSwitch: TestSwitch
let good: Env
beforeAll(async () => {
  redis = await startRedis(['--appendonly', 'yes'])
  testSwitch = await startTestSwitch({ password: 'not-the-default', gateways: { flowroute: 'up' } })
  good = {
    ESL_URL: `127.0.0.1:${testSwitch.port}`,
    ESL_PASSWORD: 'not-the-default',
    JWT_SECRETS: `k1:${SECRET}`,
    APP_API_URL: 'https://wake.example.com',
    WAITS_MAX: '100',
  }
})
afterAll(async () => {
  await Promise.all([redis.close(), testSwitch.close()])
})

async function examine(env: Env, ...more: string[]) {
  const { code, out, err } = await cli(redis.url, ['doctor', '--json', ...more], { env: { ...good, ...env } })
  const findings = jsonLines<Placed>(out)
  expect(JSON.stringify(findings)).not.toContain(SECRET)
  return { code, findings, parts: [...new Set(findings.map(each => each.part))], err }
}

/** The one finding of a check in a part, under these settings. */
async function find(env: Env, part: string, check: string): Promise<Finding> {
  const { findings } = await examine({ ROLE: 'front', ...env })
  const found = findings.filter(each => each.part === part && each.check === check)
  if (found.length !== 1) throw new Error(JSON.stringify(findings, undefined, 1))
  return found[0]!
}

describe('the report', () => {
  test('of a sound machine has every part, warns of what is for development, and exits 0', async () => {
    const { code, findings, parts } = await examine({})
    expect(parts.toSorted()).toEqual(
      ['Settings', 'Machine', 'Redis', 'Push', `Switch 127.0.0.1:${testSwitch.port}`].toSorted(),
    )
    // A busy machine is slow, and is told so.
    const troubles = findings.filter(each => each.level !== 'ok' && each.check !== 'redis round trip')
    expect(troubles.map(each => each.check)).toEqual(['app login', 'apps file'])
    expect(code).toBe(0)
  })

  test('is read by people: parts, levels, what to do, and a sum at the end', async () => {
    const { code, out, err } = await cli(redis.url, ['doctor'], { env: good })
    expect(code).toBe(0)
    // What is wrong stands before what is well.
    expect(out[0]).toBe('Warnings: it works, and you should know')
    const well = out.indexOf('Well')
    expect(out.findIndex(line => /^ {2}Redis +What is published is delivered\.$/.test(line))).toBeGreaterThan(
      well,
    )
    const told = out.findIndex(line => /^ {2}Push +APPS_FILE is not set/.test(line))
    expect(told).toBeLessThan(well)
    expect(out[told + 1]).toMatch(/^ +→ Name a file/)
    expect(err[0]).toBe('Examining …')
    expect(err[1]).toMatch(/^0 problems, [23] warnings\.$/)
  })

  test('exits 1 for a problem, and with --strict for a warning', async () => {
    expect((await examine({ GATEWAY: 'unknown' })).code).toBe(1)
    expect((await examine({}, '--strict')).code).toBe(1)
  })

  test('keeps to the role', async () => {
    const partsOf = async (ROLE: string) => (await examine({ ROLE })).parts.toSorted()
    expect(await partsOf('front')).toEqual(['Machine', 'Push', 'Redis', 'Settings'])
    expect(await partsOf('agent')).toEqual([
      'Machine',
      'Redis',
      'Settings',
      `Switch 127.0.0.1:${testSwitch.port}`,
    ])
  })

  test('names every setting that is wrong, without its value, and examines the rest', async () => {
    const { code, findings, parts } = await examine({
      PORT: 'x',
      PBX_TOKEN: 'short',
      ESL_URL: `${SECRET} ${SECRET}`,
    })
    const wrong = findings.filter(each => each.check === 'settings')
    expect(wrong.map(each => each.what.split(' ')[0]).toSorted()).toEqual(['ESL_URL', 'PBX_TOKEN', 'PORT'])
    expect(wrong.every(each => each.level === 'problem' && each.todo.includes('docs/settings.md'))).toBe(true)
    // The switch's address is among the mistakes: the default one is not what was meant.
    expect(parts.toSorted()).toEqual(['Machine', 'Push', 'Redis', 'Settings'])
    expect(code).toBe(1)
  })

  test('tells of a misspelt setting what is perhaps meant, without its value', async () => {
    const finding = await find({ ESL_PASWORD: SECRET, ESL_PASSWORD: '' }, 'Settings', 'misspelt setting')
    expect(finding).toMatchObject({
      level: 'warning',
      what: 'ESL_PASWORD is no setting and has no effect.',
      todo: 'If ESL_PASSWORD is meant, name it so: it is not set, and its default holds.',
    })
  })

  test('does not wait for one that hangs', async () => {
    await using hung = await startRedis()
    hung.pause()
    const { code, findings } = await examine({ PUBSUB_REDIS_URL: hung.url }, '--timeout', '3')
    hung.resume()
    expect(code).toBe(1)
    expect(findings.find(each => each.part === 'Redis')?.level).toBe('problem')
    expect(findings.find(each => each.check === 'switch connection')?.level).toBe('ok')
  })

  test('says when an examination is not done in time', async () => {
    const silent = await startTestSwitch()
    silent.set({ silent: true })
    const { findings } = await examine({ ESL_URL: `127.0.0.1:${silent.port}` }, '--timeout', '0.001')
    await silent.close()
    const late = findings.filter(each => each.check === 'examination').map(each => each.part)
    expect(late.join()).toContain(`Switch 127.0.0.1:${silent.port}`)
  })

  test('is broken off by Ctrl-C', async () => {
    await using hung = await startRedis()
    hung.pause()
    const run = startCli(hung.url, ['doctor'], { env: good })
    await run.said('Examining')
    run.interrupt()
    expect(await run.exited).toBe(130)
    hung.resume()
    expect(run.out).toEqual([])
  })

  test('tells one switch that is named twice', async () => {
    const { findings } = await examine({
      ESL_URL: `127.0.0.1:${testSwitch.port},localhost:${testSwitch.port}`,
    })
    const twins = findings.filter(each => each.check === 'switch twin')
    expect(twins).toHaveLength(1)
    expect(twins[0]!.level).toBe('problem')
    expect(twins[0]!.what).toContain('same FreeSWITCH as Switch')
  })

  test('tells an APPS_FILE that can not be read', async () => {
    const finding = await find({ APPS_FILE: '/nowhere/apps.json' }, 'Push', 'apps file')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('ENOENT')
  })
})

describe('a setting that can be used and is careless', () => {
  /** A file that makes the service a serving one; nothing in it can be read, which is told beside. */
  const serving = { APPS_FILE: '/nowhere/apps.json' }
  const careless: [what: string, env: Env, check: string, level: string, words: string][] = [
    ['no login', { AUTH_MODE: 'none' }, 'app login', 'warning', 'AUTH_MODE is none'],
    [
      'no login, with real pushes',
      { ...serving, AUTH_MODE: 'none' },
      'app login',
      'problem',
      'AUTH_MODE is none',
    ],
    ['no keys', { JWT_SECRETS: '' }, 'confirmation keys', 'warning', 'JWT_SECRETS is not set'],
    ['no address', { APP_API_URL: '' }, 'app address', 'warning', 'APP_API_URL is not set'],
    ['no address, with real pushes', { ...serving, APP_API_URL: '' }, 'app address', 'problem', 'is not set'],
    ['a plain address', { APP_API_URL: 'http://wake.example.com' }, 'app address', 'warning', 'is not https'],
    ['everybody a PBX', { PBX_ALLOW: '0.0.0.0/0' }, 'pbx admission', 'problem', 'PBX_ALLOW admits everybody'],
    ['everybody a PBX by IPv6', { PBX_ALLOW: '::/0' }, 'pbx admission', 'problem', 'admits everybody'],
    ['private ranges of PBXs', { PBX_ALLOW: '10.0.0.0/8' }, 'pbx admission', 'warning', '(10.0.0.0/8)'],
    ...['10.1.0.0/16', '172.17.0.0/16', '192.168.1.0/24', 'fd00::/8', '100.64.0.0/10', '192.0.0.0/8'].map(
      (range): [string, Env, string, string, string] => [
        `private ranges of PBXs (${range}), with real pushes`,
        { ...serving, PBX_ALLOW: `127.0.0.1, 198.51.100.0/24, ${range}` },
        'pbx admission',
        'problem',
        `(${range})`,
      ],
    ),
    ['no PBX at all', { PBX_ALLOW: '' }, 'pbx admission', 'problem', 'no PBX is answered'],
    ['everybody a proxy', { TRUST_PROXY: '0.0.0.0/0' }, 'pbx admission', 'problem', 'X-Forwarded-For'],
    ['no rate limit', { RATE_LIMIT: '0' }, 'rate limit', 'warning', 'RATE_LIMIT=0'],
    ['rare pushes', { APP_PUSH_RESEND_INTERVAL: '3000' }, 'resends', 'warning', 'no push is sent twice'],
    ['whole numbers', { LOG_FULL_NUMBERS: 'true' }, 'log', 'warning', 'whole phone numbers'],
  ]
  for (const [what, env, check, level, words] of careless)
    test(`is told: ${what}`, async () => {
      const finding = await find(env, 'Settings', check)
      expect(finding.level).toBe(level as Finding['level'])
      expect(finding.what).toContain(words)
      expect(finding.todo).not.toBe('')
    })

  test.each([
    ['by default', {}],
    ['by single addresses', { PBX_ALLOW: '10.1.2.3, 192.168.1.7/32, fd00::7, 198.51.100.0/24' }],
    ['by a token', { PBX_TOKEN: SECRET }],
    ['by a token alone', { PBX_TOKEN: SECRET, PBX_ALLOW: '' }],
  ])('PBXs that are known %s are no finding', async (_, env: Env) => {
    const { findings } = await examine({ ...serving, ...env })
    expect(findings.filter(each => each.check === 'pbx admission')).toEqual([])
  })

  test('an internal listener for all without a token is a mistake', async () => {
    const finding = await find({ INTERNAL_HOST: '0.0.0.0' }, 'Settings', 'settings')
    expect(finding.what).toContain('ADMIN_TOKEN is required')
  })
})

describe('the machine', () => {
  test('that allows too few connections is told', async () => {
    const command = `ulimit -n 900 && exec "${process.execPath}" src/cli.ts doctor --json --timeout 5`
    const child = Bun.spawn(['sh', '-c', command], {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? '', ...good, ROLE: 'front', PUBSUB_REDIS_URL: redis.url },
      stdout: 'pipe',
      stderr: 'ignore',
    })
    const findings = jsonLines<Placed>((await child.stdout.text()).trim().split('\n'))
    const finding = findings.find(each => each.check === 'file descriptors')!
    expect(finding.level).toBe('warning')
    expect(finding.what).toContain('may have 900 connections and files open, and WAITS_MAX asks for 1100')
    expect(finding.todo).toContain('LimitNOFILE')
    expect(await child.exited).toBe(0)
  })

  test('that runs another Bun is told', () => {
    const finding = examineMachine({ role: 'agent', waitsMax: 1 }, '1.0.0').find(
      each => each.check === 'bun',
    )!
    expect(finding.level).toBe('warning')
    expect(finding.what).toContain('Bun is 1.0.0')
  })
})

describe("the apps' login", () => {
  const answers: [
    what: string,
    answer: () => Response,
    mode: 'jwt' | 'upstream',
    level: string,
    words: string,
  ][] = [
    ['keys', () => Response.json({ keys: [{ kty: 'OKP' }] }), 'jwt', 'ok', 'answers with 1 keys'],
    ['no keys', () => Response.json({}), 'jwt', 'problem', 'with 0 keys'],
    ['a page', () => new Response('<html>'), 'jwt', 'problem', 'gives no keys'],
    ['401 to nobody', () => new Response('', { status: 401 }), 'upstream', 'ok', 'as it should'],
    ['200 to nobody', () => Response.json({}), 'upstream', 'problem', '200 without credentials'],
    ['500', () => new Response('', { status: 500 }), 'upstream', 'problem', 'answers 500'],
  ]
  const settings = (mode: string, url: string): Env => ({
    AUTH_MODE: mode,
    AUTH_URL: url,
    AUTH_JWKS_URL: url,
    AUTH_ISSUER: 'i',
    AUTH_AUDIENCE: 'a',
  })

  for (const [what, answer, mode, level, words] of answers)
    test(`by ${mode} that answers ${what} is ${level}; that it is not https is told once it works`, async () => {
      const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer })
      const { findings } = await examine({
        ROLE: 'front',
        ...settings(mode, `http://127.0.0.1:${server.port}`),
      })
      await server.stop(true)
      const told = findings.filter(each => each.part === 'App login')
      expect(told.map(each => each.level)).toEqual(level === 'ok' ? ['warning', 'ok'] : ['problem'])
      expect(told[0]!.what).toContain(level === 'ok' ? 'is not https' : words)
      expect(told.at(-1)!.what).toContain(words)
    })

  for (const mode of ['jwt', 'upstream'])
    test(`by ${mode} that can not be reached is a problem`, async () => {
      const url = `http://127.0.0.1:${await freePort()}`
      const { findings } = await examine({ ROLE: 'front', ...settings(mode, url) })
      const [asked, ...more] = findings.filter(each => each.part === 'App login')
      expect(more).toEqual([])
      expect(asked).toMatchObject({ level: 'problem', what: expect.stringContaining('nobody listens there') })
      expect(asked!.todo).not.toBe('')
    })
})

test('settings are printed in both forms', async () => {
  const [env, markdown] = await Promise.all([
    cli(redis.url, ['settings']),
    cli(redis.url, ['settings', '--format', 'markdown']),
  ])
  expect(env.out.join('\n')).toContain('#PUBSUB_REDIS_URL=')
  expect(markdown.out.join('\n')).toContain('| `PUBSUB_REDIS_URL` |')
  expect([env.code, markdown.code]).toEqual([0, 0])
})
