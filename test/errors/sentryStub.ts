// Sentry as its clients meet it: envelopes posted to a project. It keeps the events in them.
import { eventually } from '../harness/internal.ts'

export interface SentryEvent {
  exception: { values: { type: string; value: string; stacktrace?: { frames: { filename?: string }[] } }[] }
  extra?: Record<string, unknown>
  tags?: Record<string, string>
  environment?: string
  release?: string
  server_name?: string
}

export interface SentryStub extends Disposable {
  dsn: string
  events: SentryEvent[]
  /** Everything that came, as text. */
  text(): string
  /** The first event one of whose errors says this, as soon as it is there. */
  event(says: string): Promise<SentryEvent>
}

export function startSentry(): SentryStub {
  const events: SentryEvent[] = []
  let text = ''
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname !== '/api/42/envelope/' || searchParams.get('sentry_key') !== 'public')
        return new Response(null, { status: 403 })
      const body = await request.text()
      text += body
      const [, header = '{}', payload = '{}'] = body.split('\n')
      if ((JSON.parse(header) as { type: string }).type === 'event')
        events.push(JSON.parse(payload) as SentryEvent)
      return Response.json({ id: crypto.randomUUID() })
    },
  })
  const find = (says: string) =>
    events.find(event => event.exception.values.some(error => error.value.includes(says)))
  return {
    dsn: `http://public@127.0.0.1:${server.port}/42`,
    events,
    text: () => text,
    async event(says) {
      await eventually(`a report of: ${says}; there came: ${text}`, () => find(says) !== undefined)
      return find(says)!
    },
    [Symbol.dispose]: () => void server.stop(true),
  }
}
