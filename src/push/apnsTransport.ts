// Keeps one HTTP/2 connection to one of Apple's hosts and puts requests through it. Requests wait here while a
// connection opens or all its streams are taken; those that a GOAWAY or a broken connection left unanswered go out
// again on the next one. What an answer means is not known here: apns.ts reads it.
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { messageOf } from '../base/result.ts'
import type { Clock } from '../base/units.ts'

/** Time limits of the connection, in milliseconds. */
export interface TransportLimits {
  /** From the first SYN to Apple's SETTINGS frame. */
  connectMs: number
  /** A connection unheard for this long is asked (PING) when a push goes out on it. */
  idleMs: number
  /** So is one that left a push unanswered for this long. */
  quietMs: number
  /** Without an answer to the PING by then the connection counts as dead and is replaced. */
  probeMs: number
  /** A PING this often keeps NAT and firewall entries alive; the common ones forget after 5 minutes or more. */
  keepAliveMs: number
  /** Time for the last answers at `close`. */
  closeMs: number
}

/** The defaults: together they find a dead connection 2 s after a push, within the shortest common wait (4 s). */
export const TRANSPORT_LIMITS: TransportLimits = {
  connectMs: 3_000,
  idleMs: 10_000,
  quietMs: 1_000,
  probeMs: 1_000,
  keepAliveMs: 60_000,
  closeMs: 3_000,
}

/** Apple allows 1 stream until the first valid token, then commonly 1,000; more would only cost memory. */
const STREAMS_MAX = 1_000

/** Bodies that may be unanswered at once: twice the window that HTTP/2 grants a connection at first (RFC 9113, section
 *  6.9.2), so that one is on its way while the other waits for room. Far beyond it, Bun serves the streams that wait
 *  for room in no fair order: of 1,000 pushes at once some were overtaken for seconds. */
const UNANSWERED_BYTES_MAX = 2 * 65_535

/** Requests waiting for a stream. Beyond it the vendor is so far behind that a wait ends before its turn comes. */
export const WAITING_MAX = 5_000

/** How often one request is put on a connection. A third loss in a row is Apple's trouble, not the connection's. */
const SENDS_MAX = 3

/** Apple's reasons are some 60 bytes of JSON; a longer body is not Apple's, and its rest is dropped. */
const ANSWER_LENGTH_MAX = 4_096

/** A process that was held up finds its timers due before it has read what arrived meanwhile. An immediate may still
 *  come before the reading; a timer of the next turn does not. */
const READ_FIRST_MS = 10

/** The request got no answer: no connection, a connection lost three times, or its time is over. */
export class ApnsUnreachable extends Error {
  override name = 'ApnsUnreachable'
}

export interface ApnsRequest {
  path: string
  headers: Record<string, string>
  body: string
}

export interface ApnsAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

export interface ApnsTransport {
  /** Puts a request through. @throws {ApnsUnreachable} also when `signal` aborts first. */
  request(request: ApnsRequest, signal: AbortSignal): Promise<ApnsAnswer>
  /** Refuses further requests, waits for running ones up to `closeMs`, then closes. */
  close(): Promise<void>
}

interface Connection {
  session: ClientHttp2Session
  /** 0 until Apple's SETTINGS arrive: a stream opened before may be refused. */
  streamsMax: number
  streamsOpen: number
  bytesUnanswered: number
  framesHeard: number
  heardAtMs: number
  /** Set while an answer to a PING is awaited; anything heard counts as one. */
  probe: Timer | undefined
  /** Why the connection failed, as far as known. */
  failure: string
}

interface Exchange {
  request: ApnsRequest
  sendsLeft: number
  stream: ClientHttp2Stream | undefined
  isSettled: boolean
  settle: (outcome: ApnsAnswer | ApnsUnreachable) => void
}

/** @param host Apple's own name; the port is 443, the trust the platform's. Connects at the first request. */
export function openTransport(host: string, clock: Clock, limits: TransportLimits): ApnsTransport {
  const waiting = new Set<Exchange>()
  const connections = new Set<Connection>()
  let current: Connection | undefined
  let isClosing = false
  const keepAlive = setInterval(() => current && probe(current), limits.keepAliveMs)
  keepAlive.unref()

  return { request, close }

  function request(request: ApnsRequest, signal: AbortSignal): Promise<ApnsAnswer> {
    if (isClosing) return Promise.reject(new ApnsUnreachable('the sender is closed'))
    if (signal.aborted) return Promise.reject(new ApnsUnreachable('the time was over before sending'))
    if (waiting.size >= WAITING_MAX) return Promise.reject(new ApnsUnreachable('too many pushes are waiting'))
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        exchange.settle(new ApnsUnreachable('no answer in time'))
        exchange.stream?.close(constants.NGHTTP2_CANCEL)
      }
      const exchange: Exchange = {
        request,
        sendsLeft: SENDS_MAX,
        stream: undefined,
        isSettled: false,
        settle(outcome) {
          if (exchange.isSettled) return
          exchange.isSettled = true
          waiting.delete(exchange)
          signal.removeEventListener('abort', onAbort)
          if (outcome instanceof ApnsUnreachable) reject(outcome)
          else resolve(outcome)
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.add(exchange)
      pump()
    })
  }

  function pump(): void {
    for (const exchange of waiting) {
      const connection = usable() ?? openConnection()
      if (!hasRoom(connection)) return
      waiting.delete(exchange)
      send(connection, exchange)
    }
  }

  function hasRoom({ streamsOpen, streamsMax, bytesUnanswered }: Connection): boolean {
    return streamsOpen < streamsMax && bytesUnanswered < UNANSWERED_BYTES_MAX
  }

  function usable(): Connection | undefined {
    if (current && (current.session.closed || current.session.destroyed)) current = undefined
    return current
  }

  function openConnection(): Connection {
    const session = connect(`https://${host}`, { settings: { enablePush: false } })
    const connection: Connection = {
      session,
      streamsMax: 0,
      streamsOpen: 0,
      bytesUnanswered: 0,
      framesHeard: 0,
      heardAtMs: clock(),
      probe: undefined,
      failure: 'closed by Apple',
    }
    current = connection
    connections.add(connection)
    const connectTimer = setTimeout(() => {
      abandon(connection, `no connection within ${limits.connectMs} ms`)
    }, limits.connectMs)
    session.on('remoteSettings', settings => {
      clearTimeout(connectTimer)
      hear(connection)
      connection.streamsMax = Math.min(settings.maxConcurrentStreams ?? STREAMS_MAX, STREAMS_MAX)
      pump()
    })
    // Streams that Apple did not take are refused by node:http2 itself and come back through `lost`; those it took
    // are still answered on this connection, which closes after the last.
    session.on('goaway', () => retire(connection))
    session.on('error', error => {
      connection.failure = messageOf(error)
    })
    session.on('close', () => {
      clearTimeout(connectTimer)
      clearTimeout(connection.probe)
      connections.delete(connection)
      retire(connection)
      // Without this a host that can't be reached would be tried in a tight loop; the caller backs off.
      if (connection.streamsMax === 0) failWaiting(`${host}: ${connection.failure}`)
      else pump()
    })
    return connection
  }

  function send(connection: Connection, exchange: Exchange): void {
    const { session } = connection
    if (clock() - connection.heardAtMs > limits.idleMs) probe(connection)
    exchange.sendsLeft--
    let stream: ClientHttp2Stream
    try {
      stream = session.request({
        ':method': 'POST',
        ':path': exchange.request.path,
        ...exchange.request.headers,
      })
    } catch (thrown) {
      // The connection began to close in this very moment.
      retire(connection)
      lost(exchange, messageOf(thrown))
      return
    }
    const bytes = Buffer.byteLength(exchange.request.body)
    connection.streamsOpen++
    connection.bytesUnanswered += bytes
    exchange.stream = stream
    const quietTimer = setTimeout(() => probe(connection), limits.quietMs)
    let answer: ApnsAnswer | undefined
    let failure = 'closed without an answer'
    stream.setEncoding('utf8')
    stream.on('response', headers => {
      clearTimeout(quietTimer)
      hear(connection)
      answer = { status: headers[':status'] ?? 0, headers, text: '' }
      // A 200 has no body: no need to wait for the end of an empty one.
      if (answer.status === constants.HTTP_STATUS_OK) exchange.settle(answer)
    })
    stream.on('data', (chunk: string) => {
      if (answer && answer.text.length < ANSWER_LENGTH_MAX) answer.text += chunk
    })
    stream.on('error', error => {
      failure = messageOf(error)
    })
    stream.on('close', () => {
      clearTimeout(quietTimer)
      connection.streamsOpen--
      connection.bytesUnanswered -= bytes
      exchange.stream = undefined
      if (answer) exchange.settle(answer)
      else lost(exchange, failure)
      pump()
    })
    stream.end(exchange.request.body)
  }

  function lost(exchange: Exchange, failure: string): void {
    if (exchange.isSettled) return
    if (isClosing || exchange.sendsLeft === 0) {
      exchange.settle(new ApnsUnreachable(`${host}: ${failure}`))
      return
    }
    // Not at once: a stream may close a moment before its connection is known to be gone.
    setImmediate(() => {
      if (exchange.isSettled) return
      waiting.add(exchange)
      pump()
    })
  }

  function probe(connection: Connection): void {
    const { session, framesHeard } = connection
    if (connection.probe || connection.streamsMax === 0 || session.destroyed) return
    const end = () => {
      connection.probe = undefined
      if (connection.framesHeard === framesHeard && !session.destroyed)
        abandon(connection, `no answer to a ping within ${limits.probeMs} ms`)
    }
    connection.probe = setTimeout(() => {
      connection.probe = setTimeout(end, READ_FIRST_MS)
    }, limits.probeMs)
    session.ping(error => {
      if (!error) hear(connection)
    })
  }

  function hear(connection: Connection): void {
    connection.framesHeard++
    connection.heardAtMs = clock()
  }

  function abandon(connection: Connection, failure: string): void {
    connection.failure = failure
    retire(connection)
    connection.session.destroy()
  }

  function retire(connection: Connection): void {
    if (current === connection) current = undefined
  }

  function failWaiting(failure: string): void {
    for (const exchange of [...waiting]) exchange.settle(new ApnsUnreachable(failure))
  }

  async function close(): Promise<void> {
    isClosing = true
    clearInterval(keepAlive)
    failWaiting('the sender is closed')
    const closed = [...connections].map(({ session }) => closeSession(session, limits.closeMs))
    await Promise.all(closed)
  }
}

/** Lets running streams end, within the limit. */
function closeSession(session: ClientHttp2Session, limitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(() => session.destroy(), limitMs)
  session.once('close', () => {
    clearTimeout(timer)
    resolve()
  })
  // A destroyed one has its 'close' still to come.
  if (!session.destroyed) session.close()
  return promise
}
