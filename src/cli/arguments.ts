// The values that commands take: options and arguments that pass the wire's own allow-lists, and what they have in
// common. A value that does not pass is a mistake in the command line, told with the list's own words.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { WireMessage } from '../backend/sendCommand.ts'
import { MS_PER_SECOND } from '../base/units.ts'
import { type Parsed, parsePhoneTarget } from '../esl/allow.ts'
import type { ControlOrder, Order } from './order.ts'

/** Receives the order that was read from the command line. */
export type Give = (order: Order) => void

const TIMEOUT_SECONDS_MAX = 3_600
const DEFAULT_TIMEOUT_SECONDS = 10

/** The options as commander gives them: texts by their names in camel case. */
export type Options = { timeout?: number; watch?: boolean; follow?: boolean; json?: boolean } & {
  [name in TextOption]?: string
}
type TextOption =
  | 'caller'
  | 'callerAccount'
  | 'callee'
  | 'calleeAccount'
  | 'account'
  | 'callerIdA'
  | 'callerIdB'
  | 'provider'
  | 'phone'
  | 'callerId'
  | 'sipUsername'
  | 'sipPassword'
  | 'core'
  | 'leg'
  | 'gateway'
  | 'crm'
  | 'parentCallId'
  | 'calleeName'
  | 'targetKey'
  | 'topic'
  | 'org'
  | 'user'
  | 'dialId'
  | 'bargeId'

/** An option whose value passes an allow-list. */
export function parsed(flags: string, about: string, parse: (text: unknown) => Parsed<string>): Option {
  return new Option(flags, about).argParser(checked(parse))
}

/** An allow-list in the form in which commander takes a parser. */
export function checked(parse: (text: unknown) => Parsed<string>): (text: string) => string {
  return text => {
    const value = parse(text)
    if (value.ok) return value.value
    throw new InvalidArgumentError(`It ${value.failure}.`)
  }
}

/** A number or a SIP URI, as text. */
export function parseTarget(text: unknown): Parsed<string> {
  const target = parsePhoneTarget(text)
  if (!target.ok) return target
  return { ok: true, value: target.value.kind === 'sip' ? target.value.uri : target.value.number }
}

/** How long a command waits for its answer. */
export const timeoutOption = (about = 'how long to wait for the answer'): Option =>
  new Option('--timeout <seconds>', about).default(DEFAULT_TIMEOUT_SECONDS).argParser(readSeconds)

function readSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX))
    throw new InvalidArgumentError(`It must be seconds, at most ${TIMEOUT_SECONDS_MAX}.`)
  return seconds
}

/** An order to say something on a channel. */
export function controlOf(to: ControlOrder['to'], message: WireMessage, options: Options): ControlOrder {
  const timeoutMs = (options.timeout ?? DEFAULT_TIMEOUT_SECONDS) * MS_PER_SECOND
  return { kind: 'control', to, message, timeoutMs, isJson: options.json === true }
}

/** The SIP login that a URI's server may ask for. */
export function credentialsOf(
  { sipUsername, sipPassword }: Options,
  command: Command,
): Record<string, string | boolean> {
  if (sipUsername === undefined && sipPassword === undefined) return {}
  if (sipUsername === undefined || sipPassword === undefined)
    command.error('error: --sip-username and --sip-password belong together')
  return { auth: true, sip_auth_username: sipUsername, sip_auth_password: sipPassword }
}
