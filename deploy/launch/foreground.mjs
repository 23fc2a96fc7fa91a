// Runs the service, or another program of the project, in the foreground: it has our standard input and
// output, gets the signals that we get, and its exit code becomes ours. It has a process group of its own,
// because a terminal sends Ctrl-C to every process of a group: the service would get that signal from the
// terminal and again from us, and take the second for "exit at once".
import { constants } from 'node:os'
import { spawnWatched } from './deathwatch.mjs'

/** npm passes a signal on although the terminal has sent it to us already. The same signal within this time
 *  is the same key press; a person's second one comes later. */
const SAME_SIGNAL_MS = 250

/** How long to go on reading the output of a program that has ended, should a process it left behind hold it
 *  open. */
const LAST_OUTPUT_MS = 2_000

/** What each signal becomes. Bun knows no drain on SIGHUP; a closed terminal means the same as SIGTERM. */
const FORWARDED = { SIGINT: 'SIGINT', SIGTERM: 'SIGTERM', SIGHUP: 'SIGTERM' }

/** How often to look whether npm still lives, when it was npm that started us: npm passes SIGINT and SIGTERM
 *  on, but killed outright it would leave the service running with nobody in front of it. */
const PARENT_INTERVAL_MS = 500

/** Runs a program to its end.
 *  @param {{ command: string, args: string[], cwd: string, env: Record<string, string | undefined>,
 *    onErrorOutput?: (chunk: Buffer) => void }} program with `onErrorOutput` its standard error goes there,
 *    else to ours
 *  @returns {Promise<number>} its exit code, or 128 + n when signal n ended it, or 127 when it cannot be
 *  run */
export async function runInForeground({ command, args, cwd, env, onErrorOutput }) {
  // Before there is a child: a signal that comes while it starts would end us, and leave it behind.
  const stopForwarding = forwardSignals(signal => child.kill(signal))
  const child = spawnWatched(command, args, {
    cwd,
    env,
    stdio: ['inherit', 'inherit', onErrorOutput ? 'pipe' : 'inherit'],
  })
  child.stderr?.on('data', onErrorOutput)
  const stopWatchingParent = env.npm_lifecycle_event ? onParentGone(() => child.kill('SIGTERM')) : () => {}
  const exitCode = await exitCodeOf(child)
  if (child.pid) endGroup(child.pid)
  if (child.stderr) await lastOutputOf(child)
  stopWatchingParent()
  stopForwarding()
  return exitCode
}

/** @param {(signal: string) => void} send */
function forwardSignals(send) {
  const forwardedAtMs = new Map()
  const listeners = Object.entries(FORWARDED).map(([signal, forwarded]) => {
    const forward = () => {
      const nowMs = performance.now()
      const previousMs = forwardedAtMs.get(signal) ?? Number.NEGATIVE_INFINITY
      forwardedAtMs.set(signal, nowMs)
      if (nowMs - previousMs >= SAME_SIGNAL_MS) send(forwarded)
    }
    process.on(signal, forward)
    return [signal, forward]
  })
  return () => {
    for (const [signal, forward] of listeners) process.off(signal, forward)
  }
}

function onParentGone(act) {
  const parentId = process.ppid
  const look = setInterval(() => {
    if (process.ppid === parentId) return
    clearInterval(look)
    act()
  }, PARENT_INTERVAL_MS)
  return () => clearInterval(look)
}

function exitCodeOf(child) {
  return new Promise(resolve => {
    child.once('error', error => {
      process.stderr.write(`${error.message}\n`)
      resolve(127)
    })
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

// A test run that was interrupted leaves its Redis processes behind; they end with it.
function endGroup(groupId) {
  try {
    process.kill(-groupId, 'SIGTERM')
  } catch (error) {
    // ESRCH is the normal case: nobody was left.
    if (error.code !== 'ESRCH') throw error
  }
}

function lastOutputOf(child) {
  if (child.stderr.readableEnded || child.stderr.destroyed) return undefined
  return new Promise(resolve => {
    child.stderr.once('close', resolve)
    setTimeout(resolve, LAST_OUTPUT_MS).unref()
  })
}
