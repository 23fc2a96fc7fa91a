// Lets the page of the public API try its routes: the page may reach its own listener alone, so its requests to the
// public listener go through here, and come from this machine's own address. Every caller that the guard admits may do
// so. What the routes mean is the public listener's business.
import { Elysia } from 'elysia'
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import { notFound, respondProblem, unavailable } from '../problems.ts'

/** Below it stand the public listener's own paths. */
export const TRY_PATH = '/openapi/public/try'

/** Holds the page's `Authorization` for the public listener, where the header itself is this listener's. */
export const TRIED_AUTHORIZATION = 'x-try-authorization'

/** Longer than APP_PUSH_ROUNDTRIP_WAIT may be. */
const ANSWER_MAX_MS = 130 * MS_PER_SECOND

export interface TryOutOptions {
  /** Of this process's public listener; undefined: it has none. */
  publicUrl: string | undefined
  /** The routes that there are: methods in lower case, by path. */
  routes: Readonly<Record<string, readonly string[]>>
  log: Log
}

export function tryOut({ publicUrl, routes, log }: TryOutOptions) {
  const app = new Elysia({ name: 'try-out' })
  for (const [path, methods] of Object.entries(routes))
    for (const method of methods)
      app.route(
        method.toUpperCase(),
        `${TRY_PATH}${path}`,
        ({ request, server }) => {
          server?.timeout(request, 0)
          return publicUrl === undefined
            ? respondProblem(notFound('this process has no public listener (ROLE=agent)'))
            : passOn(request, `${publicUrl}${path}`, log)
        },
        { parse: 'none', detail: { hide: true } },
      )
  return app
}

async function passOn(request: Request, to: string, log: Log): Promise<Response> {
  const { search } = new URL(request.url)
  log.info({ route: to }, 'tried out by the page of the public API')
  const headers = new Headers(picked(request.headers, ['content-type', 'accept']))
  const authorization = request.headers.get(TRIED_AUTHORIZATION)
  if (authorization !== null) headers.set('authorization', authorization)
  try {
    const answer = await fetch(`${to}${search}`, {
      method: request.method,
      headers,
      body: await request.arrayBuffer(),
      redirect: 'manual',
      // A person who leaves the page ends the request.
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(ANSWER_MAX_MS)]),
    })
    const told = ['content-type', 'x-hookswitch-reason', 'retry-after']
    return new Response(await answer.arrayBuffer(), {
      status: answer.status,
      headers: picked(answer.headers, told),
    })
  } catch (thrown) {
    log.warn({ reason: messageOf(thrown) }, 'the public listener gave no answer')
    return respondProblem(unavailable('the public listener gave no answer'))
  }
}

const picked = (headers: Headers, names: readonly string[]): [string, string][] =>
  names.flatMap(name => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as [string, string]]
  })
