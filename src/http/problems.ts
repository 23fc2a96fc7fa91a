// Errors as the public and the internal listener say them: RFC 9457 problem details. One function a kind, so that
// status, title and headers of a kind stand together.

import { printableJson } from '../base/printable.ts'

/** A problem of one known status, so that a route's type says which it may answer. */
export type ProblemOf<Status extends number> = Problem & { status: Status }

/** One error answer. `errors` names each field that is missing or malformed. */
export interface Problem {
  status: number
  title: string
  detail: string
  errors?: { field: string; detail: string }[]
  /** Why an agent did not obey, in its own words. */
  cause?: string
  headers?: Record<string, string>
}

export function respondProblem({ headers, ...problem }: Problem): Response {
  return new Response(printableJson(JSON.stringify({ type: 'about:blank', ...problem })), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

export const badFields = (errors: { field: string; detail: string }[]): ProblemOf<400> => ({
  status: 400,
  title: 'Bad Request',
  detail: errors.map(each => `${each.field} ${each.detail}`).join('; '),
  errors,
})

export const badRequest = (detail: string): ProblemOf<400> => ({ status: 400, title: 'Bad Request', detail })

export const unauthorized = (detail: string): Problem => ({
  status: 401,
  title: 'Unauthorized',
  detail,
  headers: { 'www-authenticate': 'Bearer' },
})

export const forbidden = (detail: string): ProblemOf<403> => ({ status: 403, title: 'Forbidden', detail })

export const notFound = (detail: string): ProblemOf<404> => ({ status: 404, title: 'Not Found', detail })

export const conflict = (detail: string): ProblemOf<409> => ({ status: 409, title: 'Conflict', detail })

export const tooLarge = (limitBytes: number): Problem => ({
  status: 413,
  title: 'Content Too Large',
  detail: `the body may have at most ${limitBytes} bytes`,
})

export const unsupportedMediaType: Problem = {
  status: 415,
  title: 'Unsupported Media Type',
  detail: 'the body must be application/json, application/x-www-form-urlencoded or multipart/form-data',
}

export const unsupportedInternalMediaType: Problem = {
  status: 415,
  title: 'Unsupported Media Type',
  detail: 'the body must be application/json',
}

export const tooManyRequests = (retryAfterSeconds: number): Problem => ({
  status: 429,
  title: 'Too Many Requests',
  detail: `try again in ${retryAfterSeconds} s`,
  headers: { 'retry-after': String(retryAfterSeconds) },
})

export const unavailable = (detail: string, retryAfterSeconds = 1): ProblemOf<503> => ({
  status: 503,
  title: 'Service Unavailable',
  detail,
  headers: { 'retry-after': String(retryAfterSeconds) },
})

export const gatewayTimeout = (detail: string): ProblemOf<504> => ({
  status: 504,
  title: 'Gateway Timeout',
  detail,
})

export const serverError: Problem = {
  status: 500,
  title: 'Internal Server Error',
  detail: 'this is our mistake; the log has more',
}

/** RFC 9457, with the fields' mistakes. */
export const PROBLEM_SCHEMA: Record<string, unknown> = {
  title: 'Problem',
  type: 'object',
  required: ['type', 'status', 'title', 'detail'],
  properties: {
    type: { type: 'string', description: 'Always `about:blank`: the status says the kind.' },
    status: { type: 'integer' },
    title: { type: 'string' },
    detail: { type: 'string', description: 'What is wrong, for a person.' },
    errors: {
      type: 'array',
      description: 'Each field that is missing or malformed.',
      items: {
        type: 'object',
        required: ['field', 'detail'],
        properties: { field: { type: 'string' }, detail: { type: 'string' } },
      },
    },
    cause: { type: 'string', description: 'Why the agent did not obey, in its own words.' },
  },
}
