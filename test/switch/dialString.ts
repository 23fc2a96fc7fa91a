// Reads an originate the way FreeSWITCH does: the arguments, the variables in <>, {} and [], the endpoint, the
// application. What it reads is data; ringing anybody is legs.ts' business. Hazards met on the way are noted.

import type { Hazard } from './injections.ts'
import { closingBracket, splitAssignment, splitAt, splitAtBlanks } from './tokens.ts'

export const ORIGINATE_USAGE =
  '-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] ' +
  '[<timeout_sec>]\n'

export type Assignment = readonly [name: string, value: string]

/** One dial string. */
export interface DialString extends Destination {
  /** From <> and {}. */
  variables: Assignment[]
  /** Of several destinations those after the first: all ring, and the first to answer wins. */
  further: Destination[]
}

export interface Destination {
  /** From []. */
  legVariables: Assignment[]
  /** `sofia`, `user`, `error` ... */
  endpoint: string
  /** What follows the endpoint's slash. */
  address: string
}

export interface Originate {
  dial: DialString
  target: { kind: 'application'; name: string; data: string } | { kind: 'extension'; number: string }
  callerIdName: string | undefined
  callerIdNumber: string | undefined
  timeoutSeconds: number | undefined
}

export type ParsedOriginate =
  | { kind: 'originate'; originate: Originate; hazards: Hazard[] }
  | { kind: 'usage'; hazards: Hazard[] }
  | { kind: 'refused'; cause: string; hazards: Hazard[] }

/** Parses the argument of the originate command. */
export function parseOriginate(line: string): ParsedOriginate {
  const hazards: Hazard[] = expansionsIn(line)
  const words = splitAtBlanks(line)
  if (words.length < 2 || words.length > 7) return { kind: 'usage', hazards }
  const args = words.map(word => (word.toLowerCase() === 'undef' ? undefined : word))
  if (words.some(word => /[\r\n]/.test(word))) hazards.push({ kind: 'line-feed', detail: line })
  const dial = parseDialString(args[0] ?? '', hazards)
  if (!dial) return { kind: 'refused', cause: 'DESTINATION_OUT_OF_ORDER', hazards }
  const [, target = '', , , callerIdName, callerIdNumber, timeout] = args
  const originate: Originate = {
    dial,
    target: parseTarget(target),
    callerIdName,
    callerIdNumber,
    timeoutSeconds: timeout === undefined ? undefined : Number.parseInt(timeout, 10) || 0,
  }
  return { kind: 'originate', originate, hazards }
}

/** Parses one dial string, as the first argument of originate or the data of bridge. @returns undefined when a
 *  bracket never closes or nothing is left to dial. */
export function parseDialString(text: string, hazards: Hazard[]): DialString | undefined {
  const variables: Assignment[] = []
  let rest = text.replace(/^ +/, '')
  for (const [open, close] of [
    ['<', '>'],
    ['{', '}'],
  ] as const) {
    const taken = takeBrackets(rest, open, close, variables, hazards)
    if (taken === undefined) return undefined
    rest = taken.replace(/^ +/, '')
  }
  const destinations = destinationsOf(rest, hazards).map(each => parseDestination(each, hazards))
  if (destinations.some(each => each === undefined)) return undefined
  const [first, ...further] = destinations as Destination[]
  return first && { variables, ...first, further }
}

function parseDestination(text: string, hazards: Hazard[]): Destination | undefined {
  const legVariables: Assignment[] = []
  const bare = takeBrackets(text.replace(/^ +/, ''), '[', ']', legVariables, hazards)
  if (bare === undefined) return undefined
  const slash = bare.indexOf('/')
  return {
    legVariables,
    endpoint: slash < 0 ? bare : bare.slice(0, slash),
    address: slash < 0 ? '' : bare.slice(slash + 1),
  }
}

/** Takes every group of these brackets off the front. @returns the rest, or undefined when one is not closed. */
function takeBrackets(
  text: string,
  open: string,
  close: string,
  into: Assignment[],
  hazards: Hazard[],
): string | undefined {
  let rest = text
  while (rest.startsWith(open)) {
    const end = closingBracket(rest, open, close)
    if (end < 0) return undefined
    const inside = rest.slice(1, end)
    if (inside.startsWith('^^')) hazards.push({ kind: 'delimiter', detail: inside })
    for (const piece of splitAt(inside, open === '[' ? LEG_COMMA : ',')) {
      const assignment = splitAssignment(piece)
      if (assignment) into.push(assignment)
    }
    rest = rest.slice(end + 1)
  }
  return rest
}

// Commas between [] are hidden while the destinations are split, those in quotes from the variables too. FreeSWITCH
// does it with two control characters as well.
const LEG_COMMA = '\x01'
const QUOTED_COMMA = '\x02'

function destinationsOf(text: string, hazards: Hazard[]): string[] {
  const alternatives = text.split(/:_:|\|/)
  const destinations = splitAt(hideLegCommas(alternatives[0] ?? ''), ',')
  // Whoever means to ring several gives each a channel of its own: with one uuid for all none would ring.
  const areMeant = destinations.every(each => each.startsWith('[origination_uuid='))
  if (alternatives.length > 1 || (destinations.length > 1 && !areMeant)) {
    hazards.push({ kind: 'extra-destination', detail: text })
  }
  return destinations.map(each => each.replaceAll(QUOTED_COMMA, ','))
}

function hideLegCommas(text: string): string {
  let hidden = ''
  let end = -1
  let isQuoted = false
  let isOtherDelimiter = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (i > end && char === '[') {
      const length = closingBracket(text.slice(i), '[', ']')
      if (length > 0) end = i + length
      isOtherDelimiter = text.startsWith('^^', i + 1)
      isQuoted = false
    }
    if (char === "'") isQuoted = !isQuoted
    const isHidden = i < end && char === ',' && text[i - 1] !== '\\'
    hidden += isHidden ? (isQuoted || isOtherDelimiter ? QUOTED_COMMA : LEG_COMMA) : char
  }
  return hidden
}

// The first closing parenthesis ends the application's data, whatever stands in it.
function parseTarget(target: string): Originate['target'] {
  if (!target.startsWith('&') || target.length < 2) return { kind: 'extension', number: target }
  const call = target.slice(1).split(')', 1)[0]!
  const open = call.indexOf('(')
  if (open < 0) return { kind: 'application', name: call, data: '' }
  return { kind: 'application', name: call.slice(0, open), data: call.slice(open + 1) }
}

const expansionsIn = (line: string): Hazard[] =>
  /\$\{/.test(line) ? [{ kind: 'expansion', detail: line }] : []
