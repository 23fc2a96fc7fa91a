// A switch that connects to us for one channel, as `socket` in a dialplan makes it do, and our end of that connection.
// A peer plays a recording, or whatever else a test has it send.
import { createServer, type Server } from 'node:net'
import type { Socket } from 'bun'
import { ChannelConnection } from '../../src/esl/channelConnection.ts'
import type { LinkLoss } from '../../src/esl/connection.ts'
import type { SwitchEvent } from '../../src/esl/event.ts'
import { FrameReader } from '../../src/esl/frames.ts'
import type { ChannelLimits } from '../../src/esl/limits.ts'
import { Arrivals } from './linkHarness.ts'
import type { Recording } from './recordings.ts'

/** Our end of one connection. */
export interface Accepted {
  connection: ChannelConnection
  ready: Arrivals<SwitchEvent>
  events: Arrivals<SwitchEvent>
  lost: Arrivals<LinkLoss>
}

/** Where switches connect to. */
export interface Door extends AsyncDisposable {
  port: number
  accepted: Arrivals<Accepted>
  /** Of connections that come from now on. */
  limits: Partial<ChannelLimits>
}

export async function openDoor(limits: Partial<ChannelLimits> = {}): Promise<Door> {
  const accepted = new Arrivals<Accepted>()
  const server: Server = createServer(socket => {
    const ready = new Arrivals<SwitchEvent>()
    const events = new Arrivals<SwitchEvent>()
    const lost = new Arrivals<LinkLoss>()
    const hooks = {
      onReady: (channel: SwitchEvent) => ready.push(channel),
      onEvent: (event: SwitchEvent) => events.push(event),
      onLost: (loss: LinkLoss) => lost.push(loss),
    }
    accepted.push({ connection: new ChannelConnection(socket, hooks, door.limits), ready, events, lost })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const door: Door = {
    port: (server.address() as { port: number }).port,
    accepted,
    limits,
    async [Symbol.asyncDispose]() {
      for (const { connection } of accepted.all) connection.close()
      server.close()
    },
  }
  return door
}

/** What the switch does with each packet of ours. */
export type Reaction = (packet: string, peer: CallingPeer) => void

/** The switch's end of one connection. */
export class CallingPeer {
  /** Whole packets as received, without the blank line. */
  readonly packets = new Arrivals<string>()
  /** Resolves when the connection is over. */
  readonly closed = Promise.withResolvers<void>()
  readonly #react: Reaction
  #socket: Socket | undefined
  #partial = ''
  #unsent: Buffer = Buffer.alloc(0)
  #endless: Buffer | undefined
  bytesSent = 0

  private constructor(react: Reaction) {
    this.#react = react
  }

  static async connect(port: number, react: Reaction): Promise<CallingPeer> {
    const peer = new CallingPeer(react)
    peer.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_, bytes) => peer.#take(bytes),
        drain: () => peer.#flush(),
        close: () => peer.closed.resolve(),
        error: () => peer.closed.resolve(),
      },
    })
    return peer
  }

  send(bytes: string | Uint8Array): void {
    this.#unsent = Buffer.concat([this.#unsent, Buffer.from(bytes as Uint8Array)])
    this.#flush()
  }

  /** Sends this again and again, for as long as it is read. */
  sendForEver(bytes: string): void {
    this.#endless = Buffer.from(bytes)
    this.#flush()
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket?.pause()
  }

  end(): void {
    this.#socket?.end()
  }

  #flush(): void {
    for (;;) {
      if (this.#unsent.length === 0 && this.#endless) this.#unsent = this.#endless
      if (this.#unsent.length === 0) return
      const written = this.#socket?.write(this.#unsent) ?? 0
      if (written <= 0) return
      this.bytesSent += written
      this.#unsent = this.#unsent.subarray(written)
    }
  }

  #take(bytes: Buffer): void {
    const packets = (this.#partial + bytes.toString()).split('\n\n')
    this.#partial = packets.pop() ?? ''
    for (const packet of packets) {
      this.packets.push(packet)
      this.#react(packet, this)
    }
  }
}

/** Answers each packet of ours with what the recorded switch sent between it and the next one, and ends the stream
 *  after the last. Our `resume` comes at once where the recorded one came late: it has an answer of its own.
 *  @param chunkBytes the size of the pieces in which it is sent. */
export function replay({ raw, packets }: Recording, chunkBytes: number): Reaction {
  const frames: Buffer[] = []
  new FrameReader(({ head, body }) => {
    frames.push(Buffer.concat([Buffer.from(`${head}\n\n`), body]))
  }).push(raw)
  const answers = packets
    .map(({ text, framesBefore }, at) => ({ text, from: framesBefore, to: packets[at + 1]?.framesBefore }))
    .filter(({ text }) => text !== 'resume\n\n')
    .map(({ from, to }) => Buffer.concat(frames.slice(from, to)))
  let sent = Promise.resolve()
  return (packet, peer) => {
    if (packet === 'resume') {
      sent = sent.then(() => peer.send('Content-Type: command/reply\nReply-Text: +OK\n\n'))
      return
    }
    const answer = answers.shift() ?? Buffer.alloc(0)
    sent = sent.then(() => inPieces(peer, answer, chunkBytes))
    if (answers.length === 0) sent = sent.then(() => peer.end())
  }
}

async function inPieces(peer: CallingPeer, bytes: Buffer, chunkBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    peer.send(bytes.subarray(at, at + chunkBytes))
    // A turn of the loop between the pieces, so that the kernel does not join them all.
    if (chunkBytes < bytes.length) await new Promise(setImmediate)
  }
}
