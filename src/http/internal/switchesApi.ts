// The routes for what concerns one switch: they speak on the switch's channel (its core UUID), where whichever agent of
// that switch listens answers. Most callers need only a call's own routes and the job lists.
import { Elysia, t } from 'elysia'
import { notFound } from '../problems.ts'
import { answerSteering, type SteeringTools } from './answerSteering.ts'
import { ackSchema, problem, steeringRefusals } from './callAnswers.ts'
import { switchBotCallBody, switchBridgeBody } from './callSchemas.ts'
import { refuse } from './problems.ts'

const tags = ['Switches']

const params = t.Object({
  core_uuid: t.String({
    pattern: '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$',
    description: 'The switch’s own id, as its calls and bridge-events tell it.',
    examples: ['2f0d8a52-5bd5-4a1c-8b0e-6a8b7c9d0e1f'],
  }),
})

const refusals = {
  ...steeringRefusals,
  400: problem(400, {
    description: 'A field is missing or malformed; `errors` names each.',
    detail: 'dial_id2 must be 1-128 of letters, digits and _.:@+-',
    field: 'dial_id2',
  }),
  404: problem(404, { description: 'No agent is connected to such a switch.', detail: 'no such switch' }),
}

const botCallAckSchema = t.Object(
  { ...ackSchema.properties, dial_id: t.String({ description: 'Names the call and its channel.' }) },
  {
    title: 'BotCallAck',
    description: 'The switch took the originate.',
    examples: [{ type: 'ack', event: 'bot-call', command_id: '0b9f7f0e', dial_id: 'my-bot' }],
  },
)

export function switchesApi(tools: SteeringTools) {
  const isKnown = async (coreUuid: string): Promise<boolean> =>
    (await tools.backend.agents()).some(({ card }) => card?.coreUuid === coreUuid)

  return new Elysia({ name: 'switches', prefix: '/api/switches/:core_uuid' })
    .post(
      '/bridge',
      async ({ params: { core_uuid: coreUuid }, body, request, set }) => {
        if (!(await isKnown(coreUuid))) return refuse(set, notFound('no such switch'))
        const message = { type: 'bridge', ...body }
        return answerSteering(tools, { kind: 'switch', coreUuid }, message, { request, set })
      },
      {
        params,
        body: switchBridgeBody,
        response: { 200: ackSchema, ...refusals },
        detail: { tags, operationId: 'bridgeOnSwitch', summary: 'Connect two parked calls of the switch' },
      },
    )
    .post(
      '/bot-call',
      async ({ params: { core_uuid: coreUuid }, body, request, set }) => {
        if (!(await isKnown(coreUuid))) return refuse(set, notFound('no such switch'))
        const dialId = body.dial_id ?? tools.newUuid()
        const message = { type: 'bot-call', ...body, dial_id: dialId }
        const answer = await answerSteering(tools, { kind: 'switch', coreUuid }, message, { request, set })
        return 'type' in answer ? { ...answer, dial_id: dialId } : answer
      },
      {
        params,
        body: switchBotCallBody,
        response: { 200: botCallAckSchema, ...refusals },
        detail: {
          tags,
          operationId: 'botCallOnSwitch',
          summary: 'Ring one phone from this very switch and park it',
          description: 'At once, past the job lists; answered when the switch has taken the order.',
        },
      },
    )
}
