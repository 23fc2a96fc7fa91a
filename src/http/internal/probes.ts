// What machines ask of a process: does it live, may it get work, how is it doing. Liveness and readiness are for
// everybody, because probes keep no secrets; the counters are behind the listener's guard.
import { Elysia, t } from 'elysia'
import type { Metrics } from '../../base/metrics.ts'

/** All that may keep a process from taking calls. The runbook has a word on each. */
export const OBSTACLES = ['draining', 'redis', 'switch', 'switch-refuses', 'jobs'] as const

export type Obstacle = (typeof OBSTACLES)[number]

export interface Readiness {
  /** What keeps this process from taking calls; empty = ready. */
  obstacles: Obstacle[]
  /** What keeps only a part of this process from its work: its front answers PBXs although its agents can dial nothing. */
  warnings: Obstacle[]
}

export interface ProbeOptions {
  readiness: () => Readiness
  metrics: Metrics
  /** Brings the gauges up to date before they are read. */
  beforeScrape: () => void | Promise<void>
}

/** Open to everybody. */
export const PROBE_PATHS = ['/healthz', '/readyz'] as const

/** Open to METRICS_TOKEN. */
export const METRICS_PATHS = ['/metrics'] as const

const tags = ['Probes']
const readinessSchema = t.Object({
  ready: t.Boolean(),
  obstacles: t.Array(t.String()),
  warnings: t.Array(t.String()),
})

export function probes({ readiness, metrics, beforeScrape }: ProbeOptions) {
  return new Elysia({ name: 'probes' })
    .get('/healthz', () => 'ok', {
      response: t.String({ description: 'It lives.', examples: ['ok'] }),
      detail: { tags, security: [], summary: 'Whether the process lives; no I/O' },
    })
    .get(
      '/readyz',
      ({ status }) => {
        const told = readiness()
        const isReady = told.obstacles.length === 0
        return isReady ? { ready: true, ...told } : status(503, { ready: false, ...told })
      },
      {
        response: {
          200: t.Object(readinessSchema.properties, {
            description: 'Ready.',
            examples: [{ ready: true, obstacles: [], warnings: [] }],
          }),
          503: t.Object(readinessSchema.properties, {
            description: `Not ready, and why: ${OBSTACLES.map(each => `\`${each}\``).join(', ')}.`,
            examples: [{ ready: false, obstacles: ['redis'], warnings: [] }],
          }),
        },
        detail: { tags, security: [], summary: 'Whether the process may get work' },
      },
    )
    .get(
      '/metrics',
      async ({ set }) => {
        await beforeScrape()
        set.headers['content-type'] = metrics.registry.contentType
        return await metrics.registry.metrics()
      },
      {
        response: t.String({
          description: "All counters in Prometheus's text format.",
          examples: ['hookswitch_waits 0\n'],
        }),
        detail: { tags, summary: 'Prometheus metrics' },
      },
    )
}
