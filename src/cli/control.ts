// Says one control message on a channel and waits for its one answer. The answer is known by the command id that
// went with the message, because others may steer the same call at the same time.
import { readMessage } from '../dial/control.ts'
import type { Backend } from '../redis/backend.ts'
import { toSeconds } from '../units.ts'
import { DONE, type Ending } from './ending.ts'
import { jsonOf, lineOf } from './lines.ts'
import type { ControlOrder } from './order.ts'
import type { Terminal } from './terminal.ts'

/** @param commandId that nobody else uses. */
export async function control(
  backend: Backend,
  order: ControlOrder,
  commandId: string,
  terminal: Terminal,
): Promise<Ending> {
  const { to, message, timeoutMs, isJson } = order
  const channel = to.kind === 'call' ? to.dialId : to.coreUuid
  const { promise: ending, resolve: finish } = Promise.withResolvers<Ending>()

  await backend.listen(channel, {
    onMessage(text) {
      const answer = readMessage(text)
      if (!answer.ok || answer.value.command_id !== commandId) return
      const { type, cause } = answer.value
      if (type !== 'ack' && type !== 'failure') return
      if (isJson) terminal.out(JSON.stringify(jsonOf(text)))
      if (type === 'failure')
        return finish({ kind: 'failed', note: `${message.type} not obeyed: ${String(cause)}` })
      if (!isJson) terminal.out(lineOf(text, terminal))
      finish(DONE)
    },
    onLost: () =>
      finish({
        kind: 'redis-away',
        note: `The connection to Redis was lost; whether ${message.type} was obeyed is unknown.`,
      }),
  })

  if (to.kind === 'call' && !(await backend.findCall(to.dialId)))
    return { kind: 'nobody', note: `No such call: ${to.dialId}. Living ones: hookswitch calls` }
  const receivers = await backend.publish(channel, JSON.stringify({ ...message, command_id: commandId }))
  if (receivers !== undefined && receivers <= 1) return { kind: 'nobody', note: deaf(to) }

  const timer = setTimeout(
    () =>
      finish({
        kind: 'timeout',
        note: `No answer within ${toSeconds(timeoutMs)} s; whether ${message.type} is still obeyed is unknown.`,
      }),
    timeoutMs,
  )
  const onInterrupt = () =>
    finish({ kind: 'interrupted', note: `${message.type} was sent; not waiting for the answer.` })
  terminal.interrupted.addEventListener('abort', onInterrupt, { once: true })
  try {
    return await ending
  } finally {
    clearTimeout(timer)
    terminal.interrupted.removeEventListener('abort', onInterrupt)
  }
}

const deaf = (to: ControlOrder['to']): string =>
  to.kind === 'call'
    ? 'Nobody listens: the agent of this call is gone. Another takes over within seconds; try again.'
    : `Nobody listens: no agent is connected to a switch with the core UUID ${to.coreUuid}.`
