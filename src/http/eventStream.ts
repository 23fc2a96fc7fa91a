// Server-sent events (HTML Living Standard, 9.2) for one client: what is sent goes out as the client reads it, a
// comment goes out where there is nothing to say, and the stream ends when the client leaves. One that reads too
// slowly is let go rather than remembered for.
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

export interface EventStream {
  response: Response
  send(event: ServerEvent): void
  /** Nothing follows; what waits still goes out. */
  end(): void
}

export function openEventStream({
  left,
  onEnd,
  heartbeatMs = HEARTBEAT_MS,
}: EventStreamOptions): EventStream {
  const encoder = new TextEncoder()
  let waiting: string[] = [`retry: ${RETRY_MS}\n`]
  let isOver = false
  /** The client has read everything and wants more. */
  let onMore: (() => void) | undefined

  const push = (text: string) => {
    waiting.push(text)
    onMore?.()
  }
  const heartbeat = setInterval(() => {
    // A client that has not read the last one needs no other.
    if (waiting.length === 0) push(':\n\n')
  }, heartbeatMs)

  function finish(): void {
    if (isOver) return
    isOver = true
    clearInterval(heartbeat)
    left.removeEventListener('abort', finish)
    onMore?.()
    onEnd()
  }

  left.addEventListener('abort', finish, { once: true })
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (waiting.length === 0 && !isOver) {
          await new Promise<void>(resolve => {
            onMore = resolve
          })
          onMore = undefined
        }
        const text = waiting.join('')
        waiting = []
        if (text !== '') controller.enqueue(encoder.encode(text))
        if (isOver) controller.close()
      },
      cancel: finish,
    },
    { highWaterMark: 0 },
  )

  return {
    response: new Response(body, {
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        // nginx would gather them.
        'x-accel-buffering': 'no',
      },
    }),
    send(event) {
      if (isOver) return
      if (waiting.length < EVENTS_WAITING_MAX) return push(textOf(event))
      waiting = [textOf({ id: event.id, event: 'end', data: { kind: 'too-slow' } })]
      finish()
    },
    end: finish,
  }
}

/** JSON has no line feeds, so one `data` line holds it. */
function textOf({ id, event, data }: ServerEvent): string {
  const name = event === undefined ? '' : `event: ${event}\n`
  return `id: ${id}\n${name}data: ${printableJson(JSON.stringify(data))}\n\n`
}
