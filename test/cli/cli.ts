// The command line as the tests run it: in the test's own process, with a terminal that collects its lines. Its exit
// code, its two streams and Ctrl-C are what a script has of it, too.
import { runCli } from '../../src/cli/run.ts'

export interface CliRun {
  /** Lines of standard output and of standard error so far. */
  out: string[]
  err: string[]
  /** Resolves with the first line of either stream that fits, past or future. */
  said(fits: string | RegExp): Promise<string>
  interrupt(): void
  exited: Promise<number>
}

export interface CliOptions {
  env?: Record<string, string>
  hasColour?: boolean
}

export function startCli(redisUrl: string, argv: string[], options: CliOptions = {}): CliRun {
  const out: string[] = []
  const err: string[] = []
  const watchers = new Set<() => void>()
  const interruption = new AbortController()
  const collect = (lines: string[]) => (line: string) => {
    lines.push(line)
    for (const look of [...watchers]) look()
  }
  const exited = runCli({
    argv,
    env: { PUBSUB_REDIS_URL: redisUrl, ...options.env },
    terminal: {
      out: collect(out),
      err: collect(err),
      hasColour: options.hasColour ?? false,
      columns: 100,
      interrupted: interruption.signal,
      program: 'hookswitch',
    },
    clock: Date.now,
    newUuid: () => crypto.randomUUID(),
  })

  return {
    out,
    err,
    exited,
    interrupt: () => interruption.abort(),
    said(fits) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const look = () => {
        const line = [...out, ...err].find(each =>
          typeof fits === 'string' ? each.includes(fits) : fits.test(each),
        )
        if (line === undefined) return
        watchers.delete(look)
        resolve(line)
      }
      watchers.add(look)
      look()
      void exited.then(code =>
        reject(new Error(`ended with ${code} and never said ${fits}:\n${[...out, ...err].join('\n')}`)),
      )
      return promise
    },
  }
}

export interface CliResult {
  code: number
  out: string[]
  err: string[]
}

/** Runs it to its end. */
export async function cli(redisUrl: string, argv: string[], options: CliOptions = {}): Promise<CliResult> {
  const run = startCli(redisUrl, argv, options)
  const code = await run.exited
  return { code, out: run.out, err: run.err }
}

/** Standard output as the JSON that it must be, line by line. */
export const jsonLines = <Line>(out: string[]): Line[] => out.map(line => JSON.parse(line) as Line)
