// The live page's two halves on the internal listener: its files, which hold no data and which anybody may load, and
// the feed, which only those get who pass the listener's guard. Files are read once, at start. What is in the feed is
// made in the operators' room.
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { Elysia } from 'elysia'
import type { LiveFeed } from '../../live/liveFeed.ts'
import { respondProblem, unavailable } from '../problems.ts'

const DIRECTORY = new URL('./', import.meta.url)

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Nothing from elsewhere, nothing inline, and no text of ours ever read as HTML: what stands on the page came from
 *  whoever can call, dial or publish. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Asked for again each time, and not sent again unless it changed.
  'cache-control': 'no-cache',
}

interface PageFile {
  path: string
  type: string
  content: string
  etag: string
}

/** Asked for by browsers where a page names no icon of its own, as those of the API do. */
const FAVICON_PATH = '/favicon.ico'

const FILES: PageFile[] = readdirSync(DIRECTORY).flatMap(name => {
  const type = TYPES[extname(name)]
  // This program lies beside them.
  if (type === undefined) return []
  const content = readFileSync(new URL(name, DIRECTORY), 'utf8')
  const etag = `"${Bun.hash(content).toString(36)}"`
  const paths = { 'index.html': ['/'], 'icon.svg': ['/page/icon.svg', FAVICON_PATH] }[name] ?? [
    `/page/${name}`,
  ]
  return paths.map(path => ({ path, type, content, etag }))
})

/** Open to everybody: there is no data in them. */
export const PAGE_PATHS = FILES.map(file => file.path)

/** A viewer that takes nothing for this many seconds is let go; it comes back by itself. */
const CHUNKS_BEHIND_MAX = 20

/** When there are too many viewers, a further one waits this long before it tries again. */
const RETRY_AFTER_SECONDS = 10

export interface LiveOptions {
  feed: LiveFeed
}

export function liveRoutes({ feed }: LiveOptions) {
  const app = new Elysia({ name: 'live' })
  for (const file of FILES)
    app.get(file.path, ({ request }) => answerFile(file, request), { detail: { hide: true } })
  return app.get('/api/live', ({ request }) => answerFeed(feed, request), {
    detail: {
      tags: ['Live'],
      summary: 'What there is to see now, as server-sent events',
      description:
        'Everything at once, then about once a second what changed, of all processes. Made for the page at `/`; ' +
        'its form may change with it. A `tick` each second says that it lives. 503 beyond 50 viewers.',
    },
  })
}

function answerFile(file: PageFile, request: Request): Response {
  const headers = { ...HEADERS, 'content-type': file.type, etag: file.etag }
  return request.headers.get('if-none-match') === file.etag
    ? new Response(null, { status: 304, headers })
    : new Response(file.content, { headers })
}

function answerFeed(feed: LiveFeed, request: Request): Response {
  const encoder = new TextEncoder()
  let stop: (() => void) | undefined
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      let isOver = false
      const end = () => {
        if (isOver) return
        isOver = true
        stop?.()
        // The viewer may have left before.
        try {
          controller.close()
        } catch {
          // Closed or cancelled already: nothing is left to end.
        }
      }
      const hear = (events: string) => {
        if (isOver) return
        if ((controller.desiredSize ?? 0) < -CHUNKS_BEHIND_MAX) end()
        else controller.enqueue(encoder.encode(events))
      }
      stop = feed.watch({ hear, end })
      request.signal.addEventListener('abort', end, { once: true })
    },
    cancel: () => stop?.(),
  })
  if (!stop) return respondProblem(unavailable('too many viewers watch already', RETRY_AFTER_SECONDS))
  return new Response(stream, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  })
}
