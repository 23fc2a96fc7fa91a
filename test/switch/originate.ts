// The originate command: rings a leg, tells how that went, and lets the answered leg run what it was rung for. The
// result is a text, as FreeSWITCH's commands have it; it comes when the phone has answered or cannot any more.

import type { Channel } from './channel.ts'
import { runApplication, runExtension } from './dialplan.ts'
import { ORIGINATE_USAGE, parseOriginate } from './dialString.ts'
import type { Exchange } from './exchange.ts'
import { ringAll } from './forks.ts'
import { forbiddenVariables, type Hazard, noteHazard } from './injections.ts'
import { RING_SECONDS_DEFAULT, ringLeg } from './legs.ts'

export interface OriginateCommand {
  line: string
  connection: number
  jobUuid: string | undefined
  /** Told the result once, e.g. `+OK <uuid>` or `-ERR USER_BUSY`, before the answered leg does anything. */
  done: (result: string) => void
}

export function originate(exchange: Exchange, { line, connection, jobUuid, done }: OriginateCommand): void {
  const { plant } = exchange
  plant.records.add({ kind: 'originate', connection, line, jobUuid })
  const onHazard = (hazard: Hazard): void => noteHazard(plant, connection, hazard)
  const parsed = parseOriginate(line)
  for (const hazard of parsed.hazards) onHazard(hazard)
  if (parsed.kind === 'usage') return done(ORIGINATE_USAGE)
  if (parsed.kind === 'refused') return done(`-ERR ${parsed.cause}\n`)
  const {
    dial,
    target,
    callerIdName,
    callerIdNumber,
    timeoutSeconds = RING_SECONDS_DEFAULT,
  } = parsed.originate
  for (const hazard of forbiddenVariables(dial, plant.settings.allowedVariables)) onHazard(hazard)
  if (exchange.misbehaviour.loseOriginates) return
  const order = { dial, callerIdName, callerIdNumber, timeoutSeconds }
  const answered = (leg: Channel): void => {
    leg.outcome = undefined
    done(`+OK ${leg.uuid}\n`)
    if (target.kind === 'extension') runExtension(exchange, leg, target.number)
    else runApplication(exchange, leg, target, onHazard)
  }
  const failed = (cause: string): void => done(`-ERR ${cause}\n`)
  if (dial.further.length > 0) return ringAll(exchange, order, { answered, failed })
  const rung = ringLeg(exchange, order, leg => ({ answered: () => answered(leg), failed }))
  if ('cause' in rung) done(`-ERR ${rung.cause}\n`)
}
