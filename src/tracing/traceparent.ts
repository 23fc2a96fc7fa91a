// W3C Trace Context as it passes through us: the one header that says to which trace something belongs. It comes with a
// PBX's request or a backend's job, and goes on with the push. What does not fit begins a trace of its own, as the
// recommendation wants (W3C Trace Context, 3.2.2).

/** One place in one trace. */
export interface TracePlace {
  /** 32 hex digits. */
  traceId: string
  /** 16 hex digits. */
  spanId: string
  isSampled: boolean
}

const HEADER = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

/** Longer than a header of any known version; a longer one is not read. */
const HEADER_CHARACTERS_MAX = 128

const FLAG_SAMPLED = 1

/** @returns undefined for everything that is no traceparent. */
export function parseTraceparent(value: unknown): TracePlace | undefined {
  if (typeof value !== 'string' || value.length > HEADER_CHARACTERS_MAX) return undefined
  const [, traceId, spanId, flags] = HEADER.exec(value) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & FLAG_SAMPLED) === FLAG_SAMPLED }
}

export const traceparentOf = ({ traceId, spanId, isSampled }: TracePlace): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
