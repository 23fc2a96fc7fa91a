// Turns bytes of the event socket into text and never throws. FreeSWITCH passes on what phones send it: UTF-8 as a
// rule, Latin-1 now and then, and percent signs that encode nothing. It does not judge the text; allow.ts does.
import { isUtf8 } from 'node:buffer'

const PERCENT = 0x25

/** UTF-8, or Latin-1 where the bytes are no UTF-8: a caller's name in an old encoding must not lose the event. */
export const textOf = (bytes: Buffer): string => bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1')

/** Decodes the value of a plain event's header. FreeSWITCH encodes with `switch_url_encode` (switch_utils.c), which
 *  leaves a percent sign alone when two hex digits follow it: such a value cannot be told from an encoded one.
 *  A percent sign that starts no `%XX` stands for itself. */
export function decodePercent(bytes: Buffer): string {
  const first = bytes.indexOf(PERCENT)
  if (first < 0) return textOf(bytes)
  const decoded = Buffer.allocUnsafe(bytes.length)
  bytes.copy(decoded, 0, 0, first)
  let length = first
  for (let at = first; at < bytes.length; at += 1) {
    const byte = bytes[at]!
    const high = byte === PERCENT ? hexDigit(bytes[at + 1]) : -1
    const low = high < 0 ? -1 : hexDigit(bytes[at + 2])
    if (low < 0) {
      decoded[length++] = byte
    } else {
      decoded[length++] = high * 16 + low
      at += 2
    }
  }
  return textOf(decoded.subarray(0, length))
}

/** @returns 0-15, or -1 for anything else, also for a byte beyond the end. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
