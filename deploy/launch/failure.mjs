// The launcher's expected failures: no right to install, nothing answers, a wrong version. They carry one
// clear sentence for the person at the terminal and an exit code; run.mjs prints the sentence without a
// stack. A bug is any other error, and keeps its stack.

/** A failure that the reader of the message can mend. The message says what to do. */
export class LaunchFailure extends Error {
  /** @param {string} message a whole sentence, with its remedy
   *  @param {number} exitCode the launcher's exit code, 1-255 */
  constructor(message, exitCode = 1) {
    super(message)
    this.name = 'LaunchFailure'
    this.exitCode = exitCode
  }
}

/** Whether an error is the machine's state and not a bug: one of the above, or a disk that is full or closed
 *  to us, whose own message names the path. */
export function isExpected(error) {
  return error instanceof LaunchFailure || ['EACCES', 'EROFS', 'ENOSPC', 'EPERM'].includes(error.code)
}
