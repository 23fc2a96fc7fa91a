// Notices what must never reach a switch from a job's fields: text that became syntax. The switch goes on as
// FreeSWITCH would, short of running anything; the finding stands in `switch.injections` for the test to see.

import type { DialString } from './dialString.ts'
import type { Plant } from './exchange.ts'

export interface Hazard {
  kind:
    | 'expansion' // ${...}: FreeSWITCH would put in a variable, or run an API command
    | 'variable' // a variable that runs something, or one outside the test's allow-list
    | 'delimiter' // ^^x changes what separates variables
    | 'extra-destination' // a further phone would ring
    | 'line-feed' // \n in a value became a real one
    | 'header' // a line of the command that is no header of ours
    | 'unknown-command' // an ESL command nobody wrote on purpose
  detail: string
}

export type Injection = Hazard & { connection: number; at: number }

export function noteHazard(plant: Plant, connection: number, hazard: Hazard): void {
  const injection: Injection = { ...hazard, connection, at: plant.settings.clock() }
  plant.injections.push(injection)
  plant.settings.onInjection(injection)
}

/** The variables of a dial string that the test does not allow. Without an allow-list those that make FreeSWITCH run
 *  something when they are set. */
export function forbiddenVariables(
  { variables, legVariables, further }: DialString,
  isAllowed: ((name: string) => boolean) | undefined,
): Hazard[] {
  return [...variables, ...legVariables, ...further.flatMap(each => each.legVariables)]
    .filter(([name]) => (isAllowed ? !isAllowed(name) : RUNS_SOMETHING.test(name)))
    .map(([name, value]) => ({ kind: 'variable', detail: `${name}=${value}` }))
}

const RUNS_SOMETHING =
  /^(api_|execute_|exec_|bridge_pre|bridge_post|transfer_(on|after)|session_in_hangup_hook|group_confirm|record_|socket_|curl_|lua_|export$|nolocal:)/i
