// A port that takes no connection: a listener whose queue is full, so that the kernel leaves further callers without an
// answer, as a host does that is gone. Bun accepts whatever comes, so the listener is made by the C library's own calls.
import { dlopen, ptr } from 'bun:ffi'
import { connect, type Socket } from 'node:net'

const AF_INET = 2
const SOCK_STREAM = 1

export interface FullListener extends Disposable {
  port: number
}

/** Linux alone: elsewhere an address has another form in memory. */
export async function openFullListener(): Promise<FullListener> {
  const { symbols: libc } = dlopen('libc.so.6', {
    socket: { args: ['int', 'int', 'int'], returns: 'int' },
    bind: { args: ['int', 'ptr', 'u32'], returns: 'int' },
    listen: { args: ['int', 'int'], returns: 'int' },
    getsockname: { args: ['int', 'ptr', 'ptr'], returns: 'int' },
    close: { args: ['int'], returns: 'int' },
  })
  // struct sockaddr_in: family, port, address.
  const address = new Uint8Array(16)
  address.set([AF_INET, 0, 0, 0, 127, 0, 0, 1])
  const size = new Uint32Array([address.length])
  const listener = libc.socket(AF_INET, SOCK_STREAM, 0)
  if (libc.bind(listener, ptr(address), address.length) !== 0) throw new Error('no port')
  libc.listen(listener, 0)
  libc.getsockname(listener, ptr(address), ptr(size))
  const port = address[2]! * 256 + address[3]!
  // A queue of length 0 holds one connection.
  const first: Socket = connect({ port, host: '127.0.0.1' })
  await new Promise<void>((resolve, reject) => first.once('connect', resolve).once('error', reject))
  return {
    port,
    [Symbol.dispose]() {
      first.destroy()
      libc.close(listener)
    },
  }
}
