// Tells what happens, as it happens: who says what to whom, and in half a sentence what that means. It is told of
// everything that is published and everything the test switch does, so it tells of calls that somebody
// else starts just as well.
import { EVENT_TYPES } from '../../src/dial/call/events.ts'
import type { PushPayload } from '../../src/push/push.ts'
import type { RecordEntry } from '../../test/switch/records.ts'

export interface Narrator {
  title(text: string): void
  plain(text: string): void
  /** One thing said: `app → hookswitch  POST …`, and what it means. */
  tell(who: string, what: string, meaning?: string): void
  /** @param phone whose it is: `app`, or an account. */
  push(payload: PushPayload, phone: string): void
  switchDid(entry: RecordEntry): void
  /** Something was published. */
  heard(channel: string, text: string): void
}

/** Of `hookswitch → backend`. */
const WHO_WIDTH = 20

export function createNarrator(write: (text: string) => void, hasColour: boolean): Narrator {
  const sgr = (code: number, text: string) => (hasColour ? `\x1b[${code}m${text}\x1b[0m` : text)
  const line = (text: string) => write(`${text}\n`)

  function tell(who: string, what: string, meaning?: string): void {
    line(`  ${sgr(36, who.padEnd(WHO_WIDTH))}  ${what}`)
    if (meaning) line(`  ${''.padEnd(WHO_WIDTH)}  ${sgr(2, meaning)}`)
  }

  return {
    title: text => line(`\n${sgr(1, text)}\n`),
    plain: line,
    tell,

    push(payload, phone) {
      const { type, call_id, phonenumber, attempt, response_api } = payload
      tell(
        `hookswitch → ${phone}`,
        `push ${JSON.stringify({ type, call_id, phonenumber, attempt, response_api: shortened(String(response_api)) })}`,
        'by way of Google or Apple, wakes the app; shows nothing by itself (more fields left out here)',
      )
    },

    heard(channel, text) {
      // What agents and waits tell each other is their own.
      if (channel.startsWith('hookswitch:')) return
      const message = readType(text)
      const isEvent = EVENT_TYPES.has(message.type)
      const who = isEvent ? 'agent → backend' : 'backend → agent'
      const meaning = isEvent ? EVENT_MEANINGS[message.type]?.(message) : COMMAND_MEANINGS[message.type]
      tell(who, `PUBLISH ${channel} ${shortened(text)}`, meaning)
    },

    switchDid(entry) {
      const told = switchLine(entry)
      if (told) tell(...told)
    },
  }
}

type Message = { type: string; [field: string]: unknown }

const readType = (text: string): Message => {
  try {
    const message: unknown = JSON.parse(text)
    if (typeof message === 'object' && message !== null && 'type' in message) return message as Message
  } catch {
    // Anybody may publish anything: told as it is.
  }
  return { type: '' }
}

const EVENT_MEANINGS: Record<string, (message: Message) => string | undefined> = {
  'call-start': () => 'the call exists: its first phone is being rung',
  'answer-event': ({ side }) =>
    side === '0' ? 'side 0, who calls, has answered' : 'side 1, who is called, has answered',
  'hangup-event': ({ side }) => `side ${side} has gone; the cause is FreeSWITCH's word`,
  'barge-event': ({ state }) =>
    ({ ringing: 'the listening phone is being rung', answered: 'it listens now', ended: 'it has gone' })[
      String(state)
    ],
  'wake-event': ({ state }) =>
    ({ pushed: 'its app is being woken', confirmed: 'its app is awake', failed: 'its app did not wake' })[
      String(state)
    ],
  ack: () => 'the switch has obeyed',
  failure: () => 'it could not be done, and why',
}

const COMMAND_MEANINGS: Record<string, string> = {
  barge: 'a third phone shall listen',
  whisper: 'the caller alone shall hear that phone',
  threeway: 'both shall hear it',
  mute: 'nobody shall hear it any more',
  unthreeway: 'nobody shall hear it any more',
  hangup: 'the call shall end',
}

/** What the switch is asked and what its phones do; its housekeeping is left out. */
function switchLine(entry: RecordEntry): [who: string, what: string, meaning?: string] | undefined {
  switch (entry.kind) {
    case 'originate':
      return [
        'agent → switch',
        `originate ${shortened(withoutVariables(entry.line))}`,
        'FreeSWITCH shall ring, and what to do once somebody answers',
      ]
    case 'ring':
      return ['switch', `${phoneAt(entry.destination)} rings`]
    case 'answer':
      return ['switch', `${phoneAt(entry.destination)} answers`]
    case 'hangup':
      return ['switch', `${phoneAt(entry.destination)} is hung up: ${entry.cause}`]
    case 'register':
      return [
        `${entry.user} → switch`,
        entry.expiresSeconds === 0 ? 'REGISTER, expires 0' : 'REGISTER',
        'its Contact holds its push token (RFC 8599); an agent of the switch hears it',
      ]
    case 'dialled':
      return [`${entry.destination} → switch`, `dials ${entry.extension}`]
    case 'execute':
      return [
        entry.by === 'dialplan' ? 'dialplan' : 'hookswitch → switch',
        entry.application,
        APPLICATION_MEANINGS[entry.application.split(/[ =]/, 2).join(' ')] ??
          APPLICATION_MEANINGS[entry.application.split(' ', 1)[0]!],
      ]
    case 'command':
      return asked(entry.command, entry.headers)
    default:
      return undefined
  }
}

/** By the application, or by it and the variable that it sets. */
const APPLICATION_MEANINGS: Record<string, string> = {
  socket: 'hookswitch has the channel from here on, and wakes the phones of the account',
  ring_ready: 'the caller hears ringing',
  'set hookswitch_status': 'a phone is awake (ACK), or none is (NAK); the dialplan goes on',
  bridge: 'the phone is there: it rings as any phone does',
}

/** A phone by its number, or by the user of the contact at which it was dialled. */
export const phoneAt = (destination: string): string =>
  /^sips?:([^@]+)@/.exec(destination)?.[1] ?? destination

const HOUSEKEEPING =
  /^(auth|event|filter|exit|(bg)?api (originate|show|status|uuid_dump|global_getvar|version|eval|file_exists|sofia xmlstatus))/

function asked(
  command: string,
  headers: string[],
): [who: string, what: string, meaning?: string] | undefined {
  if (HOUSEKEEPING.test(command)) return undefined
  const mode = headers.find(header => header.toLowerCase().startsWith('eavesdrop-command'))
  const [, meaning] = COMMANDS_TO_SWITCH.find(([pattern]) => pattern.test(command)) ?? []
  const what = shortened(mode ? `${command} (${mode})` : withoutVariables(command))
  return meaning === undefined ? ['agent → switch', what] : ['agent → switch', what, meaning]
}

const COMMANDS_TO_SWITCH: [pattern: RegExp, meaning: string][] = [
  [/sofia_contact/, 'where the phones of the account are registered'],
  [/:playback:/, 'the caller hears ring-back while the other phone is woken'],
  [/:bridge:/, 'FreeSWITCH shall ring the phone that is awake, and connect the two'],
]

const withoutVariables = (dialString: string): string =>
  dialString.replaceAll(/\{[^}]*\}/g, '{…}').replaceAll(/\[[^\]]*\]/g, '[…]')

/** Tokens and UUIDs cut short: whole they fill lines and say nothing more. */
export const shortened = (text: string): string =>
  text
    .replace(/(token=[^& ]{6})[^& ]*/g, '$1…')
    .replace(/\b([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '$1…')
