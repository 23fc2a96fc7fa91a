// The app's answer to a push, put into HTTP: 202 means that the call comes, 404 names why it does not.
import type { Verdict } from '../../redis/wakes/wakes.ts'
import type { CallNews } from '../../wake/callNews.ts'
import { formFields } from '../body.ts'
import { bearerOf } from '../credentials.ts'
import { respondProblem, unauthorized } from '../problems.ts'
import { type AppCredentialsOptions, createAppCredentials, type KnownApp, MISFIT } from './appCredentials.ts'

export interface CallResponseOptions extends AppCredentialsOptions {
  news: Pick<CallNews, 'answered'>
  isTracing: boolean
}

/** What an app posts; all of it is optional beside a token. */
export interface CallResponseFields {
  uniqueKey: string | undefined
  account: string | undefined
  deviceId: string | undefined
  isAvailable: boolean
}

export function createCallResponse({ news, isTracing, ...options }: CallResponseOptions) {
  const credentialsOf = createAppCredentials(options)

  function readApp(request: Request, fields: Partial<CallResponseFields>): Promise<KnownApp> {
    const { uniqueKey, account, deviceId } = fields
    return credentialsOf({
      bearer: bearerOf(request),
      urlToken: tokenInQuery(request.url),
      uniqueKey,
      account,
      deviceId,
    })
  }

  return {
    async post(request: Request, fields: CallResponseFields): Promise<Response> {
      const app = await readApp(request, fields)
      if (app.kind === 'forged') return respondProblem(unauthorized(app.reason))
      if (app.kind === 'verdict') return respondVerdict(app.verdict)
      const { isAvailable } = fields
      const traceparent = isTracing ? request.headers.get('traceparent') : null
      const said = traceparent === null ? { isAvailable } : { isAvailable, traceparent }
      const { verdict } = await news.answered(app.credential, said)
      if (verdict !== 'misfit') return respondVerdict(verdict)
      return app.isBearer ? respondProblem(unauthorized(MISFIT)) : respondVerdict('unknown')
    },
  }
}

const respondVerdict = (verdict: Verdict): Response =>
  Response.json({ verdict }, { status: verdict === 'proceed' ? 202 : 404 })

function tokenInQuery(url: string): string | undefined {
  const query = url.indexOf('?')
  if (query < 0) return undefined
  const fields = formFields(url.slice(query + 1))
  const token = fields.ok ? fields.value.get('token', 'id') : undefined
  return typeof token === 'string' && token !== '' ? token : undefined
}
