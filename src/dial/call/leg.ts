// One party's connection. A side that is an account rings at several phones at once, each on a channel of its own, which
// stands at a place. Only some of what happens at a place changes the side: the first that rings, the first that answers,
// the last that ends. That is decided here; nothing is said or sent.
import { placeUuidOf } from './identity.ts'

/** `expected`: the switch was told to make it. A leg never goes back. */
export type LegState = 'expected' | 'ringing' | 'answered' | 'hungup'

/** The A-leg is the party who starts the call: side "0", or a load test's own leg. */
export interface Leg {
  side: string
  /** Where several phones ring as this side: the one that answered, before that the first. */
  channelUuid: string
  state: LegState
  /** Those phones. Undefined: there is one. */
  places?: Place[] | undefined
  /** When its channel came to be; undefined after a takeover, or when nobody saw it. */
  ringingAtMs?: number | undefined
}

/** One of the phones that ring as one side. */
export interface Place {
  channelUuid: string
  state: LegState
}

/** From now on the leg rings at so many phones; a single phone is the leg itself. */
export function spread(leg: Leg, dialId: string, phones: number): void {
  leg.places =
    phones < 2
      ? undefined
      : Array.from({ length: phones }, (_, place) => ({
          channelUuid: placeUuidOf(dialId, leg.side, place),
          state: 'expected' as const,
        }))
}

/** All channels that are or were the leg's. */
export const channelsOf = (leg: Leg): string[] =>
  leg.places ? leg.places.map(each => each.channelUuid) : [leg.channelUuid]

/** The channels that may live; of a side that has answered only the one that answered. */
export function livingChannelsOf(leg: Leg): string[] {
  if (!leg.places || leg.state === 'answered') return [leg.channelUuid]
  return leg.places.filter(each => each.state !== 'hungup').map(each => each.channelUuid)
}

/** A channel has come to a state. @returns whether that brought the side to the state. */
export function countsForSide(leg: Leg, channelUuid: string, to: LegState): boolean {
  const place = leg.places?.find(each => each.channelUuid === channelUuid)
  if (!leg.places || !place) return channelUuid === leg.channelUuid
  if (place.state !== 'hungup') place.state = to
  if (to === 'answered' && leg.state !== 'answered') leg.channelUuid = channelUuid
  if (to !== 'hungup') return leg.channelUuid === channelUuid || leg.state === 'expected'
  if (leg.state === 'answered') return hasEnded(leg, leg.places, channelUuid)
  return leg.places.every(each => each.state === 'hungup')
}

/** Two that answer at one moment: the switch may have chosen the other one. */
function hasEnded(leg: Leg, places: readonly Place[], channelUuid: string): boolean {
  if (channelUuid !== leg.channelUuid) return false
  const other = places.find(each => each.state === 'answered')
  if (other) leg.channelUuid = other.channelUuid
  return !other
}

/** The switch is done with the leg: a place without a channel will never have one. @returns whether all have ended. */
export function closePlaces(leg: Leg): boolean {
  for (const place of leg.places ?? []) if (place.state === 'expected') place.state = 'hungup'
  return leg.places?.every(each => each.state === 'hungup') ?? false
}
