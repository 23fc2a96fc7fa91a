// A collector as OpenTelemetry's exporters meet it: OTLP over HTTP, JSON. It keeps every span that it is sent.
import { eventually } from '../harness/internal.ts'

export interface CollectedSpan {
  name: string
  traceId: string
  spanId: string
  parentSpanId: string
  attributes: Record<string, unknown>
  /** Names of what happened within it. */
  notes: string[]
  /** Empty: it went well. */
  failure: string
  instance: string
}

export interface Collector extends Disposable {
  url: string
  spans: CollectedSpan[]
  /** Headers of each export. */
  headers: Headers[]
  /** Everything that came, as text. */
  text(): string
  /** The span of that name in that trace, as soon as it is there. */
  span(traceId: string, name: string): Promise<CollectedSpan>
}

interface OtlpValue {
  stringValue?: string
  intValue?: number
  doubleValue?: number
  boolValue?: boolean
}
interface OtlpAttribute {
  key: string
  value: OtlpValue
}
interface OtlpSpan {
  name: string
  traceId: string
  spanId: string
  parentSpanId?: string
  attributes: OtlpAttribute[]
  events: { name: string }[]
  status: { code: number; message?: string }
}
interface OtlpBody {
  resourceSpans: { resource: { attributes: OtlpAttribute[] }; scopeSpans: { spans: OtlpSpan[] }[] }[]
}

export function startCollector(): Collector {
  const spans: CollectedSpan[] = []
  const headers: Headers[] = []
  let text = ''
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      if (new URL(request.url).pathname !== '/v1/traces') return new Response(null, { status: 404 })
      headers.push(request.headers)
      const body = await request.text()
      text += body
      spans.push(...spansOf(JSON.parse(body) as OtlpBody))
      return Response.json({})
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    spans,
    headers,
    text: () => text,
    async span(traceId, name) {
      const find = () => spans.find(span => span.traceId === traceId && span.name === name)
      await eventually(
        `the span ${name} in ${traceId}; there are ${spans.map(each => each.name)}`,
        () => !!find(),
      )
      return find()!
    },
    [Symbol.dispose]: () => void server.stop(true),
  }
}

const spansOf = ({ resourceSpans }: OtlpBody): CollectedSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(scope =>
      scope.spans.map(span => ({
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        attributes: recordOf(span.attributes),
        notes: span.events.map(event => event.name),
        failure: span.status.code === 2 ? (span.status.message ?? 'failed') : '',
        instance: String(recordOf(resource.attributes)['service.instance.id']),
      })),
    ),
  )

const recordOf = (attributes: OtlpAttribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

const hex = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex')

/** A caller's own place in a trace of its own. */
export function newTrace({ isSampled = true } = {}): {
  traceId: string
  spanId: string
  traceparent: string
} {
  const [traceId, spanId] = [hex(16), hex(8)]
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}` }
}
