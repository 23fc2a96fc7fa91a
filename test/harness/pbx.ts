// A PBX with a socket for each call, written byte by byte: fetch allows 256 connections at once, a PBX holds
// thousands, and it may hang up at any moment.
import type { Socket } from 'bun'

/** The answer in JSON, as the service gives it. */
export interface HeldAnswer {
  status: 'ACK' | 'NAK'
  reason: string
  call_id: string
  device_id: string | null
  waited_ms: number
}

export interface HeldCall {
  /** Resolves with the answer; undefined when the PBX hung up before it came. */
  answered: Promise<HeldAnswer | undefined>
  /** The PBX drops its request. */
  hangUp(): void
}

/** Asks over a connection of its own. Resolves when the request is written. */
export async function holdCall(baseUrl: string, account: string, callId: string): Promise<HeldCall> {
  const { hostname, port } = new URL(baseUrl)
  const { promise: answered, resolve, reject } = Promise.withResolvers<HeldAnswer | undefined>()
  const body = JSON.stringify({ sip_user_id: account, phonenumber: '0123456789', call_id: callId })
  const request = [
    'POST /api/incoming-call/ HTTP/1.1',
    `Host: ${hostname}`,
    'Content-Type: application/json',
    'Accept: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')

  let text = ''
  let isHungUp = false
  const finish = () => {
    const [head = '', json = ''] = text.split('\r\n\r\n')
    if (head.startsWith('HTTP/1.1 200')) resolve(JSON.parse(json) as HeldAnswer)
    else if (isHungUp) resolve(undefined)
    else reject(new Error(`the connection of ${callId} ended with: ${text || 'nothing'}`))
  }
  const socket: Socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: opened => void opened.write(request),
      data: (_, bytes) => {
        text += bytes.toString()
      },
      close: finish,
      error: (_, error) => reject(error),
    },
  })
  return {
    answered,
    hangUp() {
      isHungUp = true
      socket.terminate()
    },
  }
}
