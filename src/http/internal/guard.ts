// Who may use the internal listener. With ADMIN_TOKEN: who has it. Without, the listener is on loopback and everybody
// there may, but not the web pages that are open in the operator's browser: those reach loopback too, directly (a
// request from another site) or under a name of their own that they let resolve to 127.0.0.1 (DNS rebinding).
import { isLoopback } from '../../config/config.ts'
import { bearerOf, isSameSecret } from '../credentials.ts'
import { mediaTypeOf } from '../form.ts'
import { pathOf } from '../listen.ts'
import { forbidden, type Problem, unauthorized, unsupportedInternalMediaType } from '../problems.ts'

export interface GuardOptions {
  /** Undefined on a loopback listener. */
  adminToken: string | undefined
  /** The listener's address, as the setting has it. */
  host: string
  /** Exact paths that anybody may get: they hold no data. */
  openPaths: readonly string[]
}

/** @returns why a request is refused, or undefined. */
export type Guard = (request: Request) => Problem | undefined

export function createGuard({ adminToken, host, openPaths }: GuardOptions): Guard {
  const open = new Set(openPaths)
  const admit = adminToken === undefined ? (request: Request) => refuseStrangePages(request, host) : hasToken

  function hasToken(request: Request): Problem | undefined {
    return isSameSecret(bearerOf(request), adminToken)
      ? undefined
      : unauthorized('ADMIN_TOKEN is required here')
  }

  return request => {
    const isReading = request.method === 'GET' || request.method === 'HEAD'
    if (isReading && open.has(pathOf(request))) return undefined
    return admit(request) ?? refuseForms(request)
  }
}

function refuseStrangePages(request: Request, host: string): Problem | undefined {
  const { headers } = request
  const asked = headers.get('host') ?? ''
  if (!isOwnName(asked, host))
    return forbidden('this listener answers to the name of its own address: localhost, 127.0.0.1 or [::1]')
  const origin = headers.get('origin')
  if (origin !== null && !isOriginOf(origin, asked)) return forbidden('requests of other sites are refused')
  const site = headers.get('sec-fetch-site')
  const isOtherSite = site !== null && site !== 'same-origin' && site !== 'none'
  // A link to this listener on somebody's page: what comes is shown to the operator, never to that page.
  const isFollowedLink =
    request.method === 'GET' &&
    headers.get('sec-fetch-mode') === 'navigate' &&
    headers.get('sec-fetch-dest') === 'document'
  if (isOtherSite && !isFollowedLink) return forbidden('requests of other sites are refused')
  return undefined
}

/** A name from outside can't be one of these, whatever it resolves to. */
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

/** A page can post a form to anywhere without being asked; JSON it can't. */
function refuseForms(request: Request): Problem | undefined {
  if (request.method === 'GET' || request.method === 'HEAD' || mediaTypeOf(request) === 'application/json')
    return undefined
  const { headers } = request
  const isEmpty = (headers.get('content-length') ?? '0') === '0' && !headers.has('transfer-encoding')
  return isEmpty && !headers.has('content-type') ? undefined : unsupportedInternalMediaType
}
