// Puts what is published about calls into words: one line for each message, for people. The wire's own words stay in
// front, so that a line can be found again in code and documentation. Phone numbers and passwords in messages of
// others are left out.
import { printable } from '../base/printable.ts'
import { readMessage, withoutSecret } from '../dial/control/messages.ts'
import { type Terminal, type Tone, tinted } from './terminal.ts'

/** The length of the longest type, `channel-create-event`. */
const TYPE_WIDTH = 20

/** A message of a channel as a line, without its time. */
export function lineOf(text: string, terminal: Pick<Terminal, 'hasColour'>): string {
  const read = readMessage(text)
  if (!read.ok) return `${''.padEnd(TYPE_WIDTH)}  ${printable(read.failure)}`
  const message = read.value
  const { words, tone } = describe(message)
  const type = printable(message.type).slice(0, 64).padEnd(TYPE_WIDTH)
  return `${tinted(terminal, tone, type)}  ${printable(words)}`.trimEnd()
}

/** A message as JSON for programs. */
export const jsonOf = withoutSecret

/** The fields of a message that are texts, by name. */
type Fields = Record<string, unknown> & { type: string }

function describe(message: Fields): { words: string; tone: Tone } {
  const say = (tone: Tone, words: string) => ({ tone, words })
  const text = (name: string): string => (message[name] === undefined ? '?' : String(message[name]))
  const cause = message.cause === undefined ? '' : `: ${text('cause')}`
  switch (message.type) {
    case 'call-start':
      return say('plain', 'the first phone is being rung')
    case 'answer-event':
      return say('green', `${sideName(text('side'))} answered`)
    case 'hangup-event':
      return say('yellow', `${sideName(text('side'))} hung up${cause}`)
    case 'bridge-event':
      return say('green', `channels ${text('chan_uuid1')} and ${text('chan_uuid2')} talk`)
    case 'channel-create-event':
      return say('plain', `on the switch ${text('core_uuid')}`)
    case 'barge-event':
      return say('plain', `barger ${text('barge_id')} ${BARGE_WORDS[text('state')] ?? text('state')}${cause}`)
    case 'wake-event': {
      const words = WAKE_WORDS[text('state')] ?? text('state')
      const reason = message.reason === undefined ? '' : `: ${text('reason')}`
      return say(
        message.state === 'failed' ? 'yellow' : 'plain',
        `${sideName(text('side'))} ${words}${reason}`,
      )
    }
    case 'ack':
      return say('green', `${text('event')} obeyed${named(message, 'barge_id')}`)
    case 'success':
      return say('green', text('event'))
    case 'failure':
      return message.event === undefined
        ? say('red', `the call was not made${cause}`)
        : say('red', `${text('event')} not obeyed${cause}`)
    default:
      return say('cyan', `somebody asks${named(message, 'barge_id')}${named(message, 'path')}`)
  }
}

/** A party by its side on the wire; a load test names its sides as it likes. */
export const sideName = (side: string): string => SIDE_NAMES[side] ?? `side ${side}`

const SIDE_NAMES: Record<string, string> = { '0': 'the A-leg (side 0)', '1': 'the B-leg (side 1)' }

const WAKE_WORDS: Record<string, string> = {
  pushed: 'is being woken',
  confirmed: 'is awake',
  failed: 'did not wake',
}

const BARGE_WORDS: Record<string, string> = {
  ringing: 'is being rung',
  answered: 'listens',
  ended: 'is gone',
}

const named = (message: Fields, name: string): string =>
  typeof message[name] === 'string' ? `, ${name} ${message[name]}` : ''
