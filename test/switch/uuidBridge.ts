// uuid_bridge: joins two legs that are up, taking each out of what it does. The command's result comes first, then
// the legs leave their applications, then they are joined, one step of the clockwork apart.

import { flipCallerId } from './bridgeNotes.ts'
import { Bridge } from './bridges.ts'
import { type Channel, NO_TIMES, STATE_NUMBERS, shownToOther } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import type { Exchange } from './exchange.ts'
import { hangup } from './hangups.ts'
import { leaveApplication, park } from './parking.ts'

/** @returns false when one of the two is not there or neither has answered: nothing is touched then. A leg with
 *  itself is accepted and ends up in limbo, as in FreeSWITCH: alive, neither parked nor joined. */
export function uuidBridge(exchange: Exchange, firstUuid: string, secondUuid: string): boolean {
  let a = exchange.find(firstUuid)
  let b = exchange.find(secondUuid)
  if (!a || !b || a.isEnding) return false
  if (!a.hasMedia) {
    if (!b.hasMedia)
      return false
      // FreeSWITCH turns the order round rather than fail.
    ;[a, b] = [b, a]
  }
  present(exchange, a, b)
  const legs = { a, b }
  exchange.timers.tick(() => leave(exchange, legs))
  return true
}

interface Pair {
  a: Channel
  b: Channel
}

/** Both ways round, each leg with its partner. */
const eachOf = ({ a, b }: Pair): readonly (readonly [leg: Channel, other: Channel])[] => [
  [a, b],
  [b, a],
]

function leave(exchange: Exchange, { a, b }: Pair): void {
  for (const leg of new Set([a, b])) {
    if (leg.isEnding) continue
    leg.stateNumber = a === b ? STATE_NUMBERS.CS_CONSUME_MEDIA : STATE_NUMBERS.CS_HIBERNATE
    leg.bridge?.release(leg)
    leaveApplication(exchange, leg)
    leg.enter('CS_SOFT_EXECUTE')
  }
  a.variables.delete('uuid_bridge')
  if (a !== b) exchange.timers.tick(() => join(exchange, { a, b }))
}

function join(exchange: Exchange, legs: Pair): void {
  const { a, b } = legs
  if (a.isEnding || b.isEnding) return settle(exchange, a.isEnding ? b : a)
  b.variables.set('call_uuid', b.uuid)
  for (const [leg, other] of eachOf(legs)) {
    fireChannelEvent(exchange, 'CHANNEL_EXECUTE', leg, {
      last: ['Application', 'uuid_bridge', 'Application-Data', other.uuid],
      origin: ['switch_ivr_bridge.c', 'uuid_bridge_on_soft_execute', leg === a ? '1236' : '1243'],
    })
  }
  new Bridge(exchange, legs).join()
  b.callUuid = a.uuid
}

// The other one hung up on the way: there is nobody to be joined to.
function settle(exchange: Exchange, left: Channel): void {
  if (left.variables.isTrue('park_after_bridge')) park(exchange, left)
  else hangup(exchange, left, { cause: 'NORMAL_CLEARING', by: 'switch' })
}

function present(exchange: Exchange, a: Channel, b: Channel): void {
  if (!a.isInDialplan) flipCallerId(a)
  a.isInDialplan = true
  b.isInDialplan = false
  a.variables.set('uuid_bridge', b.uuid)
  for (const [leg, other] of eachOf({ a, b })) {
    leg.variables.set('bridge_channel', other.name)
    leg.variables.set('bridge_uuid', other.uuid)
    leg.variables.set('signal_bond', other.uuid)
  }
  if (a === b) invertCallerId(a)
  const now = exchange.nowMicros()
  for (const leg of new Set([b, a])) {
    const { profile } = leg
    leg.variables.set('original_destination_number', leg.destination)
    leg.variables.set('original_caller_id_name', profile.callerIdName)
    leg.variables.set('original_caller_id_number', profile.callerIdNumber)
    leg.profile = {
      ...profile,
      index: profile.index + 1,
      times: { ...profile.times, profileCreated: now, bridged: 0 },
    }
  }
  if (a !== b) a.profile.logicalDirection = 'inbound'
  b.other = { type: 'originator', profile: shownToOther(a.profile, NO_TIMES) }
  a.other = { type: 'originatee', profile: shownToOther(b.profile) }
  a.profile.calleeIdName = b.profile.calleeIdName
  a.profile.calleeIdNumber = b.profile.calleeIdNumber
  b.profile.callerIdName = a.profile.callerIdName
  b.profile.callerIdNumber = a.profile.callerIdNumber
  for (const [leg, other] of eachOf({ a, b })) noteTransfer(exchange, leg, other)
}

// Bridged to itself a leg ends up calling itself back, from nobody it knows.
function invertCallerId(leg: Channel): void {
  const { callerIdName, callerIdNumber, calleeIdName, calleeIdNumber } = leg.profile
  leg.profile = {
    ...leg.profile,
    callerIdName: calleeIdName || 'Unknown',
    callerIdNumber: calleeIdNumber,
    calleeIdName: callerIdName,
    calleeIdNumber: callerIdNumber,
  }
}

function noteTransfer(exchange: Exchange, leg: Channel, other: Channel): void {
  const second = Math.floor(exchange.nowMs() / 1_000)
  const source = `${second}:${exchange.settings.newUuid()}:uuid_br:${other.uuid}`
  leg.profile.transferSource = source
  leg.variables.push('transfer_history', source)
  leg.variables.set('transfer_source', source)
}
