// A real redis-server for a test file: its own process, port and directory, gone at the end. `npm test` says where
// the binary is; on its own a test file takes the one on the PATH.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

export interface TestRedis {
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

const BINARY = process.env.HOOKSWITCH_REDIS_SERVER ?? 'redis-server'

/** @param args further redis-server options, like ['--appendonly', 'yes']. */
export async function startRedis(args: string[] = []): Promise<TestRedis> {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-redis-'))
  let child = spawn()

  function spawn() {
    const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '']
    return Bun.spawn([BINARY, ...options, ...args], { stdout: 'ignore', stderr: 'inherit' })
  }
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null, retryStrategy: () => 20 })
  // Errors while it is down are what the test is about.
  client.on('error', () => undefined)
  await client.ping()

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
    async close() {
      client.disconnect()
      child.kill('SIGKILL')
      await child.exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
