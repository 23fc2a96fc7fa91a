// What an answered leg goes on to: an application, or an extension. The applications are those that a dial agent uses and
// a few harmless ones; any other name ends the leg, as an unknown one does in FreeSWITCH.

import { causeNamed } from './accounting.ts'
import { fireExecute } from './applications.ts'
import { flipCallerId } from './bridgeNotes.ts'
import { runBridge } from './bridges.ts'
import type { Channel } from './channel.ts'
import { runEavesdrop } from './eavesdrop.ts'
import type { Exchange } from './exchange.ts'
import { runExtensionOf } from './extensions.ts'
import { completeHangup, hangup, hangupWith, letGo } from './hangups.ts'
import type { Hazard } from './injections.ts'
import { runPark } from './parking.ts'

/** Runs the application that an originate or an inline transfer names. */
export function runApplication(
  exchange: Exchange,
  leg: Channel,
  { name, data }: { name: string; data: string },
  onHazard: (hazard: Hazard) => void,
): void {
  leg.enter('CS_EXECUTE')
  leg.callState = 'ACTIVE'
  leg.isInDialplan = true
  if (!leg.variables.get('channel_cid_flipped')) flipCallerId(leg)
  leg.variables.set('call_uuid', leg.uuid)
  switch (name) {
    case 'bridge':
      return runBridge(exchange, leg, data, onHazard)
    case 'park':
      return runPark(exchange, leg)
    case 'eavesdrop':
      return runEavesdrop(exchange, leg, data)
    // Whatever it plays, it goes on until the leg is taken out of it.
    case 'playback':
    case 'echo':
      leg.application = fireExecute(exchange, leg, name, data)
      return
    case 'hangup':
      leg.application = fireExecute(exchange, leg, name, data)
      hangup(exchange, leg, { cause: causeNamed(data), by: 'switch' })
      return
    default:
      endAtOnce(exchange, leg, 'DESTINATION_OUT_OF_ORDER')
  }
}

/** An extension that the settings do not have is unknown. */
export function runExtension(exchange: Exchange, leg: Channel, number: string): void {
  const applications = exchange.settings.extensions[number]
  if (applications) return runExtensionOf(exchange, leg, applications)
  leg.enter('CS_ROUTING')
  leg.callState = 'ACTIVE'
  leg.variables.set('max_forwards', '69')
  const second = Math.floor(exchange.nowMs() / 1_000)
  const source = `${second}:${exchange.settings.newUuid()}:bl_xfer:${number}/default/XML`
  leg.variables.push('transfer_history', source)
  leg.variables.set('transfer_source', source)
  leg.profile.transferSource = source
  leg.variables.set('call_uuid', leg.uuid)
  endAtOnce(exchange, leg, 'NO_ROUTE_DESTINATION')
}

function endAtOnce(exchange: Exchange, leg: Channel, cause: string): void {
  if (!hangupWith(exchange, leg, cause)) return
  letGo(leg)
  completeHangup(exchange, leg)
}
