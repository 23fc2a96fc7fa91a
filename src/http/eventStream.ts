// Server-sent events (HTML Living Standard, 9.2) for one client, as a route returns them: Elysia's `sse()` writes each,
// and Elysia asks for the next one when the client has read. Here stands what waits for the client: a comment goes out
// where there is nothing to say, and the stream ends when the client leaves. A client that reads too slowly is
// disconnected; its events are not kept.
import { sse } from 'elysia'
import { printableJson } from '../base/printable.ts'
import { MS_PER_SECOND } from '../base/units.ts'

/** One event as a client gets it; without a name it is a `message`. */
export interface ServerEvent {
  id: number
  event?: string
  data: unknown
}

export interface EventStreamOptions {
  /** Aborted when the client has left. */
  left: AbortSignal
  /** Called once, however it ends. */
  onEnd: () => void
  heartbeatMs?: number
}

/** Proxies cut a silent connection after 30 to 60 s, and so does our own server. */
export const HEARTBEAT_MS = 10 * MS_PER_SECOND

/** Events that wait for one client: a call has some dozens in all. */
export const EVENTS_WAITING_MAX = 1_000

/** What EventSource waits before it comes back. */
const RETRY_MS = 2 * MS_PER_SECOND

/** For the route's `set.headers`. */
export const EVENT_STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // nginx would gather them.
  'x-accel-buffering': 'no',
} as const

export interface EventStream<Event extends ServerEvent> {
  /** What the route returns. Its first event is asked for before the answer begins. */
  events: AsyncGenerator<Event, void, void>
  send(event: Event): void
  /** Nothing follows; what waits still goes out. */
  end(): void
}

/** Read by nobody, and a sign of life (9.2.6). `sse()` writes events alone. */
const COMMENT = { toSSE: () => ':\n\n' }

/** @param tooSlow the last event of a client that does not read, under the id of the one that was too many. */
export function openEventStream<Event extends ServerEvent>(
  { left, onEnd, heartbeatMs = HEARTBEAT_MS }: EventStreamOptions,
  tooSlow: (id: number) => Event,
): EventStream<Event> {
  let waiting: object[] = []
  let isOver = false
  let hasBegun = false
  /** The client has read everything and wants more. */
  let onMore: (() => void) | undefined

  const push = (event: object) => {
    waiting.push(event)
    onMore?.()
  }
  const heartbeat = setInterval(() => {
    // A client that has not read the last one needs no other.
    if (waiting.length === 0) push(COMMENT)
  }, heartbeatMs)

  function finish(): void {
    if (isOver) return
    isOver = true
    clearInterval(heartbeat)
    left.removeEventListener('abort', finish)
    onMore?.()
    onEnd()
  }

  /** Always as JSON, which has no line feeds: `sse()` writes text as it stands, and leaves numbers out. */
  function write({ data, ...event }: Event): object {
    const written = sse({
      ...event,
      ...(hasBegun ? {} : { retry: RETRY_MS }),
      data: printableJson(JSON.stringify(data)),
    })
    hasBegun = true
    return written
  }

  left.addEventListener('abort', finish, { once: true })
  async function* read(): AsyncGenerator<object, void, void> {
    try {
      for (;;) {
        while (waiting.length === 0 && !isOver) {
          await new Promise<void>(resolve => {
            onMore = resolve
          })
          onMore = undefined
        }
        const event = waiting.shift()
        if (event === undefined) return
        yield event
      }
    } finally {
      finish()
    }
  }

  return {
    events: read() as AsyncGenerator<Event, void, void>,
    send(event) {
      if (isOver) return
      if (waiting.length < EVENTS_WAITING_MAX) return push(write(event))
      waiting = [write(tooSlow(event.id))]
      finish()
    },
    end: finish,
  }
}
