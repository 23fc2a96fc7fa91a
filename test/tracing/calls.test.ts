// One trace for a whole call, exported to a collector over HTTP: from the backend's job or the PBX's request through
// agents, takeovers and pushes. Without a collector's address nothing of it exists.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { aspJob, botJob, GATEWAY, newDialId, openStage, type Stage } from '../dial/stage.ts'
import { answer, postForm, registerPhone } from '../harness/client.ts'
import { startService, type TestService } from '../harness/service.ts'
import { type Collector, newTrace, startCollector } from './collector.ts'

const ACCOUNT = '100200300'
const NUMBER = '+31612345678'

let stage: Stage
let collector: Collector
let front: TestService
let agent: TestService
beforeAll(async () => {
  stage = await openStage()
  collector = startCollector()
  ;[front, agent] = await Promise.all([startFront(), startAgent()])
  await registerPhone(front.publicUrl, { sip_user_id: ACCOUNT })
})
afterAll(async () => {
  await Promise.all([front?.kill(), agent?.kill()])
  collector[Symbol.dispose]()
  await stage.close()
})
beforeEach(() => {
  collector.spans.length = 0
})

const tracing = () => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_HEADERS: 'x-team=voice%20team',
})

const startFront = (settings: Record<string, string> = tracing()) =>
  startService({ PUBSUB_REDIS_URL: stage.redis.url, APP_PUSH_ROUNDTRIP_WAIT: '20000', ...settings })

async function startAgent(settings: Record<string, string> = tracing()): Promise<TestService> {
  const started = await startService({
    ROLE: 'agent',
    PUBSUB_REDIS_URL: stage.redis.url,
    ESL_URL: `127.0.0.1:${stage.switch.port}`,
    GATEWAY,
    TAKEOVER_MS: '1000',
    CALLS_PER_SECOND: '0',
    ...settings,
  })
  await started.logged(line => line.msg === 'switch link ready')
  return started
}

async function talk(traceparent?: string) {
  const dialId = newDialId()
  const channel = await stage.listen(dialId)
  await stage.push(aspJob(dialId, { traceparent, queued_at: Date.now() / 1_000 - 1 }))
  await channel.next(each => each.type === 'answer-event' && each.side === '1')
  return { dialId, channel }
}

function wake(callId: string, headers: Record<string, string> = {}, at = front): Promise<Response> {
  const fields = { sip_user_id: ACCOUNT, phonenumber: NUMBER, call_id: callId }
  return postForm(`${at.publicUrl}/api/incoming-call/`, fields, { headers })
}

describe('a dialled call', () => {
  test("is one trace with its backend's job, down to each control message", async () => {
    const backend = newTrace()
    const { dialId, channel } = await talk(backend.traceparent)
    await channel.order({ type: 'barge', phone_number: '15550000003', caller_id: '1' })
    await channel.next(each => each.state === 'answered')
    await channel.order({ type: 'play', path: '/no/such/file.wav' })
    await channel.order({ type: 'hangup' })
    const call = await collector.span(backend.traceId, 'call')
    expect(call).toMatchObject({ parentSpanId: backend.spanId, failure: '' })
    expect(call.attributes).toMatchObject({ dial_id: dialId, kind: 'asp-call', callerNumber: '…001' })
    const parts = collector.spans.filter(span => span.parentSpanId === call.spanId).map(span => span.name)
    expect(parts.toSorted()).toEqual(
      [
        ...['queued', 'originate', 'ring', 'ring', 'talk', 'talk', 'ring barger', 'listen'],
        ...['control barge', 'control play', 'control hangup'],
      ].toSorted(),
    )
    expect((await collector.span(backend.traceId, 'control play')).failure).toBe(
      'the switch has no such file',
    )
    expect(new Set(collector.spans.map(span => span.traceId))).toEqual(new Set([backend.traceId]))
  })

  test('that fails says so in its span', async () => {
    const backend = newTrace()
    await stage.push(aspJob(newDialId(), { traceparent: backend.traceparent, queued_at: 1_700_000_000 }))
    expect(await collector.span(backend.traceId, 'call')).toMatchObject({ failure: 'expired' })
  })

  test('begins a trace where the job names none, or none that fits', async () => {
    for (const traceparent of [undefined, 'no-traceparent']) {
      collector.spans.length = 0
      const { channel } = await talk(traceparent)
      await channel.order({ type: 'hangup' })
      while (!collector.spans.some(span => span.name === 'call')) await Bun.sleep(10)
      expect(collector.spans.find(span => span.name === 'call')!.parentSpanId).toBe('')
    }
  })

  test('is in the same trace when another agent has taken it over', async () => {
    const backend = newTrace()
    const { dialId, channel } = await talk(backend.traceparent)
    const survivor = await startAgent()
    await agent.kill()
    agent = survivor
    await survivor.logged(line => line.msg === 'call taken over' && line.dialId === dialId)
    await channel.order({ type: 'hangup' })
    const taken = await collector.span(backend.traceId, 'call taken over')
    const hangup = await collector.span(backend.traceId, 'control hangup')
    expect(hangup.parentSpanId).toBe(taken.spanId)
    expect(taken.notes).toContain('taken-over')
  })

  test('whose backend does not record is not exported', async () => {
    const quiet = newTrace({ isSampled: false })
    const { channel } = await talk(quiet.traceparent)
    await channel.order({ type: 'hangup' })
    const recorded = newTrace()
    await stage.push(botJob(newDialId(), { traceparent: recorded.traceparent, phone_number: '15550000404' }))
    await collector.span(recorded.traceId, 'call')
    expect(collector.spans.some(span => span.traceId === quiet.traceId)).toBe(false)
  })
})

describe('a wake', () => {
  test("is one trace with its PBX's request, and the app finds it in its push", async () => {
    const pbx = newTrace()
    const asked = wake('traced', { traceparent: pbx.traceparent })
    const push = await front.pushed('traced')
    await answer(push, { baseUrl: front.publicUrl })
    expect(await (await asked).text()).toBe('status=ACK')
    const span = await collector.span(pbx.traceId, 'wake')
    expect(span).toMatchObject({ parentSpanId: pbx.spanId, failure: '' })
    expect(span.attributes).toMatchObject({ call_id: 'traced', status: 'ACK', account: '…300' })
    expect(push.traceparent).toBe(`00-${pbx.traceId}-${span.spanId}-01`)
    expect((await collector.span(pbx.traceId, 'push')).parentSpanId).toBe(span.spanId)
    expect((await collector.span(pbx.traceId, 'app round trip')).parentSpanId).toBe(span.spanId)
    expect(span.notes).toContain('push-sent')
  })

  test('has its app in the same trace, whichever process the app reaches', async () => {
    await using other = await startFront()
    const pbx = newTrace()
    const asked = wake('app-traced', { traceparent: pbx.traceparent })
    const push = await front.pushed('app-traced')
    const fields = { unique_key: 'app-traced', message_start_time: '0' }
    const headers = {
      authorization: `Bearer ${new URL(push.response_api!).searchParams.get('token')}`,
      traceparent: push.traceparent!,
    }
    expect((await postForm(`${other.publicUrl}/api/call-response/`, fields, { headers })).status).toBe(202)
    await asked
    const wakeSpan = await collector.span(pbx.traceId, 'wake')
    const appSpan = await collector.span(pbx.traceId, 'app answer')
    expect(appSpan).toMatchObject({ parentSpanId: wakeSpan.spanId })
    expect(appSpan.instance).not.toBe(wakeSpan.instance)
  })

  test('shows no number, no account and no token, and its exports have the headers that were set', async () => {
    const pbx = newTrace()
    const asked = wake('quiet', { traceparent: pbx.traceparent })
    await answer(await front.pushed('quiet'), { baseUrl: front.publicUrl })
    await asked
    await collector.span(pbx.traceId, 'wake')
    for (const secret of [NUMBER, ACCOUNT, 'push-token', 'eyJ', 'response_api'])
      expect(collector.text()).not.toContain(secret)
    expect(collector.headers.every(each => each.get('x-team') === 'voice team')).toBe(true)
  })

  test('whose PBX does not record is not exported, and its push says nothing of a trace', async () => {
    const pbx = newTrace({ isSampled: false })
    const asked = wake('unrecorded', { traceparent: pbx.traceparent })
    const push = await front.pushed('unrecorded')
    expect(push).not.toHaveProperty('traceparent')
    await answer(push, { baseUrl: front.publicUrl })
    await asked
  })
})

describe('without', () => {
  test('a setting nothing is traced, whatever the PBX sends', async () => {
    await using plain = await startFront({})
    const asked = wake('plain', { traceparent: newTrace().traceparent }, plain)
    const push = await plain.pushed('plain')
    expect(push).not.toHaveProperty('traceparent')
    await answer(push, { baseUrl: plain.publicUrl })
    expect(await (await asked).text()).toBe('status=ACK')
  })

  test('a collector that answers, calls go on and the service stops in time', async () => {
    await using lonely = await startFront({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })
    const asked = wake('lonely', {}, lonely)
    const push = await lonely.pushed('lonely')
    expect(push.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    await answer(push, { baseUrl: lonely.publicUrl })
    expect(await (await asked).text()).toBe('status=ACK')
    expect(await lonely.stop()).toBe(0)
  })
})
