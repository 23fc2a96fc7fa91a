// Wrong situations as people meet them, each with the text that they are told: by the doctor, and by the start where the
// start finds them. One cause is one problem, it names what to mend, nothing contradicts it, and no library speaks. All of
// a file are examined at the same time, in this process, at stand-ins for whatever speaks at a wrong port.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import PQueue from 'p-queue'
import { readConfig } from '../../../src/config/config.ts'
import { misspeltSentence, misspeltSettings } from '../../../src/config/misspelt.ts'
import { examineAll } from '../../../src/doctor/doctor.ts'
import type { PlacedFinding } from '../../../src/doctor/report.ts'
import { AppsFileError, openApps } from '../../../src/push/apps.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { makeAppleCredentials } from '../../push/appCredentials.ts'
import { startTestSwitch, type TestSwitch } from '../../switch/testSwitch.ts'
import { silence } from '../findings.ts'
import { openStands, type Stands } from './stands.ts'

export type Env = Record<string, string>

export interface Situation {
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

export const PASSWORD = 'not-the-default'
export let redis: TestRedis
export let replica: TestRedis
export let good: TestSwitch
export let stands: Stands
export let directory: string
export let closing: AsyncDisposableStack

export const SECRET = 'f3a9c0715be84d2296aa0d6cb1e7f458'

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

/** Few enough for a slow machine to answer each in time. */
const EXAMINED_AT_ONCE = 4

/** Examines all situations of a file, and makes the tests that hold what each is told. */
export function expectEachToBeTold(situations: Situation[]): void {
  /** By name, once all have been examined. */
  const told = new Map<string, Told>()

  beforeAll(async () => {
    closing = new AsyncDisposableStack()
    directory = mkdtempSync(join(tmpdir(), 'hookswitch-situations-'))
    writeFileSync(join(directory, 'AuthKey.p8'), makeAppleCredentials().signingKey, { mode: 0o600 })
    redis = closing.use(await startRedis(['--appendonly', 'yes']))
    replica = closing.use(await startRedis(['--replicaof', '127.0.0.1', String(redis.port)]))
    good = await startTestSwitch({ password: PASSWORD, gateways: { flowroute: 'up' } })
    closing.defer(() => good.close())
    stands = await openStands(closing)
    await new PQueue({ concurrency: EXAMINED_AT_ONCE }).addAll(
      situations.map(({ name, env: own, clock = Date.now }) => async () => {
        const env = { ...base(), ...(await own()) }
        told.set(name, { env, findings: await examineAll({ env, clock, log: silence, timeoutMs: 20_000 }) })
      }),
    )
  })

  afterAll(async () => {
    await closing.disposeAsync()
    rmSync(directory, { recursive: true })
  })

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
}

/** What a library says to its own users, and what is a slip of ours. */
const NOT_FOR_PEOPLE =
  /report this|computer able|verbose: true|enableOfflineQueue|writeable|getaddrinfo|write E|read E|connect E|undefined|\[object|\.\.$|\.\.:|:: |\(\(|\)\)/i

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
