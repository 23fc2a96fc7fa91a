// The tracing room's door. Without a collector there is no tracer, and OpenTelemetry is not even loaded: it would cost a
// start 0.1 s and 20 MB. Spans are begun and ended by hand, because a call's parts lie on several threads, processes and
// machines; nothing hangs on the current one.

import type { Config } from '../config/config.ts'
import type { Tracer, TracerSettings } from './types.ts'

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

/** @returns undefined without settings: nothing is traced. */
export async function openTracer(settings: TracerSettings | undefined): Promise<Tracer | undefined> {
  if (settings === undefined) return undefined
  const { createTracer } = await import('./openTelemetry.ts')
  return createTracer(settings)
}
