// Starts a child that ends when we are killed outright and can't end it ourselves. A shell of one line holds the other end of
// a pipe: it reads the child's process group there, and when the pipe closes without a further word from us, it sends that
// group one SIGTERM. The child names itself in the pipe before it becomes the program, so that no moment is left in which
// it would outlive us.
// (The kernel's own parent-death signal would do without the shell, but comes once for each of Node's
// threads, and a service takes a second SIGTERM for "exit at once".)
import { spawn } from 'node:child_process'

/** The minus sign addresses the whole group; whoever is gone already needs no signal. */
const WATCH = 'read -r group && { read -r word || kill -s TERM -- "-$group"; }'

/** Says who it is, and becomes the program. */
const NAMED = 'echo "$$" >&3; exec "$0" "$@" 3>&-'

/** Spawns a program that leads a process group of its own, and watches over it until it has ended.
 *  @param {string} command
 *  @param {string[]} args
 *  @param {import('node:child_process').SpawnOptions & { stdio: unknown[] }} options with its three streams
 *  @returns {import('node:child_process').ChildProcess} ended with 127 where there is no such program */
export function spawnWatched(command, args, options) {
  const watch = spawn('/bin/sh', ['-c', WATCH], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watch.on('error', () => {
    // No shell: then the child can't be started either, and tells it.
  })
  watch.stdin.on('error', () => {
    // The watch has ended before us; there is nothing left to dismiss.
  })
  const stdio = [...options.stdio, watch.stdin]
  const child = spawn('/bin/sh', ['-c', NAMED, command, ...args], { ...options, stdio, detached: true })
  // Its process id may be used again.
  child.once('exit', () => watch.stdin.end('ended\n'))
  watch.unref()
  watch.stdin.unref()
  return child
}
