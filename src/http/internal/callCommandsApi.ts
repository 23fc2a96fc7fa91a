// The routes that steer a dialled call, one for each command of the wire. Each says the command on the call's channel
// and waits until the call's agent has answered. A bridge is said on the switch's channel, which is found by the call.
import { Elysia } from 'elysia'
import type { WireMessage } from '../../backend/sendCommand.ts'
import { badFields, notFound } from '../problems.ts'
import { answerSteering, type SteeringContext, type SteeringTools } from './answerSteering.ts'
import { ackSchema, problem, steeringRefusals } from './callAnswers.ts'
import { bridgeBody, callParams, commandBodies } from './callSchemas.ts'
import { refuse } from './problems.ts'

const tags = ['Steering']

const badCommand = problem(400, {
  description: 'A field is missing or malformed; `errors` names each.',
  detail: 'path must be a sound file, local_stream:// or tone_stream:// of at most 512 characters',
  field: 'path',
})

const response = { 200: ackSchema, 400: badCommand, ...steeringRefusals }

export function callCommandsApi(tools: SteeringTools) {
  const { backend } = tools

  /** Says a command of that type on the call's channel. */
  const say =
    (type: string) =>
    ({ params, body, ...context }: SteeringContext & { params: { dial_id: string }; body: object }) => {
      const message: WireMessage = { type, ...body }
      return answerSteering(tools, { kind: 'call', dialId: params.dial_id }, message, context)
    }

  return new Elysia({ name: 'call-commands', prefix: '/api/calls/:dial_id' })
    .post('/hangup', say('hangup'), of(commandBodies.hangup, 'hangup', 'End the call, or only one barger'))
    .post(
      '/barge',
      say('barge'),
      of(commandBodies.barge, 'barge', 'Let a third phone listen; nobody hears it'),
    )
    .post(
      '/whisper',
      say('whisper'),
      of(commandBodies.barger, 'whisper', 'The caller (side "0") alone hears the barger'),
    )
    .post('/mute', say('mute'), of(commandBodies.barger, 'mute', 'Nobody hears the barger'))
    .post('/threeway', say('threeway'), of(commandBodies.barger, 'threeway', 'Both sides hear the barger'))
    .post('/unthreeway', say('unthreeway'), of(commandBodies.barger, 'unthreeway', 'The same as mute'))
    .post('/play', say('play'), of(commandBodies.path, 'play', 'Play a sound to both, after what plays now'))
    .post(
      '/play-now',
      say('play-now'),
      of(commandBodies.path, 'playNow', 'Play a sound to both instead of what plays now'),
    )
    .post('/stop-playback', say('stop-playback'), of(commandBodies.none, 'stopPlayback', 'Stop all sounds'))
    .post(
      '/start-background',
      say('start-background'),
      of(commandBodies.path, 'startBackground', 'Play a sound under the talk'),
    )
    .post(
      '/stop-background',
      say('stop-background'),
      of(commandBodies.path, 'stopBackground', 'End that sound'),
    )
    .post(
      '/bridge',
      async ({ params, body, request, set }) => {
        const { dial_id: dialId1 } = params
        const [first, second] = await Promise.all([dialId1, body.dial_id2].map(backend.findCall))
        if (!first) return refuse(set, notFound(`no such call: ${dialId1}`))
        if (!second) return refuse(set, notFound(`no such call: ${body.dial_id2}`))
        const coreUuid = first.fields.core ?? ''
        const message: WireMessage = { type: 'bridge', dial_id1: dialId1, dial_id2: body.dial_id2 }
        return answerSteering(tools, { kind: 'switch', coreUuid }, message, { request, set })
      },
      of(bridgeBody, 'bridge', 'Connect this parked call with another one of its switch'),
    )
    .post(
      '/:command',
      ({ params, set }) =>
        refuse(set, badFields([{ field: 'command', detail: wrongCommand(params.command) }])),
      { detail: { hide: true } },
    )
}

const COMMANDS = [
  'hangup',
  'barge',
  'whisper',
  'mute',
  'threeway',
  'unthreeway',
  'play',
  'play-now',
  'stop-playback',
  'start-background',
  'stop-background',
  'bridge',
]

const wrongCommand = (command: string): string =>
  command === 'bot-call'
    ? 'bot-call is for a switch: POST /api/switches/{core_uuid}/bot-call, or for its queue: POST /api/calls'
    : `must be one of ${COMMANDS.join(', ')}`

/** What all commands have in common for Elysia and for the document. */
function of<Body>(body: Body, operationId: string, summary: string) {
  return { params: callParams, body, response, detail: { tags, operationId, summary } }
}
