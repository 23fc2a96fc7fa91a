// What the log must not say: secrets and tokens never, numbers and accounts only in part, however much is logged and
// whatever goes wrong.
import { describe, expect, test } from 'bun:test'
import {
  answer,
  askPbx,
  confirm,
  endCall,
  postForm,
  postJson,
  proceeds,
  registerPhone,
} from '../../harness/client.ts'
import { eventually, obstaclesOf } from '../../harness/internal.ts'
import { startRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { SECRETS, signConfirmation } from '../../harness/tokens.ts'
import { startVendorService } from '../../harness/vendor.ts'

const ACCOUNT = '987654321'
const NUMBER = '+31501234567'
const NAME = 'Wilhelmina Drucker'

const SECRET = {
  redisPassword: 'redis-password-never-shown',
  pbxToken: 'pbx-token-never-shown',
  adminToken: 'admin-token-never-shown',
  pushToken: 'push-token-never-shown',
  formerPushToken: 'former-push-token-never-shown',
  appCredentials: 'app-credentials-never-shown',
  jwtKey: SECRETS.newest,
}

/** Begins every JWT of ours: `{"alg":` in base64url. */
const JWT_BEGIN = 'eyJhbGci'

const settings = {
  LOG_LEVEL: 'debug',
  JWT_SECRETS: `newest:${SECRETS.newest}`,
  PBX_TOKEN: SECRET.pbxToken,
  PBX_ALLOW: '127.0.0.0/8',
  ADMIN_TOKEN: SECRET.adminToken,
  APP_PUSH_ROUNDTRIP_WAIT: '10000',
}

/** A Redis with a password. */
async function startLockedRedis() {
  const redis = await startRedis()
  await redis.client.config('SET', 'requirepass', SECRET.redisPassword)
  return { redis, url: `redis://:${SECRET.redisPassword}@127.0.0.1:${redis.port}` }
}

/** Everything an app and a PBX may send, right and wrong. @returns the app's confirmation token. */
async function liveThrough(service: TestService): Promise<string> {
  const { publicUrl } = service
  const headers = { authorization: `Bearer ${SECRET.appCredentials}` }
  const device = { sip_user_id: ACCOUNT, app: 'com.example.phone', name: NAME }
  await registerPhone(publicUrl, { ...device, token: SECRET.formerPushToken, name: 'Another' })
  await postForm(`${publicUrl}/api/android-device/`, { ...device, token: SECRET.pushToken }, { headers })
  await postJson(`${publicUrl}/api/android-device/`, { ...device, token: `${SECRET.pushToken} blank` })
  await postJson(`${publicUrl}/api/android-device/`, { ...device, token: [SECRET.pushToken] })
  await fetch(`${publicUrl}/api/android-device/`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: `{"token":"${SECRET.pushToken}", broken`,
  })
  await postForm(`${publicUrl}/api/check-in/`, { sip_user_id: ACCOUNT }, { headers })
  await postForm(`${publicUrl}/api/hangup-reason/`, { sip_user_id: ACCOUNT, unique_key: 'u', reason: 'r' })

  const held = askPbx(publicUrl, {
    sip_user_id: ACCOUNT,
    phonenumber: NUMBER,
    caller_id: NAME,
    call_id: 'whole',
  })
  await service.logged(line => line.msg === 'push sent' && line.callId === 'whole')
  const stored = await service.logged(line => line.msg === 'incoming call' && line.callId === 'whole')
  expect(stored.level).toBe('info')
  const deviceId = idOfPhone()
  const token = await signConfirmation({ account: ACCOUNT, callId: 'whole', deviceId })
  const wrong = await signConfirmation({
    account: ACCOUNT,
    callId: 'whole',
    deviceId,
    secret: SECRETS.foreign,
  })
  expect((await confirm(publicUrl, { token: wrong, callId: 'whole' })).status).toBe(401)
  await answer(
    { response_api: `${publicUrl}/api/call-response/?token=${wrong}`, unique_key: 'whole' },
    { baseUrl: publicUrl },
  )
  expect(await confirm(publicUrl, { token, callId: 'whole' })).toEqual(proceeds)
  await held
  await endCall(publicUrl, 'whole', 'caller_hangup')
  await fetch(`${publicUrl}/api/nothing/?token=${token}`, { headers })
  await fetch(`${service.internalUrl}/metrics`, {
    headers: { authorization: `Bearer ${SECRET.adminToken}x` },
  })
  return token
}

const idOfPhone = () =>
  `t-${new Bun.CryptoHasher('sha256').update(SECRET.pushToken).digest('hex').slice(0, 16)}`

function expectSilentOn(output: string, ...others: string[]): void {
  for (const secret of [...Object.values(SECRET), ...others]) expect(output).not.toContain(secret)
}

describe('the log', () => {
  test('with APPS_FILE holds no secret, no token, no whole number, account or name, even in trouble', async () => {
    const { redis, url } = await startLockedRedis()
    await using _ = redis
    await using service = await startVendorService({ ...settings, PUBSUB_REDIS_URL: url })
    service.decide = ({ payload }) =>
      payload.type === 'call'
        ? { kind: 'accepted', id: 'x' }
        : { kind: 'refused', reason: 'the vendor did not like it' }
    const token = await liveThrough(service)
    await redis.kill()
    await eventually('unreadiness', async () => (await obstaclesOf(service.internalUrl)).includes('redis'))
    await askPbx(service.publicUrl, { sip_user_id: ACCOUNT, phonenumber: NUMBER, caller_id: NAME })
    await registerPhone(service.publicUrl, { sip_user_id: ACCOUNT, token: SECRET.pushToken })
    await confirm(service.publicUrl, { token, callId: 'whole' })
    await service.logged(line => line.msg.includes('redis unavailable'))

    const output = service.output()
    expect(output).toContain('"level":"debug"')
    expectSilentOn(output, token, JWT_BEGIN, ACCOUNT, NUMBER, NUMBER.slice(1), NAME)
  })

  test('without APPS_FILE, the default for development, shows how to answer by hand but no push token', async () => {
    const { redis, url } = await startLockedRedis()
    await using _ = redis
    await using service = await startService({ ...settings, PUBSUB_REDIS_URL: url })
    await liveThrough(service)
    const push = await service.pushed('whole')
    expect(push.response_api).toContain(JWT_BEGIN)
    expect(push.device).toBe('…own')
    expect(push.phonenumber).toBe('…567')
    expectSilentOn(service.output(), ACCOUNT, NUMBER, NAME)
  })

  test('keeps the end of numbers and accounts, so that one caller’s lines can be told from another’s', async () => {
    await using redis = await startRedis()
    await using service = await startService({ PUBSUB_REDIS_URL: redis.url })
    await askPbx(service.publicUrl, { sip_user_id: ACCOUNT, phonenumber: NUMBER, call_id: 'masked' })
    const line = await service.logged(each => each.callId === 'masked')
    expect(line).toMatchObject({ account: '…321', phonenumber: '…567' })
  })

  test('with LOG_FULL_NUMBERS shows them whole, and still no secret', async () => {
    const { redis, url } = await startLockedRedis()
    await using _ = redis
    await using service = await startVendorService({
      ...settings,
      PUBSUB_REDIS_URL: url,
      LOG_FULL_NUMBERS: 'true',
    })
    const token = await liveThrough(service)
    const line = await service.logged(each => each.callId === 'whole' && each.msg === 'incoming call')
    expect(line).toMatchObject({ account: ACCOUNT, phonenumber: NUMBER })
    expectSilentOn(service.output(), token, JWT_BEGIN)
  })
})
