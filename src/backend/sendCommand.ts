// Says one control message on a channel and waits for its one answer, as backends do. The answer is known by the
// command id that went with the message, because others may steer the same call at the same time.

import { MS_PER_SECOND } from '../base/units.ts'
import { readMessage } from '../dial/control/messages.ts'
import { RedisUnavailable } from '../redis/connect.ts'
import type { Backend } from './backend.ts'

/** A job or a message with the wire's own field names. Undefined fields are not sent. */
export type WireMessage = { type: string } & Record<string, unknown>

/** Whose channel it is: a call's by its dial id, or a switch's by its core UUID. */
export type SteerTarget = { kind: 'call'; dialId: string } | { kind: 'switch'; coreUuid: string }

export interface Steering {
  to: SteerTarget
  message: WireMessage
  /** An id that no other command uses. */
  commandId: string
  timeoutMs: number
  /** While nobody listens: true = say it again until the time is over, false = give up at once. */
  isPatient: boolean
  /** Aborts when the asker waits no longer. */
  signal: AbortSignal
}

/** `answer` is what was published. `unheard`: nobody listened, so it is certain that it was not obeyed. `no-answer`,
 *  `lost` (the connection to Redis) and `aborted`: whether it was or still is obeyed is unknown. */
export type Steered =
  | { kind: 'ack'; answer: string }
  | { kind: 'refused'; cause: string; answer: string }
  | { kind: 'no-call' }
  | { kind: 'unheard' }
  | { kind: 'no-answer' }
  | { kind: 'lost' }
  | { kind: 'aborted' }

/** Between two tries to be heard. A call without an agent gets another one within TAKEOVER_MS. */
const SAY_AGAIN_MS = 0.2 * MS_PER_SECOND

/** @throws RedisUnavailable before the message is published; afterwards the outcome is `lost`. */
export async function steer(backend: Backend, steering: Steering): Promise<Steered> {
  const { to, commandId, timeoutMs, signal } = steering
  const channel = to.kind === 'call' ? to.dialId : to.coreUuid
  const { promise: steered, resolve: finish } = Promise.withResolvers<Steered>()
  const abort = () => finish({ kind: 'aborted' })
  if (!(await standingOf(backend, steering)).isLiving) return { kind: 'no-call' }

  const leave = await backend.listen(channel, {
    onMessage(text) {
      const answer = readMessage(text)
      if (!answer.ok || answer.value.command_id !== commandId) return
      const { type, cause } = answer.value
      if (type === 'ack') finish({ kind: 'ack', answer: text })
      if (type === 'failure') finish({ kind: 'refused', cause: String(cause), answer: text })
    },
    onLost: () => finish({ kind: 'lost' }),
  })
  let isSaid = false
  let isHeard = false
  const timer = setTimeout(() => finish({ kind: isHeard ? 'no-answer' : 'unheard' }), timeoutMs)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    let saidTo = await standingOf(backend, steering)
    isSaid = true
    isHeard = await say(backend, channel, steering)
    while (!isHeard ? steering.isPatient : to.kind === 'call') {
      const settled = await Promise.race([steered, Bun.sleep(SAY_AGAIN_MS)])
      if (settled) return settled
      const standing = await standingOf(backend, steering)
      if (!standing.isLiving) {
        if (!isHeard) return { kind: 'no-call' }
        break
      }
      if (isHeard && (standing.fence === saidTo.fence || standing.isTaken)) continue
      saidTo = standing
      isHeard = await say(backend, channel, steering)
    }
    return isHeard ? await steered : { kind: 'unheard' }
  } catch (thrown) {
    // Redis may have published the message and broken off before it said so.
    if (isSaid && thrown instanceof RedisUnavailable) return { kind: 'lost' }
    throw thrown
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    leave()
  }
}

/** The call's owner when the message was published. Redis counts those who watch a channel as listeners too. So a message
 *  that only watchers and a dead agent heard is published again for the next owner, unless an agent has noted it. */
async function standingOf(backend: Backend, { to, message, commandId }: Steering) {
  if (to.kind === 'switch') return { isLiving: true, fence: 0, isTaken: false }
  const call = await backend.findCall(to.dialId)
  if (!call) return { isLiving: false, fence: 0, isTaken: false }
  const text = textOf(message, commandId)
  return { isLiving: true, fence: call.fence, isTaken: await backend.isTaken(to.dialId, text) }
}

const textOf = (message: WireMessage, commandId: string): string =>
  JSON.stringify({ ...message, command_id: commandId })

/** @returns false when no other subscriber heard the message. */
async function say(backend: Backend, channel: string, { message, commandId }: Steering): Promise<boolean> {
  const receivers = await backend.publish(channel, textOf(message, commandId))
  return receivers === undefined || receivers > 1
}
