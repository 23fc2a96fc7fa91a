// Reads server-sent events as they come, for tests that wait for one.

export interface ReadEvent {
  id?: string
  event?: string
  // biome-ignore lint/suspicious/noExplicitAny: it is what the test looks into.
  data?: any
}

export interface EventReader {
  status: number
  headers: Headers
  /** Everything that was read so far; comments are kept apart. */
  events: ReadEvent[]
  comments: number
  /** The next event that fits, from the first not yet waited for. @throws after `LIMIT_MS`. */
  next(fits: (event: ReadEvent) => boolean): Promise<ReadEvent>
  /** Settles when the server has ended the stream. */
  ended: Promise<void>
  leave(): void
}

const LIMIT_MS = 30_000

export async function readEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const abort = new AbortController()
  const response = await fetch(url, { headers, signal: abort.signal })
  const watchers = new Set<() => void>()
  const { promise: ended, resolve: markEnded } = Promise.withResolvers<void>()
  let seen = 0
  const reader: EventReader = {
    status: response.status,
    headers: response.headers,
    events: [],
    comments: 0,
    ended,
    leave: () => abort.abort(),
    next: fits =>
      new Promise((resolve, reject) => {
        const stop = (act: () => void) => {
          watchers.delete(look)
          clearTimeout(timer)
          act()
        }
        const look = () => {
          const index = reader.events.findIndex((event, at) => at >= seen && fits(event))
          if (index < 0) return
          seen = index + 1
          stop(() => resolve(reader.events[index]!))
        }
        const timer = setTimeout(
          () => stop(() => reject(new Error(`never came; read: ${JSON.stringify(reader.events)}`))),
          LIMIT_MS,
        )
        watchers.add(look)
        look()
      }),
  }
  void take(response, reader, () => {
    for (const look of [...watchers]) look()
  })
    // Left by the test itself.
    .catch(() => undefined)
    .finally(markEnded)
  return reader
}

async function take(response: Response, reader: EventReader, changed: () => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      if (block.startsWith(':')) reader.comments += 1
      else reader.events.push(parse(block))
    }
    changed()
  }
}

function parse(block: string): ReadEvent {
  const fields = Object.fromEntries(
    block.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  const { id, event, data } = fields
  return {
    ...(id === undefined ? {} : { id }),
    ...(event === undefined ? {} : { event }),
    ...(data === undefined ? {} : { data: JSON.parse(data) }),
  }
}
