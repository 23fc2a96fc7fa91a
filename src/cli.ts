// The command line's process: arguments and settings in, an exit code out. It talks to Redis alone, as a backend
// does, so it works from wherever Redis can be reached. What the commands do stands in `cli/`.
import { runCli } from './cli/run.ts'
import { programOf } from './cli/terminal.ts'

/** Help is written for at least this width where the output is no terminal. */
const COLUMNS_DEFAULT = 100

const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort())
process.once('SIGTERM', () => interrupt.abort())
// The reader of our output has closed it, as `head` does: stop writing.
process.stdout.on('error', () => process.exit(0))

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  terminal: {
    out: line => void process.stdout.write(`${line}\n`),
    err: line => void process.stderr.write(`${line}\n`),
    hasColour: process.stdout.isTTY === true && process.stderr.isTTY === true && !process.env.NO_COLOR,
    columns: process.stdout.columns ?? COLUMNS_DEFAULT,
    interrupted: interrupt.signal,
    program: programOf(process.env),
  },
  clock: Date.now,
  newUuid: () => crypto.randomUUID(),
})
