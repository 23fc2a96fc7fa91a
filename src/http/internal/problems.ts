// The internal listener's errors: whatever a route throws, and whatever Elysia itself refuses, becomes a problem
// detail. Routes that refuse by themselves do it with `refuse`, so that Eden's callers get the type of the refusal.
import { status, t, ValidationError } from 'elysia'
import type { Log } from '../../base/log.ts'
import { RedisUnavailable } from '../../redis/connect.ts'
import {
  badFields,
  badRequest,
  notFound,
  type Problem,
  respondProblem,
  serverError,
  unavailable,
} from '../problems.ts'

/** A problem as it stands in a body. */
export const problemSchema = t.Object(
  {
    type: t.String({
      description: 'Always `about:blank`: the status says the kind.',
      examples: ['about:blank'],
    }),
    status: t.Integer({ examples: [409] }),
    title: t.String({ examples: ['Conflict'] }),
    detail: t.String({ description: 'What is wrong, for a person.' }),
    errors: t.Optional(
      t.Array(t.Object({ field: t.String(), detail: t.String() }), {
        description: 'Each field that is missing or malformed.',
      }),
    ),
    cause: t.Optional(t.String({ description: 'Why the agent did not obey, in its own words.' })),
  },
  { $id: 'Problem' },
)

/** Answers with a problem, typed by its status. */
export function refuse<const Status extends number>(
  set: { headers: Record<string, string | number | undefined> },
  { headers, ...problem }: Problem & { status: Status },
) {
  Object.assign(set.headers, { 'content-type': 'application/problem+json', ...headers })
  return status(problem.status as Status, { type: 'about:blank', ...problem })
}

/** For `onError`: what was thrown, as an answer. */
export function answerThrown(thrown: unknown, code: string | number, log: Log): Response {
  if (code === 'NOT_FOUND') return respondProblem(notFound('no such route'))
  if (code === 'PARSE') return respondProblem(badRequest('the body is not valid JSON'))
  if (thrown instanceof ValidationError && thrown.type !== 'response')
    return respondProblem(badValues(thrown))
  if (thrown instanceof RedisUnavailable) {
    log.warn({ reason: thrown.message }, 'internal request refused: redis unavailable')
    return respondProblem(unavailable('Redis is unavailable'))
  }
  log.error({ err: thrown }, 'internal request failed')
  return respondProblem(serverError)
}

/** Never with the values: a body may hold a password. */
function badValues(error: ValidationError): Problem {
  const found = new Map<string, string>()
  for (const each of error.all as { path?: string; message?: string; summary?: string }[]) {
    const field = (each.path ?? '').replace(/^\//, '').replaceAll('/', '.') || error.type
    if (!found.has(field)) found.set(field, each.message ?? 'is not as it must be')
  }
  if (found.size === 0) return badRequest(`the ${error.type} is not as it must be`)
  return badFields([...found].map(([field, detail]) => ({ field, detail })))
}
