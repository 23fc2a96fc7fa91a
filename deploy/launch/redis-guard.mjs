// A small process that stands between a launcher and the Redis it started, so that the Redis ends with the
// launcher however that ends: the channel between them closes even when the launcher is killed outright. It
// starts Redis, starts it again when it crashes, and stops it when nobody needs it any more. It never deletes
// data.
//
//   launcher ──fork──▶ guard ──▶ flock ▷ redis-server
//
// The kernel's lock on the data directory is held by redis-server itself (flock passes it on), so two of them
// never share one append-only file, and no lock outlives its process. Another launcher that uses this Redis
// holds a named connection to it; Redis then goes on until the last of them has left.
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { spawnWatched } from './deathwatch.mjs'
import { countClients, isServedBy } from './redis-wire.mjs'

/** flock's exit code when another process has the lock; Redis itself uses 0, 1 and 128 + n. */
const LOCKED_EXIT_CODE = 75

/** A launcher that was killed leaves a service that drains: Redis stays for it, at most this long. */
const DRAIN_MAX_MS = 30_000

/** Reading back a large append-only file takes Redis a while; past this something is wrong. */
const READY_MAX_MS = 60_000
const READY_INTERVAL_MS = 25

/** How often to look who is still connected; only after the launcher has gone. */
const LOOK_INTERVAL_MS = 250

/** A Redis that goes on crashing has a reason that starting again does not mend. */
const RESTARTS_MAX = 5
const RESTART_DELAY_MS = 500

/** Redis closes its append-only file in well under a second; past this it is stuck. */
const STOP_MAX_MS = 10_000

/** @type {{ server: string, port: number, directory: string, lockFile: string, portFile: string, logFile:
 *  string }} */
const plan = JSON.parse(process.argv[2])
const node = { host: '127.0.0.1', port: plan.port }

let redis
let isReady = false
let isStopping = false
let isLeaving = false
let restarts = 0

process.on('message', message => {
  if (message === 'finished') void leave(0)
})
process.on('disconnect', () => void leave(DRAIN_MAX_MS))
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.on('SIGHUP', stop)
start()
void awaitReadiness()

function start() {
  const log = openSync(plan.logFile, 'a', 0o600)
  const lock = ['--nonblock', '--no-fork', '--conflict-exit-code', String(LOCKED_EXIT_CODE), plan.lockFile]
  const args = [...lock, plan.server, ...redisOptions()]
  redis = spawnWatched('flock', args, { stdio: ['ignore', log, log] })
  closeSync(log)
  redis.once('error', error => {
    // Standard error is the log file: the launcher shows its end.
    process.stderr.write(`${error.message}\n`)
    ended(error.code)
  })
  redis.once('exit', (code, signal) => ended(signal ?? code))
}

function redisOptions() {
  const options = {
    bind: '127.0.0.1',
    port: plan.port,
    dir: plan.directory,
    logfile: plan.logFile,
    daemonize: 'no',
    // Every write is on disk within a second; the snapshots that would say the same again are off.
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
  }
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
}

// flock becomes redis-server (--no-fork), so the child's process id is the one that this Redis gives when
// asked. It tells our Redis from another that took the port first.
async function awaitReadiness() {
  const untilMs = performance.now() + READY_MAX_MS
  while (redis && !isStopping) {
    if (await isServedBy(node, redis.pid)) {
      isReady = true
      writeFileSync(plan.portFile, String(plan.port), { mode: 0o600 })
      return tell('ready')
    }
    if (performance.now() >= untilMs) return stop()
    await pause(READY_INTERVAL_MS)
  }
}

function ended(outcome) {
  redis = undefined
  if (isStopping) process.exit(0)
  if (outcome === LOCKED_EXIT_CODE && !isReady) return resign('locked')
  if (!isReady || isLeaving || restarts === RESTARTS_MAX) return resign('ended')
  restarts += 1
  tell('restarting')
  setTimeout(start, RESTART_DELAY_MS)
}

/** Lets go of Redis as soon as no other launcher uses it, and no client that may still be draining. */
async function leave(drainMaxMs) {
  if (isLeaving) return
  isLeaving = true
  const untilMs = performance.now() + drainMaxMs
  for (;;) {
    const { launchers, others } = await countClients(node)
    if (launchers === 0 && (others === 0 || performance.now() >= untilMs)) return stop()
    if (launchers > 0) tell('kept')
    await pause(LOOK_INTERVAL_MS)
  }
}

function stop() {
  if (isStopping) return
  isStopping = true
  if (isReady) rmSync(plan.portFile, { force: true })
  if (!redis) process.exit(0)
  redis.kill('SIGTERM')
  setTimeout(() => redis?.kill('SIGKILL'), STOP_MAX_MS)
}

function resign(why) {
  isLeaving = true
  tell(why)
  if (process.connected) process.disconnect()
}

function tell(what) {
  // A launcher that is gone can't be told, and needn't be.
  if (process.connected) process.send(what, () => {})
}

function pause(durationMs) {
  return new Promise(resolve => setTimeout(resolve, durationMs))
}
