// What HANGUP_COMPLETE says of the whole call: its cause by number, its times, and how long everything took, in
// FreeSWITCH's variables. Small events get the few that a client may want.

import type { Channel, ProfileTimes } from './channel.ts'
import type { Exchange } from './exchange.ts'

type Pair = readonly [string, string]

/** Q.850 numbers of the causes that the switch gives. Source: the recordings and FreeSWITCH's cause table. */
const Q850: Record<string, number> = {
  NONE: 0,
  UNALLOCATED_NUMBER: 1,
  NO_ROUTE_DESTINATION: 3,
  NORMAL_CLEARING: 16,
  ORIGINATOR_CANCEL: 16,
  SYSTEM_SHUTDOWN: 16,
  USER_BUSY: 17,
  NO_USER_RESPONSE: 18,
  NO_ANSWER: 19,
  SUBSCRIBER_ABSENT: 20,
  CALL_REJECTED: 21,
  DESTINATION_OUT_OF_ORDER: 27,
  INVALID_NUMBER_FORMAT: 28,
  NORMAL_UNSPECIFIED: 31,
  NORMAL_TEMPORARY_FAILURE: 41,
  ALLOTTED_TIMEOUT: 16,
  INVALID_GATEWAY: 16,
  GATEWAY_DOWN: 16,
  MANAGER_REQUEST: 16,
  RECOVERY_ON_TIMER_EXPIRE: 102,
}

export const q850Of = (cause: string): string => String(Q850[cause] ?? 16)

/** FreeSWITCH takes any cause by name in any case; an unknown one becomes NORMAL_CLEARING. */
export function causeNamed(text: string): string {
  const name = text.trim().toUpperCase()
  return name in Q850 ? name : 'NORMAL_CLEARING'
}

/** Sets the call's record on a leg that has ended. */
export function account(exchange: Exchange, leg: Channel): void {
  const { times } = leg.profile
  const cause = leg.hangupCause ?? 'NONE'
  const isFull = exchange.settings.bulky
  leg.variables.setAll([
    ['hangup_cause', cause],
    ['hangup_cause_q850', q850Of(cause)],
  ])
  if (isFull) leg.variables.setAll([['digits_dialed', 'none'], ...stamps(exchange, times)])
  leg.variables.setAll(epochs(times, isFull))
  const application = leg.lastApplication
  if (application) leg.variables.set('last_app', application.name)
  if (application) leg.variables.set('last_arg', application.data)
  const { callerIdName, callerIdNumber } = leg.profile
  leg.variables.set('caller_id', callerIdName ? `"${callerIdName}" <${callerIdNumber}>` : callerIdNumber)
  leg.variables.setAll(durations(times, isFull))
}

function stamps(exchange: Exchange, times: ProfileTimes): Pair[] {
  const named: [string, number][] = [
    ['start', times.created],
    ['profile_start', times.profileCreated],
    ['answer', times.answered],
    ['bridge', times.bridged],
    ['progress', times.progress],
    ['progress_media', times.progressMedia],
    ['end', times.hangup],
  ]
  return named
    .filter(([, micros]) => micros > 0)
    .map(([name, micros]) => [`${name}_stamp`, exchange.dates(micros).local] as const)
}

const inSeconds = (micros: number): string => String(Math.floor(micros / 1_000_000))

function epochs(times: ProfileTimes, isFull: boolean): Pair[] {
  const both = (name: string, micros: number): Pair[] => [
    [`${name}_epoch`, inSeconds(micros)],
    ...(isFull ? [[`${name}_uepoch`, String(micros)] as const] : []),
  ]
  if (!isFull) {
    return [
      ...both('start', times.created),
      ...both('answer', times.answered),
      ...both('bridge', times.bridged),
      ...both('end', times.hangup),
    ]
  }
  return [
    ...both('start', times.created),
    ...both('profile_start', times.profileCreated),
    ...both('answer', times.answered),
    ...both('bridge', times.bridged),
    ...both('last_hold', 0),
    ['hold_accum_seconds', '0'],
    ['hold_accum_usec', '0'],
    ['hold_accum_ms', '0'],
    ...both('resurrect', 0),
    ...both('progress', times.progress),
    ...both('progress_media', times.progressMedia),
    ...both('end', times.hangup),
  ]
}

function durations(times: ProfileTimes, isFull: boolean): Pair[] {
  const since = (from: number, to: number): number => (from > 0 && to > 0 ? to - from : 0)
  const spans: [string, number][] = [
    ['duration', since(times.created, times.hangup)],
    ['bill', since(times.answered, times.hangup)],
    ['progress', since(times.created, times.progress)],
    ['answer', since(times.created, times.answered)],
    ['wait', since(times.created, times.bridged)],
    ['progress_media', since(times.created, times.progressMedia)],
    ['flow_bill', since(times.answered > 0 ? times.created : 0, times.hangup)],
  ]
  const written = (unit: string, divisor: number, prefix: string): Pair[] =>
    spans.map(([name, micros]) => {
      const value = String(Math.floor(micros / divisor))
      return [name === 'duration' ? `${prefix}duration` : `${name}${unit}`, value] as const
    })
  if (!isFull) return written('sec', 1_000_000, '').slice(0, 2)
  return [...written('sec', 1_000_000, ''), ...written('msec', 1_000, 'm'), ...written('usec', 1, 'u')]
}
