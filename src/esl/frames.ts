// Cuts the byte stream of one event socket into frames: a head of `Name: value` lines, a blank line, and a body of
// exactly Content-Length bytes. Bytes come in as the socket gives them, whole frames go out to one callback, in order.
// It knows nothing of commands, events or time; it only promises that no peer can make it grow or slow down.

/** One frame as it stood on the wire. */
export interface EslFrame {
  /** `command/reply`, `api/response`, `text/event-plain`, ... */
  contentType: string
  /** The head's lines, joined by line feeds, without the blank line that ends it. `headLine` reads one. */
  head: string
  /** Empty when the frame has none. Often a view into the received chunk: it keeps that chunk in memory. */
  body: Buffer
}

/** Why a byte stream cannot be an event socket. The connection is of no use afterwards. */
export type FrameFault =
  | { kind: 'head-too-long' }
  | { kind: 'body-too-long'; length: number }
  | { kind: 'bad-length' }
  | { kind: 'no-content-type' }

export interface FrameLimits {
  headBytesMax: number
  bodyBytesMax: number
}

/** FreeSWITCH builds a head in 512 or 1,024 bytes (mod_event_socket.c; only the answer to `connect` has a line for each
 *  variable of its channel); 64 KiB leaves room for any patch of it. The longest body is `show channels as json`: about 1 KB
 *  for each channel, so 64 MiB holds 60,000 of them. */
export const FRAME_LIMITS: FrameLimits = { headBytesMax: 64 * 1024, bodyBytesMax: 64 * 1024 * 1024 }

const LINE_FEED = 0x0a
const BLANK_LINE = Buffer.from('\n\n')
const NO_BODY = Buffer.alloc(0)
/** Heads that arrive in pieces are collected here first; FreeSWITCH's own fit. */
const HEAD_BUFFER_BYTES = 1024

/** Reads frames out of chunks of any size. Each byte is copied at most once, and bodies that arrive whole never. */
export class FrameReader {
  readonly #onFrame: (frame: EslFrame) => void
  readonly #limits: FrameLimits
  /** Kept only while a head comes in pieces: there may be a reader for each ringing phone. */
  #head = NO_BODY
  #headLength = 0
  #frame: EslFrame | undefined
  #bodyFilled = 0
  #isStopped = false

  /** @param onFrame called synchronously from `push`, once for each frame. It may call `stop`. */
  constructor(onFrame: (frame: EslFrame) => void, limits: FrameLimits = FRAME_LIMITS) {
    this.#onFrame = onFrame
    this.#limits = limits
  }

  /** @returns the fault that ends this stream, or undefined. After a fault or `stop` every chunk is ignored. */
  push(chunk: Uint8Array): FrameFault | undefined {
    const bytes = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    while (at < bytes.length && !this.#isStopped) {
      const next = this.#frame ? this.#readBody(this.#frame, bytes, at) : this.#readHead(bytes, at)
      if (typeof next !== 'number') {
        this.#isStopped = true
        return next
      }
      at = next
    }
    return undefined
  }

  /** No frame is reported any more, not even the rest of the chunk at hand. */
  stop(): void {
    this.#isStopped = true
  }

  #readHead(bytes: Buffer, start: number): number | FrameFault {
    if (this.#headLength === 0) {
      // Line feeds between frames carry nothing; FreeSWITCH's own reader skips them as well.
      if (bytes[start] === LINE_FEED) return start + 1
      const end = bytes.indexOf(BLANK_LINE, start)
      if (end < 0) return this.#keepHead(bytes, start, bytes.length)
      if (end - start > this.#limits.headBytesMax) return { kind: 'head-too-long' }
      return this.#startFrame(bytes.toString('utf8', start, end), bytes, end + BLANK_LINE.length)
    }
    // The blank line may itself be cut in two.
    const isBlankLineCut = this.#head[this.#headLength - 1] === LINE_FEED && bytes[start] === LINE_FEED
    const end = isBlankLineCut ? start : bytes.indexOf(BLANK_LINE, start)
    const kept = this.#keepHead(bytes, start, end < 0 ? bytes.length : end)
    if (end < 0 || typeof kept !== 'number') return kept
    const head = this.#head.toString('utf8', 0, isBlankLineCut ? this.#headLength - 1 : this.#headLength)
    this.#head = NO_BODY
    this.#headLength = 0
    return this.#startFrame(head, bytes, end + (isBlankLineCut ? 1 : BLANK_LINE.length))
  }

  #keepHead(bytes: Buffer, start: number, end: number): number | FrameFault {
    const length = this.#headLength + end - start
    if (length > this.#limits.headBytesMax) return { kind: 'head-too-long' }
    if (length > this.#head.length) {
      const bytesKept = Math.max(HEAD_BUFFER_BYTES, length * 2)
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#limits.headBytesMax, bytesKept))
      this.#head.copy(grown, 0, 0, this.#headLength)
      this.#head = grown
    }
    bytes.copy(this.#head, this.#headLength, start, end)
    this.#headLength = length
    return end
  }

  #startFrame(head: string, bytes: Buffer, bodyStart: number): number | FrameFault {
    const contentType = headLine(head, 'Content-Type')
    if (contentType === undefined) return { kind: 'no-content-type' }
    const lengthText = headLine(head, 'Content-Length') ?? '0'
    if (!/^\d{1,15}$/.test(lengthText)) return { kind: 'bad-length' }
    const length = Number(lengthText)
    if (length > this.#limits.bodyBytesMax) return { kind: 'body-too-long', length }

    const bodyEnd = bodyStart + length
    if (bodyEnd <= bytes.length) {
      const body = length === 0 ? NO_BODY : bytes.subarray(bodyStart, bodyEnd)
      this.#onFrame({ contentType, head, body })
      return bodyEnd
    }
    // Its size is known, so the body's bytes are copied once, to their final place.
    this.#frame = { contentType, head, body: Buffer.allocUnsafeSlow(length) }
    this.#bodyFilled = 0
    return bodyStart
  }

  #readBody(frame: EslFrame, bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + frame.body.length - this.#bodyFilled)
    bytes.copy(frame.body, this.#bodyFilled, start, end)
    this.#bodyFilled += end - start
    if (this.#bodyFilled === frame.body.length) {
      this.#frame = undefined
      this.#onFrame(frame)
    }
    return end
  }
}

/** The value of one line of a frame's head, as written: heads are not percent-encoded (`Reply-Text` least of all),
 *  but for the answer to `connect`, which `channelDataOf` reads.
 *  @returns the first one's value; undefined when there is no such line. Names match exactly, at a line's start. */
export function headLine(head: string, name: string): string | undefined {
  const start = head.startsWith(`${name}: `) ? 0 : head.indexOf(`\n${name}: `) + 1
  if (start === 0 && !head.startsWith(`${name}: `)) return undefined
  const valueStart = start + name.length + 2
  const end = head.indexOf('\n', valueStart)
  return end < 0 ? head.slice(valueStart) : head.slice(valueStart, end)
}
