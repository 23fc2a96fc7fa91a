// The internal listener, for operators and their tools: metrics, liveness and readiness. It is bound to loopback,
// or wants the operator's token; the two that probes ask need none, because probes can't keep a secret.
import { Elysia } from 'elysia'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { bearerOf, isSameSecret } from './auth.ts'
import { notFound, respondProblem, serverError, unauthorized } from './problems.ts'

/** What keeps this process from taking calls; empty = ready. */
export type Readiness = () => string[]

export interface InternalAppOptions {
  readiness: Readiness
  metrics: Metrics
  /** Brings the gauges up to date before they are read. */
  beforeScrape: () => void
  /** Undefined on a loopback listener. */
  adminToken: string | undefined
  log: Log
}

export function createInternalApp({ readiness, metrics, beforeScrape, adminToken, log }: InternalAppOptions) {
  return new Elysia({ serve: { reusePort: false } })
    .onError({ as: 'global' }, ({ code, error }) => {
      if (code === 'NOT_FOUND') return respondProblem(notFound('no such route'))
      log.error({ err: error }, 'internal request failed')
      return respondProblem(serverError)
    })
    .get('/healthz', () => new Response('ok'))
    .get('/readyz', () => {
      const obstacles = readiness()
      return Response.json(
        { ready: obstacles.length === 0, obstacles },
        { status: obstacles.length === 0 ? 200 : 503 },
      )
    })
    .onBeforeHandle({ as: 'local' }, ({ request }) => {
      if (adminToken === undefined || isSameSecret(bearerOf(request), adminToken)) return
      return respondProblem(unauthorized('ADMIN_TOKEN is required here'))
    })
    .get('/metrics', async () => {
      beforeScrape()
      const text = await metrics.registry.metrics()
      return new Response(text, { headers: { 'content-type': metrics.registry.contentType } })
    })
}
