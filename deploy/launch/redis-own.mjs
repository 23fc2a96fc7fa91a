// Starts a Redis that belongs to the launcher: on the loopback address alone, its data in .hookswitch/redis,
// ended when the launcher ends. The guard process (redis-guard.mjs) does the starting and the ending; this
// side waits until it is ready, and tells the guard when the launcher has finished.
import { fork } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The guard gives Redis ten seconds to stop. */
const RELEASE_MAX_MS = 12_000

const GUARD = fileURLToPath(new URL('redis-guard.mjs', import.meta.url))

/** Starts it, on the usual port if that is free, else on any.
 *  @param {{ projectDir: string, server: string, usualPort: number, say: (line: string) => void }} options
 *    `server` is the binary
 *  @returns {Promise<{ kind: 'ready', port: number, release: () => Promise<void> } | { kind: 'locked' } |
 *    { kind: 'ended', log: string }>} 'locked' when another launcher's Redis has the data directory; 'ended'
 *    when it did not come up, with the end of its log. `release` resolves once Redis has ended, or stays for
 *    another launcher. */
export async function startOwnRedis({ projectDir, server, usualPort, say }) {
  const files = prepareDirectory(projectDir)
  const port = (await freePort(usualPort)) || (await freePort(0))
  const plan = JSON.stringify({ server, port, ...files })
  // Detached: Ctrl-C in a terminal must reach the service, which drains, and not the Redis it drains with.
  const log = openSync(files.logFile, 'a', 0o600)
  const guard = fork(GUARD, [plan], { detached: true, stdio: ['ignore', 'ignore', log, 'ipc'] })
  closeSync(log)
  const verdict = await verdictOf(guard)
  if (verdict === 'locked') return { kind: 'locked' }
  if (verdict !== 'ready') return { kind: 'ended', log: endOfLog(files.logFile) }
  guard.on('message', what => {
    if (what === 'restarting') say('The local Redis ended unexpectedly; starting it again ...')
    if (what === 'ended') say(`The local Redis keeps ending; the reason is in ${files.logFile}.`)
  })
  return { kind: 'ready', port, release: () => release(guard, port, say) }
}

/** The port of the Redis that this project's data directory is in use by, as far as is known.
 *  @returns {number | undefined} */
export function portInUse(projectDir) {
  try {
    return Number(readFileSync(filesIn(projectDir).portFile, 'utf8')) || undefined
  } catch {
    // No such file: no launcher has one running.
    return undefined
  }
}

function filesIn(projectDir) {
  const directory = join(projectDir, '.hookswitch', 'redis')
  return {
    directory,
    lockFile: join(directory, 'lock'),
    portFile: join(directory, 'port'),
    logFile: join(directory, 'redis.log'),
  }
}

function prepareDirectory(projectDir) {
  const files = filesIn(projectDir)
  mkdirSync(files.directory, { recursive: true })
  chmodSync(files.directory, 0o700)
  return files
}

/** Listens for a moment. @returns the port, or 0 when it is taken */
function freePort(port) {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(0))
    server.listen({ host: '127.0.0.1', port }, () => {
      const { port: free } = server.address()
      server.close(() => resolve(free))
    })
  })
}

function verdictOf(guard) {
  return new Promise(resolve => {
    guard.once('message', resolve)
    guard.once('exit', () => resolve('ended'))
    guard.once('error', () => resolve('ended'))
  })
}

function release(guard, port, say) {
  return new Promise(resolve => {
    const tooLong = setTimeout(resolve, RELEASE_MAX_MS)
    const done = () => {
      clearTimeout(tooLong)
      resolve(undefined)
    }
    guard.once('exit', done)
    guard.on('message', what => {
      if (what !== 'kept') return
      say(`The Redis on port ${port} stays until the other hookswitch that uses it has ended.`)
      done()
    })
    if (guard.exitCode !== null || guard.signalCode !== null) done()
    else guard.send('finished', error => error && done())
  })
}

function endOfLog(logFile) {
  return readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n')
}
