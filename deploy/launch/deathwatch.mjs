// Ends a child when we are killed outright and can't do it ourselves. A shell of one line holds the other end
// of a pipe: it reads the child's process group there, and when the pipe closes without a further word from us, it sends
// that group one SIGTERM. It runs before the child does, so that no moment is left in which the child would outlive us.
// (The kernel's own parent-death signal would do without the shell, but comes once for each of Node's
// threads, and a service takes a second SIGTERM for "exit at once".)
import { spawn } from 'node:child_process'

/** The minus sign addresses the whole group; whoever is gone already needs no signal. */
const WATCH = 'read -r group && { read -r word || kill -s TERM -- "-$group"; }'

/** Begins to watch over us.
 *  @returns {{ over: (groupId: number) => void, dismiss: () => void }} `over` names the child, which leads a process group
 *    of its own (spawned `detached`); `dismiss` is to be called when the child has ended, since its id may be used again */
export function startDeathwatch() {
  const watch = spawn('/bin/sh', ['-c', WATCH], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watch.on('error', () => {
    // No shell: then only orderly ends are followed.
  })
  watch.stdin.on('error', () => {
    // The watch has ended before us; there is nothing left to dismiss.
  })
  watch.unref()
  watch.stdin.unref()
  return {
    over: groupId => watch.stdin.write(`${groupId}\n`),
    dismiss: () => watch.stdin.end('ended\n'),
  }
}
