// What an operator is shown of an account's phones: everything that helps to find out why one does not ring, and no
// push token.
import { beforeAll, expect, test } from 'bun:test'
import { idOfToken } from '../../../src/redis/devices/devices.ts'
import { forAllTests } from '../../harness/forAllTests.ts'
import { startService } from '../../harness/service.ts'
import { type Api, apiAt, untilApiReady } from './api.ts'

const TOKEN = 'a-push-token-that-nobody-else-may-know'

let api: Api

const [, service] = forAllTests(startService, {})
beforeAll(async () => {
  await untilApiReady(service.internalUrl)
  api = apiAt(service.internalUrl)
})

const register = (account: string, more: Record<string, unknown> = {}) =>
  fetch(`${service.publicUrl}/api/android-device/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sip_user_id: account, token: TOKEN, app: 'com.example.phone', ...more }),
  })

test('an account’s devices are shown without their tokens', async () => {
  await register('123456789', { os_version: '16', name: 'Alice’s phone', device_id: 'install-1' })
  const answer = await api.get('/api/devices/123456789')
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({
    sip_user_id: '123456789',
    devices: [
      {
        device_id: 'install-1',
        platform: 'android',
        app: 'com.example.phone',
        token_fingerprint: idOfToken(TOKEN),
        sandbox: false,
        name: 'Alice’s phone',
        os_version: '16',
        client_version: null,
        remote_logging_id: null,
        usually_answers_within_ms: null,
        registered_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        last_seen: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ],
  })
  expect(JSON.stringify(answer.body)).not.toContain(TOKEN.slice(0, 10))
})

test('an account with a domain is found, and one without devices has none', async () => {
  await register('alice@example.com')
  expect((await api.get('/api/devices/alice%40example.com')).body.devices).toHaveLength(1)
  expect((await api.get('/api/devices/nobody')).body).toEqual({ sip_user_id: 'nobody', devices: [] })
})

test.each(['a%20b', 'x'.repeat(65), '%7B%7D'])('%s is no account', async account => {
  const answer = await api.get(`/api/devices/${account}`)
  expect([answer.status, answer.body.errors[0].field]).toEqual([400, 'sip_user_id'])
})
