// The routes that make and show dialled calls. What is asked is checked, handed to the dial room's own functions for
// backends, and their outcome is put into HTTP; everything happens through Redis, so any process can be asked.
import { Elysia, t } from 'elysia'
import type { OwnedCall } from '../../backend/backend.ts'
import { byDialId, type LivingCall, livingCall } from '../../backend/callView.ts'
import { type JobLists, placeJob } from '../../backend/queueJob.ts'
import { assertNever } from '../../base/result.ts'
import type { Clock } from '../../base/units.ts'
import { conflict, forbidden, notFound } from '../problems.ts'
import type { SteeringTools } from './answerSteering.ts'
import {
  badDialId,
  livingCallSchema,
  livingCallsSchema,
  noSuchCall,
  problem,
  queuedSchema,
  redisAway,
} from './callAnswers.ts'
import { callParams, jobBody, jobOf, readTraceparent } from './callSchemas.ts'
import { refuse } from './problems.ts'

export interface CallsApiOptions extends SteeringTools {
  lists: JobLists
  /** RED_MODE=load-test. */
  isLoadTestAllowed: boolean
  clock: Clock
}

/** Calls in one answer; more are for other tools than a list. */
const CALLS_LISTED_MAX = 1_000

const tags = ['Calls']

const idempotencyKey = t.Optional(
  t.String({
    minLength: 1,
    maxLength: 255,
    description:
      'A key of your own: the same request under it is done once within an hour, and answered alike. ' +
      'Without it the dial id is the key, for ten minutes.',
    examples: ['8e03978e-40d5-43dd-bc93-6894a57f9324'],
  }),
)
const traceparent = t.Optional(t.String({ description: 'W3C Trace Context, carried into the job.' }))

export function callsApi(options: CallsApiOptions) {
  const { backend, lists, isLoadTestAllowed, clock, newUuid, audit, shown } = options
  const view = (owned: OwnedCall): LivingCall => {
    const call = livingCall(owned)
    return shown ? { ...call, user_id: shown.userId(call.user_id) } : call
  }
  return new Elysia({ name: 'calls' })
    .post(
      '/api/calls',
      async ({ body, headers, request, set, status }) => {
        if (body.kind === 'load-test' && !isLoadTestAllowed)
          return refuse(set, forbidden('load tests need RED_MODE=load-test'))
        const trace = body.traceparent ?? readTraceparent(headers.traceparent)
        const key = headers['idempotency-key']
        const newDialId = newUuid()
        // A key that was used before names the dial id of the earlier request.
        const dialIds = body.dial_id === undefined && key !== undefined ? [] : [body.dial_id ?? newDialId]
        const enter = audit?.(request, { event: body.kind, dialIds })
        const placed = await placeJob(backend, {
          job: jobOf({ ...body, ...(trace === undefined ? {} : { traceparent: trace }) }),
          key,
          lists,
          clock,
          newDialId: () => newDialId,
        })
        const { kind, dialId, list } = placed
        if (kind === 'queued') enter?.([dialId])
        switch (kind) {
          case 'queued':
          case 'repeated': {
            set.headers.location = `/api/calls/${encodeURIComponent(dialId)}`
            const queued = kind === 'queued'
            return status(202, { dial_id: dialId, list, queued, waiting: placed.waiting })
          }
          case 'alive':
            return refuse(set, conflict(`a call of dial_id ${dialId} lives`))
          case 'queued-before':
            return refuse(set, conflict(`another job of dial_id ${dialId} waits for an agent`))
          case 'key-reused':
            return refuse(set, conflict('this Idempotency-Key came with another request before'))
          default:
            return assertNever(kind)
        }
      },
      {
        body: jobBody,
        headers: t.Object({ 'idempotency-key': idempotencyKey, traceparent }),
        response: {
          202: queuedSchema,
          400: problem(400, {
            description: 'A field is missing or malformed; `errors` names each.',
            detail: 'caller_number is missing',
            field: 'caller_number',
          }),
          403: problem(403, {
            description: 'A load test without RED_MODE=load-test.',
            detail: 'load tests need RED_MODE=load-test',
          }),
          409: problem(409, {
            description:
              'The dial id is in use: a call of it lives, or another job of it waits; or the key is.',
            detail: 'a call of dial_id my-call lives',
          }),
          503: redisAway,
        },
        detail: {
          tags,
          operationId: 'makeCall',
          summary: 'Make a call',
          description:
            'Queues a job for the agents. Asked again with the same `dial_id` and content, or the same ' +
            '`Idempotency-Key`, it answers alike and queues nothing, whichever process is asked.',
        },
      },
    )
    .get(
      '/api/calls',
      async () => {
        const { calls, total } = await backend.calls(CALLS_LISTED_MAX)
        return { calls: calls.map(view).sort(byDialId), total }
      },
      {
        response: { 200: livingCallsSchema, 503: redisAway },
        detail: { tags, operationId: 'listCalls', summary: 'List the calls that live now' },
      },
    )
    .get(
      '/api/calls/:dial_id',
      async ({ params, set }) => {
        const found = await backend.findOwned(params.dial_id)
        return found ? view(found) : refuse(set, notFound(`no such call: ${params.dial_id}`))
      },
      {
        params: callParams,
        response: { 200: livingCallSchema, 400: badDialId, 404: noSuchCall, 503: redisAway },
        detail: { tags, operationId: 'getCall', summary: 'Show one call' },
      },
    )
}
