// The tracing room's door. Without a collector there is no tracer, and OpenTelemetry is not even loaded: it would cost a
// start 0.1 s and 20 MB. Spans are begun and ended by hand, because a call's parts lie on several threads, processes and
// machines; nothing hangs on the current one.

import type { Config } from '../config/config.ts'

export interface TracerSettings {
  /** The collector, without `/v1/traces`. */
  endpoint: string
  /** Sent with each export: its credentials. */
  headers: Readonly<Record<string, string>>
  serviceName: string
  /** Names this pod or agent in the traces. */
  instance: string
  /** The part of the traces beginning here that is recorded, 0 to 1. Traces of others are as they decided. */
  sampleRatio: number
}

/** @returns undefined where nothing shall be traced. @param instance this pod or agent. */
export function tracerSettingsOf(config: Config, instance: string): TracerSettings | undefined {
  const { otelEndpoint: endpoint, otelHeaders, otelServiceName, otelSampleRatio } = config
  if (endpoint === undefined) return undefined
  return {
    endpoint,
    headers: otelHeaders,
    serviceName: otelServiceName,
    instance,
    sampleRatio: otelSampleRatio,
  }
}

export type Attributes = Readonly<Record<string, string | number | boolean>>

export interface SpanBegin {
  /** A span of ours, or the traceparent of somebody else's. Neither: a trace begins. */
  parent?: Span | string
  /** What came in from outside is a `server`'s, what goes out a `client`'s. */
  kind?: 'server' | 'client' | 'internal'
  /** ms since the epoch */
  atMs: number
  attributes?: Attributes
}

export interface Span {
  /** For whoever continues the trace. */
  readonly traceparent: string
  /** False: nothing of it is exported, and nobody needs to be told of it. */
  readonly isSampled: boolean
  set(attributes: Attributes): void
  /** Something that happened within it. */
  note(name: string, atMs: number, attributes: Attributes): void
  /** @param failure why it went wrong. */
  end(atMs: number, failure?: string): void
}

export interface Tracer {
  begin(name: string, how: SpanBegin): Span
  /** Exports what has ended, for at most two seconds. */
  close(): Promise<void>
}

/** @returns undefined without settings: nothing is traced. */
export async function openTracer(settings: TracerSettings | undefined): Promise<Tracer | undefined> {
  if (settings === undefined) return undefined
  const { createTracer } = await import('./openTelemetry.ts')
  return createTracer(settings)
}
