// The sending end of the parser bench, a process of its own so that it does not share the readers' thread. It speaks
// as much of a switch's handshake as a link needs; `api burst <format> <count>` makes it send that many events and
// then its reply, `api reply <bytes>` a reply of that size. Prints its port and runs until it is killed.
import type { Socket } from 'bun'
import { type EventFormat, eventFrame } from './eventStream.ts'

const CORE_UUID = 'bcdfdc64-65e4-4ec1-9416-c5966ce0c568'
const BURST_FRAMES = 64

interface Sender {
  partial: string
  /** Makes the next piece that is to be sent; undefined at the end. */
  next: (() => Buffer | undefined) | undefined
  unsent: Buffer | undefined
}

const listener = Bun.listen<Sender>({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      socket.data = { partial: '', next: undefined, unsent: undefined }
      socket.write('Content-Type: auth/request\n\n')
    },
    data(socket, bytes) {
      const packets = (socket.data.partial + bytes.toString()).split('\n\n')
      socket.data.partial = packets.pop() ?? ''
      for (const packet of packets) answer(socket, packet)
    },
    drain: pump,
  },
})
console.log(listener.port)

function answer(socket: Socket<Sender>, packet: string): void {
  const [word, command, first, second] = packet.split(/[ \n]/)
  if (word !== 'api') socket.write('Content-Type: command/reply\nReply-Text: +OK\n\n')
  else if (command === 'burst') send(socket, bursts(first as EventFormat, Number(second)))
  else if (command === 'reply') send(socket, once(response(Buffer.alloc(Number(first), 'x'))))
  else send(socket, once(response(Buffer.from(CORE_UUID))))
}

const response = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`Content-Type: api/response\nContent-Length: ${body.length}\n\n`), body])

function once(bytes: Buffer): () => Buffer | undefined {
  let left: Buffer | undefined = bytes
  return () => {
    const piece = left
    left = undefined
    return piece
  }
}

function bursts(format: EventFormat, count: number): () => Buffer | undefined {
  const burst = Buffer.concat(Array.from({ length: BURST_FRAMES }, () => eventFrame(format)))
  const last = once(response(Buffer.from('+OK')))
  let left = Math.ceil(count / BURST_FRAMES)
  return () => (left-- > 0 ? burst : last())
}

function send(socket: Socket<Sender>, next: () => Buffer | undefined): void {
  socket.data.next = next
  pump(socket)
}

function pump(socket: Socket<Sender>): void {
  const { data } = socket
  for (;;) {
    data.unsent ??= data.next?.()
    if (!data.unsent) return
    const written = Math.max(0, socket.write(data.unsent))
    data.unsent = written < data.unsent.length ? data.unsent.subarray(written) : undefined
    if (data.unsent) return
  }
}
