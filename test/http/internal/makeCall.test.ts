// Making a call over HTTP: what is queued, what is refused and why, and that a request which comes twice is one call,
// whichever process gets it.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { anyJson } from '../../dial/anyJson.ts'
import { startRedis, type TestRedis } from '../../harness/redis.ts'
import { startService, type TestService } from '../../harness/service.ts'
import { type Api, apiAt, aspCall, untilApiReady } from './api.ts'

const ASP = 'talkiq-asp.calls'
const BOT = 'talkiq-bot.calls'

let redis: TestRedis
let services: TestService[]
let api: Api
let other: Api
beforeAll(async () => {
  redis = await startRedis()
  // No agents: what is queued stays where it is.
  services = await Promise.all([
    startService({ PUBSUB_REDIS_URL: redis.url }),
    startService({ PUBSUB_REDIS_URL: redis.url, RED_MODE: 'load-test' }),
  ])
  await Promise.all(services.map(each => untilApiReady(each.internalUrl)))
  ;[api, other] = services.map(each => apiAt(each.internalUrl)) as [Api, Api]
})
afterAll(async () => {
  await Promise.all(services.map(each => each.kill()))
  await redis.close()
})
beforeEach(() => redis.client.flushall())

const jobsIn = async (list: string) => (await redis.client.lrange(list, 0, -1)).map(text => JSON.parse(text))

/** Of all kinds. */
async function waiting(): Promise<number> {
  const lengths = await Promise.all([ASP, BOT, 'talkiq-load.calls'].map(list => redis.client.llen(list)))
  return lengths.reduce((sum, length) => sum + length, 0)
}

describe('a call', () => {
  test('is queued as the job that a backend would push, with its time', async () => {
    const beforeSeconds = Date.now() / 1_000
    const answer = await api.post('/api/calls', aspCall({ dial_id: 'my-call', colour: 'ignored' }))
    expect(answer.status).toBe(202)
    expect(answer.body).toEqual({ dial_id: 'my-call', list: ASP, queued: true, waiting: 1 })
    expect(answer.headers.get('location')).toBe('/api/calls/my-call')
    const { kind, ...fields } = aspCall({ dial_id: 'my-call' })
    const [job] = await jobsIn(ASP)
    expect(job).toEqual({ type: kind, ...fields, queued_at: expect.any(Number) })
    expect(job.queued_at).toBeGreaterThanOrEqual(beforeSeconds)
  })

  test('of each kind goes to the list of its kind', async () => {
    const common = { org_id: 'org', user_id: 'user', phone_number: 'sip:alice@203.0.113.7' }
    const bot = { kind: 'bot-call', ...common, caller_id: '15550000001', auth: true }
    const login = { sip_auth_username: 'alice', sip_auth_password: 'secret' }
    expect((await api.post('/api/calls', { ...bot, ...login })).body.list).toBe(BOT)
    expect(await jobsIn(BOT)).toMatchObject([{ type: 'bot-call', ...common, ...login, auth: true }])
    const texts = { dialpad_crm: 'a', parent_callid: 'b', callee_name: 'c', target_key: 'd', topic: 'e' }
    const load = { kind: 'load-test', ...common, leg: 'customer', gateway: 'acme', ...texts }
    expect((await other.post('/api/calls', load)).body.list).toBe('talkiq-load.calls')
  })

  test('may name accounts in place of numbers, or beside them', async () => {
    const { caller_number: _, ...asleep } = aspCall({
      caller_account: '1000',
      callee_account: 'alice@example.com',
    })
    expect((await api.post('/api/calls', asleep)).status).toBe(202)
    const [job] = await jobsIn(ASP)
    expect(job).toMatchObject({
      caller_account: '1000',
      callee_account: 'alice@example.com',
      callee_number: '15550000002',
    })
    expect(job.caller_number).toBeUndefined()
    const bot = {
      kind: 'bot-call',
      org_id: 'org',
      user_id: 'user',
      account: '1000',
      caller_id: '15550000001',
    }
    expect((await api.post('/api/calls', bot)).status).toBe(202)
    const bad = await api.post('/api/calls', { ...asleep, callee_account: 'a b' })
    expect(bad.body.errors).toEqual([
      { field: 'callee_account', detail: expect.stringContaining('must be an account') },
    ])
  })

  test('without a dial id gets one, and is another call each time', async () => {
    const first = await api.post('/api/calls', aspCall())
    const second = await api.post('/api/calls', aspCall())
    expect(first.body.dial_id).toMatch(/^[0-9a-f-]{36}$/)
    expect(second.body.dial_id).not.toBe(first.body.dial_id)
    expect((await jobsIn(ASP)).map(job => job.dial_id)).toEqual([first.body.dial_id, second.body.dial_id])
  })

  test('carries the trace of its request, or the one that it names', async () => {
    const [inHeader, inBody] = ['a', 'b'].map(digit => `00-${digit.repeat(32)}-b7ad6b7169203331-01`)
    await api.post('/api/calls', aspCall(), { traceparent: inHeader! })
    await api.post('/api/calls', aspCall({ traceparent: inBody }), { traceparent: inHeader! })
    // A header that is none is as if there were none (Trace Context, 4.3).
    await api.post('/api/calls', aspCall(), { traceparent: '00-nonsense' })
    const traces = (await jobsIn(ASP)).map(job => job.traceparent)
    expect(traces).toEqual([inHeader, inBody, undefined])
  })

  test('keeps the time at which its caller says it was wanted', async () => {
    await api.post('/api/calls', aspCall({ queued_at: 1_764_000_000 }))
    expect((await jobsIn(ASP))[0].queued_at).toBe(1_764_000_000)
  })
})

test('any JSON in any field is queued or refused as the caller’s mistake, and the service goes on', async () => {
  const fields = ['kind', 'type', 'dial_id', 'org_id', 'caller_number', 'caller_id_lega', 'queued_at', 'auth']
  const field = fc.constantFrom(...fields, 'traceparent', 'sip_auth_password')
  const kind = fc.constantFrom('asp-call', 'bot-call')
  const job = fc.tuple(kind, fc.dictionary(field, anyJson, { maxKeys: 3 }))
  const body = fc.oneof(
    job.map(([each, more]) => aspCall({ kind: each, phone_number: '1', caller_id: '1', ...more })),
    anyJson,
  )
  await fc.assert(
    fc.asyncProperty(body, async given => {
      const before = await waiting()
      const { status, body } = await api.post('/api/calls', given)
      // A repeated job is taken once.
      expect((await waiting()) - before).toBe(status === 202 && body.queued ? 1 : 0)
      if (status !== 202) expect([Math.floor(status / 100), body.detail]).toEqual([4, expect.any(String)])
    }),
    { numRuns: 150 },
  )
})

describe('a request that comes twice', () => {
  test('is one job, and answered alike, by the same process and by another', async () => {
    const first = await api.post('/api/calls', aspCall({ dial_id: 'twice' }))
    for (const each of [api, other]) {
      const again = await each.post('/api/calls', aspCall({ dial_id: 'twice' }))
      expect(again.status).toBe(202)
      expect(again.body).toEqual({ ...first.body, queued: false })
    }
    expect(await jobsIn(ASP)).toHaveLength(1)
  })

  test('is one job also when two processes get it at the same moment, fifty times over', async () => {
    const rounds = Array.from({ length: 50 }, (_, round) =>
      [api, other, api, other].map(each => each.post('/api/calls', aspCall({ dial_id: `race-${round}` }))),
    )
    const answers = await Promise.all(rounds.map(round => Promise.all(round)))
    for (const round of answers) {
      expect(round.map(answer => answer.status)).toEqual([202, 202, 202, 202])
      expect(round.filter(answer => answer.body.queued)).toHaveLength(1)
    }
    expect(await jobsIn(ASP)).toHaveLength(50)
  })

  test('is known by its Idempotency-Key, and answered with the dial id of the first', async () => {
    const headers = { 'idempotency-key': 'order 4711' }
    const answers = await Promise.all(
      [api, other, api, other].map(each => each.post('/api/calls', aspCall(), headers)),
    )
    expect(new Set(answers.map(answer => answer.body.dial_id)).size).toBe(1)
    expect(answers.filter(answer => answer.body.queued)).toHaveLength(1)
    expect(await jobsIn(ASP)).toHaveLength(1)
  })

  test('is not the same when its content differs: the key is taken', async () => {
    const headers = { 'idempotency-key': 'order 4712' }
    await api.post('/api/calls', aspCall(), headers)
    const answer = await other.post('/api/calls', aspCall({ callee_number: '15550000003' }), headers)
    expect([answer.status, answer.body.detail]).toEqual([
      409,
      'this Idempotency-Key came with another request before',
    ])
    expect(await jobsIn(ASP)).toHaveLength(1)
  })

  test('is the same when only its time and its trace differ', async () => {
    await api.post('/api/calls', aspCall({ dial_id: 'same' }))
    const traceparent = `00-${'a'.repeat(32)}-b7ad6b7169203331-01`
    const again = await api.post('/api/calls', aspCall({ dial_id: 'same', queued_at: 1_764_000_000 }), {
      traceparent,
    })
    expect([again.status, again.body.queued]).toEqual([202, false])
  })

  test('is forgotten after a while: both notes expire', async () => {
    await api.post('/api/calls', aspCall({ dial_id: 'note' }), { 'idempotency-key': 'k' })
    const keys = (await redis.client.keys('hookswitch:*')).filter(key => /:(queued|asked):/.test(key))
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(await redis.client.pttl(key)).toBeWithin(1, 3_600_001)
  })
})

describe('409', () => {
  test('is a dial id under which another job waits, of any kind', async () => {
    await api.post('/api/calls', aspCall({ dial_id: 'busy' }))
    const bot = { kind: 'bot-call', org_id: 'org', user_id: 'user', phone_number: '1004', caller_id: '1' }
    for (const body of [aspCall({ dial_id: 'busy', callee_number: '1003' }), { ...bot, dial_id: 'busy' }]) {
      const answer = await other.post('/api/calls', body)
      expect([answer.status, answer.body.detail]).toEqual([
        409,
        'another job of dial_id busy waits for an agent',
      ])
    }
    expect([await jobsIn(ASP), await jobsIn(BOT)].map(jobs => jobs.length)).toEqual([1, 0])
  })

  test('is a dial id whose call lives', async () => {
    await redis.client.hset('hookswitch:call:{lives}', { dialId: 'lives', owner: 'agent-1', fence: 1 })
    const answer = await api.post('/api/calls', aspCall({ dial_id: 'lives' }))
    expect([answer.status, answer.body.detail]).toEqual([409, 'a call of dial_id lives lives'])
    expect(await jobsIn(ASP)).toEqual([])
  })

  test('ends when the earlier job has become nothing', async () => {
    await api.post('/api/calls', aspCall({ dial_id: 'again' }))
    await redis.client.del(ASP)
    // As if it had been queued half a minute ago: an agent has long taken and refused it.
    await redis.client.pexpire(`hookswitch:queued:{${ASP}}:again`, 9.5 * 60 * 1_000)
    const answer = await api.post('/api/calls', aspCall({ dial_id: 'again', callee_number: '1003' }))
    expect([answer.status, answer.body.queued]).toEqual([202, true])
  })
})

describe('400', () => {
  const REQUIRED = Object.keys(aspCall()).filter(name => name !== 'kind')
  test.each(REQUIRED)('names %s when it is missing', async name => {
    const { [name]: _missing, ...rest } = aspCall() as Record<string, unknown>
    const answer = await api.post('/api/calls', rest)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.body.errors).toEqual([{ field: name, detail: 'is missing' }])
  })

  test('names all fields that are wrong at once, and repeats no value', async () => {
    const bad = { dial_id: 'a b', org_id: '', caller_number: '12;drop', queued_at: 'soon', traceparent: 'x' }
    const answer = await api.post('/api/calls', aspCall(bad))
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toEqual([
      'dial_id',
      'org_id',
      'queued_at',
      'caller_number',
      'traceparent',
    ])
    expect(JSON.stringify(answer.body)).not.toContain('drop')
  })

  test.each([
    ['an unknown kind', { ...aspCall(), kind: 'fax' }, 'kind'],
    ['no kind', { ...aspCall(), kind: undefined }, 'kind'],
    ['an array', [1], 'body'],
    ['a text', '"job"', 'body'],
    ['a login without a name', { kind: 'bot-call', auth: true }, 'sip_auth_username'],
    ['a channel of ours', aspCall({ dial_id: 'hookswitch:agents' }), 'dial_id'],
  ])('is %s', async (_, body, field) => {
    const answer = await api.post('/api/calls', body)
    expect(answer.status).toBe(400)
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field)
    // Earlier orders' entries in timelines are written a moment later, and each process's card once a second.
    const keys = await redis.client.keys('*')
    expect(keys.filter(key => !/^hookswitch:(timeline|pod)/.test(key))).toEqual([])
  })

  test('is a body that is no JSON, and a key that is too long', async () => {
    expect((await api.post('/api/calls', '{"kind":')).body.detail).toBe('the body is not valid JSON')
    const long = await api.post('/api/calls', aspCall(), { 'idempotency-key': 'k'.repeat(256) })
    expect([long.status, long.body.errors[0].field]).toEqual([400, 'idempotency-key'])
  })
})

test('a load test is refused without RED_MODE=load-test', async () => {
  const load = { kind: 'load-test', org_id: 'o', user_id: 'u', phone_number: '1', leg: '0', gateway: 'g' }
  const texts = { dialpad_crm: 'a', parent_callid: 'b', callee_name: 'c', target_key: 'd', topic: 'e' }
  const answer = await api.post('/api/calls', { ...load, ...texts })
  expect([answer.status, answer.body.detail]).toEqual([403, 'load tests need RED_MODE=load-test'])
})

test('a body beyond the limit is refused', async () => {
  expect((await api.post('/api/calls', aspCall({ callee_name: 'x'.repeat(70_000) }))).status).toBe(413)
})

describe('without Redis', () => {
  const asks = (): Promise<{ status: number; headers: Headers }>[] => [
    api.post('/api/calls', aspCall()),
    api.get('/api/calls'),
    api.get('/api/calls/my-call'),
    api.post('/api/calls/my-call/hangup'),
    api.get('/api/calls/my-call/events'),
    api.get('/api/devices/123456789'),
  ]

  test.each(['hangs', 'is gone'])('every route says 503 at once when it %s', async how => {
    // So that the subscriber's connection stands, and is not merely missing.
    void (await fetch(`${services[0]!.internalUrl}/api/calls/x/events`)).body?.cancel()
    if (how === 'hangs') redis.pause()
    else await redis.kill()
    try {
      const startedAtMs = performance.now()
      const answers = await Promise.all(asks())
      // A second is meant; the machine does other things too.
      expect(performance.now() - startedAtMs).toBeLessThan(3_000)
      for (const answer of answers) {
        expect(answer.status).toBe(503)
        expect(answer.headers.get('retry-after')).toBe('1')
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
      }
    } finally {
      if (how === 'hangs') redis.resume()
      else await redis.start()
    }
    await untilApiReady(services[0]!.internalUrl)
  })
})
