// Bytes as text: one character for each byte (Latin-1). So a job in Redis is found again by exactly its bytes, and the same
// text can be read as the UTF-8 that it is.

/** @returns the text whose every character is one byte. */
export const textOfBytes = (bytes: Buffer): string => bytes.toString('latin1')

/** The other way. */
export const bytesOfText = (text: string): Buffer => Buffer.from(text, 'latin1')

const UTF_8 = new TextDecoder('utf-8', { fatal: true })

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII begins at 0.
const IS_ASCII = /^[\x00-\x7f]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: so do bytes.
const IS_BYTES = /^[\x00-\xff]*$/

/** What such a text says: UTF-8 without its byte-order mark, or else Latin-1. Text that is not made of bytes is itself. */
export function meaningOf(text: string): string {
  if (IS_ASCII.test(text) || !IS_BYTES.test(text)) return text
  try {
    return UTF_8.decode(bytesOfText(text))
  } catch {
    // The bytes are no UTF-8: they are Latin-1, which is how `text` holds them.
    return text
  }
}
