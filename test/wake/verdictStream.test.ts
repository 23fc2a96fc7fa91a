// A phone that rings follows its call: it hears that the caller has left, or that another phone has the call, whichever
// process it and the others reached. Three phones an account, two processes.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { acked, answer, askPbx, endCall, naked, proceeds, registerPhone } from '../harness/client.ts'
import { eventually, readMetrics, untilReady } from '../harness/internal.ts'
import { startRedis, type TestRedis } from '../harness/redis.ts'
import { type LoggedPush, startService, type TestService } from '../harness/service.ts'

let redis: TestRedis
let services: [TestService, TestService]

const start = (settings: Record<string, string> = {}) =>
  startService({
    PUBSUB_REDIS_URL: redis.url,
    APP_PUSH_ROUNDTRIP_WAIT: '20000',
    APP_PUSH_RESEND_INTERVAL: '60000',
    RATE_LIMIT: '0',
    ...settings,
  })

const PHONES = ['one', 'two', 'three']
const PUSH_TOKENS = PHONES.map(id => `push-token-${id}`)

beforeAll(async () => {
  redis = await startRedis()
  services = await Promise.all([start(), start()])
  for (const [index, device_id] of PHONES.entries())
    await registerPhone(services[0].publicUrl, {
      sip_user_id: '1101',
      device_id,
      token: PUSH_TOKENS[index]!,
    })
  await registerPhone(services[0].publicUrl, { sip_user_id: '1102', device_id: 'only' })
})
afterAll(async () => {
  await Promise.all(services.map(each => each.kill()))
  await redis.close()
})

/** What a phone hears on its stream, until it ends. */
interface Stream {
  status: number
  verdicts: string[]
  /** The next one that is not yet there, or undefined at the end. */
  next(): Promise<string | undefined>
  ended: Promise<void>
  leave(): void
}

async function openStream(url: string, headers: Record<string, string> = {}): Promise<Stream> {
  const leaving = new AbortController()
  const response = await fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: leaving.signal,
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const verdicts: string[] = []
  const wanting: ((verdict: string | undefined) => void)[] = []
  let [taken, isOver] = [0, false]
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  void (async () => {
    let text = ''
    const decoder = new TextDecoder()
    try {
      for await (const bytes of response.body!) {
        text += decoder.decode(bytes as Uint8Array, { stream: true })
        const parts = text.split('\n\n')
        text = parts.pop()!
        for (const part of parts) {
          const found = /^event: verdict\ndata: \{"verdict":"(\w+)"\}$/m.exec(part)
          if (found) verdicts.push(found[1]!)
        }
        while (wanting.length > 0 && taken < verdicts.length) wanting.shift()!(verdicts[taken++])
      }
    } catch {
      // The process died, or the phone left.
    }
    isOver = true
    for (const want of wanting.splice(0)) want(undefined)
    resolve()
  })()
  return {
    status: response.status,
    verdicts,
    next: () =>
      taken < verdicts.length
        ? Promise.resolve(verdicts[taken++])
        : isOver
          ? Promise.resolve(undefined)
          : new Promise(want => wanting.push(want)),
    ended,
    leave: () => leaving.abort(),
  }
}

/** The URL of the push's own query, at a process of the test's choice. */
const urlOf = (push: LoggedPush, { publicUrl }: TestService) =>
  push.response_api!.replace(/^https?:\/\/[^/]+/, publicUrl)

/** A call of account 1101, and the push of each phone. */
async function ringAll(callId: string) {
  const leaving = new AbortController()
  const asked = askPbx(services[0].publicUrl, { sip_user_id: '1101', call_id: callId }, leaving.signal)
  await services[0].pushed(callId, 3)
  const pushes = services[0].pushesOf(callId)
  // The log shows the end of each device's token alone.
  const of = (id: string) => pushes.find(({ device }) => `push-token-${id}`.endsWith(device!.slice(1)))!
  return { asked, hangUp: () => leaving.abort(), of }
}

describe('the verdict stream', () => {
  test('tells three phones at two processes who has the call, and the one that has it of its end', async () => {
    const { asked, of } = await ringAll('three')
    const streams = await Promise.all(
      PHONES.map((id, index) => openStream(urlOf(of(id), services[index % 2]!))),
    )
    for (const stream of streams) expect(await stream.next()).toBe('ringing')
    expect(await answer(of('two'), { baseUrl: services[0].publicUrl })).toEqual(proceeds)
    expect(await asked).toEqual(acked)
    const [one, two, three] = streams as [Stream, Stream, Stream]
    expect(await one.next()).toBe('answered_elsewhere')
    expect(await two.next()).toBe('proceed')
    expect(await three.next()).toBe('answered_elsewhere')
    await Promise.all([one.ended, three.ended])

    expect(await endCall(services[0].publicUrl, 'three', 'caller_hangup')).toBe(200)
    expect(await two.next()).toBe('ended')
    await two.ended
    expect(streams.map(each => each.verdicts)).toEqual([
      ['ringing', 'answered_elsewhere'],
      ['ringing', 'proceed', 'ended'],
      ['ringing', 'answered_elsewhere'],
    ])
  })

  test('tells all phones that the caller has left', async () => {
    const { asked, hangUp, of } = await ringAll('left')
    const streams = await Promise.all(PHONES.map(id => openStream(urlOf(of(id), services[1]))))
    for (const stream of streams) expect(await stream.next()).toBe('ringing')
    hangUp()
    await expect(asked).rejects.toThrow()
    for (const stream of streams) {
      expect(await stream.next()).toBe('ended')
      await stream.ended
    }
  })

  test('tells that a desk phone has the call, and that it has expired', async () => {
    const { asked, of } = await ringAll('desk')
    const stream = await openStream(urlOf(of('one'), services[1]))
    expect(await stream.next()).toBe('ringing')
    await endCall(services[1].publicUrl, 'desk', 'answered_elsewhere')
    expect(await stream.next()).toBe('answered_elsewhere')
    expect(await asked).toEqual(naked('caller-gone'))

    await using hasty = await start({ APP_PUSH_ROUNDTRIP_WAIT: '500' })
    const late = askPbx(hasty.publicUrl, { sip_user_id: '1102', call_id: 'late' })
    const following = await openStream(urlOf(await hasty.pushed('late'), services[0]))
    expect(await following.next()).toBe('ringing')
    expect(await late).toEqual(naked('timeout'))
    expect(await following.next()).toBe('expired')
    await following.ended
  })

  test('ends with the call also when whoever held its wait is dead', async () => {
    await using dying = await start({ APP_PUSH_ROUNDTRIP_WAIT: '1500' })
    void askPbx(dying.publicUrl, { sip_user_id: '1102', call_id: 'orphan' }).catch(() => undefined)
    const stream = await openStream(urlOf(await dying.pushed('orphan'), services[0]))
    expect(await stream.next()).toBe('ringing')
    await dying.kill()
    expect(await stream.next()).toBe('expired')
    await stream.ended
  })

  test('takes the bearer and the unique key as well, and says at once how a call stands that is over', async () => {
    const { asked, of } = await ringAll('three-ways')
    const { unique_key = '', response_api = '' } = of('one')
    const token = new URL(response_api).searchParams.get('token')
    const url = `${services[1].publicUrl}/api/call-response/`
    const streams = [
      await openStream(`${url}?unique_key=${unique_key}`),
      await openStream(url, { authorization: `Bearer ${token}` }),
      await openStream(`${url}?token=${token}&unique_key=${unique_key}&device_id=one&sip_user_id=1101`),
    ]
    for (const stream of streams) expect(await stream.next()).toBe('ringing')
    await answer(of('three'), { baseUrl: services[0].publicUrl })
    expect(await asked).toEqual(acked)
    for (const stream of streams) {
      expect(await stream.next()).toBe('answered_elsewhere')
      await stream.ended
    }
    const after = await openStream(`${url}?unique_key=${unique_key}`)
    await after.ended
    expect(after.verdicts).toEqual(['answered_elsewhere'])
  })

  test('is no stream for whoever proves nothing, and 401 for a forged bearer alone', async () => {
    const { hangUp, asked, of } = await ringAll('strangers')
    const url = `${services[1].publicUrl}/api/call-response/`
    const token = new URL(of('one').response_api!).searchParams.get('token')!
    const forged = `${token.slice(0, -6)}AAAAAA`
    const get = (query: string, headers: Record<string, string> = {}) =>
      fetch(`${url}${query}`, { headers: { accept: 'text/event-stream', ...headers } })
    for (const query of ['', '?token=', '?token=x', `?token=${forged}`, `?unique_key=${'0'.repeat(32)}`]) {
      const response = await get(query)
      expect([response.status, await response.json()]).toEqual([404, { verdict: 'unknown' }] as never)
    }
    expect((await get('', { authorization: `Bearer ${forged}` })).status).toBe(401)
    expect((await get('', { authorization: 'Token ann@example.com:abc' })).status).toBe(404)
    expect(
      (await get(`?unique_key=${of('two').unique_key}`, { authorization: `Bearer ${token}` })).status,
    ).toBe(401)
    hangUp()
    await expect(asked).rejects.toThrow()
  })

  test('survives a gap of the subscription: what changed meanwhile is told', async () => {
    const { asked, of } = await ringAll('gap')
    const stream = await openStream(urlOf(of('one'), services[1]))
    expect(await stream.next()).toBe('ringing')
    await Promise.all([
      redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      endCall(services[0].publicUrl, 'gap', 'caller_hangup'),
    ])
    expect(await stream.next()).toBe('ended')
    expect(await asked).toEqual(naked('caller-gone'))
    await Promise.all(services.map(each => untilReady(each.internalUrl)))
  })

  test('of a process that is killed ends, and is opened anew elsewhere', async () => {
    await using dying = await start()
    const { asked, of } = await ringAll('moves')
    const stream = await openStream(urlOf(of('one'), dying))
    expect(await stream.next()).toBe('ringing')
    await dying.kill()
    await stream.ended
    const again = await openStream(urlOf(of('one'), services[1]))
    expect(await again.next()).toBe('ringing')
    await answer(of('two'), { baseUrl: services[0].publicUrl })
    expect(await again.next()).toBe('answered_elsewhere')
    expect(await asked).toEqual(acked)
  })

  test('of a process that stops ends at once, and it takes no new one', async () => {
    await using stopping = await start()
    const held = askPbx(stopping.publicUrl, { sip_user_id: '1102', call_id: 'holds' })
    const push = await stopping.pushed('holds')
    const stream = await openStream(urlOf(push, stopping))
    expect(await stream.next()).toBe('ringing')
    stopping.process.kill('SIGTERM')
    await stream.ended
    const refused = await fetch(urlOf(push, stopping), { headers: { accept: 'text/event-stream' } })
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answer(push, { baseUrl: stopping.publicUrl })).toEqual(proceeds)
    expect(await held).toEqual(acked)
    expect(await stopping.process.exited).toBe(0)
  })

  test('is refused beyond STREAMS_MAX, and free again when a phone leaves', async () => {
    await using small = await start({ STREAMS_MAX: '1' })
    const { asked, hangUp, of } = await ringAll('small')
    const stream = await openStream(urlOf(of('one'), small))
    const refused = await fetch(urlOf(of('two'), small), { headers: { accept: 'text/event-stream' } })
    expect(refused.status).toBe(503)
    const streams = async () => (await readMetrics(small.internalUrl)).get('hookswitch_verdict_streams')
    expect(await streams()).toBe(1)
    stream.leave()
    await eventually('the stream to be let go', async () => (await streams()) === 0)
    const next = await openStream(urlOf(of('two'), small))
    expect(await next.next()).toBe('ringing')
    hangUp()
    await expect(asked).rejects.toThrow()
    expect(await next.next()).toBe('ended')
  })
})

describe('one answer that is held', () => {
  const ask = async (push: LoggedPush, service: TestService, query: string) => {
    const response = await fetch(`${urlOf(push, service)}${query}`)
    return [response.status, await response.json()] as [number, { verdict?: string }]
  }

  test('comes as soon as it is something other than `than`', async () => {
    const { asked, of } = await ringAll('polled')
    expect(await ask(of('one'), services[1], '')).toEqual([200, { verdict: 'ringing' }])
    expect(await ask(of('one'), services[1], '&wait=20')).toEqual([200, { verdict: 'ringing' }])
    expect(await ask(of('one'), services[1], '&wait=0.2&than=ringing')).toEqual([200, { verdict: 'ringing' }])
    const polls = PHONES.map((id, index) => ask(of(id), services[index % 2]!, '&wait=20&than=ringing'))
    // Held by then: a poll that came first is answered later than this one.
    await ask(of('one'), services[1], '&wait=0.2&than=ringing')
    await answer(of('three'), { baseUrl: services[1].publicUrl })
    expect(await asked).toEqual(acked)
    expect((await Promise.all(polls)).map(([status, { verdict }]) => [status, verdict])).toEqual([
      [200, 'answered_elsewhere'],
      [200, 'answered_elsewhere'],
      [200, 'proceed'],
    ])
    const ending = ask(of('three'), services[0], '&wait=20&than=proceed')
    await endCall(services[1].publicUrl, 'polled', 'caller_hangup')
    expect(await ending).toEqual([200, { verdict: 'ended' }])
  })

  test('names `wait` when it is none', async () => {
    const { asked, hangUp, of } = await ringAll('wrong-wait')
    for (const wait of ['26', '-1', 'soon', '', '1e9', 'NaN']) {
      const [status, body] = await ask(of('one'), services[1], `&wait=${wait}`)
      expect(status).toBe(400)
      expect(body).toMatchObject({ errors: [{ field: 'wait' }] })
    }
    hangUp()
    await expect(asked).rejects.toThrow()
  })
})
