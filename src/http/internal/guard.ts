// Decides which requests the internal listener answers. Where admin tokens are set, a request must bear one. Where none is
// set, the listener is on loopback, and every program on this machine may ask. Two kinds of requests on loopback are refused:
// those of web pages that are open in the operator's browser, which reach loopback directly (a request from another site) or
// by a name of their own that resolves to 127.0.0.1 (DNS rebinding); and those that came through a proxy on this machine,
// because they bear the proxy's address, whoever sent them. METRICS_TOKEN opens the counters and nothing else. Each refusal
// is passed to `onRefused`, which counts it.
import { isLoopback } from '../../config/config.ts'
import { mediaTypeOf } from '../body.ts'
import { pathOf } from '../listen.ts'
import { forbidden, type Problem, unauthorized, unsupportedInternalMediaType } from '../problems.ts'
import type { Caller, CallerOf } from './caller.ts'

/** Labels of `hookswitch_admin_refused_total`. */
export const ADMIN_REFUSALS = ['token', 'no-token', 'metrics-token', 'web-page', 'proxy'] as const

export type AdminRefusal = (typeof ADMIN_REFUSALS)[number]

export interface GuardOptions {
  callerOf: CallerOf
  /** False on a loopback listener without admin tokens. */
  isTokenWanted: boolean
  /** The listener's address, as the setting has it. */
  host: string
  /** Exact paths that anybody may get: they hold no data. */
  openPaths: readonly string[]
  /** Exact paths that METRICS_TOKEN may get. */
  metricsPaths: readonly string[]
  onRefused: (reason: AdminRefusal, caller: Caller) => void
}

/** @returns why a request is refused, or undefined. */
export type Guard = (request: Request) => Problem | undefined

export function createGuard(options: GuardOptions): Guard {
  const { callerOf, isTokenWanted, host, onRefused } = options
  const open = new Set(options.openPaths)
  const counters = new Set(options.metricsPaths)

  function refusalOf(
    request: Request,
    caller: Caller,
    isCounters: boolean,
  ): [AdminRefusal, Problem] | undefined {
    const { kind } = caller.credential
    if (kind === 'metrics')
      return isCounters ? undefined : ['metrics-token', unauthorized('METRICS_TOKEN opens /metrics alone')]
    if (kind === 'admin') return undefined
    if (isTokenWanted) {
      const what = isCounters
        ? 'ADMIN_TOKEN or METRICS_TOKEN is required here'
        : 'ADMIN_TOKEN is required here'
      return [kind === 'wrong' ? 'token' : 'no-token', unauthorized(what)]
    }
    if (!caller.isCertain || !isHere(caller.client))
      return [
        'proxy',
        forbidden('without ADMIN_TOKEN this listener answers this machine alone, and no proxy'),
      ]
    const strange = refuseStrangePages(request, host)
    return strange && ['web-page', strange]
  }

  return request => {
    const isReading = request.method === 'GET' || request.method === 'HEAD'
    const path = pathOf(request)
    if (isReading && open.has(path)) return undefined
    const caller = callerOf(request)
    const refusal = refusalOf(request, caller, isReading && counters.has(path))
    if (!refusal) return refuseForms(request)
    onRefused(refusal[0], caller)
    return refusal[1]
  }
}

/** The address is empty where the connection has ended already: nobody reads that answer. */
const isHere = (client: string): boolean => client === '' || isLoopback(client.replace('::ffff:', ''))

function refuseStrangePages(request: Request, host: string): Problem | undefined {
  const { headers } = request
  const asked = headers.get('host') ?? ''
  if (!isOwnName(asked, host))
    return forbidden('this listener answers to the name of its own address: localhost, 127.0.0.1 or [::1]')
  const origin = headers.get('origin')
  if (origin !== null && !isOriginOf(origin, asked)) return forbidden('requests of other sites are refused')
  const site = headers.get('sec-fetch-site')
  const isOtherSite = site !== null && site !== 'same-origin' && site !== 'none'
  // The operator followed a link on a foreign page: the browser shows the answer to the operator, and not to that page.
  const isFollowedLink =
    request.method === 'GET' &&
    headers.get('sec-fetch-mode') === 'navigate' &&
    headers.get('sec-fetch-dest') === 'document'
  if (isOtherSite && !isFollowedLink) return forbidden('requests of other sites are refused')
  return undefined
}

/** Whether `Host` names this listener's own address. The name of a foreign site is none of these, whatever address it
 *  resolves to. */
function isOwnName(asked: string, host: string): boolean {
  const name = hostnameOf(asked)
  if (name === undefined) return false
  if (name === hostnameOf(host.includes(':') ? `[${host}]` : host)) return true
  return isLoopback(host) && (name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name))
}

/** Without its port, in the one spelling of an address that URLs have. */
function hostnameOf(host: string): string | undefined {
  return /^[A-Za-z0-9.:[\]_-]+$/.test(host) && URL.canParse(`http://${host}`)
    ? new URL(`http://${host}`).hostname
    : undefined
}

const isOriginOf = (origin: string, host: string): boolean =>
  URL.canParse(origin) && new URL(origin).host === new URL(`http://${host}`).host

/** Browsers let any page post a form to any address; they let no page post JSON to another site unasked. */
function refuseForms(request: Request): Problem | undefined {
  if (request.method === 'GET' || request.method === 'HEAD' || mediaTypeOf(request) === 'application/json')
    return undefined
  const { headers } = request
  const isEmpty = (headers.get('content-length') ?? '0') === '0' && !headers.has('transfer-encoding')
  return isEmpty && !headers.has('content-type') ? undefined : unsupportedInternalMediaType
}
