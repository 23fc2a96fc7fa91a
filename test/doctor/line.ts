// A line between a client and a server on this machine that delays what passes, or changes words in it: so a server
// seems far away, or of another version. The words must have the same length, because replies carry theirs.
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Line extends AsyncDisposable {
  port: number
}

export interface LineOptions {
  delayMs?: number
  /** In what the server says. */
  replace?: { from: string; to: string }
  /** Once the client has said this, it passes nothing any more: the server seems to hang. */
  stallsAt?: string
}

/** @param farPort on 127.0.0.1. */
export async function openLine(
  farPort: number,
  { delayMs = 0, replace, stallsAt }: LineOptions = {},
): Promise<Line> {
  if (replace && replace.from.length !== replace.to.length) throw new Error('lengths differ')
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = connect({ port: farPort, host: '127.0.0.1' })
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      // Either side may break off: that is the end of this line.
      socket.on('error', () => other.destroy())
      socket.on('close', () => other.destroy())
    }
    let isStalled = false
    near.on('data', bytes => {
      isStalled ||= stallsAt !== undefined && bytes.includes(stallsAt)
      if (!isStalled) setTimeout(() => far.writable && far.write(bytes), delayMs)
    })
    far.on('data', bytes => {
      const text = bytes.toString('latin1')
      near.write(Buffer.from(replace ? text.replaceAll(replace.from, replace.to) : text, 'latin1'))
    })
  })
  return listening(server, sockets)
}

/** Listens at a free port. @param sockets of the server, which are ended with it. */
export async function listening(server: Server, sockets: Iterable<Socket>): Promise<Line> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
