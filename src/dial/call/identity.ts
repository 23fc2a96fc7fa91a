// Ids that every agent derives alike, so that a survivor can name a call's legs without having been told.

/** A fixed namespace of our own (RFC 9562, 5.5). Changing it orphans the calls that run during an update. */
const CHANNEL_NAMESPACE = 'b8a3a1de-0f4c-4f5e-8a57-7c1d9a0f6c11'

/** The channel UUID of one side of a call: FreeSWITCH is told to use it (`origination_uuid`). */
export const channelUuidOf = (dialId: string, side: string): string =>
  Bun.randomUUIDv5(`${dialId}/${side}`, CHANNEL_NAMESPACE)

/** The channel of one of several phones that ring as one side, counted from 0. The first has the side's own, and no side
 *  has a slash in its name. */
export const placeUuidOf = (dialId: string, side: string, place: number): string =>
  channelUuidOf(dialId, place === 0 ? side : `${side}/${place}`)
