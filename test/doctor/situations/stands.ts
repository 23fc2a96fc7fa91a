// What else may speak at a port that is meant for Redis or for the switch: a web server, TLS, a Sentinel, Asterisk's manager,
// our own listener for dialplans.
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { makeStrangeCertificate } from '../../push/vendorCerts.ts'

/** Ports at which something else is spoken. */
export interface Stands {
  http: number
  tls: number
  tlsRedis: number
  sentinel: number
  manager: number
  door: number
  /** An app's login that is as it should be. */
  login: number
}

/** @param closing ends them all. */
export async function openStands(closing: AsyncDisposableStack): Promise<Stands> {
  const web = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('<html>') })
  const login = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('', { status: 401 }) })
  closing.defer(async () => {
    await Promise.all([web.stop(true), login.stop(true)])
  })
  const certificate = makeStrangeCertificate()
  const saying = (greeting: string) => (socket: Socket) => void socket.write(greeting)
  const answering = (answer: (line: string) => string) => (socket: Socket) =>
    void socket.on('data', bytes => {
      for (const line of bytes.toString('latin1').split('\r\n')) if (line !== '') socket.write(answer(line))
    })
  return {
    http: web.port!,
    login: login.port!,
    tls: await listen(
      closing,
      take => createTlsServer(certificate, take),
      answering(() => 'who are you?\n'),
    ),
    tlsRedis: await listen(
      closing,
      take => createTlsServer(certificate, take),
      answering(line => (line === 'PING' ? '+PONG\r\n' : '-ERR unknown command\r\n')),
    ),
    sentinel: await listen(closing, createServer, answering(asSentinel)),
    manager: await listen(closing, createServer, saying('Asterisk Call Manager/11.0.0\r\n')),
    door: await listen(closing, createServer, saying('connect\n\n')),
  }
}

/** Sentinel 7.0's own words. The names of commands stand on lines of their own in RESP. */
function asSentinel(line: string): string {
  if (/^INFO/i.test(line)) return '$41\r\n# Server\r\nredis_mode:sentinel\r\nuptime:1000\r\n'
  if (/^PING/i.test(line)) return '+PONG\r\n'
  return /^(CLUSTER|HELLO|CLIENT)/i.test(line) ? `-ERR unknown command '${line.split(' ')[0]}'\r\n` : ''
}

async function listen(
  closing: AsyncDisposableStack,
  create: (take: (socket: Socket) => void) => Server,
  greet: (socket: Socket) => void,
): Promise<number> {
  const sockets = new Set<Socket>()
  const server = create(socket => {
    sockets.add(socket)
    // The examination ends the connection when it has seen enough.
    socket.on('error', () => undefined)
    greet(socket)
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.defer(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  return (server.address() as { port: number }).port
}
