// Reads what arrives on a call's channel. The channel carries our own events too, and anybody may publish there, so
// a message is one of: ours (ignored), a control message, or something that gets a failure with a cause that a
// person understands. Wire names stop here.

import { SECRET, SECRET_NAME, withoutSecrets } from '../../base/masking.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import {
  type CallerId,
  type MediaPath,
  type PhoneTarget,
  parseCallerId,
  parseMediaPath,
  parsePhoneTarget,
} from '../../esl/allow.ts'
import type { SipCredentials } from '../../esl/originate.ts'
import type { BargeMode } from '../call/call.ts'
import { type AnswerTo, EVENT_TYPES } from '../call/events.ts'
import { type Mistake, readCredentials } from '../job/job.ts'

/** One order for a call. */
export type Control =
  /** With `bargeId` only that barger. */
  | { kind: 'hangup'; bargeId: string | undefined }
  | { kind: 'barge'; target: PhoneTarget; callerId: CallerId; credentials: SipCredentials | undefined }
  | { kind: 'mode'; mode: BargeMode; bargeId: string | undefined }
  | { kind: 'play'; path: MediaPath; isReplacing: boolean }
  | { kind: 'stop-playback' }
  | { kind: 'background'; path: MediaPath; isStarting: boolean }

/** What was heard, and to whom the answer goes. */
export type Heard =
  | { kind: 'own'; message: Message }
  | { kind: 'bad'; to: AnswerTo; cause: string }
  | { kind: 'message'; to: AnswerTo; message: Message }

/** A message is at most this long; the longest that makes sense is a path of 1,024. */
const MESSAGE_CHARACTERS_MAX = 8_192

export function hearMessage(text: string): Heard {
  const read = readMessage(text)
  if (!read.ok) return { kind: 'bad', to: { event: '' }, cause: read.failure }
  const message = read.value
  if (EVENT_TYPES.has(message.type)) return { kind: 'own', message }
  return {
    kind: 'message',
    to: { event: message.type.slice(0, 64), commandId: commandIdOf(message) },
    message,
  }
}

export type Message = Record<string, unknown> & { type: string }

/** The message as an object with a type, or why it is none. */
export function readMessage(text: string): Result<Message, string> {
  if (text.length > MESSAGE_CHARACTERS_MAX)
    return fail(`the message is longer than ${MESSAGE_CHARACTERS_MAX} characters`)
  try {
    const message: unknown = JSON.parse(text)
    if (typeof message === 'object' && message !== null && typeof (message as Message).type === 'string')
      return ok(message as Message)
    return fail('the message is no JSON object with a type')
  } catch {
    return fail('the message is not valid JSON')
  }
}

/** The sender's own id for the message, which comes back in the answer: a number as a number. */
export function commandIdOf(message: Message): string | number | undefined {
  const id = message.command_id
  // A number that is too large (1e999) could not be repeated in the answer.
  if (typeof id === 'number') return Number.isFinite(id) ? id : undefined
  return typeof id === 'string' ? id.slice(0, 128) : undefined
}

/** The name by which all agents know a message that has its sender's id. It is made of the id and the text, because a
 *  sender may use one id twice. */
export const nameOf = (text: string): string => `text.${Bun.hash(text).toString(36)}`

/** Whether a message of ours answers one. */
export const isAnswerTo = (to: AnswerTo, answer: Message): boolean =>
  (answer.type === 'ack' || answer.type === 'failure') &&
  answer.event === to.event &&
  commandIdOf(answer) === to.commandId

/** The types that are obeyed, on a call's channel or a switch's. */
const ORDER_TYPES = new Set([
  ...['hangup', 'barge', 'whisper', 'threeway', 'mute', 'unthreeway'],
  ...['play', 'play-now', 'stop-playback', 'stop_playback', 'start-background', 'stop-background'],
  ...['bridge', 'bot-call'],
])

/** What was heard, as it is counted: anybody may publish any type, and each would be a series of its own for ever. */
export function countedAs(heard: Exclude<Heard, { kind: 'own' }>): string {
  if (heard.kind === 'bad') return 'bad'
  return ORDER_TYPES.has(heard.message.type) ? heard.message.type : 'unknown'
}

/** The types that have a phone rung. */
const RINGING_TYPES = new Set(['barge', 'bot-call'])

export const isOrderToRing = (heard: Exclude<Heard, { kind: 'own' }>): boolean =>
  heard.kind === 'message' && RINGING_TYPES.has(heard.message.type)

/** What a message orders. @returns the mistakes in its fields, or why its type is none that is obeyed here. */
export function readControl(message: Message): Result<Control, Mistake[] | string> {
  switch (message.type) {
    case 'hangup':
      return withBargeId(message, bargeId => ({ kind: 'hangup', bargeId }))
    case 'whisper':
      return withBargeId(message, bargeId => ({ kind: 'mode', mode: 'whisper', bargeId }))
    case 'threeway':
      return withBargeId(message, bargeId => ({ kind: 'mode', mode: 'threeway', bargeId }))
    case 'mute':
    case 'unthreeway':
      return withBargeId(message, bargeId => ({ kind: 'mode', mode: 'mute', bargeId }))
    case 'barge':
      return readBarge(message)
    case 'play':
      return withPath(message, path => ({ kind: 'play', path, isReplacing: false }))
    case 'play-now':
      return withPath(message, path => ({ kind: 'play', path, isReplacing: true }))
    case 'stop-playback':
    case 'stop_playback':
      return ok({ kind: 'stop-playback' })
    case 'start-background':
      return withPath(message, path => ({ kind: 'background', path, isStarting: true }))
    case 'stop-background':
      return withPath(message, path => ({ kind: 'background', path, isStarting: false }))
    case 'bridge':
    case 'bot-call':
      return fail(`${message.type} belongs on the channel of the switch, its core_uuid`)
    default:
      return fail(`unknown type: ${printable(message.type)}`)
  }
}

function readBarge(message: Message): Result<Control, Mistake[]> {
  const target = parsePhoneTarget(message.phone_number)
  const callerId = parseCallerId(message.caller_id)
  const credentials = readCredentials(message)
  if (target.ok && callerId.ok && credentials.ok)
    return ok({
      kind: 'barge',
      target: target.value,
      callerId: callerId.value,
      credentials: credentials.value,
    })
  return fail([
    ...(target.ok ? [] : [{ field: 'phone_number', detail: target.failure }]),
    ...(callerId.ok ? [] : [{ field: 'caller_id', detail: callerId.failure }]),
    ...(credentials.ok ? [] : credentials.failure),
  ])
}

function withBargeId(
  message: Message,
  make: (bargeId: string | undefined) => Control,
): Result<Control, Mistake[]> {
  const id = message.barge_id
  if (id === undefined || id === null) return ok(make(undefined))
  return typeof id === 'string' ? ok(make(id)) : fail([{ field: 'barge_id', detail: 'must be a text' }])
}

function withPath(message: Message, make: (path: MediaPath) => Control): Result<Control, Mistake[]> {
  const path = parseMediaPath(message.path)
  return path.ok ? ok(make(path.value)) : fail([{ field: 'path', detail: path.failure }])
}

/** A message as it may be shown: as it was published, but for the passwords in it, at any depth. What is no message stays
 *  a text, unless a password may be in it. */
export function withoutSecret(text: string): unknown {
  const read = readMessage(text)
  if (read.ok) return withoutSecrets(read.value)
  return SECRET_NAME.test(text) ? SECRET : text
}

/** What a stranger sent, short and without control characters. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 64)
