// What the doctor finds at Apple and Google, provoked at strict stubs at the vendors' own names.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Finding } from '../../../src/base/finding.ts'
import type { ApnsApp } from '../../../src/push/apns.ts'
import { examineApns, NO_DEVICE } from '../../../src/push/apnsCheckup.ts'
import { createProviderTokens } from '../../../src/push/apnsToken.ts'
import { examinePush } from '../../../src/push/checkup.ts'
import type { FcmApp } from '../../../src/push/fcm.ts'
import { examineFcm } from '../../../src/push/fcmCheckup.ts'
import { type ApnsPlan, type ApnsStub, startApnsStub } from '../../push/apnsStub.ts'
import {
  makeAppleCredentials,
  makeGoogleCredentials,
  TEST_APP,
  TEST_TOPIC,
  writeAppsFile,
} from '../../push/appCredentials.ts'
import { type FcmStub, startFcmStub } from '../../push/fcmStub.ts'
import { only, troubles } from '../findings.ts'

const google = makeGoogleCredentials()
/** As Apple answers for a device that it does not know. */
const NOBODY: ApnsPlan = { kind: 'refuse', status: 400, reason: 'BadDeviceToken' }
const TOPIC = 'hookswitch-doctor'

let fcm: FcmStub
beforeAll(async () => {
  fcm = await startFcmStub(google)
})
afterAll(() => fcm.close())

describe("an app's key at Apple", () => {
  let stubs: ApnsStub[] = []
  afterEach(async () => {
    await Promise.all(stubs.map(stub => stub.close()))
    stubs = []
  })

  /** Opens both of Apple's hosts with these answers, and asks. Each time with a key of its own. */
  async function ask(
    plans: { production?: ApnsPlan[]; sandbox?: ApnsPlan[] } | 'nobody listens',
    more: Partial<ApnsApp> & { clock?: () => number; known?: boolean } = {},
  ): Promise<Finding[]> {
    const { clock = Date.now, known = true, ...settings } = more
    const apple = makeAppleCredentials()
    const keys = known ? [apple] : [makeAppleCredentials()]
    if (plans !== 'nobody listens') {
      stubs = await Promise.all([
        startApnsStub({ host: 'api.push.apple.com', keys }),
        startApnsStub({ host: 'api.sandbox.push.apple.com', keys }),
      ])
      stubs[0]!.plan(NO_DEVICE, ...(plans.production ?? [NOBODY]))
      stubs[1]!.plan(NO_DEVICE, ...(plans.sandbox ?? [NOBODY]))
    }
    const { teamId, keyId, signingKey } = apple
    const app = { platform: 'apns' as const, app: TEST_APP, teamId, keyId, topic: TEST_TOPIC, signingKey }
    return examineApns({
      app: { ...app, ...settings },
      providerTokens: createProviderTokens(clock),
      clock,
      limitMs: 1_000,
    })
  }

  test('is good when only the device is unknown, at both hosts, and the clock is compared', async () => {
    const findings = await ask({})
    expect(troubles(findings)).toEqual([])
    expect(findings.map(each => each.check).toSorted()).toEqual([
      'apns production',
      'apns sandbox',
      'clock',
      'clock',
    ])
    for (const stub of stubs) {
      expect(stub.heard).toHaveLength(1)
      expect(stub.received).toEqual([])
    }
  })

  test("is told when it is not the team's: a problem, at the sandbox a warning", async () => {
    const findings = await ask({}, { known: false })
    expect(only(findings, 'apns production').level).toBe('problem')
    expect(only(findings, 'apns production').what).toContain('InvalidProviderToken')
    expect(only(findings, 'apns production').todo).toContain('keyId')
    expect(only(findings, 'apns sandbox').level).toBe('warning')
  })

  test('is told when it may not push to the topic', async () => {
    const finding = only(await ask({}, { topic: 'com.example.other.voip' }), 'apns production')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('TopicDisallowed')
    expect(finding.todo).toContain('.voip')
  })

  test('is told when it can not sign', async () => {
    const finding = only(await ask('nobody listens', { signingKey: 'no key' }), 'apns key')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain("can't sign")
  })

  test('is told when it is for the other environment alone', async () => {
    const refusal: ApnsPlan = { kind: 'refuse', status: 403, reason: 'BadEnvironmentKeyInToken' }
    const finding = only(await ask({ sandbox: [refusal] }), 'apns sandbox')
    expect(finding.level).toBe('warning')
    expect(finding.todo).toContain('other environment')
  })

  test('is told when too many sign with it, and when Apple refuses in words unknown', async () => {
    const busy: ApnsPlan = { kind: 'refuse', status: 429, reason: 'TooManyProviderTokenUpdates' }
    const odd: ApnsPlan = { kind: 'refuse', status: 400, reason: 'SomethingNew' }
    const findings = await ask({ production: [odd], sandbox: [busy] })
    expect(only(findings, 'apns sandbox').todo).toContain('twenty minutes')
    expect(only(findings, 'apns production').what).toContain('SomethingNew')
    expect(only(findings, 'apns production').level).toBe('problem')
  })

  test('is told when Apple can not be reached, or does not answer', async () => {
    const away = await ask('nobody listens')
    expect(only(away, 'apns production').level).toBe('problem')
    expect(only(away, 'apns production').what).toContain("can't be asked")
    expect(only(away, 'apns production').todo).toContain('443')
    const silent = await ask({ production: [{ kind: 'hold' }] })
    expect(only(silent, 'apns production').what).toContain('no answer')
  })

  test('and a clock that is wrong', async () => {
    const findings = await ask({}, { clock: () => Date.now() - 2 * 3_600_000 })
    expect(only(findings, 'apns production').what).toContain('ExpiredProviderToken')
    expect(only(findings, 'apns production').todo).toContain('clock')
    const clocks = findings.filter(each => each.check === 'clock')
    expect(clocks.map(each => each.level)).toEqual(['problem', 'problem'])
    expect(clocks[0]!.what).toMatch(/7\d\d\d s behind Apple/)
  })
})

describe("an app's service account at Google", () => {
  const ask = (more: Partial<FcmApp> = {}, clock = Date.now) => {
    const { projectId, clientEmail, privateKey } = google
    return examineFcm({
      app: { platform: 'android', app: TEST_APP, projectId, clientEmail, privateKey, ...more },
      clock,
      limitMs: 1_000,
    })
  }

  test('is good when a push is found valid; none is sent', async () => {
    const findings = await ask()
    expect(troubles(findings)).toEqual([])
    expect(findings.map(each => each.check)).toEqual(['fcm sign-in', 'fcm project', 'clock'])
    expect(fcm.received).toEqual([])
  })

  test('is told when Google refuses it', async () => {
    const finding = only(await ask({ privateKey: makeGoogleCredentials().privateKey }), 'fcm sign-in')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('invalid_grant')
    expect(finding.todo).toContain('make a new key')
  })

  test('is told when its project is another', async () => {
    const finding = only(await ask({ projectId: 'another-project' }), 'fcm project')
    expect(finding.level).toBe('problem')
    expect(finding.what).toContain('knows no project another-project')
    expect(finding.todo).toContain('project_id')
  })

  test('is told when it may not push, when Google is busy, and when it says something unknown', async () => {
    const answers: [code: number, status: string, level: string, words: string][] = [
      [403, 'PERMISSION_DENIED', 'problem', 'does not let push@'],
      [503, 'UNAVAILABLE', 'warning', 'does not answer'],
      [400, 'INVALID_ARGUMENT', 'problem', 'refuses a push'],
    ]
    for (const [code, status, level, words] of answers) {
      fcm.plan(TOPIC, { kind: 'refuse', code, status })
      const finding = only(await ask(), 'fcm project')
      expect([finding.level, finding.what]).toEqual([
        level as Finding['level'],
        expect.stringContaining(words),
      ])
    }
  })

  test('is told when Google does not answer', async () => {
    fcm.planSignIn({ kind: 'hold' })
    const signIn = only(await ask(), 'fcm sign-in')
    expect(signIn.what).toContain("can't be asked")
    expect(signIn.todo).toContain('oauth2.googleapis.com')
    fcm.plan(TOPIC, { kind: 'hold' })
    expect(only(await ask(), 'fcm project').what).toContain("can't be asked")
    fcm.release()
  })

  test('and a clock that is wrong', async () => {
    const findings = await ask({}, () => Date.now() + 60_000)
    expect(only(findings, 'clock').what).toMatch(/\d\d s ahead of Google/)
  })
})

test('all apps of APPS_FILE are asked, each under its name', async () => {
  const apple = makeAppleCredentials()
  const directory = mkdtempSync(join(tmpdir(), 'hookswitch-doctor-'))
  const stubs = await Promise.all([
    startApnsStub({ host: 'api.push.apple.com', keys: [apple] }),
    startApnsStub({ host: 'api.sandbox.push.apple.com', keys: [apple] }),
  ])
  const found = await examinePush({
    appsFile: writeAppsFile(directory, apple, google),
    clock: Date.now,
    limitMs: 1_000,
  })
  await Promise.all(stubs.map(stub => stub.close()))
  rmSync(directory, { recursive: true })
  expect(troubles(found.map(each => each.finding))).toEqual([])
  expect([...new Set(found.map(each => each.app))]).toEqual([
    undefined,
    `${TEST_APP} (apns)`,
    `${TEST_APP} (android)`,
  ])
})
