// What the routes about dialled calls answer, as their callers are told: schemas with examples, and every refusal with
// its reason. A caller of Eden gets each as the type of its status.
import { t } from 'elysia'
import { problemSchema } from './problems.ts'

const TITLES = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** A refusal of one status: when it comes, an example of its detail, and the field that the example is about. */
export function problem(
  status: keyof typeof TITLES,
  { description, detail, field }: { description: string; detail: string; field?: string },
) {
  const errors = field === undefined ? {} : { errors: [{ field, detail: detail.slice(field.length + 1) }] }
  const example = { type: 'about:blank', status, title: TITLES[status], detail, ...errors }
  return t.Object(problemSchema.properties, { title: 'Problem', description, examples: [example] })
}

export const noSuchCall = problem(404, {
  description: 'No call of this dial id lives.',
  detail: 'no such call: my-call',
})

export const redisAway = problem(503, {
  description: 'Redis does not answer; try again after `Retry-After` seconds.',
  detail: 'Redis is unavailable',
})

export const badDialId = problem(400, {
  description: 'The dial id is none.',
  detail: 'dial_id must be 1-128 of letters, digits and _.:@+-',
  field: 'dial_id',
})

export const queuedSchema = t.Object(
  {
    dial_id: t.String({ description: 'Names the call, its routes here and its channel in Redis.' }),
    list: t.String({ description: 'The Redis list on which the job waits for an agent.' }),
    queued: t.Boolean({ description: 'False: an earlier request had queued it already.' }),
    waiting: t.Integer({ description: 'Jobs in that list now.' }),
  },
  {
    title: 'QueuedCall',
    description: 'The job is queued, once. What becomes of it is told on its channel.',
    examples: [{ dial_id: 'my-call', list: 'talkiq-asp.calls', queued: true, waiting: 1 }],
  },
)

const livingCallExample = {
  dial_id: 'my-call',
  kind: 'asp-call',
  org_id: 'acme',
  user_id: '42',
  since: '2026-11-22T08:00:00.000Z',
  legs: [
    { side: '0', state: 'answered' },
    { side: '1', state: 'ringing' },
  ],
  wakes: [{ side: '1', state: 'confirmed', since: '2026-11-22T08:00:04.120Z' }],
  bargers: [{ barge_id: '6b1f6c1e-6f3c-4a6e-9a53-2f1f0c7f1d10', state: 'answered', mode: 'whisper' }],
  switch: '10.0.0.5:8021',
  core_uuid: '2f0d8a52-5bd5-4a1c-8b0e-6a8b7c9d0e1f',
  owner: 'pod-7-1f2e3d4c',
  is_owner_alive: true,
}

export const livingCallSchema = t.Object(
  {
    dial_id: t.String(),
    kind: t.String({ description: '`asp-call`, `bot-call` or `load-test`.' }),
    org_id: t.String(),
    user_id: t.String(),
    since: t.Nullable(t.String({ description: 'When an agent took its job, RFC 3339.' })),
    legs: t.Array(
      t.Object({
        side: t.String({ description: '"0" is the caller, "1" the callee; a load test names its own.' }),
        state: t.String({ description: '`ringing`, `answered` or `hungup`.' }),
      }),
      { description: 'A leg that was never rung is not in it.' },
    ),
    wakes: t.Array(
      t.Object({
        side: t.String(),
        state: t.String({
          description: '`asked` (no push has left yet), `pushed`, `confirmed` or `failed`.',
        }),
        since: t.Nullable(t.String({ description: 'Since when it stands so, RFC 3339.' })),
      }),
      { description: 'Sides that are accounts, once a front is asked to wake their phones.' },
    ),
    bargers: t.Array(
      t.Object({
        barge_id: t.String(),
        state: t.String({ description: '`expected`, `ringing` or `answered`.' }),
        mode: t.String({ description: 'Whom they are heard by: `mute`, `whisper` or `threeway`.' }),
      }),
    ),
    switch: t.String({ description: 'By its setting’s name.' }),
    core_uuid: t.String({ description: 'The switch’s own id, and the name of its channel.' }),
    owner: t.String({ description: 'The agent that steers the call.' }),
    is_owner_alive: t.Boolean({ description: 'False: it died, and another agent is about to take over.' }),
  },
  { title: 'LivingCall', description: 'A living call.', examples: [livingCallExample] },
)

export const livingCallsSchema = t.Object(
  {
    calls: t.Array(livingCallSchema),
    total: t.Integer({ description: 'How many there are; the list has the first thousand.' }),
  },
  {
    title: 'LivingCalls',
    description: 'The calls that live now, by dial id.',
    examples: [{ calls: [livingCallExample], total: 1 }],
  },
)

export const ackSchema = t.Object(
  {
    type: t.Literal('ack'),
    event: t.String({ description: 'The command.' }),
    command_id: t.String({ description: 'Under which it was published.' }),
    barge_id: t.Optional(t.String({ description: 'Which barger it was about.' })),
  },
  {
    title: 'Ack',
    description: 'The switch took the command: the agent’s answer as it was published.',
    examples: [{ type: 'ack', event: 'hangup', command_id: '0b9f7f0e-52a7-4a5b-8f43-0f6f4a3f9a51' }],
  },
)

/** Of every route that waits for an agent. */
export const steeringRefusals = {
  404: noSuchCall,
  409: problem(409, {
    description: 'The agent could not obey; `cause` says why.',
    detail: 'whisper not obeyed: nobody barges in on this call',
  }),
  503: redisAway,
  504: problem(504, {
    description: 'No agent answered within six seconds. `detail` says whether it may still be obeyed.',
    detail: 'no answer within 6 s; whether whisper is still obeyed is unknown',
  }),
}
