// The faces of `Bun.connect` and `Bun.listen` on the simulated network: as much of them as our event socket and the test
// switch use.
import type { Socket, SocketHandler, TCPSocketConnectOptions, TCPSocketListenOptions } from 'bun'
import type { End } from './end.ts'
import type { Network } from './network.ts'
import { bytesOf } from './nodeSocket.ts'
import type { Process } from './process.ts'

/** Ports that are given out where anyone will do. */
const FIRST_FREE_PORT = 30_000
let nextPort = FIRST_FREE_PORT

/** For each new world, or its ports would depend on those before. */
export function freePorts(): void {
  nextPort = FIRST_FREE_PORT
}

export function bunConnect(
  network: Network,
  owner: Process,
  options: TCPSocketConnectOptions<unknown>,
): Promise<Socket<unknown>> {
  const handlers = options.socket as SocketHandler<unknown>
  const end = network.connect(owner, `${options.hostname}:${options.port}`)
  const { promise, resolve, reject } = Promise.withResolvers<Socket<unknown>>()
  const socket = faceOf(end, options.data)
  let isOpen = false
  end.handlers = {
    ...wire(end, socket, handlers),
    connect() {
      isOpen = true
      handlers.open?.(socket)
      resolve(socket)
    },
    close(error) {
      if (isOpen) return void handlers.close?.(socket, error)
      handlers.connectError?.(socket, error ?? new Error('closed'))
      // Whoever has a handler for it gets no rejection besides.
      if (!handlers.connectError) reject(error)
    },
  }
  return promise
}

export function bunListen(network: Network, owner: Process, options: TCPSocketListenOptions<unknown>) {
  const handlers = options.socket as SocketHandler<unknown>
  const port = options.port || nextPort++
  const ends = new Set<End>()
  const leave = network.listen(`${options.hostname}:${port}`, {
    owner,
    accept(end) {
      ends.add(end)
      const socket = faceOf(end, options.data)
      const wired = wire(end, socket, handlers)
      end.handlers = {
        ...wired,
        close(error) {
          ends.delete(end)
          wired.close?.(error)
        },
      }
      handlers.open?.(socket)
    },
  })
  return {
    port,
    hostname: options.hostname,
    stop(isForced = false) {
      leave()
      if (isForced) for (const end of [...ends]) end.destroy()
    },
    ref() {},
    unref() {},
  }
}

function wire(end: End, socket: Socket<unknown>, handlers: SocketHandler<unknown>): End['handlers'] {
  return {
    data: bytes => void handlers.data?.(socket, Buffer.from(bytes, 'latin1')),
    end: () => void handlers.end?.(socket),
    close: error => void (end && handlers.close?.(socket, error)),
  }
}

function faceOf(end: End, data: unknown): Socket<unknown> {
  const face = {
    data,
    write(chunk: string | Uint8Array): number {
      if (end.isClosed) return -1
      const bytes = bytesOf(chunk)
      end.write(bytes)
      return bytes.length
    },
    end(chunk?: string | Uint8Array): number {
      if (chunk !== undefined) this.write(chunk)
      end.end()
      return 0
    },
    terminate: () => end.destroy(),
    flush() {},
    setNoDelay: () => true,
    setKeepAlive: () => true,
    ref() {},
    unref() {},
  }
  return face as unknown as Socket<unknown>
}
