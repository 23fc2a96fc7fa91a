// One keep-alive connection of the generator: writes bytes that were made beforehand, and finds where the answer
// ends. It reads no more of an answer than its status and its length, because it takes its time from the same
// processor as what it measures.

/** What a connection tells its owner. */
export interface LineOwner {
  /** The whole answer to the last request has come. Its bytes are valid only during the call. */
  answered(line: HttpLine, status: number, answer: Buffer): void
  closed(line: HttpLine): void
}

export interface HttpLine {
  /** Sends one whole request; the one before must have been answered. */
  write(request: Buffer): void
  close(): void
  /** The owner's own note: which call this line is busy with. */
  call: number
}

interface LineState extends HttpLine {
  owner: LineOwner
  /** The pieces of an answer that have come so far, or undefined. */
  begun: Buffer | undefined
  /** Bytes that the socket did not take at once. */
  unsent: Buffer | undefined
}

type LineSocket = Bun.Socket<LineState>

const STATUS_AT = 'HTTP/1.1 '.length
const HEAD_END = '\r\n\r\n'

// All sockets share one set of handlers: ten thousand closures would be a load of the generator's own.
const handlers: Bun.SocketHandler<LineState> = {
  data(socket, bytes) {
    const line = socket.data
    const answer = line.begun ? Buffer.concat([line.begun, bytes]) : bytes
    if (isWhole(answer)) {
      line.begun = undefined
      line.owner.answered(line, Number(answer.toString('latin1', STATUS_AT, STATUS_AT + 3)), answer)
    } else line.begun = Buffer.from(answer)
  },
  drain(socket) {
    const { unsent } = socket.data
    socket.data.unsent = undefined
    if (unsent) send(socket, unsent)
  },
  close: socket => socket.data.owner.closed(socket.data),
  error: (_socket, error) => {
    throw error
  },
}

/** Connects to a port of this machine. @throws when nobody listens. */
export async function openLine(port: number, owner: LineOwner): Promise<HttpLine> {
  let socket: LineSocket | undefined
  const data: LineState = {
    owner,
    begun: undefined,
    unsent: undefined,
    call: -1,
    write: request => send(socket!, request),
    close: () => socket!.terminate(),
  }
  socket = await Bun.connect<LineState>({ hostname: '127.0.0.1', port, socket: handlers, data })
  return data
}

function send(socket: LineSocket, bytes: Buffer): void {
  const written = socket.write(bytes)
  if (written < bytes.length) socket.data.unsent = bytes.subarray(Math.max(0, written))
}

/** All targets say `Content-Length`, each in its own spelling. */
function isWhole(answer: Buffer): boolean {
  const headEnd = answer.indexOf(HEAD_END)
  if (headEnd < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.toString('latin1', 0, headEnd))?.[1]
  return answer.length >= headEnd + HEAD_END.length + Number(length ?? 0)
}
