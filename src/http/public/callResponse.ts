// The app's answer to a push, and its question how the call stands, put into HTTP: 202 means that the call comes, 404
// names why it does not.
import { MS_PER_SECOND } from '../../base/units.ts'
import type { Verdict } from '../../redis/wakes/wakes.ts'
import type { CallNews } from '../../wake/callNews.ts'
import type { VerdictRoom } from '../../wake/verdictRoom.ts'
import type { SaidPriority } from '../../wake/wake.ts'
import { formFields } from '../body.ts'
import { bearerOf } from '../credentials.ts'
import { respondProblem, unauthorized, unavailable } from '../problems.ts'
import {
  type AppCredentialsOptions,
  createAppCredentials,
  MISFIT,
  type ShownCredentials,
} from './appCredentials.ts'
import { createVerdictStreams, readWish } from './verdictStream.ts'

export interface CallResponseOptions extends AppCredentialsOptions {
  news: Pick<CallNews, 'answered'>
  verdicts: Pick<VerdictRoom, 'follow'>
  isTracing: boolean
}

/** What an app posts; all of it is optional beside a token. */
export interface CallResponseFields {
  uniqueKey: string | undefined
  account: string | undefined
  deviceId: string | undefined
  isAvailable: boolean
  /** The push's own, in seconds: which push it is that the app answers. */
  messageStartTime: number | undefined
  pushPriority: SaidPriority | undefined
}

export function createCallResponse({ news, verdicts, isTracing, ...options }: CallResponseOptions) {
  const credentials = createAppCredentials(options)
  const streams = createVerdictStreams()

  return {
    async post(request: Request, fields: CallResponseFields): Promise<Response> {
      const { isAvailable, messageStartTime, pushPriority } = fields
      const traceparent = isTracing ? request.headers.get('traceparent') : null
      const said = {
        isAvailable,
        pushAtMs: messageStartTime === undefined ? undefined : messageStartTime * MS_PER_SECOND,
        priority: pushPriority,
        ...(traceparent === null ? {} : { traceparent }),
      }
      const shown = shownIn(request, fields)
      const claimed = credentials.claimed(shown)
      const found = claimed && (await news.answered(claimed, said))
      if (found?.by && found.verdict !== 'misfit') return respondVerdict(found.verdict)
      const app = await credentials.read(shown)
      if (app.kind === 'forged') return respondProblem(unauthorized(app.reason))
      if (app.kind === 'verdict') return respondVerdict(app.verdict)
      const { verdict } = await news.answered(app.credential, said)
      if (verdict !== 'misfit') return respondVerdict(verdict)
      return app.isBearer ? respondProblem(unauthorized(MISFIT)) : respondVerdict('unknown')
    },

    /** How it stands. @param get a field of the query. */
    async get(request: Request, get: (name: string) => unknown): Promise<Response> {
      const wish = readWish(get)
      if (!wish.ok) return respondProblem(wish.failure)
      const shown = shownIn(request, {
        uniqueKey: textOf(get('unique_key')),
        account: textOf(get('sip_user_id')),
        deviceId: textOf(get('device_id')),
      })
      const app = await credentials.read(shown)
      if (app.kind === 'forged') return respondProblem(unauthorized(app.reason))
      if (app.kind === 'verdict') return respondVerdict(app.verdict)
      const following = await verdicts.follow(app.credential)
      if (following.kind === 'full')
        return respondProblem(unavailable('too many verdict streams are open (STREAMS_MAX)'))
      if (following.kind === 'none') {
        if (following.verdict !== 'misfit') return respondVerdict(following.verdict)
        return app.isBearer ? respondProblem(unauthorized(MISFIT)) : respondVerdict('unknown')
      }
      const { follower, isLast } = following
      const { signal } = request
      const wantsStream = wish.value.waitMs === undefined && wantsEvents(request)
      if (wantsStream) return streams.stream(follower, isLast, signal)
      const verdict = isLast ? follower.standing : await streams.once(follower, wish.value, signal)
      return Response.json({ verdict }, { headers: { 'cache-control': 'no-store' } })
    },
  }
}

const shownIn = (
  request: Request,
  { uniqueKey, account, deviceId }: Pick<CallResponseFields, 'uniqueKey' | 'account' | 'deviceId'>,
): ShownCredentials => ({
  bearer: bearerOf(request),
  urlToken: tokenInQuery(request.url),
  uniqueKey,
  account,
  deviceId,
})

const wantsEvents = (request: Request): boolean =>
  request.headers.get('accept')?.toLowerCase().includes('text/event-stream') === true

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** Made once: a verdict is one of a few words. */
const JSON_HEADERS = new Headers({ 'content-type': 'application/json;charset=utf-8' })

const respondVerdict = (verdict: Verdict): Response =>
  new Response(`{"verdict":"${verdict}"}`, {
    status: verdict === 'proceed' ? 202 : 404,
    headers: JSON_HEADERS,
  })

function tokenInQuery(url: string): string | undefined {
  const query = url.indexOf('?')
  if (query < 0) return undefined
  const fields = formFields(url.slice(query + 1))
  const token = fields.ok ? fields.value.get('token', 'id') : undefined
  return typeof token === 'string' && token !== '' ? token : undefined
}
