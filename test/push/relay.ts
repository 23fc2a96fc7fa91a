// A TCP relay that can fall silent: bytes stop in both directions and nobody is told, as when a firewall forgets a
// connection. It stands at a vendor's name in front of a stub on another port.
import { lookup } from 'node:dns/promises'
import { connect, createServer, type Socket } from 'node:net'

export type Relay = Awaited<ReturnType<typeof startRelay>>

/** Takes port 443 of `host` and passes connections on to `port` of the same address. */
export async function startRelay(host: string, port: number) {
  const { address } = await lookup(host)
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = connect(port, address)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('data', chunk => other.write(chunk))
      socket.on('error', () => other.destroy()) // either side may break off in these tests
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(443, address, resolve)
  await promise
  return {
    /** Connections made until now fall silent; later ones work. */
    fallSilent(): void {
      for (const socket of sockets) {
        socket.removeAllListeners('data')
        socket.on('data', () => undefined)
      }
    },
    /** Breaks the connections made until now. */
    breakOff(): void {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async close(): Promise<void> {
      const { promise: closed, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
