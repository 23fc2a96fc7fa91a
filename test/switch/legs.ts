// One leg from dialling to the answer: finds the way out, makes the channel, rings the phone and does what the phone
// does. What the answered leg then runs, and who it is joined to, is decided by whoever had it rung.

import { assertNever } from '../../src/base/result.ts'
import { type CallerProfile, Channel, NO_TIMES, type RingOutcome, shownToOther } from './channel.ts'
import { fireChannelEvent } from './channelEvents.ts'
import type { Assignment, DialString } from './dialString.ts'
import type { Exchange } from './exchange.ts'
import { hangup, refuse, timeOut } from './hangups.ts'
import type { PhoneBehaviour } from './phones.ts'
import { refusalOf } from './phones.ts'
import {
  answerDetails,
  earlyMediaDetails,
  inviteSent,
  inviteTarget,
  negotiatedMedia,
  offeredMedia,
  ownMedia,
  ringingDetails,
  setDetails,
} from './sipDetails.ts'

export interface LegOrder {
  dial: DialString
  callerIdName?: string | undefined
  callerIdNumber?: string | undefined
  /** The leg that is being bridged to this one. */
  parent?: Channel
  /** Ring time in the switch's seconds before NO_ANSWER. */
  timeoutSeconds: number
  isForeign?: boolean
}

/** FreeSWITCH's ring time when nobody says another. */
export const RING_SECONDS_DEFAULT = 60

/** Rings a leg. @returns the channel, or the cause of a failure for which no channel and no event ever existed. */
export function ringLeg(
  exchange: Exchange,
  order: LegOrder,
  outcomeOf: (leg: Channel) => RingOutcome,
): Channel | { cause: string } {
  // Recorded: from the SHUTDOWN event on.
  if (exchange.isShuttingDown) return { cause: 'CHAN_NOT_IMPLEMENTED' }
  const way = wayOut(exchange, order.dial)
  if ('cause' in way) return way
  const variables = new Map<string, string>([...order.dial.variables, ...order.dial.legVariables])
  const uuid = variables.get('origination_uuid') ?? exchange.settings.newUuid()
  const isAdmitted = order.isForeign || exchange.admit()
  if (exchange.find(uuid) || !isAdmitted) return { cause: 'DESTINATION_OUT_OF_ORDER' }
  const leg = createChannel(exchange, order, way, variables, uuid)
  leg.outcome = outcomeOf(leg)
  fireChannelEvent(exchange, 'CHANNEL_CREATE', leg)
  leg.enter('CS_CONSUME_MEDIA')
  limitRingTime(exchange, leg, order, variables)
  if (way.isDead) {
    later(exchange, leg, 0, () => refuse(exchange, leg, refusalOf({ kind: 'unavailable' }), false))
    return leg
  }
  recordRing(exchange, leg)
  act(exchange, leg, exchange.plant.phones.behaviourOf(leg.destination))
  return leg
}

/** The phone picks up, by itself or by the test's hand. */
export function answer(exchange: Exchange, leg: Channel, hangupAfterMs?: number): void {
  if (leg.isEnding || leg.isAnswered) return
  leg.stopWaiting()
  const wasEarly = leg.answerState === 'early'
  setDetails(exchange, leg, () => (wasEarly ? earlyMediaDetails(leg) : answerDetails(leg)))
  leg.profile.networkAddress = '127.0.0.1'
  leg.profile.times.answered = exchange.nowMicros()
  leg.answerState = 'answered'
  fireChannelEvent(exchange, 'CHANNEL_ANSWER', leg)
  leg.callState = 'ACTIVE'
  leg.variables.set('endpoint_disposition', 'ANSWER')
  leg.tellMediaWaiters()
  if (!leg.isForeign) {
    const { destination, dialId } = leg
    exchange.plant.records.add({ kind: 'answer', destination, channelUuid: leg.uuid, dialId })
  }
  if (hangupAfterMs !== undefined) {
    later(exchange, leg, hangupAfterMs, () =>
      hangup(exchange, leg, { cause: 'NORMAL_CLEARING', by: 'phone' }),
    )
  }
  exchange.timers.tick(() => {
    if (!leg.isEnding) leg.outcome?.answered()
  })
}

function recordRing(exchange: Exchange, leg: Channel): void {
  if (leg.isForeign) return
  const { destination, dialId, gateway, uuid, variables } = leg
  const side = variables.text('call-side')
  exchange.plant.records.add({ kind: 'ring', destination, channelUuid: uuid, dialId, side, gateway })
}

interface WayOut {
  gateway: string | undefined
  destination: string
  channelName: string
  /** The gateway's other end is gone, but its pings have not failed yet. */
  isDead: boolean
}

function wayOut(exchange: Exchange, { endpoint, address }: DialString): WayOut | { cause: string } {
  if (endpoint === 'user') return { cause: 'USER_NOT_REGISTERED' }
  if (endpoint === 'error') return { cause: address.toUpperCase() }
  if (endpoint !== 'sofia') return { cause: 'CHAN_NOT_IMPLEMENTED' }
  const [profile = '', second = '', ...rest] = address.split('/')
  if (profile !== 'gateway') {
    const destination = [second, ...rest].join('/')
    if (destination === '') return { cause: 'DESTINATION_OUT_OF_ORDER' }
    const channelName = `sofia/${profile}/${destination.replace(/^sips?:/, '')}`
    return { gateway: undefined, destination, channelName, isDead: false }
  }
  const state = exchange.plant.gateways.get(second)
  if (state === undefined) return { cause: 'INVALID_GATEWAY' }
  if (state === 'down') return { cause: 'GATEWAY_DOWN' }
  const destination = rest.join('/')
  const channelName = `sofia/external/${destination}`
  return { gateway: second, destination, channelName, isDead: state === 'unreachable' }
}

function createChannel(
  exchange: Exchange,
  order: LegOrder,
  way: WayOut,
  variables: Map<string, string>,
  uuid: string,
): Channel {
  exchange.channelsSinceStart += 1
  const profile = profileOf(exchange, order, way, variables, uuid)
  const sessionId = exchange.channelsSinceStart
  const isForeign = order.isForeign ?? false
  const leg = new Channel({ ...way, uuid, sessionId, profile, isForeign })
  const { parent } = order
  if (parent) {
    leg.callUuid = parent.uuid
    leg.other = { type: 'originator', profile: shownToOther(parent.profile, NO_TIMES) }
  }
  setFirstVariables(exchange, leg, parent, [...variables])
  exchange.keep(leg)
  return leg
}

function profileOf(
  exchange: Exchange,
  { parent, callerIdName, callerIdNumber }: LegOrder,
  { destination, channelName }: WayOut,
  variables: Map<string, string>,
  uuid: string,
): CallerProfile {
  const now = exchange.nowMicros()
  // FreeSWITCH's own number for a call that names none.
  const number =
    variables.get('origination_caller_id_number') ??
    callerIdNumber ??
    parent?.profile.callerIdNumber ??
    '0000000000'
  const isNamed = variables.has('origination_caller_id_number')
  return {
    logicalDirection: 'outbound',
    callerIdName:
      variables.get('origination_caller_id_name') ?? callerIdName ?? parent?.profile.callerIdName ?? '',
    callerIdNumber: number,
    origCallerIdNumber: parent && !isNamed ? parent.profile.origCallerIdNumber : number,
    calleeIdName: variables.get('origination_callee_id_name') ?? 'Outbound Call',
    calleeIdNumber: variables.get('origination_callee_id_number') ?? destination,
    networkAddress: parent?.profile.networkAddress ?? '',
    ani: parent && !isNamed ? parent.profile.ani : number,
    destination,
    uuid,
    transferSource: '',
    channelName,
    index: 1,
    times: { ...NO_TIMES, profileCreated: now, created: now },
  }
}

function setFirstVariables(
  exchange: Exchange,
  leg: Channel,
  parent: Channel | undefined,
  own: readonly Assignment[],
): void {
  const { variables } = leg
  const details = (pairs: Parameters<typeof setDetails>[2]): void => setDetails(exchange, leg, pairs)
  variables.set('direction', 'outbound')
  details(() => [['is_outbound', 'true']])
  variables.set('uuid', leg.uuid)
  if (!parent) variables.set('call_uuid', leg.uuid)
  details(() => [['session_id', String(leg.sessionId)]])
  variables.set('sip_gateway_name', leg.gateway)
  details(() => inviteTarget(leg))
  if (!parent) details(() => [['video_media_flow', 'disabled']])
  details(() => [['text_media_flow', 'disabled']])
  variables.set('channel_name', leg.name)
  details(() => [['sip_destination_url', `sip:${leg.destination}@127.0.0.1:5090`]])
  if (parent) {
    details(() => [
      ['max_forwards', '70'],
      ['originator_codec', 'PCMU@8000h@20i'],
    ])
    variables.set('originator', parent.uuid)
    variables.set('signal_bond', parent.uuid)
    details(() => offeredMedia)
    variables.set('call_uuid', parent.uuid)
  }
  variables.setAll(own)
  // What the waiting leg hears concerns the leg it waits for too.
  for (const name of ['ignore_early_media', 'instant_ringback']) {
    const inherited = parent?.variables.text(name)
    if (inherited) variables.set(name, inherited)
  }
  details(() => [['originate_early_media', String(!variables.isTrue('ignore_early_media'))]])
  if (parent) variables.set('originating_leg_uuid', parent.uuid)
  details(() => [['originate_endpoint', 'sofia'], ...ownMedia(leg, parent !== undefined), ...inviteSent(leg)])
}

// Recorded: originate_timeout=3 fired after 2.07 s and =2 after 1.89 s, leg_timeout=3 after 3.7 s.
const ORIGINATE_TIMEOUT_EARLY_SECONDS = 0.9
const LEG_TIMEOUT_LATE_SECONDS = 0.7

function limitRingTime(
  exchange: Exchange,
  leg: Channel,
  { timeoutSeconds, dial }: LegOrder,
  variables: Map<string, string>,
): void {
  const named = new Map(dial.variables).get('originate_timeout')
  const limit = (seconds: number, cause: string): void => {
    leg.stops.push(exchange.timers.seconds(seconds, () => timeOut(exchange, leg, cause)))
  }
  const ringSeconds = Number(named ?? timeoutSeconds)
  if (ringSeconds > 0) limit(ringSeconds - ORIGINATE_TIMEOUT_EARLY_SECONDS, 'NO_ANSWER')
  const legSeconds = Number(variables.get('leg_timeout') ?? 0)
  if (legSeconds > 0) limit(legSeconds + LEG_TIMEOUT_LATE_SECONDS, 'ALLOTTED_TIMEOUT')
}

function act(exchange: Exchange, leg: Channel, phone: PhoneBehaviour): void {
  switch (phone.kind) {
    case 'answer':
      later(exchange, leg, 0, () => ring(exchange, leg))
      later(exchange, leg, phone.afterMs ?? exchange.settings.answerAfterMs, () =>
        answer(exchange, leg, phone.hangupAfterMs),
      )
      break
    case 'early-media':
      later(exchange, leg, phone.afterMs ?? 0, () => sendEarlyMedia(exchange, leg))
      if (phone.answerAfterMs !== undefined) {
        later(exchange, leg, phone.answerAfterMs, () => answer(exchange, leg))
      }
      break
    case 'no-answer':
      later(exchange, leg, 0, () => ring(exchange, leg))
      break
    case 'busy':
    case 'reject':
    case 'unallocated':
    case 'unavailable':
    case 'refuse':
      if (phone.afterMs !== undefined) later(exchange, leg, 0, () => ring(exchange, leg))
      later(exchange, leg, phone.afterMs ?? 0, () => refuse(exchange, leg, refusalOf(phone), true))
      break
    default:
      assertNever(phone)
  }
}

/** At the earliest one tick from now, and never after the leg has ended or answered. */
function later(exchange: Exchange, leg: Channel, ms: number, step: () => void): void {
  leg.stops.push(
    exchange.timers.after(Math.max(ms, exchange.settings.tickMs), () => {
      if (!leg.isEnding) step()
    }),
  )
}

function ring(exchange: Exchange, leg: Channel): void {
  leg.hasProgressed = true
  const isLost = exchange.settings.random() < exchange.misbehaviour.skipProgress
  setDetails(exchange, leg, () => ringingDetails(leg))
  leg.profile.networkAddress = '127.0.0.1'
  leg.profile.times.progress = exchange.nowMicros()
  if (leg.other) leg.other.profile.times.progress = leg.profile.times.progress
  if (!isLost) fireChannelEvent(exchange, 'CHANNEL_PROGRESS', leg)
  leg.callState = 'RINGING'
  leg.outcome?.ringing?.()
}

function sendEarlyMedia(exchange: Exchange, leg: Channel): void {
  leg.hasProgressed = true
  setDetails(exchange, leg, () => earlyMediaDetails(leg))
  leg.variables.set('endpoint_disposition', 'EARLY MEDIA')
  leg.answerState = 'early'
  leg.profile.times.progressMedia = exchange.nowMicros()
  if (leg.other) leg.other.profile.times.progressMedia = leg.profile.times.progressMedia
  fireChannelEvent(exchange, 'CHANNEL_PROGRESS_MEDIA', leg)
  leg.callState = 'EARLY'
  setDetails(exchange, leg, () => [...negotiatedMedia(leg), ['endpoint_disposition', 'EARLY MEDIA']])
  leg.tellMediaWaiters()
  leg.outcome?.earlyMedia?.()
}
