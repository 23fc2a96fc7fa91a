// What the buttons do: asks where a question is due, sends the command, and says in words what came of it. An agent
// answers a command itself, so what is told here has happened.
import { NO_ANSWER, request } from './connection.js'
import { askBarge, confirmHangup } from './dialogs.js'
import { note } from './notes.js'

/** Ends a call, after asking. */
export async function hangUp(call) {
  const legs = call.legs
    .map(leg => leg.number)
    .filter(Boolean)
    .join(' and ')
  const isSure = await confirmHangup({
    title: 'Hang up this call?',
    text: `${call.dialId}${legs ? `, between ${legs},` : ''} ends at once for everybody in it.`,
  })
  if (isSure) await send(call, 'hangup', {}, 'The call was hung up.')
}

/** Rings a third phone that listens. A mistake is said in the dialog. */
export async function bargeIn(call) {
  await askBarge(call, async order => {
    const answer = await post(call, 'barge', order)
    if (answer.status !== 200) return { words: wordsFor(answer, 'barge'), field: fieldOf(answer, order) }
    note('good', `${call.dialId}: ${order.phone_number} is being rung.`)
    return undefined
  })
}

/** The field that the service's message names. */
const fieldOf = ({ body }, order) => Object.keys(order).find(name => String(body.detail).includes(name))

/** What a barger may do, in the order of the buttons: who hears it. */
export const MODES = [
  { mode: 'mute', label: 'Listen', done: 'Nobody hears the barger now.' },
  { mode: 'whisper', label: 'Whisper', done: 'The caller alone hears the barger now.' },
  { mode: 'threeway', label: 'Three-way', done: 'Both sides hear the barger now.' },
]

export const setMode = (call, bargeId, { mode, done }) => send(call, mode, { barge_id: bargeId }, done)

/** Ends one barger; the call goes on. */
export const dropBarger = (call, bargeId) =>
  send(call, 'hangup', { barge_id: bargeId }, 'The barger was hung up. The call goes on.')

const post = ({ dialId }, command, body) =>
  request(`/api/calls/${encodeURIComponent(dialId)}/${command}`, { method: 'POST', body })

async function send(call, command, body, done) {
  const { dialId } = call
  const pending = note('wait', `${dialId}: ${command} …`)
  const answer = await post(call, command, body)
  const isDone = answer.status === 200
  pending.become(isDone ? 'good' : 'bad', `${dialId}: ${isDone ? done : wordsFor(answer, command)}`)
}

/** Why the command was not carried out, in the service's words where its answer has some. */
export function wordsFor({ status, body }, command) {
  const detail = typeof body.detail === 'string' ? `: ${body.detail.replace(/\.$/, '')}` : ''
  switch (status) {
    case NO_ANSWER:
      return `The service was not reached; ${command} was not sent, or its answer was lost.`
    case 401:
      return 'The token is not accepted any more. Reload the page to log in.'
    case 404:
      return 'There is no such call any more.'
    case 400:
    case 409:
    case 422:
      return `Not done${detail}.`
    case 504:
      return `No agent answered in time; whether ${command} was obeyed is unknown.`
    case 503:
      return `Not done: the service can't reach Redis or has too much to do${detail}.`
    default:
      return `Not done (${status})${detail}.`
  }
}
