// A bare client of the event socket for tests of the switch: sends what it is told and keeps every frame as it came,
// byte for byte. It knows the frame, not the protocol.

import type { Socket } from 'bun'

export interface Frame {
  head: string
  body: string
  /** Of an event: the headers in order, a repeated one twice. Of anything else empty. */
  headers: [name: string, value: string][]
}

/** Waits no longer than this for anything, so that a test that fails says so. */
const WAIT_MS_MAX = 4_000

export class EslProbe {
  readonly frames: Frame[] = []
  isClosed = false
  #socket: Socket<undefined> | undefined
  #pending = ''
  #watchers = new Set<() => void>()

  /** Connects; nothing is sent. */
  static async connect(port: number): Promise<EslProbe> {
    const probe = new EslProbe()
    probe.#socket = await Bun.connect<undefined>({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_socket, bytes) => probe.#take(bytes.toString('latin1')),
        close: () => {
          probe.isClosed = true
          probe.#wake()
        },
      },
    })
    return probe
  }

  /** Connects, authenticates and asks for these events. The frames of that are forgotten. */
  static async listen(port: number, events = 'json ALL', password = 'ClueCon'): Promise<EslProbe> {
    const probe = await EslProbe.connect(port)
    probe.send(`auth ${password}`)
    if (events !== '') probe.send(`event ${events}`)
    // An event may follow the last reply at once, and stays.
    const greetings = events === '' ? 2 : 3
    await probe.until(() => probe.frames.length >= greetings)
    probe.frames.splice(0, greetings)
    return probe
  }

  /** Sends lines and the blank line after them. */
  send(command: string): void {
    this.#socket?.write(Buffer.from(`${command}\n\n`, 'latin1'))
  }

  /** Sends an api command. @returns its result. */
  async api(command: string): Promise<string> {
    const before = this.#results().length
    this.send(`api ${command}`)
    await this.until(() => this.#results().length > before)
    return this.#results()[before]!.body
  }

  /** Sends any other command. @returns its Reply-Text. */
  async command(command: string): Promise<string> {
    const before = this.#replies().length
    this.send(command)
    await this.until(() => this.#replies().length > before)
    return /Reply-Text: (.*)/.exec(this.#replies()[before]!.head)![1]!
  }

  /** The events so far, of this name if one is given. */
  events(name?: string): Frame[] {
    return this.frames.filter(
      frame => frame.headers.length > 0 && (!name || headerValue(frame, 'Event-Name') === name),
    )
  }

  /** Resolves with the first event of this name that passes. */
  async event(name: string, passes: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const find = (): Frame | undefined => this.events(name).find(passes)
    await this.until(() => find() !== undefined)
    return find()!
  }

  /** Resolves once this is true; it is looked at whenever something arrives. @throws after four seconds. */
  async until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = (): void => {
      if (isTrue()) resolve()
    }
    const timer = setTimeout(
      () => reject(new Error(`waited in vain; last frames:\n${this.#tail()}`)),
      WAIT_MS_MAX,
    )
    this.#watchers.add(look)
    await promise.finally(() => {
      clearTimeout(timer)
      this.#watchers.delete(look)
    })
  }

  close(): void {
    this.#socket?.end()
  }

  #results = (): Frame[] => this.frames.filter(frame => frame.head.includes('api/response'))
  #replies = (): Frame[] => this.frames.filter(frame => frame.head.includes('command/reply'))

  #tail(): string {
    return this.frames
      .slice(-5)
      .map(frame => `${frame.head} ${frame.body.slice(0, 200)}`)
      .join('\n')
  }

  #take(bytes: string): void {
    this.#pending += bytes
    for (let frame = this.#cut(); frame; frame = this.#cut()) this.frames.push(frame)
    this.#wake()
  }

  #cut(): Frame | undefined {
    const end = this.#pending.indexOf('\n\n')
    if (end < 0) return undefined
    const head = this.#pending.slice(0, end)
    const length = Number(/^Content-Length: (\d+)$/m.exec(head)?.[1] ?? 0)
    if (this.#pending.length < end + 2 + length) return undefined
    const body = this.#pending.slice(end + 2, end + 2 + length)
    this.#pending = this.#pending.slice(end + 2 + length)
    return { head, body, headers: headersOf(head, body) }
  }

  #wake(): void {
    for (const look of [...this.#watchers]) look()
  }
}

/** A header's first value, or the empty text. */
export const headerValue = (frame: Frame, name: string): string =>
  frame.headers.find(([each]) => each === name)?.[1] ?? ''

/** The headers of an event in order, in either form. Of anything else empty. */
export function headersOf(head: string, body: string): [string, string][] {
  if (head.includes('text/event-json')) return jsonHeaders(body)
  if (!head.includes('text/event-plain')) return []
  const [top = ''] = body.split('\n\n', 1)
  return top.split('\n').map(line => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon), unescape(line.slice(colon + 2))]
  })
}

// By hand, because a repeated key must be seen twice.
function jsonHeaders(json: string): [string, string][] {
  const pair = /"((?:[^"\\]|\\.)*)":("(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*",?)*\])/g
  return [...json.matchAll(pair)].map(([, name = '', value = '']) => {
    const parsed: unknown = JSON.parse(value)
    return [name, Array.isArray(parsed) ? parsed.join('|:') : String(parsed)]
  })
}
