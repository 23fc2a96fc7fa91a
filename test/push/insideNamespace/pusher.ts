// The whole push room against both vendors' stubs, with credentials from an APPS_FILE. Runs inside the vendors'
// namespace: see vendors.test.ts.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Apps, openApps } from '../../../src/push/apps.ts'
import type { PushPayload, PushTarget } from '../../../src/push/push.ts'
import { createPusher, type Pusher } from '../../../src/push/pusher.ts'
import { type ApnsStub, startApnsStub } from '../apnsStub.ts'
import { makeAppleCredentials, makeGoogleCredentials, TEST_APP, writeAppsFile } from '../appCredentials.ts'
import { captureLog } from '../capturedLog.ts'
import { type FcmStub, startFcmStub } from '../fcmStub.ts'

const apple = makeAppleCredentials()
const rotated = makeAppleCredentials('KEY7654321')
const google = makeGoogleCredentials()
const call: PushPayload = { type: 'call', unique_key: 'abc', attempt: 1 }
const { signal } = new AbortController()

let apns: ApnsStub
let fcm: FcmStub
let directory: string
let apps: Apps
let pusher: Pusher
let captured: ReturnType<typeof captureLog>
let deviceCount = 0

function newDevice(platform: PushTarget['platform']): PushTarget {
  deviceCount++
  return { platform, app: TEST_APP, token: deviceCount.toString(16).padStart(64, '0'), isSandbox: false }
}

beforeAll(async () => {
  apns = await startApnsStub({ host: 'api.push.apple.com', keys: [apple, rotated] })
  fcm = await startFcmStub(google)
  directory = mkdtempSync(join(tmpdir(), 'hookswitch-pusher-'))
  captured = captureLog()
  apps = openApps(writeAppsFile(directory, apple, google), captured)
  pusher = createPusher({ apps, log: captured.log, clock: Date.now })
})
afterAll(async () => {
  await pusher.close()
  apps.close()
  await Promise.all([apns.close(), fcm.close()])
  rmSync(directory, { recursive: true })
})

test('iPhones are reached through Apple, Android phones through Google, old gcm ones too', async () => {
  const devices = (['apns', 'android', 'gcm'] as const).map(newDevice)
  const outcomes = await Promise.all(devices.map(device => pusher.push(device, call, signal)))
  expect(outcomes.map(outcome => outcome.kind)).toEqual(['accepted', 'accepted', 'accepted'])
  expect(apns.received.map(push => push.token)).toEqual([devices[0]!.token])
  expect(fcm.received.map(message => message.token).sort()).toEqual([devices[1]!.token, devices[2]!.token])
})

test('a passing fault of either vendor is got over', async () => {
  const [iphone, android] = [newDevice('apns'), newDevice('android')]
  apns.plan(iphone.token, { kind: 'refuse', status: 503, reason: 'ServiceUnavailable' })
  fcm.plan(android.token, { kind: 'refuse', code: 503, status: 'UNAVAILABLE', fcmCode: 'UNAVAILABLE' })
  const outcomes = await Promise.all([iphone, android].map(device => pusher.push(device, call, signal)))
  expect(outcomes.map(outcome => outcome.kind)).toEqual(['accepted', 'accepted'])
})

test('a new key in APPS_FILE is used from the next push on, by a new connection', async () => {
  const before = apns.connections()
  const changed = Promise.withResolvers<void>()
  const stop = apps.onChange(changed.resolve)
  writeAppsFile(directory, rotated, google)
  await changed.promise
  stop()
  const device = newDevice('apns')
  expect(await pusher.push(device, call, signal)).toMatchObject({ kind: 'accepted' })
  const push = apns.received.find(each => each.token === device.token)!
  const header = JSON.parse(atob(push.headers.authorization!.split(' ')[1]!.split('.')[0]!))
  expect(header.kid).toBe(rotated.keyId)
  expect(apns.connections() - before).toBe(1)
})

test('a key file that breaks is told, and pushes go on with the one before', async () => {
  writeFileSync(join(directory, 'AuthKey.p8'), 'no key')
  await captured.line('APPS_FILE is broken')
  expect(await pusher.push(newDevice('apns'), call, signal)).toMatchObject({ kind: 'accepted' })
})

test('a thousand pushes to both at once all arrive', async () => {
  const devices = Array.from({ length: 1_000 }, (_, index) => newDevice(index % 2 ? 'apns' : 'android'))
  const outcomes = await Promise.all(devices.map(device => pusher.push(device, call, signal)))
  expect(outcomes.filter(outcome => outcome.kind !== 'accepted')).toEqual([])
})

test('after all this no secret is in the log', () => {
  expect(captured.lines.length).toBeGreaterThan(1_000)
  const secretive = captured.lines.filter(line =>
    /BEGIN PRIVATE KEY|[Bb]earer |ya29|0{40}/.test(JSON.stringify(line)),
  )
  expect(secretive).toEqual([])
})
