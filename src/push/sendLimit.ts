// Puts one sending under two limits: the caller's signal and a time limit of its own. Whichever comes first ends it
// with an outcome at once; the sending's own work is told by the signal it gets, and its late result is dropped.
import type { PushOutcome } from './push.ts'

/** Runs `send` until it answers, `signal` aborts, or `limitMs` is over.
 *  @param send must not reject; its signal aborts when nobody waits any more.
 *  @returns what `send` returned, or 'retry-later' (`afterMs` 0: the caller's own backoff decides). */
export async function withinLimit(
  signal: AbortSignal,
  limitMs: number,
  send: (signal: AbortSignal) => Promise<PushOutcome>,
): Promise<PushOutcome> {
  if (signal.aborted) return gaveUp('the wait was over before the push was sent')
  const limit = new AbortController()
  const { promise: ended, resolve: end } = Promise.withResolvers<PushOutcome>()
  const endWith = (reason: string) => {
    end(gaveUp(reason))
    limit.abort()
  }
  const onAbort = () => endWith('the wait ended before the vendor answered')
  const timer = setTimeout(() => endWith(`no answer from the vendor within ${limitMs} ms`), limitMs)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([send(limit.signal), ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

const gaveUp = (reason: string): PushOutcome => ({ kind: 'retry-later', afterMs: 0, reason })
