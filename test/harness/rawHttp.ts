// HTTP as bytes over a socket, for requests that no client library would send.
import net from 'node:net'

export interface RawAnswer {
  status: number
  head: string
  body: string
}

/** A listener that says nothing to a request of bytes is waiting for more of them. */
const SILENCE_MS = 500

/** One connection after the other, opened when it is needed, on which requests follow each other. */
export class RawClient {
  private socket: net.Socket | undefined
  private received = ''
  private wake: () => void = () => undefined

  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {}

  static at(url: string): RawClient {
    const { hostname, port } = new URL(url)
    return new RawClient(hostname === '0.0.0.0' ? '127.0.0.1' : hostname, Number(port))
  }

  /** @returns undefined when the connection was closed, or stayed silent, without an answer. Of a body that has no
   *  length as much as had come with its head. */
  async ask(request: string | Buffer): Promise<RawAnswer | undefined> {
    if (!this.socket) await this.open()
    this.received = ''
    const bytes = typeof request === 'string' ? Buffer.from(request, 'latin1') : request
    this.socket!.write(bytes)
    const isHead = bytes.toString('latin1', 0, 5) === 'HEAD '
    const silence = setTimeout(() => this.close(), SILENCE_MS)
    try {
      for (;;) {
        const answer = readAnswer(this.received, isHead)
        if (answer?.isWhole) {
          if (answer.isEndless) this.close()
          return answer
        }
        if (!this.socket) return answer
        await new Promise<void>(resolve => {
          this.wake = resolve
        })
      }
    } finally {
      clearTimeout(silence)
    }
  }

  close(): void {
    this.socket?.destroy()
    this.socket = undefined
    this.wake()
  }

  private async open(): Promise<void> {
    const socket = net.connect(this.port, this.host)
    const forget = () => {
      if (this.socket === socket) this.close()
    }
    socket.on('data', data => {
      if (this.socket !== socket) return
      this.received += data.toString('latin1')
      this.wake()
    })
    socket.on('close', forget)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.on('error', forget)
    this.socket = socket
  }
}

function readAnswer(
  received: string,
  isHead: boolean,
): (RawAnswer & { isWhole: boolean; isEndless: boolean }) | undefined {
  const text = received.replace(/^(?:HTTP\/1\.1 100 [^\r\n]*\r\n\r\n)+/, '')
  const end = text.indexOf('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
  if (end < 0 || !status) return undefined
  const head = text.slice(0, end)
  const body = text.slice(end + 4)
  const length = /^content-length: *(\d+)$/im.exec(head)?.[1]
  const isEmpty = isHead || status === 204 || status === 304
  const isEndless = !isEmpty && length === undefined
  return { status, head, body, isWhole: isEmpty || isEndless || body.length >= Number(length), isEndless }
}
