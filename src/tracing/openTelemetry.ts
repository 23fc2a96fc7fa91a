// Spans by OpenTelemetry, exported as OTLP over HTTP in lots. Nothing is registered globally and nothing is patched. A
// collector that is away costs the spans of that time, never a call: its queue is bounded, and exports have a limit.
import { type Context, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { parseTraceparent, traceparentOf } from './traceparent.ts'
import type { Span, SpanBegin, Tracer, TracerSettings } from './types.ts'

/** Spans that wait for their export; what comes beyond is dropped. Some 20 MB. */
const WAITING_SPANS_MAX = 20_000
const LOT_SPANS_MAX = 1_000
const LOT_MS = 1_000
const EXPORT_LIMIT_MS = 5_000
const CLOSE_LIMIT_MS = 2_000

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }

export function createTracer(settings: TracerSettings): Tracer {
  const exporter = new OTLPTraceExporter({
    url: `${settings.endpoint}/v1/traces`,
    headers: { ...settings.headers },
    timeoutMillis: EXPORT_LIMIT_MS,
  })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': settings.serviceName,
      'service.instance.id': settings.instance,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.sampleRatio) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: WAITING_SPANS_MAX,
        maxExportBatchSize: LOT_SPANS_MAX,
        scheduledDelayMillis: LOT_MS,
        exportTimeoutMillis: EXPORT_LIMIT_MS,
      }),
    ],
  })
  const tracer = provider.getTracer('hookswitch')
  const contexts = new WeakMap<Span, Context>()

  function contextOf(parent: SpanBegin['parent']): Context {
    if (parent === undefined) return ROOT_CONTEXT
    if (typeof parent !== 'string') return contexts.get(parent) ?? ROOT_CONTEXT
    const place = parseTraceparent(parent)
    if (!place) return ROOT_CONTEXT
    const { traceId, spanId, isSampled } = place
    const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
  }

  return {
    begin(name, { parent, kind = 'internal', atMs, attributes = {} }) {
      const context = contextOf(parent)
      const span = tracer.startSpan(name, { kind: KINDS[kind], startTime: atMs, attributes }, context)
      const { traceId, spanId, traceFlags } = span.spanContext()
      const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0
      const begun: Span = {
        traceparent: traceparentOf({ traceId, spanId, isSampled }),
        isSampled,
        set: more => void span.setAttributes(more),
        note: (what, whenMs, fields) => void span.addEvent(what, fields, whenMs),
        end(endMs, failure) {
          if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
          span.end(endMs)
        },
      }
      contexts.set(begun, trace.setSpan(context, span))
      return begun
    },

    async close() {
      const { promise: isLate, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, CLOSE_LIMIT_MS)
      // The failure is dropped: the process is ending, nothing can be done for the last spans of a collector that is away, and
      // nothing else may wait for it.
      await Promise.race([provider.shutdown().catch(() => undefined), isLate])
      clearTimeout(timer)
    },
  }
}
