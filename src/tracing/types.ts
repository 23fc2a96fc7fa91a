// What a tracer is: its settings, and the spans that it begins. Nothing of OpenTelemetry is seen here.

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
