// The examples that can run, run: a PBX in curl, an app's server side, backends. Each is started as its first lines say,
// against the service with a stand-in for FreeSWITCH.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { openStage, type Stage } from '../../examples/demo/stage.ts'
import type { PushPayload } from '../../src/push/push.ts'
import { freePort } from '../harness/redis.ts'
import { startService } from '../harness/service.ts'

const ROOT = join(import.meta.dir, '../..')
/** Debian's own has Debian's packages; another one may stand before it on the PATH. */
const python = ['python3', '/usr/bin/python3'].find(
  program => Bun.which(program) !== null && Bun.spawnSync([program, '-c', 'import redis']).success,
)
const hasCurl = Bun.which('curl') !== null

/** What the app does with a push; each test has its own. */
let onPush: (payload: PushPayload) => void = () => undefined
let stage: Stage
beforeAll(async () => {
  stage = await openStage({
    env: { APP_PUSH_ROUNDTRIP_WAIT: '2000', PBX_ALLOW: '127.0.0.0/8' },
    switch: {},
    async sendPush(_, payload) {
      onPush(payload)
      return { kind: 'accepted', id: 'a-push' }
    },
  })
})
afterAll(() => stage.close())

/** Runs a program to its end, or to a signal. */
function run(command: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(command, {
    cwd: ROOT,
    env: { PATH: process.env.PATH!, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = Promise.all([child.exited, child.stdout.text(), child.stderr.text()])
  return { child, ended: ended.then(([code, out, err]) => ({ code, out, err })) }
}

const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  fetch(`${stage.service.publicUrl}${path}`, { method: 'POST', body: new URLSearchParams(fields), headers })

describe.skipIf(!hasCurl)('the PBX in curl', () => {
  const wake = (callId: string, account = '1001') =>
    run(['examples/pbx/wake.sh', account, '+4930123456', 'Jürgen & Co', callId], {
      HOOKSWITCH: stage.service.publicUrl!,
    })
  beforeAll(async () => {
    await post('/api/android-device/', { sip_user_id: '1001', token: 'a-token', app: 'com.example.phone' })
  })

  test('rings when the app confirms, and the app sees number and name as they are', async () => {
    let seen: PushPayload | undefined
    onPush = payload => {
      seen = payload
      void post(
        '/api/call-response/',
        {
          unique_key: String(payload.unique_key),
          message_start_time: String(payload.message_start_time),
        },
        { authorization: `Bearer ${payload.token}` },
      )
    }
    expect(await wake('curl-1').ended).toEqual({ code: 0, out: 'ring\n', err: '' })
    expect(seen).toMatchObject({ phonenumber: '+4930123456', caller_id: 'Jürgen & Co' })
  })

  test('refuses with the reason when no phone can be woken', async () => {
    expect(await wake('curl-2', 'nobody').ended).toEqual({ code: 1, out: 'refuse: no-device\n', err: '' })
  })

  test('tells the phones when the caller hangs up', async () => {
    const pushed = Promise.withResolvers<void>()
    const cancelled = Promise.withResolvers<PushPayload>()
    onPush = payload => (payload.type === 'cancel' ? cancelled.resolve(payload) : pushed.resolve())
    const pbx = wake('curl-3')
    await pushed.promise
    pbx.child.kill('SIGTERM')
    expect(await cancelled.promise).toMatchObject({ type: 'cancel', reason: 'caller_hangup' })
    expect(await pbx.ended).toMatchObject({ code: 130, out: 'the caller has hung up\n' })
  })
})

test("the app's server side says whose a registration is", async () => {
  const port = await freePort()
  const server = run([process.execPath, 'examples/app-server/server.ts'], { PORT: String(port) })
  const service = await startService({
    PUBSUB_REDIS_URL: stage.redis.url,
    ROLE: 'front',
    AUTH_MODE: 'upstream',
    AUTH_URL: `http://127.0.0.1:${port}/whose`,
  })
  try {
    const login = async (password: string) =>
      fetch(`http://127.0.0.1:${port}/login`, {
        method: 'POST',
        body: JSON.stringify({ name: 'ann', password }),
      })
    expect((await login('guess')).status).toBe(401)
    const { sip_user_id, token } = (await (await login('correct horse')).json()) as Record<string, string>
    const register = async (account: string, bearer: string) => {
      const response = await fetch(`${service.publicUrl}/api/android-device/`, {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}` },
        body: new URLSearchParams({
          sip_user_id: account,
          token: 'anns-phone',
          app: 'com.example.phone',
          device_id: 'anns',
        }),
      })
      return response.status
    }
    expect(await register(sip_user_id!, token!)).toBe(201)
    expect(await register('1002', token!)).toBe(403)
    expect(await register('1001', '1001.forged')).toBe(401)
  } finally {
    server.child.kill()
    await Promise.all([server.ended, service.kill()])
  }
})

describe('the backend', () => {
  const env = () => ({ PUBSUB_REDIS_URL: stage.redis.url, TALK_MS: '100' })
  const typesOf = (out: string) =>
    out
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line).type)

  test('in TypeScript makes a call, lets a supervisor listen, and hangs up', async () => {
    const { code, out, err } = await run(
      [process.execPath, 'examples/backend/call.ts', '15550001001', '15550001002', '15550001003'],
      env(),
    ).ended
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(typesOf(out).filter(type => type !== 'barge-event')).toEqual([
      'call-start',
      'answer-event',
      'answer-event',
      'ack',
      'ack',
      'hangup-event',
      'hangup-event',
    ])
    expect(out).toContain('said barge to 2 listeners')
  })

  test.skipIf(python === undefined)('in Python makes a call, and hangs up', async () => {
    const { code, out, err } = await run(
      [python!, 'examples/backend/call.py', '15550001001', '15550001002'],
      env(),
    ).ended
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(typesOf(out)).toEqual([
      'call-start',
      'answer-event',
      'answer-event',
      'ack',
      'hangup-event',
      'hangup-event',
    ])
  })
})
