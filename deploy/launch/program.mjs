// Finds programs and asks for their versions. A path or a version comes back, or undefined; nothing is
// installed or changed here.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program that does not answer `--version` within this time is as good as absent. */
const VERSION_TIMEOUT_MS = 10_000

/** The first executable file of that name on the search path.
 *  @param {string} name
 *  @param {string | undefined} searchPath directories as in PATH
 *  @returns {string | undefined} */
export function findProgram(name, searchPath) {
  const directories = (searchPath ?? '').split(delimiter).filter(directory => directory !== '')
  return directories.map(directory => join(directory, name)).find(isExecutable)
}

/** Whether the path is a file that this user may run. */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Absent, or closed to us: either way not to be run.
    return false
  }
}

/** What `<program> --version` says: the first dotted number in it, as [major, minor, patch].
 *  @returns {number[] | undefined} undefined when the program does not run or names no version */
export function versionOf(program) {
  const run = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: VERSION_TIMEOUT_MS })
  return run.status === 0 ? parseVersion(run.stdout) : undefined
}

/** The first `major.minor.patch` in a text, as three numbers. */
export function parseVersion(text) {
  const found = /(\d+)\.(\d+)\.(\d+)/.exec(text)
  return found ? found.slice(1, 4).map(Number) : undefined
}

/** Negative, zero or positive, as `found` is older than, the same as or newer than `wanted`. */
export function compareVersions(found, wanted) {
  const differing = wanted.findIndex((part, place) => found[place] !== part)
  return differing === -1 ? 0 : found[differing] - wanted[differing]
}
