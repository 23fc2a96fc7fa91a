// Fields that are missing, too long or of the wrong kind: 400, problem+json, and the field's name. Every route, one
// table; whatever comes, the service never fails by itself.
import { beforeAll, describe, expect, test } from 'bun:test'
import { postForm, postJson } from '../../harness/client.ts'
import { forAllTests } from '../../harness/forAllTests.ts'
import { startService } from '../../harness/service.ts'
import { JWT_SECRETS, signConfirmation } from '../../harness/tokens.ts'

let bearer: Record<string, string>

const [, service] = forAllTests(startService, {
  JWT_SECRETS,
  APP_PUSH_ROUNDTRIP_WAIT: '100',
  RATE_LIMIT: '0',
})
beforeAll(async () => {
  const token = await signConfirmation({ account: '1', callId: 'none', deviceId: 'd' })
  bearer = { authorization: `Bearer ${token}` }
  // What the table registers is there already, whichever of its tests comes first.
  for (const platform of ['apns', 'android'])
    await postJson(`${service.publicUrl}/api/${platform}-device/`, device)
})

type Body = Record<string, unknown>

interface Route {
  method: string
  path: string
  /** A body that is right, in its smallest form. */
  right: Body
  /** Of that body. */
  status: number
  /** Optional fields. */
  optional: string[]
}

const device = { sip_user_id: '1', token: 'ab'.repeat(32), app: 'com.example.phone' }
const deviceOptions = ['name', 'os_version', 'client_version', 'sandbox', 'remote_logging_id', 'device_id']
const ROUTES: Route[] = [
  {
    method: 'POST',
    path: 'incoming-call',
    right: { sip_user_id: 'nobody', phonenumber: '+31 50' },
    status: 200,
    optional: ['caller_id', 'call_id'],
  },
  {
    method: 'POST',
    path: 'call-ended',
    right: { call_id: 'none', reason: 'caller_hangup' },
    status: 404,
    optional: [],
  },
  {
    method: 'POST',
    path: 'registered',
    right: { sip_user_id: '3', contact: '<sip:3@192.0.2.1>' },
    status: 200,
    optional: ['expires', 'user_agent'],
  },
  {
    method: 'POST',
    path: 'call-response',
    right: {},
    status: 404,
    optional: ['unique_key', 'message_start_time', 'sip_user_id', 'available', 'device_id'],
  },
  ...['apns', 'gcm', 'android'].flatMap((platform): Route[] => [
    {
      method: 'POST',
      path: `${platform}-device`,
      right: device,
      status: 200,
      optional: deviceOptions,
    },
    {
      method: 'DELETE',
      path: `${platform}-device`,
      right: { ...device, sip_user_id: 'nobody' },
      status: 404,
      optional: [],
    },
  ]),
  { method: 'POST', path: 'check-in', right: { sip_user_id: '2' }, status: 404, optional: ['device_id'] },
  {
    method: 'POST',
    path: 'hangup-reason',
    right: { sip_user_id: '2', unique_key: 'u', reason: 'r' },
    status: 404,
    optional: [],
  },
  { method: 'POST', path: 'log-metrics', right: {}, status: 200, optional: ['sip_user_id'] },
]

/** What no field of ours is. `toString` in JSON is a value that can't be turned into text at all. */
const NEVER: unknown[] = [{}, [], ['1'], { toString: 1, valueOf: 1 }]

/** What these fields are not, beside that. */
const WRONG: Record<string, unknown[]> = {
  sip_user_id: [
    'a b',
    'a/b',
    'a@b@c',
    '@b',
    'a@',
    'x'.repeat(65),
    `a@${'d'.repeat(256)}`,
    1.5,
    -1.5,
    true,
    'é',
    'a\nb',
    'sip:1@b',
  ],
  phonenumber: [true],
  caller_id: [true],
  call_id: ['x'.repeat(256), 'é', 'a\tb', true, 1.5],
  reason: ['bored', 'CALLER_HANGUP', 1, true],
  unique_key: ['x'.repeat(256), 'a\nb', true],
  message_start_time: ['soon', '1,5', 'NaN', 'Infinity', true],
  available: ['perhaps', 2, 'tru'],
  token: ['a b', 'x'.repeat(4_097), 'a\nb', 'é', true],
  app: ['a b', 'x'.repeat(256), '../etc', 'a/b', true],
  name: [true],
  os_version: [true],
  client_version: [true],
  sandbox: ['sometimes', 3],
  remote_logging_id: [true],
  contact: ['a\nb', 'x'.repeat(16_385), true],
  expires: [-1, 1.5, 'soon', 4_294_967_296, true],
  user_agent: [true],
  device_id: ['x'.repeat(129), 'a b', 'a/b', 'é', true],
}
/** `reason` of an app is any line of text. */
const wrongValuesOf = ({ path }: Route, field: string): unknown[] => [
  ...NEVER,
  ...(path === 'hangup-reason' && field === 'reason' ? [true] : (WRONG[field] ?? [])),
]

const send = ({ method, path }: Route, body: Body, post = postJson as typeof postForm) =>
  post(`${service.publicUrl}/api/${path}/`, body as Record<string, string>, { method, headers: bearer })

async function expectNamed(response: Response, field: string): Promise<void> {
  expect(response.status).toBe(400)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = (await response.json()) as { errors: { field: string; detail: string }[] }
  expect(problem).toMatchObject({ type: 'about:blank', title: 'Bad Request', status: 400 })
  expect(problem.errors.map(each => each.field)).toEqual([field])
  expect(problem.errors[0]!.detail).toMatch(/^(is required|must be .+)$/)
}

for (const route of ROUTES) {
  describe(`${route.method} ${route.path}`, () => {
    test('takes its smallest body, also with fields that it does not know', async () => {
      expect((await send(route, route.right)).status).toBe(route.status)
      const more = { ...route.right, colour: 'red', nested: { a: [1] } }
      expect((await send(route, more)).status).toBe(route.status)
    })

    for (const field of Object.keys(route.right)) {
      // An app may leave the text of its reason empty.
      if (route.path === 'hangup-reason' && field === 'reason') continue
      test(`names ${field} when it is missing, empty or null`, async () => {
        const { [field]: _, ...rest } = route.right
        await expectNamed(await send(route, rest), field)
        await expectNamed(await send(route, { ...rest, [field]: null }), field)
        // Nobody's number is a number that is withheld.
        if (field === 'phonenumber') return
        if (field !== 'unique_key') await expectNamed(await send(route, { ...rest, [field]: '' }), field)
      })
    }

    for (const field of [...Object.keys(route.right), ...route.optional]) {
      test(`names ${field} when it is wrong, in JSON and in a form`, async () => {
        for (const value of wrongValuesOf(route, field)) {
          const body = { ...route.right, [field]: value }
          await expectNamed(await send(route, body), field)
          if (typeof value === 'string' && value !== '')
            await expectNamed(await send(route, body, postForm), field)
        }
      })
    }

    for (const field of route.optional) {
      test(`takes ${field} left empty for left out`, async () => {
        for (const value of ['', null])
          expect((await send(route, { ...route.right, [field]: value })).status).toBe(route.status)
      })
    }
  })
}

test('several mistakes are named together', async () => {
  const response = await postForm(`${service.publicUrl}/api/android-device/`, { token: 'a b', app: 'ok' })
  const { errors, detail } = (await response.json()) as { errors: { field: string }[]; detail: string }
  expect(errors.map(each => each.field).toSorted()).toEqual(['sip_user_id', 'token'])
  expect(detail).toContain('sip_user_id is required')
})

test('the answer to a mistake never quotes the value', async () => {
  const response = await postForm(`${service.publicUrl}/api/android-device/`, {
    sip_user_id: '1',
    token: 'secret token of a phone',
    app: 'com.example.phone',
  })
  expect(await response.text()).not.toContain('secret')
})

test('a route that does not exist is 404, and so is a method that a route has not', async () => {
  for (const [method, path] of [
    ['POST', 'api/nothing'],
    ['GET', 'api/incoming-call/'],
    ['DELETE', 'api/check-in'],
    ['POST', 'api/windows-device/'],
    ['GET', 'metrics'],
  ]) {
    const response = await fetch(`${service.publicUrl}/${path}`, { method: method! })
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  }
})

test('nothing of all this was a failure of the service', () => {
  expect(service.log.filter(line => line.level === 'error')).toEqual([])
})
