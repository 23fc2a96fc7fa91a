// SIP over TCP: messages have no datagram around them, so a stream is cut at Content-Length (RFC 3261, 18.3). A phone
// opens the connection, what is sent to it comes back on the same one, and closing it is how a phone falls asleep.
import { connect, type Socket } from 'node:net'
import { headerOf, parseSip, type SipMessage } from './sip.ts'

export interface SipConnection {
  /** Of this end: where the phone says that it can be reached. */
  readonly port: number
  send(text: string): void
  close(): void
}

/** Connects. @throws when nobody listens. */
export async function openSipConnection(
  to: { host: string; port: number },
  onMessage: (message: SipMessage) => void,
): Promise<SipConnection> {
  const socket = connect(to)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  readMessages(socket, onMessage)
  return {
    port: socket.localPort!,
    send: text => void socket.write(text),
    close: () => socket.destroy(),
  }
}

function readMessages(socket: Socket, onMessage: (message: SipMessage) => void): void {
  let rest = ''
  // The other side may reset it, as it does when it ends.
  socket.on('error', () => undefined)
  socket.on('data', chunk => {
    // Latin-1: a character is a byte, as Content-Length counts.
    rest += chunk.toString('latin1')
    for (;;) {
      // Line ends between messages keep a connection open.
      rest = rest.replace(/^[\r\n]+/, '')
      const headEnd = rest.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const head = parseSip(rest.slice(0, headEnd + 4))!
      const length = Number(headerOf(head, 'content-length') ?? headerOf(head, 'l') ?? 0)
      const end = headEnd + 4 + length
      if (rest.length < end) return
      onMessage({ ...head, body: rest.slice(headEnd + 4, end) })
      rest = rest.slice(end)
    }
  })
}
