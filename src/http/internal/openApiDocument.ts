// Puts the plugin's OpenAPI document right where it can't know better: bodies are JSON only, errors are problem
// details, streams are streams, the guard's own answers belong to every route, a schema with a title stands once
// among the components, and each body has an example. The document comes in as the plugin made it, and goes out as JSON.
import { assert } from '../../base/result.ts'
import { PROBLEM_SCHEMA } from '../problems.ts'
import { METRICS_PATHS } from './probes.ts'

type Json = Record<string, unknown>

interface MediaType extends Json {
  schema?: Json
}

interface Response extends Json {
  description: string
  content?: Record<string, MediaType>
}

interface Operation extends Json {
  summary?: string
  security?: unknown[]
  requestBody?: Json & { content: Record<string, MediaType> }
  responses?: Record<string, Response>
}

interface Document extends Json {
  paths: Record<string, Record<string, Operation>>
  components: Json & { schemas: Record<string, Json> }
}

const PROBLEM = { $ref: '#/components/schemas/Problem' }

/** @param hasToken whether the guard wants the token (401) or looks where a request comes from (403). */
export function complete(made: unknown, hasToken: boolean): unknown {
  // Without the symbols that the schemas carry for their compiler.
  const document = JSON.parse(JSON.stringify(made)) as Document
  const { schemas } = document.components
  for (const [path, operations] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(operations)) {
      if (hasToken && METRICS_PATHS.some(each => each === path))
        operation.security = [{ adminToken: [] }, { metricsToken: [] }]
      completeBody(operation)
      completeResponses(operation, method, hasToken)
    }
  document.paths = named(document.paths, schemas) as Document['paths']
  schemas.Problem = PROBLEM_SCHEMA
  return document
}

function completeBody({ requestBody }: Operation): void {
  const media = requestBody?.content['application/json']
  if (!requestBody || !media?.schema) return
  requestBody.content = { 'application/json': media }
  const choices = (media.schema.anyOf as Json[] | undefined) ?? [media.schema]
  requestBody.required = choices.every(each => ((each.required as unknown[] | undefined) ?? []).length > 0)
  const examples = choices.map((each, index) => [
    String(each.title ?? `example-${index + 1}`),
    { value: exampleOf(each) },
  ])
  media.examples = Object.fromEntries(examples)
}

/** What a schema's required fields look like, by their own examples. */
function exampleOf(schema: Json): unknown {
  if (Array.isArray(schema.examples)) return schema.examples[0]
  if (schema.const !== undefined) return schema.const
  if (schema.type !== 'object') return null
  const properties = (schema.properties ?? {}) as Record<string, Json>
  const required = (schema.required ?? []) as string[]
  return Object.fromEntries(required.map(name => [name, exampleOf(properties[name] ?? {})]))
}

function completeResponses(operation: Operation, method: string, hasToken: boolean): void {
  operation.responses ??= { 200: { description: operation.summary ?? 'Done.' } }
  const { responses } = operation
  const isOpen = operation.security?.length === 0
  if (!isOpen && hasToken) responses[401] ??= refusal(401, 'Unauthorized', 'ADMIN_TOKEN is required here')
  if (!isOpen && !hasToken)
    responses[403] ??= refusal(403, 'Forbidden', 'requests of other sites are refused')
  if (method === 'post') responses[413] ??= { description: 'The body has more than 64 KiB.' }
  if (method === 'post')
    responses[415] ??= refusal(415, 'Unsupported Media Type', 'the body must be application/json')
  for (const [status, response] of Object.entries(responses)) completeResponse(response, Number(status))
}

function completeResponse(response: Response, status: number): void {
  const [media] = Object.values(response.content ?? {})
  if (status === 204) delete response.content
  const schema = media?.schema
  if (!schema || status === 204) return
  const stream = schema.contentMediaType
  if (typeof stream === 'string') response.content = { [stream]: media }
  if (status === 503 || status === 429)
    response.headers = { 'retry-after': { description: 'Seconds.', schema: { type: 'integer' } } }
  if (status === 202)
    response.headers = { location: { description: 'The call.', schema: { type: 'string' } } }
  // Readiness has an answer of its own, and the guard's refusals are whole.
  if (status >= 400 && isProblem(schema) && media.example === undefined) {
    const example = (schema.examples as unknown[] | undefined)?.[0]
    response.content = {
      'application/problem+json': { schema: PROBLEM, ...(example === undefined ? {} : { example }) },
    }
  }
}

const isProblem = (schema: Json): boolean =>
  schema.$ref === PROBLEM.$ref || Object.hasOwn((schema.properties ?? {}) as Json, 'detail')

function refusal(status: number, title: string, detail: string): Response {
  const example = { type: 'about:blank', status, title, detail }
  return {
    description: `${detail[0]!.toUpperCase()}${detail.slice(1)}.`,
    content: { 'application/problem+json': { schema: PROBLEM, example } },
  }
}

/** Moves each schema with a title to the components, and leaves a reference. */
function named(value: unknown, schemas: Record<string, Json>): unknown {
  if (Array.isArray(value)) return value.map(each => named(each, schemas))
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, named(each, schemas)]),
  ) as Json
  const isSchema = typeof copy.title === 'string' && (copy.type === 'object' || Array.isArray(copy.anyOf))
  if (!isSchema) return copy
  const known = schemas[copy.title as string]
  assert(!known || Bun.deepEquals(known, copy), `two schemas are named ${copy.title}`)
  schemas[copy.title as string] = copy
  return { $ref: `#/components/schemas/${copy.title}` }
}
