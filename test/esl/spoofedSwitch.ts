// A small TCP server that a test makes behave like a switch, or misbehave in one particular way. It speaks the
// handshake by itself unless told otherwise; everything after that is the test's.
import type { Socket, TCPSocketListener } from 'bun'

export const CORE_UUID = 'bcdfdc64-65e4-4ec1-9416-c5966ce0c568'

/** One link's connection, seen from the switch. */
export class Peer {
  /** Whole packets as received, without the blank line. */
  readonly received: string[] = []
  readonly #socket: Socket<Peer | undefined>
  #partial = ''

  constructor(socket: Socket<Peer | undefined>) {
    this.#socket = socket
  }

  /** @returns how many bytes the kernel took; what it did not take is gone. */
  raw(bytes: string | Uint8Array): number {
    return this.#socket.write(bytes)
  }

  /** `command/reply`, as to `auth`, `bgapi`, `sendevent`. */
  reply(text: string): void {
    this.raw(`Content-Type: command/reply\nReply-Text: ${text}\n\n`)
  }

  /** `api/response`, as to `api`. */
  respond(text: string): void {
    this.raw(`Content-Type: api/response\nContent-Length: ${Buffer.byteLength(text)}\n\n${text}`)
  }

  /** A plain event; `body` is a background job's answer. */
  event(headers: Record<string, string>, body = ''): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
    const text = `${lines.join('')}${body ? `Content-Length: ${Buffer.byteLength(body)}\n` : ''}\n${body}`
    this.raw(`Content-Length: ${Buffer.byteLength(text)}\nContent-Type: text/event-plain\n\n${text}`)
  }

  jobResult(jobUuid: string, answer: string): void {
    this.event({ 'Event-Name': 'BACKGROUND_JOB', 'Job-UUID': jobUuid }, answer)
  }

  /** Stops reading, so that the link's bytes pile up in the kernel and then at the link. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  drop(): void {
    this.#socket.terminate()
  }

  /** @returns the packets that are complete with these bytes. */
  take(bytes: Buffer): string[] {
    const packets = (this.#partial + bytes.toString()).split('\n\n')
    this.#partial = packets.pop() ?? ''
    this.received.push(...packets)
    return packets
  }
}

export interface Behaviour {
  /** Gets each packet; returns true when it has answered (or chosen silence), else the handshake is answered. */
  answer?(packet: string, peer: Peer): boolean
  /** What a new connection is greeted with; default `auth/request`. */
  greeting?: string
  password?: string
}

export interface SpoofedSwitch extends AsyncDisposable {
  port: number
  /** Every connection so far, oldest first. */
  peers: Peer[]
  /** Resolves with the first packet, from now on or already received, that starts so. */
  packet(start: string): Promise<string>
  behave(behaviour: Behaviour): void
}

/** Listens on a free port of the loopback until it is disposed of. */
export function spoofSwitch(initial: Behaviour = {}): SpoofedSwitch {
  let behaviour = initial
  const peers: Peer[] = []
  let watchers: { start: string; resolve: (packet: string) => void }[] = []

  const listener: TCPSocketListener<Peer | undefined> = Bun.listen<Peer | undefined>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        const peer = new Peer(socket)
        socket.data = peer
        peers.push(peer)
        peer.raw(behaviour.greeting ?? 'Content-Type: auth/request\n\n')
      },
      data(socket, bytes) {
        const peer = socket.data!
        for (const packet of peer.take(bytes)) {
          watchers = watchers.filter(({ start, resolve }) => {
            if (!packet.startsWith(start)) return true
            resolve(packet)
            return false
          })
          if (!behaviour.answer?.(packet, peer)) answerHandshake(packet, peer, behaviour)
        }
      },
    },
  })

  return {
    port: listener.port,
    peers,
    packet(start) {
      const known = peers.flatMap(peer => peer.received).find(packet => packet.startsWith(start))
      if (known !== undefined) return Promise.resolve(known)
      return new Promise(resolve => watchers.push({ start, resolve }))
    },
    behave(next) {
      behaviour = next
    },
    async [Symbol.asyncDispose]() {
      listener.stop(true)
    },
  }
}

function answerHandshake(packet: string, peer: Peer, { password = 'ClueCon' }: Behaviour): void {
  if (packet === `auth ${password}`) peer.reply('+OK accepted')
  else if (packet.startsWith('auth ')) {
    peer.reply('-ERR invalid')
    peer.raw('Content-Type: text/disconnect-notice\nContent-Length: 10\n\nGo away.\n\n')
    peer.drop()
  } else if (packet.startsWith('filter ')) peer.reply('+OK filter added. [a]=[b]')
  else if (packet.startsWith('event ')) peer.reply('+OK event listener enabled plain')
  else if (packet === 'api global_getvar core_uuid') peer.respond(CORE_UUID)
}
