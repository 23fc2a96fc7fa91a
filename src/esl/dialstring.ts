// The two parts of which every originate is made: a block of channel variables and the address to ring. Allow-listed
// values go in, text for a command comes out. It is the only place that writes FreeSWITCH's variable syntax, and it
// checks once more that a value cannot end the block it stands in.
import { assert } from '../base/result.ts'
import type { AllowedText, GatewayName, PhoneTarget, ProfileName } from './allow.ts'

/** A channel variable. A value is allow-listed, or a word of our own that is safe by being written in this room. */
export type Variable = readonly [name: string, value: AllowedText | OwnWord]

declare const ownBrand: unique symbol
type OwnWord = string & { readonly [ownBrand]: true }

/** A value that comes from this program's source, never from a job. */
export const own = (word: string): OwnWord => word as OwnWord

/** Seconds, as the whole number that FreeSWITCH wants; it reads anything else as far as it is a number. */
export function ownSeconds(seconds: number): OwnWord {
  assert(Number.isInteger(seconds) && seconds >= 1 && seconds <= 3_600, 'a ring time is 1-3600 whole seconds')
  return own(String(seconds))
}

// What would end a block, split a value, quote, escape or expand: see allow.ts. A tone of our own is the exception.
const SPLITTERS = /[{}[\]()<>|,'"`^\\$]|:_:|^ARRAY::|^\s|\s$|[^\x20-\x7e]/

/** US ring-back: 2 s on, 4 s off, 440 and 480 Hz (`us-ring` in FreeSWITCH's vars.xml). The commas are escaped for the
 *  splitter; it takes the backslashes away. Without a tone the A-leg hears silence until B answers (measured). */
export const RINGBACK: Variable = ['ringback', own('%(2000\\,4000\\,440\\,480)')]

/** `{name=value,...}` for the A-leg. Values with blanks are quoted, because originate splits its arguments on blanks. */
export const callVariables = (variables: readonly Variable[]): string => `{${variablesText(variables)}}`

/** `[name=value,...]` for one address inside `&bridge(...)`. The quotes are gone by the time this block is split, and
 *  need not be there any more: blanks split nothing then. */
export const legVariables = (variables: readonly Variable[]): string => `[${variablesText(variables)}]`

function variablesText(variables: readonly Variable[]): string {
  return variables.map(([name, value]) => `${name}=${quoted(name, value)}`).join(',')
}

function quoted(name: string, value: string): string {
  assert(/^[A-Za-z0-9_-]+$/.test(name), 'a variable has a plain name')
  if (name === RINGBACK[0] && value === RINGBACK[1]) return value
  assert(value !== '' && !SPLITTERS.test(value), `the variable ${name} holds nothing that splits`)
  return value.includes(' ') ? `'${value}'` : value
}

/** The ways to a phone: a gateway for numbers, a profile for SIP URIs. */
export interface Routes {
  gateway: GatewayName
  profile: ProfileName
}

/** `sofia/gateway/<gateway>/<number>` or `sofia/<profile>/sip:<user>@<host>`. A leading `+` stays: the gateway's
 *  provider decides what it means (FreeSWITCH strips it nowhere on this way; measured). */
export const addressOf = (target: PhoneTarget, routes: Routes): string =>
  target.kind === 'number'
    ? `sofia/gateway/${routes.gateway}/${target.number}`
    : `sofia/${routes.profile}/${target.uri}`
