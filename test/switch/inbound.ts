// A call that comes in: a phone dials an extension, and the dialplan says what becomes of it. Unlike every other leg here
// nobody had this one rung, so it is answered last: when the bridge that the dialplan makes is.

import { type CallerProfile, Channel, NO_TIMES } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import { runExtension } from './dialplan.ts'
import type { Exchange } from './exchange.ts'

export interface DialledCall {
  /** The number of the phone that dials, and what stands in its From. */
  from: string
  fromName?: string
  extension: string
}

/** Begins it; what the dialplan does follows. */
export function receiveCall(exchange: Exchange, call: DialledCall): Channel {
  const { from, extension } = call
  exchange.channelsSinceStart += 1
  const uuid = exchange.settings.newUuid()
  const channelName = `sofia/internal/${from}@127.0.0.1`
  const leg = new Channel({
    uuid,
    // The phone at its end, as with every leg; what it dialled stands in the profile.
    destination: from,
    gateway: undefined,
    channelName,
    sessionId: exchange.channelsSinceStart,
    profile: profileOf(exchange, call, { uuid, channelName }),
    isForeign: false,
  })
  leg.variables.setAll([
    ['direction', 'inbound'],
    ['uuid', uuid],
    ['call_uuid', uuid],
    ['channel_name', channelName],
  ])
  exchange.keep(leg)
  fireChannelEvent(exchange, 'CHANNEL_CREATE', leg)
  exchange.plant.records.add({ kind: 'dialled', destination: from, extension, channelUuid: uuid })
  exchange.timers.tick(() => {
    if (!leg.isEnding) runExtension(exchange, leg, extension)
  })
  return leg
}

function profileOf(
  exchange: Exchange,
  { from, fromName, extension }: DialledCall,
  { uuid, channelName }: { uuid: string; channelName: string },
): CallerProfile {
  const now = exchange.nowMicros()
  return {
    logicalDirection: 'inbound',
    callerIdName: fromName ?? from,
    callerIdNumber: from,
    origCallerIdNumber: from,
    calleeIdName: '',
    calleeIdNumber: '',
    networkAddress: '127.0.0.1',
    ani: from,
    destination: extension,
    uuid,
    transferSource: '',
    channelName,
    index: 1,
    times: { ...NO_TIMES, profileCreated: now, created: now },
  }
}
