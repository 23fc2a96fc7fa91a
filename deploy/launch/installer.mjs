// Runs one installation step (npm, bun install, apt-get) out of sight: its output is kept, and shown only
// when the step fails. Knows nothing of what is being installed.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { LaunchFailure } from './failure.mjs'

/** Of a failing step's output its end is shown; that is where installers say why. */
const OUTPUT_MAX_CHARACTERS = 8_000

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** How long a step that was told to end may take; then it is killed. */
const END_MAX_MS = 1_000

/** Runs a step to its end.
 *  @param {{ command: string, args: string[], cwd: string, env: Record<string, string | undefined>,
 *    signal?: AbortSignal, onOutput?: (output: string) => void }} step when `signal` aborts, the step is ended;
 *    `onOutput` is told all output so far, whenever more comes
 *  @returns {Promise<{ isDone: boolean, output: string }>} isDone is false when it failed or could not be run
 *  @throws {LaunchFailure} with code 128 + n when the launcher itself was told to stop meanwhile; the step
 *    has ended by then, so that whoever called can clear up. */
export async function runStep({ command, args, cwd, env, signal, onOutput }) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = chunk => {
    output = (output + chunk).slice(-OUTPUT_MAX_CHARACTERS)
    onOutput?.(output)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)

  let stoppedBy
  const stop = name => {
    stoppedBy = name
    child.kill('SIGTERM')
  }
  for (const name of STOP_SIGNALS) process.on(name, stop)
  let killing
  const giveUp = () => {
    child.kill('SIGTERM')
    killing = setTimeout(() => child.kill('SIGKILL'), END_MAX_MS)
  }
  signal?.addEventListener('abort', giveUp, { once: true })
  if (signal?.aborted) giveUp()
  const exitCode = await new Promise(resolve => {
    child.once('error', error => {
      keep(error.message)
      resolve(127)
    })
    child.once('close', resolve)
  })
  clearTimeout(killing)
  signal?.removeEventListener('abort', giveUp)
  for (const name of STOP_SIGNALS) process.off(name, stop)
  if (stoppedBy) throw new LaunchFailure('Stopped while installing.', 128 + constants.signals[stoppedBy])
  return { isDone: exitCode === 0, output: output.trim() }
}
