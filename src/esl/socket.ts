// One TCP connection: opens it within a time limit, writes at once, keeps what the kernel would not take yet within a
// bound, and reports the end exactly once. Bytes pass through both ways unread; what they mean is connection.ts's.
import type { Socket } from 'bun'
import { messageOf } from '../base/result.ts'

export interface SocketSettings {
  host: string
  port: number
  connectTimeoutMs: number
  /** Bytes kept when the switch reads more slowly than we write. Beyond it `write` refuses. */
  unsentBytesMax: number
}

export interface SocketHandlers {
  onConnect(): void
  /** A chunk is ours to keep: Bun hands out fresh memory each time. */
  onData(chunk: Buffer): void
  /** Called once, also when the connection never came up. Not called after `close`. */
  onClosed(reason: SocketClosed): void
}

export type SocketClosed =
  | { kind: 'connect-failed'; detail: string }
  | { kind: 'connect-timeout' }
  | { kind: 'socket-closed'; detail: string }

export interface EslSocket {
  /** Puts the text on the wire before it returns, unless earlier bytes still wait.
   *  @returns false when the socket is closed or the bound is reached: then nothing of it is sent. */
  write(text: string): boolean
  /** Closes at once and silently. */
  close(): void
}

/** A dead peer is noticed by the heartbeat first; this is for hosts that vanish while nothing is subscribed. */
const KEEP_ALIVE_MS = 30_000

/** Starts connecting. @returns at once; the handlers tell the rest, none of them before this returns. */
export function openSocket(settings: SocketSettings, handlers: SocketHandlers): EslSocket {
  let socket: Socket | undefined
  let isClosed = false
  let unsent: Buffer[] = []
  let unsentBytes = 0

  const timer = setTimeout(() => end({ kind: 'connect-timeout' }), settings.connectTimeoutMs)

  function close(): void {
    isClosed = true
    clearTimeout(timer)
    unsent = []
    unsentBytes = 0
    socket?.end()
    socket = undefined
  }

  function end(reason: SocketClosed): void {
    if (isClosed) return
    close()
    handlers.onClosed(reason)
  }

  function flush(): void {
    while (socket && unsent.length > 0) {
      const bytes = unsent[0]!
      const written = Math.max(0, socket.write(bytes))
      unsentBytes -= written
      if (written < bytes.length) {
        unsent[0] = bytes.subarray(written)
        return
      }
      unsent.shift()
    }
  }

  function write(text: string): boolean {
    const bytes = Buffer.from(text, 'utf8')
    if (!socket || unsentBytes + bytes.length > settings.unsentBytesMax) return false
    unsent.push(bytes)
    unsentBytes += bytes.length
    if (unsent.length === 1) flush()
    return true
  }

  // A socket that opens after its time was over belongs to nobody: it is closed in `open`.
  Bun.connect({
    hostname: settings.host,
    port: settings.port,
    socket: {
      open(opened) {
        if (isClosed) return void opened.end()
        clearTimeout(timer)
        socket = opened
        opened.setNoDelay(true)
        opened.setKeepAlive(true, KEEP_ALIVE_MS)
        handlers.onConnect()
      },
      data: (_, chunk) => {
        if (!isClosed) handlers.onData(chunk)
      },
      drain: flush,
      error: (_, error) => end({ kind: 'socket-closed', detail: messageOf(error) }),
      close: () => end({ kind: 'socket-closed', detail: 'end of stream' }),
      connectError: (_, error) => end({ kind: 'connect-failed', detail: messageOf(error) }),
    },
  }).catch((error: unknown) => end({ kind: 'connect-failed', detail: messageOf(error) }))

  return { write, close }
}
