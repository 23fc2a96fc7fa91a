// Reads the `Retry-After` of a vendor's answer. Both vendors may send it; neither promises to.
import { type Clock, MS_PER_MINUTE, MS_PER_SECOND } from '../base/units.ts'

/** A longer wish is as good as this one, and must not overflow a timer. */
const WISH_MAX_MS = 24 * 60 * MS_PER_MINUTE

/** @param header seconds or an HTTP date (RFC 9110, section 10.2.3).
 *  @returns milliseconds from now, 0 to a day; undefined when there is no header or it can't be read. */
export function retryAfterMs(header: string | string[] | undefined, clock: Clock): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim()
  if (!text) return undefined
  const wishMs = /^\d{1,9}$/.test(text) ? Number(text) * MS_PER_SECOND : Date.parse(text) - clock()
  return Number.isNaN(wishMs) ? undefined : Math.min(Math.max(0, wishMs), WISH_MAX_MS)
}
