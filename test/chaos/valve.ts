// A length of line between a process and what it talks to, that can be cut or stalled. Cut: connections break and new
// ones are refused at once. Stalled: they stay, and nothing passes in either direction, like a network that drops
// packets. Who is on the other end of a connection can be told by its port.
import { connect, createServer, type Socket } from 'node:net'

export type ValveState = 'open' | 'cut' | 'stalled'

export interface Valve {
  port: number
  /** Sets the state for the connections that `concerns` names, and for all later ones of them: by their client's port,
   *  and by the port that the far end knows them by, which is 0 until they stand there. */
  set(state: ValveState, concerns?: (clientPort: number, farPort: number) => boolean): void
  /** The ports that we use towards the far end: how that end names our connections. */
  farPorts(): number[]
  close(): void
}

interface Line {
  near: Socket
  far: Socket
  clientPort: number
  isStalled: boolean
}

/** @param farPort on 127.0.0.1. */
export async function openValve(farPort: number): Promise<Valve> {
  const lines = new Set<Line>()
  let state: ValveState = 'open'
  let concerns: (clientPort: number, farPort: number) => boolean = () => true
  const stateFor = (clientPort: number, farPort = 0): ValveState =>
    state !== 'open' && concerns(clientPort, farPort) ? state : 'open'

  const server = createServer({ pauseOnConnect: true, noDelay: true }, near => {
    const clientPort = near.remotePort ?? 0
    near.on('error', () => near.destroy())
    if (stateFor(clientPort) === 'cut') return near.destroy()
    const far = connect({ port: farPort, host: '127.0.0.1', noDelay: true })
    const line: Line = { near, far, clientPort, isStalled: false }
    lines.add(line)
    const end = () => {
      lines.delete(line)
      near.destroy()
      far.destroy()
    }
    far.on('error', end)
    for (const socket of [near, far]) socket.on('close', end)
    pass(near, far, line)
    pass(far, near, line)
    if (stateFor(clientPort) === 'stalled') stall(line)
    else near.resume()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()

  return {
    port: typeof address === 'object' && address ? address.port : 0,
    set(to, whom = () => true) {
      state = to
      concerns = whom
      for (const line of [...lines]) {
        const own = stateFor(line.clientPort, line.far.localPort)
        if (own === 'cut') line.near.destroy()
        else if (own === 'stalled') stall(line)
        else if (line.isStalled) flow(line)
      }
    },
    farPorts: () => [...lines].flatMap(({ far }) => (far.localPort === undefined ? [] : [far.localPort])),
    close() {
      server.close()
      for (const { near } of lines) near.destroy()
    },
  }
}

function pass(from: Socket, to: Socket, line: Line): void {
  from.on('data', bytes => {
    if (!to.write(bytes)) from.pause()
  })
  to.on('drain', () => {
    if (!line.isStalled) from.resume()
  })
  from.on('end', () => to.end())
}

function stall(line: Line): void {
  line.isStalled = true
  line.near.pause()
  line.far.pause()
}

function flow(line: Line): void {
  line.isStalled = false
  line.near.resume()
  line.far.resume()
}
