// Stands in for one of Apple's two push hosts, at its own name and port, as strict as the documentation: HTTP/2 alone,
// one stream until the first valid provider token, every header checked, Apple's reasons in Apple's JSON. A test
// plans the next answers for a device token; without a plan a correct push is accepted.
import { randomUUID } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '../../src/base/units.ts'
import type { ApplePublicKey } from './appCredentials.ts'
import { createAppleRules } from './appleRules.ts'
import type { ServerCertificate } from './vendorCerts.ts'
import { vendorCertificate } from './vendorNames.ts'

export type ApnsPlan =
  | { kind: 'refuse'; status: number; reason: string; timestampMs?: number; retryAfter?: string }
  /** No answer until `release`. Pings are answered. */
  | { kind: 'hold' }
  /** GOAWAY; `isTaken`: this push is answered nevertheless, else it is beyond the last stream. */
  | { kind: 'goaway'; isTaken: boolean }
  /** The TCP connection breaks. */
  | { kind: 'drop' }
  /** RST_STREAM, REFUSED_STREAM. */
  | { kind: 'reset' }

/** A push that was in order. */
export interface ReceivedApnsPush {
  token: string
  headers: IncomingHttpHeaders
  payload: Record<string, unknown>
}

export interface ApnsStubOptions {
  host: 'api.push.apple.com' | 'api.sandbox.push.apple.com'
  keys: ApplePublicKey[]
  clock?: Clock
  /** Allowed after the first valid provider token. */
  streamsMax?: number
  /** 0 for a stub that a relay stands in front of. */
  port?: number
  /** Another than the one that the namespace trusts. */
  certificate?: ServerCertificate
}

export type ApnsStub = Awaited<ReturnType<typeof startApnsStub>>

/** @throws outside runInVendorNamespace, where the host is Apple's. */
export async function startApnsStub(options: ApnsStubOptions) {
  const { address } = await lookup(options.host)
  if (!address.startsWith('127.')) throw new Error(`${options.host} does not lead to this machine`)
  const rules = createAppleRules(options.keys, options.clock ?? Date.now)
  const streamsMax = options.streamsMax ?? 1_000
  const received: ReceivedApnsPush[] = []
  const heard: ReceivedApnsPush[] = []
  const refusals: string[] = []
  const plans = new Map<string, ApnsPlan[]>()
  const sessions = new Set<ServerHttp2Session>()
  const trusted = new WeakSet<ServerHttp2Session>()
  /** The stream that a GOAWAY named as the last; later ones are not heard. */
  const lastIds = new WeakMap<ServerHttp2Session, number>()
  /** HTTP/2 sessions don't let go of their sockets; a test wants to cut them. */
  const sockets = new WeakMap<ServerHttp2Session, Socket>()
  const held: (() => void)[] = []
  const watchers = new Set<() => void>()
  let connections = 0
  let streamsOpen = 0
  let streamsOpenMost = 0

  const server = createSecureServer({
    ...(options.certificate ?? vendorCertificate()),
    minVersion: 'TLSv1.2',
    allowHTTP1: false,
    settings: { maxConcurrentStreams: 1, enablePush: false },
  })
  let newest: Socket
  server.on('connection', socket => {
    newest = socket
  })
  server.on('session', (session: ServerHttp2Session) => {
    connections++
    sockets.set(session, newest)
    sessions.add(session)
    session.on('error', () => undefined) // a client that breaks off is part of the tests
    session.on('close', () => sessions.delete(session))
  })
  server.on('sessionError', () => undefined)
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    streamsOpen++
    streamsOpenMost = Math.max(streamsOpenMost, streamsOpen)
    stream.on('error', () => undefined)
    stream.on('close', () => streamsOpen--)
    let body = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      body += chunk
    })
    stream.on('end', () => {
      hear(stream, headers, body)
      for (const watcher of watchers) watcher()
    })
  })
  const { promise: listening, resolve } = Promise.withResolvers<void>()
  server.listen(options.port ?? 443, address, resolve)
  await listening

  function hear(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: string): void {
    const session = stream.session as ServerHttp2Session | undefined
    if (!session) return // the client broke off meanwhile
    if (stream.id! > (lastIds.get(session) ?? Number.POSITIVE_INFINITY)) return
    const verdict = rules.check(headers, body)
    if (verdict.isTokenValid && !trusted.has(session)) {
      trusted.add(session)
      session.settings({ maxConcurrentStreams: streamsMax })
    }
    if (verdict.refusal) return refuse(stream, headers, verdict.refusal)
    const push = { token: verdict.deviceToken, headers, payload: JSON.parse(body) }
    heard.push(push)
    const plan = plans.get(push.token)?.shift()
    switch (plan?.kind) {
      case undefined:
        return accept(stream, push)
      case 'refuse':
        return refuse(stream, headers, plan)
      case 'hold':
        return void held.push(() => accept(stream, push))
      case 'goaway': {
        // Clients have the odd streams, so this one's predecessor is two below.
        const lastId = plan.isTaken ? stream.id! : stream.id! - 2
        lastIds.set(session, lastId)
        session.goaway(0, lastId, Buffer.from('{"reason":"Shutdown"}'))
        if (plan.isTaken) accept(stream, push)
        return
      }
      case 'drop':
        return void sockets.get(session)?.destroy()
      case 'reset':
        return stream.close(7)
    }
  }

  function accept(stream: ServerHttp2Stream, push: ReceivedApnsPush): void {
    if (stream.destroyed) return
    received.push(push)
    stream.respond(
      { ':status': 200, 'apns-id': push.headers['apns-id'] ?? randomUUID() },
      { endStream: true },
    )
  }

  function refuse(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { status, reason, timestampMs, retryAfter }: Omit<Extract<ApnsPlan, { kind: 'refuse' }>, 'kind'>,
  ): void {
    refusals.push(reason)
    stream.respond({
      ':status': status,
      'apns-id': headers['apns-id'] ?? randomUUID(),
      ...(retryAfter ? { 'retry-after': retryAfter } : {}),
    })
    stream.end(JSON.stringify({ reason, ...(timestampMs ? { timestamp: timestampMs } : {}) }))
  }

  return {
    /** Accepted pushes, oldest first. */
    received,
    /** Pushes that were in order, accepted or not, oldest first. */
    heard,
    /** Reasons given, planned or earned. */
    refusals,
    port: (server.address() as { port: number }).port,
    connections: () => connections,
    openConnections: () => sessions.size,
    streamsOpenMost: () => streamsOpenMost,
    providerTokens: rules.tokensSeen,

    /** The next answers for a device token, one for each push. */
    plan(token: string, ...next: ApnsPlan[]): void {
      plans.set(token, [...(plans.get(token) ?? []), ...next])
    },

    /** Accepts every push that a 'hold' keeps waiting. */
    release(): void {
      for (const answer of held.splice(0)) answer()
    },

    /** Resolves once `isTrue` after a push was heard. */
    async until(isTrue: () => boolean): Promise<void> {
      if (isTrue()) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const watcher = () => isTrue() && resolve()
      watchers.add(watcher)
      await promise
      watchers.delete(watcher)
    },
    held: () => held.length,

    async close(): Promise<void> {
      const { promise: closed, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      for (const session of sessions) session.destroy()
      await closed
    },
  }
}
