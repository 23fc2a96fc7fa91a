// A leg that waits alone: parked by its own application, after a bridge that leaves it, or by command. A parked leg
// stays for ever; somebody must end it.

import { fireExecute, fireExecuteComplete } from './applications.ts'
import type { Channel } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import type { Exchange } from './exchange.ts'

/** The application `park`, which a freshly answered leg runs. */
export function runPark(exchange: Exchange, leg: Channel): void {
  leg.application = fireExecute(exchange, leg, 'park', '')
  leg.isParked = true
  fireChannelEvent(exchange, 'CHANNEL_PARK', leg)
}

/** Parks a leg as it stands, without an application: what is left of a bridge, or by command. */
export function park(exchange: Exchange, leg: Channel): void {
  leg.enter('CS_PARK')
  leg.callState = 'ACTIVE'
  leg.isParked = true
  fireChannelEvent(exchange, 'CHANNEL_PARK', leg)
}

/** Takes a leg out of whatever it runs, EXECUTE_COMPLETE included. */
export function leaveApplication(exchange: Exchange, leg: Channel): void {
  leg.isParked = false
  leg.eavesdropping?.detach()
  const { application } = leg
  leg.application = undefined
  if (application) fireExecuteComplete(exchange, leg, application)
}
