// The service as a real process: `bun src/main.ts` with settings of the test's own. Its log, JSON lines on stdout,
// is collected, because that is where pushes go without APPS_FILE, and because what must not be logged is a test.
import { join } from 'node:path'
import { untilReady } from './internal.ts'
import { openPrinted } from './printed.ts'
import { freePort } from './redis.ts'

export type LogLine = Record<string, unknown> & { msg: string; level: string }

/** What an app finds in a push, as the log shows it without APPS_FILE. */
export type LoggedPush = Record<string, string> & { attempt: number; message_start_time: number }

export interface TestService extends AsyncDisposable {
  publicUrl: string
  internalUrl: string
  process: Bun.Subprocess
  log: LogLine[]
  /** Everything it printed, for tests of what it must not print. */
  output(): string
  /** The first log line that fits, past or future. @throws after `LOG_TIMEOUT_MS`. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>
  /** The nth push for a call (the first, if not said), past or future: what the app would find in it. */
  pushed(callId: string, nth?: number): Promise<LoggedPush>
  /** All pushes of one type for a call that the log shows so far. */
  pushesOf(callId: string, type?: 'call' | 'cancel'): LoggedPush[]
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>
  /** SIGKILL; nothing happens when it has ended already. */
  kill(): Promise<void>
}

const ROOT = join(import.meta.dir, '../..')
const LOG_TIMEOUT_MS = 45_000

/** Another program than the service's own main, and what to do with the messages that it sends to the test. */
export interface ServiceProgram {
  path: string
  onMessage: (message: unknown, child: Bun.Subprocess) => void
}

/** Starts it and waits until it listens; one that is told to log little, until it is ready. */
export async function startService(
  env: Record<string, string>,
  program?: ServiceProgram,
): Promise<TestService> {
  const isTerse = ['warn', 'error'].includes(env.LOG_LEVEL ?? '')
  const ports = isTerse
    ? { PORT: String(await freePort()), INTERNAL_PORT: String(await freePort()) }
    : undefined
  const log: LogLine[] = []
  const watchers = new Set<() => void>()
  let output = ''
  let rest = ''
  const out = openPrinted(text => {
    output += text
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.startsWith('{')) log.push(JSON.parse(line) as LogLine)
    for (const look of watchers) look()
  })
  const errors = openPrinted(text => {
    output += text
  })
  const child = spawnService({ ...ports, ...env }, program, { stdout: out.fd, stderr: errors.fd })
  void child.exited.then(() => {
    out.close()
    errors.close()
  })

  /** Resolves with what `find` finds in the log, now or as soon as it is there. */
  function inLog<Found>(find: () => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        watchers.delete(look)
        clearTimeout(timer)
        act()
      }
      const look = () => {
        const found = find()
        if (found !== undefined) finish(() => resolve(found))
      }
      const timer = setTimeout(
        () => finish(() => reject(new Error(`never logged; it printed:\n${output}`))),
        LOG_TIMEOUT_MS,
      )
      watchers.add(look)
      look()
    })
  }

  const logged = (fits: (line: LogLine) => boolean) => inLog(() => log.find(fits))
  const pushesOf = (callId: string, type: 'call' | 'cancel' = 'call') =>
    log.filter(
      line => line.call_id === callId && line.msg.includes(`push '${type}'`),
    ) as unknown as LoggedPush[]

  const saysItIsUp = async () => {
    const line = await logged(each => each.msg === 'hookswitch is up')
    return { publicUrl: String(line.public), internalUrl: String(line.internal) }
  }
  const answersThatItIsReady = async ({ PORT, INTERNAL_PORT }: { PORT: string; INTERNAL_PORT: string }) => {
    await untilReady(`http://127.0.0.1:${INTERNAL_PORT}`)
    return { publicUrl: `http://127.0.0.1:${PORT}`, internalUrl: `http://127.0.0.1:${INTERNAL_PORT}` }
  }
  const urls = await Promise.race([
    ports ? answersThatItIsReady(ports) : saysItIsUp(),
    child.exited.then(code => Promise.reject(new Error(`exited with ${code} at start:\n${output}`))),
  ])
  const kill = async () => {
    child.kill('SIGKILL')
    await child.exited
  }
  return {
    ...urls,
    process: child,
    log,
    output: () => output,
    logged,
    pushed: (callId, nth = 1) => inLog(() => pushesOf(callId)[nth - 1]),
    pushesOf,
    async stop() {
      child.kill('SIGTERM')
      return child.exited
    },
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

/** Starts it with these settings on free ports, and waits for nothing: for tests of how it ends. */
export function spawnService<Stdio extends 'pipe' | number = 'pipe'>(
  env: Record<string, string>,
  program?: ServiceProgram,
  stdio?: { stdout: Stdio; stderr: Stdio },
): Bun.Subprocess<'ignore', Stdio, Stdio> {
  const command = [process.execPath, join(ROOT, program?.path ?? 'src/main.ts')]
  const options = {
    cwd: ROOT,
    env: {
      ...bareEnv(),
      ROLE: 'front',
      PORT: '0',
      INTERNAL_PORT: '0',
      SOCKET_PORT: '0',
      HOST: '127.0.0.1',
      ...env,
    },
    stdin: 'ignore' as const,
    stdout: (stdio?.stdout ?? 'pipe') as Stdio,
    stderr: (stdio?.stderr ?? 'pipe') as Stdio,
  }
  return program ? Bun.spawn(command, { ...options, ipc: program.onMessage }) : Bun.spawn(command, options)
}

/** The environment without settings that a developer happens to have exported. */
function bareEnv(): Record<string, string> {
  const keep = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_EXTRA_CA_CERTS']
  return Object.fromEntries(
    keep.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]!]])),
  )
}
