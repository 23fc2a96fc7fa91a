// Makes text of bytes that came from outside, and of that text what a phone can show. Nothing is refused here: a phone
// must ring whatever its caller is called. PBXs send names as their telephone lines bring them: in Latin-1, in UTF-8 that
// was cut after so many bytes, with control characters of a display that is long gone.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true })

/** What the web calls Latin-1: it has printable characters where ISO 8859-1 has controls. By byte, from 0x80 on. */
const LATIN1_UPPER = new TextDecoder('windows-1252').decode(
  Uint8Array.from({ length: 128 }, (_, i) => i + 128),
)

/** Reads UTF-8. What is none is read in `charset`, if the sender named one that we know, else as Latin-1. */
export function textOf(bytes: Uint8Array, charset?: string): string {
  try {
    return utf8.decode(bytes)
  } catch {
    // The bytes are no UTF-8: the sender's charset is tried, then Latin-1.
    return charsetDecoder(charset)?.decode(bytes) ?? mixedText(bytes)
  }
}

/** @returns undefined for UTF-8 and Latin-1, and for whatever nobody knows. */
function charsetDecoder(charset: string | undefined): TextDecoder | undefined {
  if (charset === undefined) return undefined
  try {
    const decoder = new TextDecoder(charset as Bun.Encoding)
    return ['utf-8', 'windows-1252'].includes(decoder.encoding) ? undefined : decoder
  } catch {
    // The sender named a charset that nobody knows: the caller reads Latin-1.
    return undefined
  }
}

/** Each sequence that is UTF-8 as such, every other byte as Latin-1; but half a sequence at the end, of all or of a text
 *  in quotes, is left out where it shows that this was UTF-8 before it was cut. */
function mixedText(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length)
  let length = 0
  let isUtf8 = false
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at]!
    const size = sequenceSize(byte)
    const found = continuationsAt(bytes, at + 1, size - 1)
    const next = at + 1 + found
    const isCut = found < size - 1 && (next === bytes.length || bytes[next] === QUOTE)
    if (isCut && (isUtf8 || found > 0)) {
      at = next
      continue
    }
    if (size === 1 || found < size - 1) {
      units[length++] = byte < 0x80 ? byte : LATIN1_UPPER.charCodeAt(byte - 0x80)
      at++
      continue
    }
    isUtf8 = true
    const point = pointOf(bytes, at, size)
    if (point < 0x1_0000) units[length++] = point
    else {
      units[length++] = 0xd800 + ((point - 0x1_0000) >> 10)
      units[length++] = 0xdc00 + ((point - 0x1_0000) & 0x3ff)
    }
    at += size
  }
  return utf16.decode(units.subarray(0, length))
}

const QUOTE = 0x22

/** Of the UTF-8 sequence that this byte begins; 1 if it begins none. */
function sequenceSize(byte: number): number {
  if (byte < 0xc2 || byte > 0xf4) return 1
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
}

function continuationsAt(bytes: Uint8Array, start: number, max: number): number {
  let count = 0
  while (count < max && (bytes[start + count]! & 0xc0) === 0x80) count++
  return count
}

function pointOf(bytes: Uint8Array, at: number, size: number): number {
  let point = bytes[at]! & (0xff >> (size + 1))
  for (let next = 1; next < size; next++) point = (point << 6) | (bytes[at + next]! & 0x3f)
  // The few that are written longer than they are, or stand for half a character, become what is left out later.
  return point > 0x10_ffff || point < (size === 3 ? 0x800 : size === 4 ? 0x1_0000 : 0x80) ? 0xfffd : point
}

/** Controls and what stands for no character; and what turns the direction of the text that is shown around it. */
const UNSHOWN =
  /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\ufffd\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** One line that can be shown: controls go, blanks and line ends become single blanks, and it is cut, at a character. */
export function shownText(text: string, charactersMax: number): string {
  // Most texts are plain.
  const isPlain = text.length <= charactersMax && /^(?:[!-~]+(?: [!-~]+)*)?$/.test(text)
  if (isPlain) return text
  // Far more than is shown: nobody's name takes the time that a whole body would.
  const part = text.slice(0, charactersMax * SLACK)
  const shown = part
    .replace(/[\s\u0085]+/gu, ' ')
    .replace(UNSHOWN, '')
    .replace(/ {2,}/g, ' ')
    .trim()
  const characters = [...shown]
  return characters.length <= charactersMax ? shown : characters.slice(0, charactersMax).join('').trim()
}

/** A text may be so many times longer than what is shown of it: blanks and controls are left out. */
const SLACK = 16
