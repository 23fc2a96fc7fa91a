// How a wake stands, for the phone that rings: as server-sent events while it rings, or as one answer that is held until
// there is news. Apple knows no push that ends a call, so an app hears of a caller who left over this. What there is to
// tell comes from the verdict room; thousands of streams wait beside thousands of held calls, so each keeps little.
import { fail, ok, type Result } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { Standing } from '../../redis/wakes/wakes.ts'
import type { Follower } from '../../wake/verdictRoom.ts'
import { badFields, type Problem } from '../problems.ts'

/** Longest hold of one answer: proxies cut a silent connection after 30 s. */
export const VERDICT_WAIT_SECONDS_MAX = 25

/** A comment is sent this often while there is no event. */
const HEARTBEAT_MS = 15 * MS_PER_SECOND

/** Heartbeats are sent in parts, so that thousands of them do not keep a call waiting. */
const HEARTBEAT_PARTS = 150

/** What EventSource waits before it opens a stream anew, at another process perhaps. */
const RETRY_MS = 500

/** What the query asks for. */
export interface VerdictWish {
  /** Undefined: a stream, or at once. */
  waitMs: number | undefined
  /** The answer is held while it stands so. */
  than: string | undefined
}

/** Reads `wait` and `than`. */
export function readWish(get: (name: string) => unknown): Result<VerdictWish, Problem> {
  const [wait, than] = [get('wait'), get('than')]
  if (wait === undefined) return ok({ waitMs: undefined, than: textOf(than) })
  const seconds = typeof wait === 'string' && wait.trim() !== '' ? Number(wait) : Number.NaN
  if (!(seconds >= 0 && seconds <= VERDICT_WAIT_SECONDS_MAX)) {
    const detail = `must be a number of seconds from 0 to ${VERDICT_WAIT_SECONDS_MAX}`
    return fail(badFields([{ field: 'wait', detail }]))
  }
  return ok({ waitMs: seconds * MS_PER_SECOND, than: textOf(than) })
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const HEADERS = new Headers({
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Without this header nginx would hold events back to send several together.
  'x-accel-buffering': 'no',
})

const encoder = new TextEncoder()
const HEARTBEAT = encoder.encode(':\n\n')

const events = new Map<Standing, Uint8Array>()

/** Made once for each standing. */
function eventOf(verdict: Standing): Uint8Array {
  let bytes = events.get(verdict)
  if (!bytes) {
    bytes = encoder.encode(`event: verdict\ndata: ${JSON.stringify({ verdict })}\n\n`)
    events.set(verdict, bytes)
  }
  return bytes
}

const FIRST = encoder.encode(`retry: ${RETRY_MS}\n`)

type Controller = ReadableStreamDefaultController<Uint8Array>

export function createVerdictStreams() {
  const heartbeats = createHeartbeats()

  /** @param isLast nothing follows: the stream has one event and its end. */
  function stream(follower: Follower, isLast: boolean, left: AbortSignal): Response {
    let end = () => {}
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(FIRST)
        controller.enqueue(eventOf(follower.standing))
        if (isLast) return controller.close()
        const stopBeating = heartbeats.add(controller)
        end = () => {
          stopBeating()
          follower.stop()
          delete follower.onChange
        }
        let told = follower.standing
        follower.onChange = (standing, isOver) => {
          if (standing !== told) controller.enqueue(eventOf(standing))
          told = standing
          if (!isOver) return
          end()
          controller.close()
        }
      },
      cancel: () => end(),
    })
    // Bun cancels no stream whose client leaves while there is nothing to send.
    left.addEventListener('abort', () => end(), { once: true })
    if (left.aborted) end()
    return new Response(body, { headers: HEADERS })
  }

  /** Resolves with the wake's standing as soon as it is another one than `than`, or when the time is over. */
  function once(follower: Follower, { waitMs = 0, than }: VerdictWish, left: AbortSignal): Promise<Standing> {
    const { promise, resolve } = Promise.withResolvers<Standing>()
    if (follower.standing !== than || waitMs === 0 || left.aborted) {
      follower.stop()
      resolve(follower.standing)
      return promise
    }
    const finish = () => {
      clearTimeout(timer)
      left.removeEventListener('abort', finish)
      follower.stop()
      resolve(follower.standing)
    }
    const timer = setTimeout(finish, waitMs)
    left.addEventListener('abort', finish, { once: true })
    follower.onChange = (standing, isLast) => {
      if (isLast || standing !== than) finish()
    }
    return promise
  }

  return { stream, once }
}

function createHeartbeats() {
  const parts = Array.from({ length: HEARTBEAT_PARTS }, () => new Set<Controller>())
  let [next, turn, count] = [0, 0, 0]
  let timer: Timer | undefined

  function beat(): void {
    turn = (turn + 1) % HEARTBEAT_PARTS
    for (const controller of parts[turn]!) controller.enqueue(HEARTBEAT)
  }

  return {
    add(controller: Controller): () => void {
      // The part whose turn comes last: the stream's first comment comes after a full interval.
      const part = parts[(turn + next++) % HEARTBEAT_PARTS]!
      part.add(controller)
      count++
      timer ??= setInterval(beat, HEARTBEAT_MS / HEARTBEAT_PARTS)
      return () => {
        if (!part.delete(controller)) return
        count--
        if (count > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
