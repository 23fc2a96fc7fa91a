// The Redis that the launcher starts itself: it ends with its launcher, however that ends, keeps its data,
// and is never two on one directory. Each launcher here is a Node process of its own with the launcher's real
// modules.
import { afterEach, describe, expect, test } from 'bun:test'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { LAUNCH_DIR, makeProject, type Project, REDIS_SERVER } from './project.ts'

const { nodesOf } = (await import(`${LAUNCH_DIR}/redis.mjs`)) as {
  nodesOf(url: string): { host: string; port: number; isPlain: boolean }[]
}

/** Provides a Redis as `start` does, says where, and lets go of it when its standard input ends. */
const LAUNCHER = `
import { provideRedis } from './deploy/launch/redis.mjs'
const say = line => console.log(JSON.stringify({ said: line }))
const context = { projectDir: process.cwd(), env: process.env, usualPort: Number(process.env.USUAL_PORT), say }
try {
  const redis = await provideRedis(context)
  console.log(JSON.stringify({ url: redis.url }))
  for await (const _ of process.stdin);
  await redis.release()
  process.exit(0)
} catch (error) {
  console.log(JSON.stringify({ refused: error.message }))
  process.exit(error.exitCode ?? 70)
}`

type Launcher = { process: ChildProcess; lines: Interface; url: string; said: string[] }

const running: ChildProcess[] = []
afterEach(async () => {
  const alive = running.splice(0).filter(child => child.exitCode === null && child.signalCode === null)
  await Promise.all(
    alive.map(child => {
      child.kill('SIGKILL')
      return once(child, 'exit')
    }),
  )
})

function startLauncher(project: Project, usualPort: number, env: Record<string, string> = {}) {
  project.write('launcher.mjs', LAUNCHER)
  const child = spawn('node', ['launcher.mjs'], {
    cwd: project.dir,
    env: {
      PATH: process.env.PATH,
      HOOKSWITCH_REDIS_SERVER: REDIS_SERVER,
      USUAL_PORT: String(usualPort),
      ...env,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  running.push(child)
  return child
}

/** Waits for the launcher's answer; what it said before is kept. */
async function answerOf(child: ChildProcess): Promise<Launcher & { refused: string }> {
  const said: string[] = []
  const lines = createInterface({ input: child.stdout! })
  return await new Promise((resolve, reject) => {
    lines.on('line', line => {
      const message = JSON.parse(line) as { said?: string; url?: string; refused?: string }
      if (message.said) said.push(message.said)
      else resolve({ process: child, lines, said, url: message.url ?? '', refused: message.refused ?? '' })
    })
    lines.once('close', () => reject(new Error('the launcher ended without an answer')))
  })
}

async function finish(launcher: Launcher) {
  const exit = once(launcher.process, 'exit')
  launcher.process.stdin!.end()
  return ((await exit) as [number])[0]
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

const processIdOf = async (url: string) => {
  using redis = new RedisConnection(url)
  return Number(/process_id:(\d+)/.exec(await redis.ask('INFO server'))?.[1])
}

class RedisConnection {
  readonly #client: Bun.RedisClient
  constructor(url: string) {
    this.#client = new Bun.RedisClient(url)
  }
  async ask(command: string): Promise<string> {
    const [name = '', ...args] = command.split(' ')
    return String(await this.#client.send(name, args))
  }
  [Symbol.dispose]() {
    this.#client.close()
  }
}

/** Not our child, so its end is no event to us: look until it is gone (the test's own time limit ends the
 *  wait). */
async function endOf(processId: number) {
  for (;;) {
    try {
      process.kill(processId, 0)
    } catch {
      // ESRCH: it has ended.
      return
    }
    await Bun.sleep(20)
  }
}

describe.skipIf(!REDIS_SERVER)('a Redis of its own', () => {
  test('listens on the usual port, keeps its data to itself, and ends when the launcher has finished', async () => {
    using project = makeProject()
    const port = await freePort()
    const launcher = await answerOf(startLauncher(project, port))
    expect(launcher.url).toBe(`redis://127.0.0.1:${port}`)
    expect(launcher.said).toEqual([
      `Started Redis on 127.0.0.1:${port}, data in .hookswitch/redis; it ends with this command.`,
    ])
    const directory = join(project.dir, '.hookswitch/redis')
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    const processId = await processIdOf(launcher.url)
    expect(await finish(launcher)).toBe(0)
    expect(() => process.kill(processId, 0)).toThrow()
    expect(existsSync(join(directory, 'port'))).toBe(false)
  })

  test('takes another port when the usual one is held by something else', async () => {
    using project = makeProject()
    const stranger = createServer(socket => socket.end('220 not a Redis\r\n')).listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    const { port } = stranger.address() as { port: number }
    const launcher = await answerOf(startLauncher(project, port))
    expect(launcher.url).not.toBe(`redis://127.0.0.1:${port}`)
    using redis = new RedisConnection(launcher.url)
    expect(await redis.ask('PING')).toBe('PONG')
    await finish(launcher)
    stranger.close()
  })

  test('ends when the launcher is killed outright, and the next one finds the data again', async () => {
    using project = makeProject()
    const port = await freePort()
    const first = await answerOf(startLauncher(project, port))
    const processId = await processIdOf(first.url)
    {
      using redis = new RedisConnection(first.url)
      await redis.ask('SET kept yes')
    }
    first.process.kill('SIGKILL')
    await endOf(processId)

    const second = await answerOf(startLauncher(project, port))
    using redis = new RedisConnection(second.url)
    expect(await redis.ask('GET kept')).toBe('yes')
    expect(await finish(second)).toBe(0)
  })

  test('is one, when two launchers start at once, and ends with the last of them', async () => {
    using project = makeProject()
    // Two usual ports: neither finds the other's Redis there, and only the lock keeps the directory for one.
    const children = [startLauncher(project, await freePort()), startLauncher(project, await freePort())]
    const launchers = await Promise.all(children.map(answerOf))
    expect(launchers[0]!.url).toBe(launchers[1]!.url)
    const owner = launchers.find(launcher => launcher.said.some(line => line.startsWith('Started')))!
    const guest = launchers.find(launcher => launcher !== owner)!
    expect(guest.said.at(-1)).toStartWith('Using the Redis that answers on 127.0.0.1:')

    const processId = await processIdOf(owner.url)
    expect(await finish(owner)).toBe(0)
    expect(owner.said.at(-1)).toContain('stays until the other hookswitch that uses it has ended')
    expect(await processIdOf(guest.url)).toBe(processId)
    await finish(guest)
    await endOf(processId)
  })

  test('is started again when it crashes', async () => {
    using project = makeProject()
    const launcher = await answerOf(startLauncher(project, await freePort()))
    const processId = await processIdOf(launcher.url)
    const told = once(launcher.lines, 'line')
    process.kill(processId, 'SIGKILL')
    expect(String(await told)).toContain('The local Redis ended unexpectedly; starting it again ...')
    expect(await processIdOf(launcher.url)).not.toBe(processId)
    await finish(launcher)
  })

  test('that does not come up is reported with the end of its log', async () => {
    using project = makeProject()
    const broken = project.program(
      'redis-broken',
      '[ "$1" = --version ] && { echo v=7.0.0; exit; }\necho "Fatal: no space" >&2; exit 1',
    )
    const refused = await answerOf(
      startLauncher(project, await freePort(), { HOOKSWITCH_REDIS_SERVER: broken }),
    )
    expect(refused.refused).toStartWith('Redis did not start. The end of .hookswitch/redis/redis.log:')
    expect(refused.refused).toContain('Fatal: no space')
  })
})

describe.skipIf(!REDIS_SERVER)('a Redis that runs already', () => {
  test('is used and left running', async () => {
    using project = makeProject()
    using neighbour = makeProject()
    const port = await freePort()
    const theirs = await answerOf(startLauncher(neighbour, port))
    const ours = await answerOf(startLauncher(project, port))
    expect(ours.said).toEqual([`Using the Redis that answers on 127.0.0.1:${port}.`])
    await finish(ours)
    using redis = new RedisConnection(theirs.url)
    expect(await redis.ask('PING')).toBe('PONG')
    expect(existsSync(join(project.dir, '.hookswitch'))).toBe(false)
    await finish(theirs)
  })

  test('and wants a password is not passed over: the reader is told what to set', async () => {
    using project = makeProject()
    using neighbour = makeProject()
    const port = await freePort()
    const theirs = await answerOf(startLauncher(neighbour, port))
    {
      using redis = new RedisConnection(theirs.url)
      await redis.ask('CONFIG SET requirepass secret')
    }
    const child = startLauncher(project, port)
    const exit = once(child, 'exit')
    expect((await answerOf(child)).refused).toContain(
      `Set PUBSUB_REDIS_URL=redis://:password@127.0.0.1:${port}`,
    )
    expect(((await exit) as [number])[0]).toBe(1)
    await finish(theirs)
  })
})

describe('PUBSUB_REDIS_URL', () => {
  test('that nobody answers is passed on with a word of warning and no password, and no Redis is started', async () => {
    using project = makeProject()
    const port = await freePort()
    const url = `redis://:secret@127.0.0.1:${port}/2`
    const launcher = await answerOf(startLauncher(project, await freePort(), { PUBSUB_REDIS_URL: url }))
    expect(launcher.url).toBe(url)
    expect(launcher.said).toEqual([
      `Nothing answers at 127.0.0.1:${port}, which PUBSUB_REDIS_URL names; the service goes on trying.`,
    ])
    await finish(launcher)
    expect(existsSync(join(project.dir, '.hookswitch'))).toBe(false)
  })

  test('is read in every form that the service takes', () => {
    const plain = (host: string, port: number) => ({ host, port, isPlain: true })
    const forms: [string, ReturnType<typeof nodesOf>][] = [
      ['redis://cache', [plain('cache', 6379)]],
      ['redis://user:pass@cache:7000/3', [plain('cache', 7000)]],
      ['redis://[::1]:7000', [plain('::1', 7000)]],
      ['redis://a:7000,redis://b:7001,c', [plain('a', 7000), plain('b', 7001), plain('c', 6379)]],
      ['rediss://cache:6380', [{ host: 'cache', port: 6380, isPlain: false }]],
      [
        'redis+sentinel://a,b:26380/primary',
        [
          { host: 'a', port: 26379, isPlain: false },
          { host: 'b', port: 26380, isPlain: false },
        ],
      ],
      ['http://cache', []],
      ['nonsense', []],
    ]
    for (const [url, nodes] of forms) expect(nodesOf(url)).toEqual(nodes)
  })
})
