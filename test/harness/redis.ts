// A real redis-server for a test file: its own process, port and directory, gone at the end. `npm test` says where
// the binary is; on its own a test file takes the one on the PATH.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'

export interface TestRedis extends AsyncDisposable {
  url: string
  port: number
  /** A client of the test's own. */
  client: Redis
  /** SIGKILL: connections break without a word. */
  kill(): Promise<void>
  /** Starts it again on the same port and directory. */
  start(): Promise<void>
  /** SIGSTOP and SIGCONT: it holds its connections and answers nothing. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

/** The server's program, which also is Sentinel's. */
export const BINARY = process.env.HOOKSWITCH_REDIS_SERVER ?? 'redis-server'

/** @param args further redis-server options, like ['--appendonly', 'yes'].
 *  @param options how its client connects; with `tls` the server speaks nothing else. */
export async function startRedis(
  args: string[] = [],
  options: Pick<RedisOptions, 'host' | 'tls' | 'username' | 'password'> = {},
): Promise<TestRedis> {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-redis-'))
  let child = spawn()

  function spawn() {
    const ports = options.tls ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)]
    const own = [...ports, '--bind', '127.0.0.1', '--dir', directory, '--save', '']
    return Bun.spawn([BINARY, ...own, ...args], { stdout: 'ignore', stderr: 'ignore' })
  }
  const persistence = { maxRetriesPerRequest: null, retryStrategy: () => 20 }
  const client = new Redis({ port, host: '127.0.0.1', ...options, ...persistence })
  // Errors while it is down are what the test is about.
  client.on('error', () => undefined)
  await client.ping()
  const close = async () => {
    client.disconnect()
    child.kill('SIGKILL')
    await child.exited
    await rm(directory, { recursive: true, force: true })
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    async kill() {
      child.kill('SIGKILL')
      await child.exited
    },
    async start() {
      child = spawn()
      await client.ping()
    },
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Below the range that Linux gives to outgoing connections: a port from there can be taken, by one of the many
 *  connections that a test makes, while its server is down for a moment. */
const PORT_MIN = 20_000
const PORT_MAX = 32_000

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    const server = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise(resolve => server.close(resolve))
    return port
  }
}
