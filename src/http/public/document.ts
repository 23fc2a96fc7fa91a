// Makes the OpenAPI document of the public listener, for those who write PBX dialplans and apps. Its routes read their
// bodies by forms of their own, so the document is made of those forms: a field that is added there is described here.
// The words about routes and answers stand in `documentedRoutes.ts`.
import type { Field, Form } from '../form.ts'
import { PROBLEM_SCHEMA } from '../problems.ts'
import { appSecurity, type Json, ROUTES, type Route } from './documentedRoutes.ts'

/** Where the public listener is. */
export interface PublicAddress {
  /** As this machine reaches this process's own; undefined: it has none. */
  here: string | undefined
  /** APP_API_URL: as apps reach it. */
  ofApps: string | undefined
}

/** The routes of the document: methods in lower case, by path. */
export const publicRoutes = (): Record<string, string[]> =>
  Object.fromEntries(Object.entries(ROUTES).map(([path, operations]) => [path, Object.keys(operations)]))

/** @param version of the program. */
export function publicDocument(version: string, address: PublicAddress): Json {
  const paths = Object.fromEntries(
    Object.entries(ROUTES).map(([path, operations]) => [
      path,
      Object.fromEntries(Object.entries(operations).map(([method, route]) => [method, operationOf(route)])),
    ]),
  )
  return {
    openapi: '3.1.2',
    info: { title: 'hookswitch, public API', version, description: DESCRIPTION },
    servers: serversOf(address),
    tags: [
      { name: 'PBX', description: 'Answers the addresses in PBX_ALLOW, or the bearer of PBX_TOKEN.' },
      { name: 'App', description: 'Authenticated by AUTH_MODE, a confirmation by its token.' },
    ],
    paths,
    components: {
      schemas: { Problem: PROBLEM_SCHEMA },
      securitySchemes: {
        pbxToken: { type: 'http', scheme: 'bearer', description: 'PBX_TOKEN; or an address in PBX_ALLOW.' },
        appCredentials: { type: 'http', scheme: 'bearer', description: 'As AUTH_MODE says.' },
        confirmationToken: {
          type: 'http',
          scheme: 'bearer',
          description: 'The token of the push; or in the URL, as in its `response_api`.',
        },
      },
    },
  }
}

/** The one that serves all comes first: generated clients take it. */
function serversOf({ here, ofApps }: PublicAddress): Json[] {
  const servers = [
    ...(ofApps === undefined ? [] : [{ url: ofApps, description: 'APP_API_URL: as apps reach it' }]),
    ...(here === undefined ? [] : [{ url: here, description: 'HOST and PORT, on the machine itself' }]),
  ]
  return servers.length > 0
    ? servers
    : [{ url: 'http://127.0.0.1:8080', description: 'HOST and PORT of a front' }]
}

const DESCRIPTION = `Wakes sleeping phone apps. Bodies are JSON, form-encoded or multipart/form-data, blanks around values do not count, paths may end in a slash, unknown fields are ignored.`

const PROBLEM = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }

function operationOf({ tag, form, example, query, answers, security, ...words }: Route): Json {
  const schema = form && schemaOf(form)
  const common: Route['answers'] = { 400: 'A field is missing or malformed; `errors` names each.' }
  if (tag === 'App')
    common[429] = 'More than RATE_LIMIT a minute from one IPv4 address or IPv6 /64 on this route.'
  if (security === appSecurity) common[401] = 'The credentials are missing or refused.'
  if (security === appSecurity) common[403] = 'The credentials are another account’s.'
  if (form) common[413] = 'The body has more than 64 KiB.'
  if (form) common[415] = 'The body is neither JSON nor a form.'
  common[503] = 'Redis or AUTH_URL does not answer, too many wait, or it stops; try again after Retry-After.'
  const all = Object.entries({ ...common, ...answers })
  return {
    tags: [tag],
    ...words,
    ...(query ? { parameters: query } : {}),
    ...(schema ? { requestBody: requestBodyOf(schema, example) } : {}),
    responses: Object.fromEntries(all.map(([status, answer]) => [status, answerOf(Number(status), answer)])),
    ...(security ? { security } : {}),
  }
}

const requestBodyOf = (schema: Json, example: Json | undefined): Json => ({
  required: true,
  content: {
    'application/json': { schema, example },
    'application/x-www-form-urlencoded': { schema },
    'multipart/form-data': { schema },
  },
})

function answerOf(status: number, answer: Route['answers'][number]): Json {
  const headers =
    status === 429 || status === 503
      ? { headers: { 'retry-after': { description: 'Seconds.', schema: { type: 'integer' } } } }
      : {}
  if (typeof answer === 'string')
    return { description: answer, ...headers, ...(status >= 400 ? { content: PROBLEM } : {}) }
  const { description, body, type = 'application/json' } = answer
  const schema = typeof body === 'string' ? { type: 'string' } : { type: 'object' }
  return { description, ...headers, content: { [type]: { schema, example: body } } }
}

function schemaOf(form: Form): Json {
  const fields = Object.values(form) as Field<unknown>[]
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map(({ wire, check: { expects }, fallback }) => [
        wire,
        {
          type: TYPES[expects] ?? 'string',
          description: `${expects[0]!.toUpperCase()}${expects.slice(1)}.`,
          ...(fallback?.value === undefined || fallback.value === '' ? {} : { default: fallback.value }),
        },
      ]),
    ),
    ...(fields.some(field => !field.fallback)
      ? { required: fields.filter(field => !field.fallback).map(field => field.wire) }
      : {}),
  }
}

/** Everything else is text. */
const TYPES: Record<string, string | undefined> = {
  'true or false': 'boolean',
  'a number': 'number',
  'whole seconds, at most 4294967295': 'integer',
}
