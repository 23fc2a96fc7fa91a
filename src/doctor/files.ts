// Examines who else on this machine can read or change the files that hold secrets: the push credentials, and the
// `.env` of the directory that the service starts in. A file in a directory that others can't enter is safe.
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Finding, fine, problem, warning } from '../base/finding.ts'
import type { Config } from '../config/config.ts'
import { keyFilePaths } from '../push/keyFiles.ts'

const CHECK = 'secret files'

/** The bits of a file's mode for users who are neither its owner nor in its group. */
const OTHERS_READ = 0o004
const OTHERS_WRITE = 0o002
const OTHERS_ENTER = 0o001

export function examineFiles({ appsFile }: Pick<Config, 'appsFile'>, directory: string): Finding[] {
  const paths = [...(appsFile === undefined ? [] : keyFilePaths(appsFile)), join(directory, '.env')]
  const reached = paths.filter(path => areEntered(dirname(path)))
  const writable = reached.filter(path => hasBits(path, OTHERS_WRITE))
  const readable = reached.filter(path => hasBits(path, OTHERS_READ))
  const findings: Finding[] = []
  if (writable.length > 0)
    findings.push(
      problem(
        CHECK,
        `Every user of this machine can change ${writable.join(', ')}.`,
        'Take it from them: chmod o-w, and see who owns the file.',
      ),
    )
  if (readable.length > 0)
    findings.push(
      warning(
        CHECK,
        `Every user of this machine can read ${readable.join(', ')}.`,
        'Leave them to the user of the service: chown, then chmod 600 (640 for its group; defaultMode: 0440 of a secret in Kubernetes).',
      ),
    )
  if (findings.length === 0 && appsFile !== undefined)
    findings.push(fine(CHECK, 'Others on this machine can read no file of push credentials.'))
  return findings
}

function hasBits(path: string, bits: number): boolean {
  try {
    return (statSync(path).mode & bits) !== 0
  } catch {
    // The file is not there, or we may not read it: the part that uses it tells that.
    return false
  }
}

/** Whether others may enter the directory and all above it. */
function areEntered(directory: string): boolean {
  if (!hasBits(directory, OTHERS_ENTER)) return false
  const above = dirname(directory)
  return above === directory || areEntered(above)
}
