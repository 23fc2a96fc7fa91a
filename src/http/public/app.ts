// The public listener: PBXs and apps talk to it, in the words of vialer-middleware. Each route reads its form,
// checks who is asking, calls one function of the wake room and puts the result into HTTP. No route holds state.
import { Elysia } from 'elysia'
import type { Log } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import { createRareLog } from '../../base/rareLog.ts'
import type { Result } from '../../base/result.ts'
import { type Clock, toWholeSeconds } from '../../base/units.ts'
import { clientNetwork, type NetworkList } from '../../config/networks.ts'
import { PLATFORMS, type Platform } from '../../push/push.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import type { RateLimit } from '../../redis/rateLimit.ts'
import type { Registrar } from '../../union/registrar.ts'
import type { Statistics } from '../../wake/appStatistics.ts'
import type { CallNews } from '../../wake/callNews.ts'
import type { RegistrationDesk } from '../../wake/registration.ts'
import type { VerdictRoom } from '../../wake/verdictRoom.ts'
import type { WaitLimit } from '../../wake/waitPool.ts'
import type { IncomingCall } from '../../wake/wake.ts'
import type { HeldOutcome } from '../../wake/wakeDesk.ts'
import { BODY_BYTES_MAX, formFields, readBody } from '../body.ts'
import { type Client, clientOf } from '../clientAddress.ts'
import { bearerOf, isSameSecret } from '../credentials.ts'
import { type Filled, type Form, fill } from '../form.ts'
import { ELYSIA_ROUTING, type Route } from '../listen.ts'
import {
  forbidden,
  notFound,
  type Problem,
  respondProblem,
  serverError,
  tooManyRequests,
  unavailable,
} from '../problems.ts'
import type { AuthenticateApp } from './auth.ts'
import { createCallResponse } from './callResponse.ts'
import type { ConfirmationTokens } from './confirmationTokens.ts'
import * as forms from './forms.ts'
import { respondOutcome } from './heldAnswer.ts'

export interface PublicAppOptions {
  /** Holds a PBX request. @returns the limit by which no further wait can be held. */
  hold: (call: IncomingCall, dropped: AbortSignal) => Promise<HeldOutcome> | WaitLimit
  news: CallNews
  verdicts: Pick<VerdictRoom, 'follow'>
  registration: RegistrationDesk
  registrar: Registrar
  countStatistics: (report: Statistics) => void
  tokens: Pick<ConfirmationTokens, 'verify' | 'claims'>
  /** Unique keys alone admit nobody. */
  isJwtRequired: boolean
  authenticateApp: AuthenticateApp
  rateLimit: RateLimit
  isPbx: NetworkList
  pbxToken: string | undefined
  isTrustedProxy: NetworkList
  isDraining: () => boolean
  /** The `traceparent` headers of PBXs and apps are looked at. */
  isTracing: boolean
  clock: Clock
  metrics: Metrics
  log: Log
}

/** What a route here needs of a request. */
interface Call {
  request: Request
  server: {
    requestIP(request: Request): { address: string } | null
    timeout(request: Request, seconds: number): void
  } | null
}

/** The server cuts off bodies far beyond our own limit, so that a chunked one can't fill the memory either. */
const SERVER_BODY_BYTES_MAX = 16 * BODY_BYTES_MAX

/** Seconds of silence after which a connection is closed; held requests are exempt (`server.timeout`). */
const IDLE_TIMEOUT_SECONDS = 30

/** How it listens, beside where. */
export const PUBLIC_LISTENER = {
  idleTimeoutSeconds: IDLE_TIMEOUT_SECONDS,
  bodyBytesMax: SERVER_BODY_BYTES_MAX,
} as const

/** While this process stops, a PBX should ask another one at once. */
const DRAIN_RETRY_SECONDS = 1

/** By the reason, which is a label of `hookswitch_pbx_refused_total`. */
const PBX_REFUSALS = {
  token: 'this route answers PBXs only, and the token is not PBX_TOKEN',
  address: 'this route answers PBXs only: their address must stand in PBX_ALLOW, or their token be PBX_TOKEN',
  proxy:
    'this route answers PBXs only, and a request that came by a proxy is known by its address only if TRUST_PROXY names the proxy: use PBX_TOKEN, or come directly from an address in PBX_ALLOW',
}

export function createPublicApp(options: PublicAppOptions) {
  const { news, registration, metrics, log } = options
  const answers = createCallResponse(options)
  const noteRefusal = createRareLog(log, options.clock)
  // Each counter begins with 0 here: Prometheus sees no increase in a counter whose first value is 1.
  for (const reason of Object.keys(PBX_REFUSALS)) metrics.pbxRefused.inc({ reason }, 0)

  function whoAsks({ request, server }: Call): Client {
    const connection = server?.requestIP(request)?.address ?? ''
    return clientOf(connection, request.headers, options.isTrustedProxy)
  }

  async function read<Shape extends Form>(
    form: Shape,
    request: Request,
  ): Promise<Result<Filled<Shape>, Problem>> {
    const body = await readBody(request)
    return body.ok ? fill(form, body.value) : body
  }

  function admitPbx(call: Call): Problem | undefined {
    const { pbxToken, isPbx } = options
    const token = bearerOf(call.request)
    if (pbxToken !== undefined && isSameSecret(token, pbxToken)) return undefined
    const client = whoAsks(call)
    if (client.isCertain && isPbx(client.address)) return undefined
    const reason =
      pbxToken !== undefined && token !== undefined ? 'token' : client.isCertain ? 'address' : 'proxy'
    metrics.pbxRefused.inc({ reason })
    noteRefusal(client.address, { client: client.address, reason }, 'a PBX was refused')
    return forbidden(PBX_REFUSALS[reason])
  }

  async function limit(route: string, call: Call): Promise<Problem | undefined> {
    const waitMs = await options.rateLimit(route, clientNetwork(whoAsks(call).address))
    if (waitMs === 0) return undefined
    metrics.rateLimited.inc({ route })
    return tooManyRequests(toWholeSeconds(waitMs))
  }

  /** Counts an app's request before anything of it is read. */
  const limited =
    (route: string, answer: (call: Call) => Promise<Response>) =>
    async (call: Call): Promise<Response> => {
      const refusal = await limit(route, call)
      return refusal ? respondProblem(refusal) : answer(call)
    }

  async function incomingCall(call: Call): Promise<Response> {
    const refusal = admitPbx(call)
    if (refusal) return respondProblem(refusal)
    if (options.isDraining()) return respondProblem(unavailable('shutting down', DRAIN_RETRY_SECONDS))
    const { request } = call
    const fields = await read(forms.incomingCallForm, request)
    if (!fields.ok) return respondProblem(fields.failure)
    const { callId = crypto.randomUUID(), ...rest } = fields.value
    call.server?.timeout(request, 0)
    const traceparent = options.isTracing ? request.headers.get('traceparent') : null
    const asked = traceparent === null ? { ...rest, callId } : { ...rest, callId, traceparent }
    const outcome = await options.hold(asked, request.signal)
    if (typeof outcome === 'string')
      return respondProblem(unavailable(`too many calls are waiting (${outcome})`))
    return respondOutcome(request, outcome)
  }

  async function callEnded(call: Call): Promise<Response> {
    const refusal = admitPbx(call)
    if (refusal) return respondProblem(refusal)
    const fields = await read(forms.callEndedForm, call.request)
    if (!fields.ok) return respondProblem(fields.failure)
    const isKnown = await news.ended(fields.value.callId, fields.value.reason)
    return isKnown ? new Response(null, { status: 200 }) : respondProblem(notFound('no such call'))
  }

  /** The PBX says that a phone has just registered at it. */
  async function registered(call: Call): Promise<Response> {
    const refusal = admitPbx(call)
    if (refusal) return respondProblem(refusal)
    const fields = await read(forms.registeredForm, call.request)
    if (!fields.ok) return respondProblem(fields.failure)
    const { result, confirmed } = await options.registrar.hear({
      ...withoutUndefined(fields.value),
      isDecoded: false,
      from: 'the PBX',
    })
    const device = result === 'unknown-app' || result === 'unusable' ? 'none' : result
    return Response.json({ device, confirmed })
  }

  async function callResponse(call: Call): Promise<Response> {
    const { request } = call
    const fields = await read(forms.callResponseForm, request)
    if (!fields.ok) return respondProblem(fields.failure)
    return answers.post(request, fields.value)
  }

  async function verdict(call: Call): Promise<Response> {
    const { request } = call
    // Streams that are open now end as well; their apps open them anew at another process.
    if (options.isDraining()) return respondProblem(unavailable('shutting down', DRAIN_RETRY_SECONDS))
    const query = request.url.indexOf('?')
    const fields = formFields(query < 0 ? '' : request.url.slice(query + 1))
    if (!fields.ok) return respondProblem(fields.failure)
    call.server?.timeout(request, 0)
    return answers.get(request, name => fields.value.get(name, 'id'))
  }

  /** Reads a form of an app and checks that the app may act for the account in it. */
  async function readFromApp<Shape extends Form>(
    form: Shape,
    { request }: Call,
  ): Promise<Result<Filled<Shape>, Problem>> {
    const fields = await read(form, request)
    if (!fields.ok) return fields
    const { account } = fields.value as { account?: string }
    const authenticated = await options.authenticateApp(request, account)
    return authenticated.ok ? fields : authenticated
  }

  async function registerDevice(call: Call, platform: Platform): Promise<Response> {
    const fields = await readFromApp(forms.deviceForms[platform], call)
    if (!fields.ok) return respondProblem(fields.failure)
    const { account, pushProfile, isDnd, ...device } = fields.value
    const result = await registration.register(account, {
      ...withoutUndefined(device),
      platform,
      ...(pushProfile === 'once' ? { pushProfile } : {}),
      ...(isDnd ? { isDnd } : {}),
    })
    if (result === 'unknown-app') return respondProblem(notFound(`no app ${device.app} for ${platform}`))
    return new Response(null, { status: result === 'created' ? 201 : 200 })
  }

  async function removeDevice(call: Call, platform: Platform): Promise<Response> {
    const fields = await readFromApp(forms.deviceRemovalForm, call)
    if (!fields.ok) return respondProblem(fields.failure)
    const { account, token, app } = fields.value
    return foundOr404(await registration.remove(account, { token, app, platform }))
  }

  async function checkIn(call: Call): Promise<Response> {
    const fields = await readFromApp(forms.checkInForm, call)
    if (!fields.ok) return respondProblem(fields.failure)
    return foundOr404(await registration.seen(fields.value.account, fields.value.deviceId))
  }

  async function hangupReason(call: Call): Promise<Response> {
    const fields = await readFromApp(forms.hangupReasonForm, call)
    if (!fields.ok) return respondProblem(fields.failure)
    const { account, uniqueKey, reason } = fields.value
    await news.explained({ account, name: uniqueKey, reason })
    return foundOr404(await registration.seen(account))
  }

  async function noteStatistics(
    report: Statistics,
    { account, uniqueKey, callId }: Filled<typeof forms.logMetricsForm>,
  ): Promise<void> {
    options.countStatistics(report)
    const name = uniqueKey ?? callId
    if (account !== undefined && name !== undefined) await news.reported({ account, name, report })
  }

  async function logMetrics(call: Call): Promise<Response> {
    const body = await readBody(call.request)
    const fields = body.ok ? fill(forms.logMetricsForm, body.value) : body
    if (!fields.ok) return respondProblem(fields.failure)
    const authenticated = await options.authenticateApp(call.request, fields.value.account)
    if (!authenticated.ok) return respondProblem(authenticated.failure)
    if (body.ok) await noteStatistics(body.value.all(), fields.value)
    return new Response(null, { status: 200 })
  }

  /** Elysia reads from a route's text what it uses, and prepares that for each request. Of a route that passes its
   *  context on it expects everything: headers, query and cookies parsed, and 0.7 kB kept for each held request. */
  function only(
    route: (call: Call) => Promise<Response>,
  ): (context: { request: Request }) => Promise<Response> {
    return ({ request }) => route({ request, server: app.server })
  }

  function respondFailure(thrown: unknown): Response {
    if (thrown instanceof RedisUnavailable) {
      log.warn({ reason: thrown.message }, 'request refused: redis unavailable')
      return respondProblem(unavailable('the store is unavailable'))
    }
    log.error({ err: thrown }, 'request failed')
    return respondProblem(serverError)
  }

  // The bodies are read by `readBody`, for its limit and its errors, so Elysia must not read them first.
  const raw = { parse: 'none' } as const
  const app = new Elysia(ELYSIA_ROUTING)
    .onError({ as: 'global' }, ({ code, error }) =>
      code === 'NOT_FOUND' ? respondProblem(notFound('no such route')) : respondFailure(error),
    )
    .get('/healthz', () => new Response('ok'))
    .post('/api/call-ended', only(callEnded), raw)
    .post('/api/registered', only(registered), raw)
    .get('/api/call-response', only(limited('call-response', verdict)))
    .post('/api/check-in', only(limited('check-in', checkIn)), raw)
    .post('/api/hangup-reason', only(limited('hangup-reason', hangupReason)), raw)
    .post('/api/log-metrics', only(limited('log-metrics', logMetrics)), raw)
  for (const platform of PLATFORMS) {
    app.post(`/api/${platform}-device`, only(limited('device', call => registerDevice(call, platform))), raw)
    app.delete(`/api/${platform}-device`, only(limited('device', call => removeDevice(call, platform))), raw)
  }
  // Of each wake these are both requests, so they also come straight from Bun's router (`listen`).
  const direct = new Map<string, Route>()
  for (const [path, route] of [
    ['/api/incoming-call', incomingCall],
    ['/api/call-response', limited('call-response', callResponse)],
  ] as const) {
    app.post(path, only(route), raw)
    direct.set(path, request => route({ request, server: app.server }).catch(respondFailure))
  }
  return { app, direct }
}

const foundOr404 = (isFound: boolean): Response =>
  isFound ? new Response(null, { status: 200 }) : respondProblem(notFound('no such device'))

type Present<Fields> = { [Name in keyof Fields]: Exclude<Fields[Name], undefined> }

/** Stored JSON has no use for keys without a value. */
function withoutUndefined<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Present<Fields>
}
