// A call's channel as server-sent events: how the call stands, then every message as it is published, until the call
// has ended. Each client is one listener on the process's one subscription of the channel.
import { Elysia, t } from 'elysia'
import type { Backend } from '../../backend/backend.ts'
import type { LivingCall } from '../../backend/callView.ts'
import { followCall } from '../../backend/followCall.ts'
import { EVENT_STREAM_HEADERS, type EventStream, openEventStream } from '../eventStream.ts'
import { unavailable } from '../problems.ts'
import { badDialId, problem } from './callAnswers.ts'
import { callParams } from './callSchemas.ts'
import { refuse } from './problems.ts'
import type { Shown } from './shown.ts'

export interface CallEventsApiOptions {
  backend: Backend
  /** The service stops. */
  closing: AbortSignal
  /** Masks what is shown; without it nothing is. */
  shown?: Shown
  /** For tests; otherwise `CALL_LISTENERS_MAX`. */
  callListenersMax?: number
  /** For tests; otherwise `HEARTBEAT_MS`. */
  heartbeatMs?: number
}

/** What a client reads, as Eden gives it. */
export type CallServerEvent =
  | { id: number; event: 'state'; data: { call: LivingCall | null } }
  | { id: number; event?: undefined; data: { type: string } & Record<string, unknown> }
  | { id: number; event: 'end'; data: { kind: 'over' | 'not-made' | 'too-slow'; cause?: string } }

type WithoutId<Event> = Event extends unknown ? Omit<Event, 'id'> : never
type Unnumbered = WithoutId<CallServerEvent>

/** Streams of one process: each holds a connection and a little memory. */
export const CALL_LISTENERS_MAX = 500

const FULL_RETRY_SECONDS = 5

const streamSchema = t.Unsafe<AsyncGenerator<CallServerEvent, void, void>>(
  t.String({
    contentMediaType: 'text/event-stream',
    description:
      'Server-sent events. First `state` (`{call}`, null when none lives yet); then each message of the ' +
      'channel as it is published, unnamed; `state` again after a gap; at last `end`.',
    examples: [
      'retry: 2000\nid: 1\nevent: state\ndata: {"call":null}\n\nid: 2\ndata: {"type":"call-start","dial_id":"my-call"}\n\n',
    ],
  }),
)

export function callEventsApi(options: CallEventsApiOptions) {
  const { backend, closing, shown, callListenersMax = CALL_LISTENERS_MAX, heartbeatMs } = options
  const open = new Set<EventStream<CallServerEvent>>()
  const view = (call: LivingCall): LivingCall =>
    shown ? { ...call, user_id: shown.userId(call.user_id) } : call
  closing.addEventListener('abort', () => {
    for (const stream of open) stream.end()
  })

  return new Elysia({ name: 'call-events' }).get(
    '/api/calls/:dial_id/events',
    async ({ params: { dial_id: dialId }, headers, request, set }) => {
      if (open.size >= callListenersMax || closing.aborted)
        return refuse(set, unavailable('too many listen to calls here', FULL_RETRY_SECONDS))
      // A client that was told the end and connects again by itself, as EventSource does, is told to stop.
      const isBack = headers['last-event-id'] !== undefined
      if (isBack && !(await backend.findCall(dialId))) return ended()

      let leave: (() => void) | undefined
      const stream = openEventStream<CallServerEvent>(
        {
          left: request.signal,
          onEnd() {
            open.delete(stream)
            leave?.()
          },
          ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
        },
        lastId => ({ id: lastId, event: 'end', data: { kind: 'too-slow' } }),
      )
      open.add(stream)
      let id = 0
      const send = (event: Unnumbered) => stream.send({ id: ++id, ...event })
      try {
        leave = await followCall(backend, dialId, {
          onState: call => send({ event: 'state', data: { call: call ? view(call) : null } }),
          onMessage: data => send({ data: (shown?.message(data) ?? data) as { type: string } }),
          onEnd(end) {
            send({ event: 'end', data: end })
            stream.end()
          },
        })
      } catch (thrown) {
        stream.end()
        throw thrown
      }
      // The client left while the stream was being opened.
      if (!open.has(stream)) leave()
      Object.assign(set.headers, EVENT_STREAM_HEADERS)
      return stream.events
    },
    {
      params: callParams,
      headers: t.Object({
        'last-event-id': t.Optional(t.String({ description: 'Sent by EventSource when it comes back.' })),
      }),
      response: {
        200: streamSchema,
        204: t.Void({ description: 'You were here before, and the call has ended: do not come back.' }),
        400: badDialId,
        503: problem(503, {
          description: 'Redis does not answer, or too many listen here already.',
          detail: 'too many listen to calls here',
        }),
      },
      detail: {
        tags: ['Calls'],
        operationId: 'followCall',
        summary: 'Follow a call',
        description:
          'Ends when nothing of the call lives any more. It may be opened before the call is made, and tells ' +
          'of no message from before it was opened: `state` sums them up.',
      },
    },
  )
}

/** EventSource stops at this status. */
const ended = () => new Response(null, { status: 204 }) as never
