// Puts what became of a command into HTTP: the agent's ack is 200, its failure 409 with its cause, its silence 504.

import type { Backend } from '../../backend/backend.ts'
import { type SteerTarget, steer, type WireMessage } from '../../backend/sendCommand.ts'
import { assertNever } from '../../base/result.ts'
import { MS_PER_SECOND, toSeconds } from '../../base/units.ts'
import { conflict, gatewayTimeout, notFound, unavailable } from '../problems.ts'
import type { Audit } from './audit.ts'
import { refuse } from './problems.ts'
import type { Shown } from './shown.ts'

/** Longer than a takeover by default (TAKEOVER_MS), so that a command outlives the death of its agent. */
export const ANSWER_TIMEOUT_MS = 6 * MS_PER_SECOND

/** What a route here needs of its context. */
export interface SteeringContext {
  request: Request
  set: { headers: Record<string, string | number | undefined> }
}

export interface SteeringTools {
  backend: Backend
  newUuid: () => string
  /** Told of each order; a test may go without. */
  audit?: Audit
  /** Masks what is shown; without it nothing is. */
  shown?: Shown
  /** For tests; otherwise `ANSWER_TIMEOUT_MS`. */
  answerTimeoutMs?: number
}

/** Publishes the command on the channel and waits for its one answer. */
export async function answerSteering(
  { backend, newUuid, audit, shown, answerTimeoutMs = ANSWER_TIMEOUT_MS }: SteeringTools,
  to: SteerTarget,
  message: WireMessage,
  { request, set }: SteeringContext,
) {
  const commandId = newUuid()
  const { type } = message
  const enter = audit?.(request, { event: type, commandId, ...whereOf(to, message) })
  const steered = await steer(backend, {
    to,
    message,
    commandId,
    timeoutMs: answerTimeoutMs,
    isPatient: true,
    signal: request.signal,
  })
  if (steered.kind !== 'no-call' && steered.kind !== 'unheard') enter?.()
  switch (steered.kind) {
    case 'ack': {
      const { barge_id: bargeId } = JSON.parse(steered.answer) as { barge_id?: string }
      const about = bargeId === undefined ? {} : { barge_id: bargeId }
      return { type: 'ack' as const, event: type, command_id: commandId, ...about }
    }
    case 'refused': {
      const cause = shown?.text(steered.cause) ?? steered.cause
      return refuse(set, { ...conflict(`${type} not obeyed: ${cause}`), cause })
    }
    case 'no-call':
      return refuse(set, notFound(`no such call: ${to.kind === 'call' ? to.dialId : to.coreUuid}`))
    case 'unheard':
      return refuse(set, gatewayTimeout(`no agent listens; ${type} was not obeyed, and can be tried again`))
    case 'no-answer':
    // The client has gone: nobody reads this answer.
    case 'aborted':
      return refuse(
        set,
        gatewayTimeout(
          `no answer within ${toSeconds(answerTimeoutMs)} s; whether ${type} is still obeyed is unknown`,
        ),
      )
    case 'lost':
      return refuse(
        set,
        unavailable(`the connection to Redis was lost; whether ${type} was obeyed is unknown`),
      )
    default:
      return assertNever(steered)
  }
}

/** The calls that an order is about, and the switch whose channel it goes to. */
function whereOf(to: SteerTarget, message: WireMessage): { dialIds: string[]; coreUuid?: string } {
  if (to.kind === 'call') return { dialIds: [to.dialId] }
  const named = [message.dial_id, message.dial_id1, message.dial_id2]
  return { dialIds: named.filter(each => typeof each === 'string'), coreUuid: to.coreUuid }
}
