// Bugs reach Sentry, from the main thread and from workers, without what they quote; and without SENTRY_DSN everything is
// as ever. Sentry is a stub that speaks real HTTP.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openLog } from '../../src/base/log.ts'
import { openErrorReports } from '../../src/errors/reports.ts'
import { createScrubber } from '../../src/errors/scrub.ts'
import type { ErrorReports } from '../../src/errors/types.ts'
import { askPbx, registerPhone } from '../harness/client.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'
import { startVendorService } from '../harness/vendor.ts'
import { type SentryStub, startSentry } from './sentryStub.ts'
import { SECRETS, TELLTALE } from './telltale.ts'

let redis: TestRedis
let sentry: SentryStub
beforeAll(async () => {
  redis = await startRedis()
  sentry = startSentry()
})
afterAll(async () => {
  sentry[Symbol.dispose]()
  await redis.close()
})

const startBuggy = (env: Record<string, string> = {}) =>
  startService(
    { PUBSUB_REDIS_URL: redis.url, ADMIN_TOKEN: SECRETS.adminToken, ...env },
    { path: 'test/errors/buggyMain.ts', onMessage: () => undefined },
  )

const open = (showsFullNumbers = false): ErrorReports =>
  openErrorReports(
    {
      dsn: sentry.dsn,
      environment: 'test',
      release: 'hookswitch@test',
      pod: 'pod-1',
      secrets: [SECRETS.adminToken],
      showsFullNumbers,
    },
    'main',
  )!

describe('what nobody caught', () => {
  test('in the main thread is reported and logged, and ends the process', async () => {
    await using service = await startBuggy({ SENTRY_DSN: sentry.dsn, SENTRY_ENVIRONMENT: 'staging' })
    service.process.kill('SIGUSR2')
    expect(await service.process.exited).toBe(1)
    const event = await sentry.event('a bug')
    expect(event).toMatchObject({ environment: 'staging', tags: { thread: 'main' } })
    expect(event.release).toMatch(/^hookswitch@\d+\.\d+\.\d+$/)
    expect(event.server_name).toBeString()
    expect(event.exception.values.flatMap(each => each.stacktrace?.frames ?? []).length).toBeGreaterThan(0)
    for (const secret of Object.values(SECRETS)) expect(sentry.text()).not.toContain(secret)
    expect(service.log.some(line => line.msg === 'unhandled error: it ends this thread')).toBe(true)
  })

  test('as a rejection is reported too', async () => {
    await using service = await startBuggy({ SENTRY_DSN: sentry.dsn })
    service.process.kill('SIGHUP')
    expect(await service.process.exited).toBe(1)
    await sentry.event('nobody caught this')
  })

  test('in a worker is reported by that worker, whose successor goes on', async () => {
    await using service = await startVendorService({
      PUBSUB_REDIS_URL: redis.url,
      SENTRY_DSN: sentry.dsn,
      APP_PUSH_ROUNDTRIP_WAIT: '3000',
      TEST_WAIT_PROGRAM: '../wake/crashingWait.ts',
    })
    await registerPhone(service.publicUrl, { sip_user_id: '801' })
    const asked = askPbx(service.publicUrl, { sip_user_id: '801', call_id: 'crash-reported' })
    expect(await sentry.event('the wait worker crashes')).toMatchObject({ tags: { thread: 'wait' } })
    expect((await asked).status).toBe(200)
  })

  test('ends a process without SENTRY_DSN as ever, and nothing is sent', async () => {
    const before = sentry.text()
    await using service = await startBuggy()
    service.process.kill('SIGUSR2')
    expect(await service.process.exited).toBe(1)
    expect(sentry.text()).toBe(before)
  })
})

describe('what the log calls an error', () => {
  test('is reported when it has a stack: with what was being done, and the masked fields of the line', async () => {
    const reports = open()
    const log = openLog({ level: 'silent', showsFullNumbers: false, isPretty: false }, 'test', reports.report)
    const child = log.child({ agent: 'agent-1' })
    child.level = 'error'
    child.error(
      {
        err: new Error('a logged bug'),
        dialId: 'dial-1',
        account: SECRETS.account,
        token: SECRETS.pushToken,
      },
      'dialling a job failed',
    )
    await reports.flush()
    const { extra } = await sentry.event('a logged bug')
    expect(extra).toMatchObject({
      doing: 'dialling a job failed',
      dialId: 'dial-1',
      agent: 'agent-1',
      account: '…300',
      token: '[secret]',
    })
  })

  test('is not when it has none, or is less than an error', async () => {
    const reports = open()
    const log = openLog({ level: 'error', showsFullNumbers: false, isPretty: false }, 'test', reports.report)
    const before = sentry.events.length
    log.error({ reason: 'BadDeviceToken' }, 'push refused')
    log.warn({ err: new Error('a warning') }, 'redis is away')
    await reports.flush()
    expect(sentry.events).toHaveLength(before)
  })

  test('is reported at most sixty times a minute', async () => {
    const reports = open()
    const before = sentry.events.length
    for (let times = 0; times < 200; times++) reports.report(new Error(`flood ${times}`), 'flooding', {})
    await reports.flush()
    expect(sentry.events.length - before).toBeLessThanOrEqual(60)
    expect(sentry.events.length - before).toBeGreaterThan(0)
  })
})

describe('a text that leaves the house', () => {
  const { text, value } = createScrubber({ secrets: [SECRETS.adminToken], showsFullNumbers: false })

  test('has no secret and no number in it, and stays readable', () => {
    const clean = text(TELLTALE)
    for (const secret of Object.values(SECRETS)) expect(clean).not.toContain(secret)
    expect(clean).toContain('call from …678 for …300, at redis://[secret]@10.0.0.5:6379')
  })

  test('keeps its numbers with LOG_FULL_NUMBERS, and its secrets to itself', () => {
    const full = createScrubber({ secrets: [], showsFullNumbers: true })
    expect(full.text(TELLTALE)).toContain(SECRETS.number)
    expect(full.text(TELLTALE)).not.toContain(SECRETS.jwt)
    expect(full.value({ account: SECRETS.account, password: 'x' })).toEqual({
      account: SECRETS.account,
      password: '[secret]',
    })
  })

  test('keeps the ids by which a call is found', () => {
    expect(value({ dialId: 'dial-20261122', callId: '1795333537.48', reason: 'no 20261122' })).toEqual({
      dialId: 'dial-20261122',
      callId: '1795333537.48',
      reason: 'no …122',
    })
  })

  test('is scrubbed at any depth of a field', () => {
    expect(value({ job: [{ caller_number: SECRETS.number, sip_auth_password: 'x', port: 6379 }] })).toEqual({
      job: [{ caller_number: '…678', sip_auth_password: '[secret]', port: 6379 }],
    })
  })
})

test('a DSN that is none is a mistake in the settings, without its value', async () => {
  const { readConfig } = await import('../../src/config/config.ts')
  const read = readConfig({ SENTRY_DSN: 'https://sentry.example.com/secret-project' })
  expect(read).toEqual({ ok: false, failure: ['SENTRY_DSN must be https://key@host/project'] })
})
