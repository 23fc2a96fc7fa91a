// The service as a real process: `bun src/main.ts` with settings of the test's own. Its log, JSON lines on stdout,
// is collected, because that is where pushes go without APPS_FILE, and because what must not be logged is a test.
import { join } from 'node:path'

export type LogLine = Record<string, unknown> & { msg: string; level: string }

export interface TestService {
  publicUrl: string
  internalUrl: string
  process: Bun.Subprocess
  log: LogLine[]
  /** Everything it printed, for tests of what it must not print. */
  output(): string
  /** The first log line that fits, past or future. @throws after ten seconds. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>
  /** The first push for a call that the log shows: what the app would find in it. */
  pushed(callId: string): Promise<Record<string, string>>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>
  kill(): Promise<void>
}

const ROOT = join(import.meta.dir, '../..')
const LOG_TIMEOUT_MS = 10_000

/** Starts it and waits until it listens. */
export async function startService(env: Record<string, string>): Promise<TestService> {
  const child = Bun.spawn([process.execPath, join(ROOT, 'src/main.ts')], {
    cwd: ROOT,
    env: { ...bareEnv(), PORT: '0', INTERNAL_PORT: '0', HOST: '127.0.0.1', ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const log: LogLine[] = []
  const watchers = new Set<() => void>()
  let output = ''
  const collect = async (stream: ReadableStream<Uint8Array>, isLog: boolean) => {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const bytes of stream) {
      const chunk = decoder.decode(bytes, { stream: true })
      output += chunk
      if (!isLog) continue
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      for (const line of lines) if (line.startsWith('{')) log.push(JSON.parse(line) as LogLine)
      for (const look of watchers) look()
    }
  }
  void collect(child.stdout, true)
  void collect(child.stderr, false)

  function logged(fits: (line: LogLine) => boolean): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        watchers.delete(look)
        clearTimeout(timer)
        act()
      }
      const look = () => {
        const found = log.find(fits)
        if (found) finish(() => resolve(found))
      }
      const timer = setTimeout(
        () => finish(() => reject(new Error(`never logged; it printed:\n${output}`))),
        LOG_TIMEOUT_MS,
      )
      watchers.add(look)
      look()
    })
  }

  const up = await Promise.race([
    logged(line => line.msg === 'hookswitch is up'),
    child.exited.then(code => Promise.reject(new Error(`exited with ${code} at start:\n${output}`))),
  ])
  return {
    publicUrl: String(up.public),
    internalUrl: String(up.internal),
    process: child,
    log,
    output: () => output,
    logged,
    async pushed(callId) {
      const line = await logged(each => each.unique_key === callId && each.response_api !== undefined)
      return line as unknown as Record<string, string>
    },
    async stop() {
      child.kill('SIGTERM')
      return child.exited
    },
    async kill() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

/** The environment without settings that a developer happens to have exported. */
function bareEnv(): Record<string, string> {
  const keep = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_EXTRA_CA_CERTS']
  return Object.fromEntries(
    keep.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]!]])),
  )
}
