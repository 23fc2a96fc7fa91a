// Picks out of what goes into the timelines what an operator may want to look into: calls that were not made, legs that
// ended as nobody wished, takeovers. It only listens; the timelines themselves are the timeline room's.

import { explainCause, isOrdinaryEnd } from '../../esl/hangupCauses.ts'
import type { Entry } from '../../timeline/entry.ts'
import type { Recorder } from '../../timeline/recorder.ts'

/** One of them, in few words. */
export interface Incident {
  kind: 'call' | 'takeover' | 'switch'
  /** Or the switch's name. */
  dialId: string
  text: string
}

/** Passes all entries on, and tells of incidents. */
export function watchIncidents(
  recorder: Pick<Recorder, 'add'>,
  onIncident: (incident: Incident) => void,
): Pick<Recorder, 'add'> {
  return {
    add(dialId, entry, ...rest) {
      recorder.add(dialId, entry, ...rest)
      const incident = incidentOf(entry)
      if (incident) onIncident({ dialId, ...incident })
    },
  }
}

function incidentOf(entry: Entry): Omit<Incident, 'dialId'> | undefined {
  switch (entry.what) {
    case 'failure':
    case 'job-refused':
      return { kind: 'call', text: inWords(entry.cause) }
    case 'hangup':
      return isOrdinaryEnd(entry.cause) ? undefined : { kind: 'call', text: inWords(entry.cause) }
    case 'taken-over':
      return entry.isHandedOver
        ? undefined
        : { kind: 'takeover', text: `its agent ${entry.from} died; another goes on with it` }
    default:
      return undefined
  }
}

/** FreeSWITCH's word with the first sentence of what it means; the timeline has the rest. */
function inWords(cause: string): string {
  const [sentence] = explainCause(cause)?.split(/\.(?: |$)/) ?? []
  return sentence ? `${cause}: ${sentence}` : cause
}
