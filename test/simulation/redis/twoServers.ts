// The real server and the model behind one face, for the differential test: connections to both get the same commands,
// and what comes back is read from the bytes by the same reader.
import { RedisModel } from './model.ts'
import type { Session } from './session.ts'

/** A reply as it was read from the bytes, with what tells its kind. */
export type Seen =
  | null
  | number
  | string
  | Seen[]
  | { error: string }
  | { status: string }
  | { double: number }
  | { map: Seen[] }
  | { set: Seen[] }
  | { push: Seen[] }

/** One connection. */
export interface Line {
  send(words: readonly string[]): void
  /** All that has come so far and was not taken yet. */
  take(): Seen[]
  close(): void
}

const wireOf = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`

/** A connection to a real server on this machine. */
export async function openRealLine(port: number): Promise<Line & { ask(words: string[]): Promise<Seen> }> {
  const reader = new ReplyReader()
  let onData = () => {}
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      data: (_, chunk) => {
        reader.push(chunk.toString('latin1'))
        onData()
      },
    },
  })
  const send = (words: readonly string[]) => void socket.write(Buffer.from(wireOf(words), 'latin1'))
  return {
    send,
    take: () => reader.take(),
    close: () => socket.end(),
    async ask(words) {
      send(words)
      while (reader.count === 0) await new Promise<void>(resolve => (onData = resolve))
      return reader.take()[0]!
    },
  }
}

/** A model by this machine's clock, and connections to it. */
export function openModel() {
  const model = new RedisModel({
    nowMs: Date.now,
    after: (ms, act) => {
      const timer = setTimeout(act, ms)
      return () => clearTimeout(timer)
    },
  })
  const openLine = (): Line => {
    const reader = new ReplyReader()
    const session: Session = model.open({ send: bytes => reader.push(bytes), close: () => {} })
    return {
      send: words => session.receive(wireOf(words)),
      take: () => reader.take(),
      close: () => session.leave(),
    }
  }
  return { model, openLine }
}

/** Reads replies of both protocols. */
class ReplyReader {
  #bytes = ''
  #read: Seen[] = []

  get count(): number {
    return this.#read.length
  }

  push(bytes: string): void {
    this.#bytes += bytes
    for (;;) {
      const next = readOne(this.#bytes, 0)
      if (!next) return
      this.#read.push(next.value)
      this.#bytes = this.#bytes.slice(next.end)
    }
  }

  take(): Seen[] {
    const taken = this.#read
    this.#read = []
    return taken
  }
}

type One = { value: Seen; end: number } | undefined

function readOne(bytes: string, at: number): One {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd < 0) return undefined
  const line = bytes.slice(at + 1, lineEnd)
  const end = lineEnd + 2
  switch (bytes[at]) {
    case ':':
      return { value: Number(line), end }
    case '+':
      return { value: { status: line }, end }
    case '-':
      return { value: { error: line }, end }
    case ',':
      return { value: { double: Number(line) }, end }
    case '_':
      return { value: null, end }
    case '$':
    case '=': {
      if (line === '-1') return { value: null, end }
      const textEnd = end + Number(line)
      return bytes.length < textEnd + 2 ? undefined : { value: bytes.slice(end, textEnd), end: textEnd + 2 }
    }
    case '*':
      return line === '-1' ? { value: null, end } : readMany(bytes, end, Number(line), items => items)
    case '%':
      return readMany(bytes, end, 2 * Number(line), map => ({ map }))
    case '~':
      return readMany(bytes, end, Number(line), set => ({ set }))
    case '>':
      return readMany(bytes, end, Number(line), push => ({ push }))
    default:
      throw new Error(`no reply begins so: ${JSON.stringify(bytes.slice(at, at + 40))}`)
  }
}

function readMany(bytes: string, start: number, count: number, made: (items: Seen[]) => Seen): One {
  const items: Seen[] = []
  let at = start
  for (let left = count; left > 0; left--) {
    const next = readOne(bytes, at)
    if (!next) return undefined
    items.push(next.value)
    at = next.end
  }
  return { value: made(items), end: at }
}
