// The live page without a service behind it: the real files and the real feed, which tells what a test makes up, and
// answers to commands that a test gives. No Redis, no process: a state of the page costs milliseconds.
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'
import { liveRoutes } from '../../src/http/page/routes.ts'
import { openLiveFeed } from '../../src/live/liveFeed.ts'
import type { LiveView } from '../../src/live/liveView.ts'
import { RedisUnavailable } from '../../src/redis/connect.ts'
import { NOW_MS } from '../live/madeUp.ts'

/** A change is seen within this time and a little. */
const TICK_MS = 100

export interface StubStage {
  url: string
  /** What the next look shows; undefined: Redis is away. */
  view: LiveView | undefined
  /** The service's clock. */
  nowMs: number
  /** Commands that came, and what they are answered. */
  commands: { path: string; body: unknown }[]
  answer: (path: string) => { status: number; body?: unknown } | Promise<{ status: number; body?: unknown }>
  /** The feed asks for a token. */
  isLocked: boolean
  close(): Promise<void>
}

export function openStubStage(view: LiveView): StubStage {
  const log = pino({ level: 'silent' }) as unknown as Log
  const feed = openLiveFeed({
    read: async () => {
      if (!stage.view) throw new RedisUnavailable('away')
      return stage.view
    },
    about: { pod: 'web-1-11111111', version: '0.1.0', isMasked: true },
    clock: () => stage.nowMs,
    tickMs: TICK_MS,
    log,
  })
  const page = liveRoutes({ feed })
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const path = decodeURIComponent(new URL(request.url).pathname)
      if (path === '/api/live' && stage.isLocked) return new Response('{}', { status: 401 })
      if (!path.startsWith('/api/') || path === '/api/live') return page.handle(request)
      if (request.method === 'POST') stage.commands.push({ path, body: await request.json() })
      const { status, body = {} } = await stage.answer(path)
      return Response.json(body, { status })
    },
  })
  const stage: StubStage = {
    url: `http://127.0.0.1:${server.port}/`,
    view,
    nowMs: NOW_MS,
    commands: [],
    answer: () => ({ status: 200 }),
    isLocked: false,
    async close() {
      feed.close()
      await server.stop(true)
    },
  }
  return stage
}
