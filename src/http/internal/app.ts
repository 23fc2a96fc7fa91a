// The internal listener, for operators and their tools, put together from its parts. In front of all of them stand
// one guard, which decides who may ask at all, and one error handler. Each part is a plugin in a file of its own.
import { type AnyElysia, Elysia } from 'elysia'
import type { Log } from '../../base/log.ts'
import { makePrintable } from '../../base/printable.ts'
import { createRareLog } from '../../base/rareLog.ts'
import type { NamedToken } from '../../config/kinds.ts'
import type { NetworkList } from '../../config/networks.ts'
import type { Recorder } from '../../timeline/recorder.ts'
import { BODY_BYTES_MAX } from '../body.ts'
import { ELYSIA_ROUTING } from '../listen.ts'
import { type LiveOptions, liveRoutes, PAGE_PATHS } from '../page/routes.ts'
import { respondProblem } from '../problems.ts'
import type { PublicAddress } from '../public/document.ts'
import { createAudit } from './audit.ts'
import { callCommandsApi } from './callCommandsApi.ts'
import { type CallEventsApiOptions, callEventsApi } from './callEventsApi.ts'
import { createCallerOf } from './caller.ts'
import { type CallsApiOptions, callsApi } from './callsApi.ts'
import { type DevicesApiOptions, devicesApi } from './devicesApi.ts'
import { ADMIN_REFUSALS, createGuard } from './guard.ts'
import { OPENAPI_PATHS, openApi } from './openApi.ts'
import { METRICS_PATHS, PROBE_PATHS, type ProbeOptions, probes } from './probes.ts'
import { answerThrown } from './problems.ts'
import { createShown } from './shown.ts'
import { switchesApi } from './switchesApi.ts'
import { type TimelineApiOptions, timelineApi } from './timelineApi.ts'

/** What the parts need. */
export interface InternalAppOptions
  extends ProbeOptions,
    LiveOptions,
    TimelineApiOptions,
    CallsApiOptions,
    CallEventsApiOptions,
    DevicesApiOptions {
  /** ADMIN_TOKEN and ADMIN_TOKENS; none on a loopback listener that wants none. */
  adminTokens: readonly NamedToken[]
  metricsToken: string | undefined
  isTrustedProxy: NetworkList
  /** LOG_FULL_NUMBERS. */
  showsFullNumbers: boolean
  /** Where orders are entered. */
  recorder: Pick<Recorder, 'add'>
  /** The listener's address, as the setting has it. */
  host: string
  /** The service stops: answers that have no end of their own end now. */
  closing: AbortSignal
  /** Of the program, for the document. */
  version: string
  /** Where the public listener is, for its document. */
  publicAddress: PublicAddress
  log: Log
}

/** Seconds of silence after which a connection is closed; streams send something before that. */
const IDLE_TIMEOUT_SECONDS = 30

/** How it listens, beside where. */
export const INTERNAL_LISTENER = {
  idleTimeoutSeconds: IDLE_TIMEOUT_SECONDS,
  bodyBytesMax: BODY_BYTES_MAX,
} as const

/** Answered to everybody, because there is no data in it. */
const OPEN_PATHS = [...PROBE_PATHS, ...PAGE_PATHS, ...OPENAPI_PATHS]

export function createInternalApp(options: InternalAppOptions) {
  const { log, clock, metrics, recorder } = options
  const opened: { app?: AnyElysia } = {}
  const callerOf = createCallerOf({
    ...options,
    connectionOf: request => opened.app?.server?.requestIP(request)?.address ?? '',
  })
  const noteRefusal = createRareLog(log, clock)
  for (const reason of ADMIN_REFUSALS) metrics.adminRefused.inc({ reason }, 0)
  const isTokenWanted = options.adminTokens.length > 0
  const guard = createGuard({
    callerOf,
    isTokenWanted,
    host: options.host,
    openPaths: OPEN_PATHS,
    metricsPaths: METRICS_PATHS,
    onRefused(reason, { client }) {
      metrics.adminRefused.inc({ reason })
      // A page that is opened asks once without a token.
      if (reason !== 'no-token')
        noteRefusal(client, { client, reason }, 'the internal listener refused a request')
    },
  })
  const shown = createShown(options.showsFullNumbers)
  const steering = { ...options, shown, audit: createAudit({ callerOf, timeline: recorder, clock, log }) }
  const app = new Elysia(ELYSIA_ROUTING)
    .onError({ as: 'global' }, ({ code, error }) => answerThrown(error, code, log))
    .onRequest(({ request }) => {
      const refusal = guard(request)
      if (refusal) return respondProblem(refusal)
      return undefined
    })
    .onAfterHandle({ as: 'global' }, ({ responseValue }) => {
      if (!(responseValue instanceof Response)) makePrintable(responseValue)
    })
    .use(probes(options))
    .use(liveRoutes(options))
    .use(timelineApi(options))
    .use(callsApi(steering))
    .use(callCommandsApi(steering))
    .use(callEventsApi(steering))
    .use(switchesApi(steering))
    .use(devicesApi(options))
    .use(openApi({ ...options, isTokenWanted }))
  opened.app = app
  return app
}

/** For callers in TypeScript: `treaty<InternalApi>(url)` of `@elysiajs/eden`. */
export type InternalApi = ReturnType<typeof createInternalApp>
