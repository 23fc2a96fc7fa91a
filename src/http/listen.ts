// Opens a listener, and stands in front of its Elysia app. Bun matches the bytes of a request with its routes. Then it makes
// a URL of these bytes, which may name another path (`/a/..`, `\`), or no path at all (an odd `Host`). The guard and Elysia's
// router both go by that URL. So a request whose URL names another path than its bytes is refused here, before both. What a
// path means is not known here.
import type { AnyElysia } from 'elysia'
import { badRequest, respondProblem } from './problems.ts'

export interface ListenOptions {
  hostname: string
  /** 0 takes any free one. */
  port: number
  /** Silence after which a connection is closed, at most 255; a held request is exempt by `server.timeout`. */
  idleTimeoutSeconds: number
  /** Bun answers 413 to longer bodies. */
  bodyBytesMax: number
}

/** For `new Elysia`: it routes by the URL alone, whose path begins where `pathOf` finds it. */
export const ELYSIA_ROUTING = { systemRouter: false, handler: { standardHostname: false } } as const

/** No route of ours has as many segments. */
const SEGMENTS_MAX = 8

type Matched = Request & { params: Record<string, string> }

export type Route = (request: Request) => Response | Promise<Response>

/** From now on `app` answers at that address. `app.server` is set, and `app.stop()` ends it.
 *  @param direct by path: POSTs that pass Elysia by. They are routes of `app` too, which answer the same. */
export function listen(
  app: AnyElysia,
  options: ListenOptions,
  direct: ReadonlyMap<string, Route> = new Map(),
): void {
  app.compile()
  const answer = (request: Request) =>
    request.method === 'HEAD' ? answerHead(app, request) : app.fetch(request)
  const known = (request: Request) => (hasOwnUrl(request) ? answer(request) : refuse())
  const plain = (request: Matched) =>
    hasOwnUrl(request) && Object.values(request.params).every(isPlain) ? answer(request) : refuse()

  const routes: Record<string, (request: Matched) => Response | Promise<Response>> = { '/': known }
  // Bun passes the decoded segments of the path as parameters. A route without parameters comes before these.
  let pattern = ''
  for (let segment = 1; segment <= SEGMENTS_MAX; segment++) {
    pattern += `/:segment${segment}`
    routes[pattern] = routes[`${pattern}/`] = plain
  }
  for (const { path } of app.routes) {
    if (path.includes(':') || path.includes('*')) continue
    const post = direct.get(path)
    const route = post ? pastElysia(post, answer) : known
    routes[path] = route
    if (!path.endsWith('/')) routes[`${path}/`] = route
  }
  app.server = Bun.serve({
    hostname: options.hostname,
    port: options.port,
    idleTimeout: options.idleTimeoutSeconds,
    maxRequestBodySize: options.bodyBytesMax,
    reusePort: false,
    development: false,
    routes,
    // The path has an empty segment, or more segments than any route.
    fetch: refuse,
  })
}

/** Passes Elysia's router by: Bun has matched the path already, and the URL is checked here. */
const pastElysia =
  (post: Route, answer: Route): Route =>
  request => {
    if (!hasOwnUrl(request)) return refuse()
    return request.method === 'POST' ? post(request) : answer(request)
  }

/** Where a listener is. */
export const urlOf = (host: string, port: number | undefined): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/** The same for a client on this machine: it can't connect to "all addresses" (`0.0.0.0`), so loopback takes that place. */
export const localUrlOf = (host: string, port: number | undefined): string =>
  urlOf({ '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host, port)

/** Answers HEAD as GET, without the body. Elysia would read the body to its end to tell its length, and a stream of events has
 *  no end. */
async function answerHead(app: AnyElysia, request: Request): Promise<Response> {
  Object.defineProperty(request, 'method', { value: 'GET' })
  const { status, headers, body } = await app.fetch(request)
  await body?.cancel()
  return new Response(null, { status, headers })
}

const refuse = (): Response =>
  respondProblem(badRequest('the request must be for http://host/path, with a path that needs no tidying'))

/** A name, or an address (IPv6 in brackets), and perhaps a port: RFC 9110, 7.2, without percent-encoded names. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/** Whether `request.url` is absolute. A request of HTTP/1.0 without a `Host` gets an absolute URL here. */
function hasOwnUrl(request: Request): boolean {
  const { url } = request
  const host = request.headers.get('host')
  if (host === null) {
    if (!url.startsWith('/')) return false
    // The request object itself is changed and no copy made: Bun finds its connection by this object.
    Object.defineProperty(request, 'url', { value: `http://localhost${url}` })
    return true
  }
  return HOST.test(host) && url.startsWith('http://')
}

/** Whether a URL keeps this segment as it is: not `.` or `..`, and without `\`, which a URL reads as `/`. */
const isPlain = (segment: string): boolean => segment !== '.' && segment !== '..' && !segment.includes('\\')

const PATH_FROM = 'http://'.length

/** The path of a request that came through `listen`, as Elysia reads it. */
export function pathOf({ url }: Request): string {
  const start = url.indexOf('/', PATH_FROM)
  const end = url.indexOf('?', start)
  return end < 0 ? url.slice(start) : url.slice(start, end)
}
