// Asks the operator's own service whose credentials a request brings (`AUTH_MODE=upstream`). Everything that anybody sends
// to a device route ends here, so it is bounded: few asks at once, each short, each answer small, and no way to lead the
// credentials elsewhere. What the service says when it fails goes to the log; whoever asked hears that it can't be asked.
import { fail, messageOf, ok, type Result } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import { forbidden, type Problem, unauthorized, unavailable } from '../problems.ts'

/** Asks under way: a service that is slow must not fill this process with waiting requests. */
export const ASKS_MAX = 64

/** A service that is slower than this counts as away; apps repeat their registrations. */
export const ASK_TIMEOUT_MS = 3 * MS_PER_SECOND

/** Bytes of its answer that are read: an account's name, with all that may stand around it. */
export const ANSWER_BYTES_MAX = 64 * 1024

export interface UpstreamOptions {
  /** AUTH_URL. It may hold a key of ours, and is shown to nobody. */
  url: string
  timeoutMs?: number
  /** For the log: why it could not be asked. */
  onTrouble: (reason: string) => void
}

/** @returns the JSON that it answered with 200; its 401 and 403 are ours too, and everything else is 503. */
export type AskUpstream = (request: Request) => Promise<Result<unknown, Problem>>

export function createUpstream({ url, timeoutMs = ASK_TIMEOUT_MS, onTrouble }: UpstreamOptions): AskUpstream {
  let underWay = 0

  function trouble(reason: string): { ok: false; failure: Problem } {
    // Some errors name the address.
    onTrouble(reason.replaceAll(url, 'AUTH_URL').replaceAll(new URL(url).href, 'AUTH_URL'))
    return fail(unavailable('the authentication service can’t be asked now'))
  }

  async function ask(authorization: string, left: AbortSignal): Promise<Result<unknown, Problem>> {
    const response = await fetch(url, {
      headers: { authorization, accept: 'application/json' },
      signal: AbortSignal.any([left, AbortSignal.timeout(timeoutMs)]),
      redirect: 'manual',
    })
    if (response.status !== 200) await response.body?.cancel()
    switch (response.status) {
      case 200: {
        const text = await readUpTo(response, ANSWER_BYTES_MAX)
        return text === undefined
          ? trouble(`its answer is longer than ${ANSWER_BYTES_MAX} bytes`)
          : ok(JSON.parse(text))
      }
      case 401:
        return fail(unauthorized('the authentication service refused the credentials'))
      case 403:
        return fail(forbidden('the authentication service forbids it'))
      default:
        return trouble(`it answered ${response.status}`)
    }
  }

  return async request => {
    const authorization = request.headers.get('authorization')
    if (authorization === null) return fail(unauthorized('the Authorization header is missing'))
    if (underWay >= ASKS_MAX) return trouble(`${ASKS_MAX} asks are under way already`)
    underWay++
    try {
      return await ask(authorization, request.signal)
    } catch (thrown) {
      // The app has left, and does not read this answer.
      if (request.signal.aborted) return fail(unavailable('left'))
      return trouble(messageOf(thrown))
    } finally {
      underWay--
    }
  }
}

/** @returns undefined when there is more. */
async function readUpTo(response: Response, bytesMax: number): Promise<string | undefined> {
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    // Leaving the loop cancels the rest.
    if (length > bytesMax) return undefined
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
