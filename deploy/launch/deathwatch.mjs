// Ends a child when we are killed outright and can't do it ourselves. A shell of one line holds the other end
// of a pipe: when the pipe closes without a word from us, it sends the child's process group one SIGTERM.
// (The kernel's own parent-death signal would do without the shell, but comes once for each of Node's
// threads, and a service takes a second SIGTERM for "exit at once".)
import { spawn } from 'node:child_process'

/** The minus sign addresses the whole group; whoever is gone already needs no signal. */
const WATCH = 'read -r word || kill -s TERM -- "-$1"'

/** Watches over a child that leads a process group of its own (spawned `detached`).
 *  @param {number} groupId the child's process id
 *  @returns {() => void} dismisses the watch; to be called when the child has ended, since its id may be used
 *    again */
export function endWithUs(groupId) {
  const watch = spawn('/bin/sh', ['-c', WATCH, 'sh', String(groupId)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watch.on('error', () => {
    // No shell: then only orderly ends are followed.
  })
  watch.stdin.on('error', () => {
    // The watch has ended before us; there is nothing left to dismiss.
  })
  watch.unref()
  watch.stdin.unref()
  return () => watch.stdin.end('ended\n')
}
