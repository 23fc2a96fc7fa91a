// Steers a call from the command line: says one control message, and puts its one answer into words.

import type { Backend } from '../backend/backend.ts'
import { type Steered, steer } from '../backend/sendCommand.ts'
import { assertNever } from '../base/result.ts'
import { toSeconds } from '../base/units.ts'
import { DONE, type Ending } from './ending.ts'
import { jsonOf, lineOf } from './lines.ts'
import type { ControlOrder } from './order.ts'
import type { Terminal } from './terminal.ts'

/** @param commandId an id that no other command uses. */
export async function control(
  backend: Backend,
  order: ControlOrder,
  commandId: string,
  terminal: Terminal,
): Promise<Ending> {
  const { to, message, timeoutMs, isJson } = order
  const steered = await steer(backend, {
    to,
    message,
    commandId,
    timeoutMs,
    // A person waits at a terminal and can try again, so one attempt is enough.
    isPatient: false,
    signal: terminal.interrupted,
  })
  const isAnswer = steered.kind === 'ack' || steered.kind === 'refused'
  if (isAnswer && isJson) terminal.out(JSON.stringify(jsonOf(steered.answer)))
  if (steered.kind === 'ack' && !isJson) terminal.out(lineOf(steered.answer, terminal))
  return endingOf(steered, order, terminal)
}

function endingOf(
  steered: Steered,
  { to, message, timeoutMs }: ControlOrder,
  { program }: Pick<Terminal, 'program'>,
): Ending {
  const { type } = message
  switch (steered.kind) {
    case 'ack':
      return DONE
    case 'refused':
      return { kind: 'failed', note: `${type} not obeyed: ${steered.cause}` }
    case 'no-call':
      return { kind: 'nobody', note: `No such call: ${nameOf(to)}. Living ones: ${program} calls` }
    case 'unheard':
      return { kind: 'nobody', note: deaf(to) }
    case 'no-answer':
      return {
        kind: 'timeout',
        note: `No answer within ${toSeconds(timeoutMs)} s; whether ${type} is still obeyed is unknown.`,
      }
    case 'lost':
      return {
        kind: 'redis-away',
        note: `The connection to Redis was lost; whether ${type} was obeyed is unknown.`,
      }
    case 'aborted':
      return { kind: 'interrupted', note: `${type} was sent; not waiting for the answer.` }
    default:
      return assertNever(steered)
  }
}

const nameOf = (to: ControlOrder['to']): string => (to.kind === 'call' ? to.dialId : to.coreUuid)

const deaf = (to: ControlOrder['to']): string =>
  to.kind === 'call'
    ? 'Nobody listens: the agent of this call is gone. Another takes over within seconds; try again.'
    : `Nobody listens: no agent is connected to a switch with the core UUID ${to.coreUuid}.`
