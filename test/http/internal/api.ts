// The internal API as its callers have it: JSON over HTTP to a service that runs as a process of its own; and, where a
// test needs other limits than the service's, the same routes opened in the test's process.
import { Elysia } from 'elysia'
import pino from 'pino'
import { openBackend } from '../../../src/backend/backend.ts'
import type { Log } from '../../../src/base/log.ts'
import { callCommandsApi } from '../../../src/http/internal/callCommandsApi.ts'
import { type CallEventsApiOptions, callEventsApi } from '../../../src/http/internal/callEventsApi.ts'
import { type CallsApiOptions, callsApi } from '../../../src/http/internal/callsApi.ts'
import { answerThrown } from '../../../src/http/internal/problems.ts'
import { switchesApi } from '../../../src/http/internal/switchesApi.ts'
import { openRedis } from '../../../src/redis/connect.ts'
import { eventually, untilReady } from '../../harness/internal.ts'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: it is what the test looks into.
  body: any
}

/** Asks one service. */
export interface Api {
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

export function apiAt(url: string): Api {
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, init)
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
  return {
    get: (path, headers = {}) => ask(path, { headers }),
    post: (path, body, headers = {}) =>
      body === undefined
        ? ask(path, { method: 'POST', headers })
        : ask(path, {
            method: 'POST',
            headers: { 'content-type': 'application/json', ...headers },
            body: typeof body === 'string' ? body : JSON.stringify(body),
          }),
  }
}

/** A request to make an asp-call; without a dial id unless one is given. */
export const aspCall = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  kind: 'asp-call',
  org_id: 'org',
  user_id: 'user',
  call_provider: 'acme',
  caller_number: '15550000001',
  callee_number: '15550000002',
  caller_id_lega: '15550000002',
  caller_id_legb: '15550000001',
  ...more,
})

const LISTS = {
  jobListAsp: 'talkiq-asp.calls',
  jobListBot: 'talkiq-bot.calls',
  jobListLoad: 'talkiq-load.calls',
}

/** Whoever was told that a service is up may still find it connecting to Redis. */
export async function untilApiReady(url: string): Promise<void> {
  await untilReady(url)
  await eventually('the API', async () => (await fetch(`${url}/api/devices/nobody`)).status !== 503)
}

export interface OwnApi extends Api {
  url: string
  /** Ends streams, as a service does that stops. */
  closing: AbortController
  close(): Promise<void>
}

/** The routes about calls in this process. Resolves when they reach Redis. */
export async function openOwnApi(
  redisUrl: string,
  overrides: Partial<CallsApiOptions & CallEventsApiOptions> = {},
): Promise<OwnApi> {
  const log = pino({ level: 'silent' }) as unknown as Log
  const settings = { url: redisUrl, connectTimeoutMs: 1_000 }
  const redis = openRedis(settings, 'commands', log)
  const closing = new AbortController()
  const backend = openBackend(redis, () => openRedis(settings, 'subscriber', log), log)
  const options = {
    backend,
    lists: LISTS,
    isLoadTestAllowed: true,
    clock: Date.now,
    newUuid: () => crypto.randomUUID(),
    closing: closing.signal,
    ...overrides,
  }
  const app = new Elysia({ serve: { idleTimeout: 30, reusePort: false } })
    .onError({ as: 'global' }, ({ code, error }) => answerThrown(error, code, log))
    .use(callsApi(options))
    .use(callCommandsApi(options))
    .use(callEventsApi(options))
    .use(switchesApi(options))
    .listen({ hostname: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${app.server?.port}`
  await eventually('Redis', async () => (await fetch(`${url}/api/calls`)).ok)
  return {
    ...apiAt(url),
    url,
    closing,
    async close() {
      closing.abort()
      await app.stop(true)
      backend.close()
      redis.disconnect()
    },
  }
}
