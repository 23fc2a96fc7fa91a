// The timeline as an operator's tools read it: one call by its id, or an account's calls of a day. A plugin of the
// internal listener; what is in a timeline, and in which words, is the timeline room's business.
import { Elysia, t } from 'elysia'
import type { TimelineReader } from '../../timeline/reader.ts'
import { wireFormOf } from '../../timeline/wireForm.ts'
import { notFound } from '../problems.ts'
import { problemSchema, refuse } from './problems.ts'

export interface TimelineApiOptions {
  timelines: TimelineReader
}

const atSchema = t.Number({
  description: 'Seconds since the epoch, to the millisecond.',
  examples: [1763798400.123],
})

const callSchema = t.Object(
  {
    id: t.String({ examples: ['dial-1'] }),
    summary: t.String({
      description: 'One sentence that answers "why didn\'t my phone ring?".',
      examples: ['The phone did not ring, because no device is registered for this account: …'],
    }),
    entries: t.Array(
      t.Object(
        {
          at: atSchema,
          by: t.String({ description: 'The pod or agent that wrote it.' }),
          what: t.String({ description: 'The kind of entry.', examples: ['push-answered'] }),
          text: t.String({ description: 'The same in plain words.' }),
        },
        { additionalProperties: true, description: 'In order; with further fields by `what`.' },
      ),
    ),
    left_out: t.Integer({
      description: 'Entries that were not kept, in the middle of a very long timeline.',
    }),
  },
  { description: 'One call told whole: its wake, its dialled call, or both.' },
)

const accountSchema = t.Object(
  {
    account: t.String(),
    calls: t.Array(t.Object({ id: t.String(), at: atSchema, summary: t.String() })),
  },
  { description: "An account's calls of the last 24 hours, newest first." },
)

export function timelineApi({ timelines }: TimelineApiOptions) {
  return new Elysia({ name: 'timeline' }).get(
    '/api/timeline/:id',
    async ({ params, set }) => {
      const found = await timelines.read(params.id)
      if (found) return wireFormOf(found)
      return refuse(set, {
        ...notFound('nothing is known of this call, dial id or account in the last 24 hours'),
        status: 404,
      })
    },
    {
      params: t.Object({
        id: t.String({ minLength: 1, maxLength: 512, description: 'A call id, a dial id or an account.' }),
      }),
      response: { 200: t.Union([callSchema, accountSchema]), 404: problemSchema },
      detail: {
        tags: ['Timeline'],
        summary: "Why didn't my phone ring?",
        description:
          'Everything that is known of one wake or dialled call, in order; or the calls of an account. Kept for 24 ' +
          'hours, written within 0.2 s. Phone numbers and accounts are masked unless `LOG_FULL_NUMBERS` is true.',
      },
    },
  )
}
