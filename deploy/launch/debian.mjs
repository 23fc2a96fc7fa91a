// Installs one of Debian's packages for the program in it. That is done as root, so whoever is at the terminal is asked
// first; where nobody can be asked, only root itself, `--yes` or CI=true let it be installed.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LaunchFailure } from './failure.mjs'
import { runStep } from './installer.mjs'
import { findProgram } from './program.mjs'

/** Where a package puts the binary although a user's PATH may not lead there. */
export const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin'

const INSTALL_SCRIPT = fileURLToPath(new URL('install-package.sh', import.meta.url))

/** What is run as root, as a person would type it; the script does it without starting or enabling a service. */
const aptLine = name => `apt-get install --no-install-recommends ${name}`

/** Installs a package.
 *  @param {string} name of the package, which is its program's too
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, say: (line: string) => void, remedy: string,
 *    isAgreed?: boolean, ask?: (question: string) => Promise<boolean>, systemPath?: string, userId?: number }} context
 *    `remedy`: what else the reader can do; `isAgreed`: it may be installed; `ask`: asks whoever is at the terminal;
 *    `systemPath` is searched after PATH; `userId` is who we are
 *  @throws {LaunchFailure} when it may not be installed, or could not be */
export async function installPackage(name, context) {
  const { projectDir, env, say, remedy, systemPath = SYSTEM_PATH } = context
  const searchPath = `${env.PATH ?? ''}:${systemPath}`
  if (!findProgram('apt-get', searchPath)) {
    throw new LaunchFailure(`No ${name} was found, and there is no apt-get to install it. ${remedy}`)
  }
  const root = await permission(name, context, searchPath)
  say(`Installing ${name}: ${[...root.shown, aptLine(name)].join(' ')} ...`)
  const [command, ...args] = [...root.command, '/bin/sh', INSTALL_SCRIPT, name]
  const step = await runStep({ command, args, cwd: projectDir, env: { ...env, PATH: searchPath } })
  if (step.isDone) return
  const away = UNREACHED.exec(step.output)?.[0]
  if (away)
    throw new LaunchFailure(
      `${name} was not installed, because its package can't be fetched: ${away}. ${remedy}`,
    )
  throw new LaunchFailure(`apt-get could not install ${name}:\n${step.output}\n${remedy}`)
}

/** How apt says that nobody is reached; its own sentence follows the name of each package that it wanted. */
const UNREACHED =
  /(?:Temporary failure resolving|Could not resolve|Could not connect to|Unable to connect to) \S+|Connection timed out/

/** How to become root, once that is agreed to.
 *  @returns {Promise<{ command: string[], shown: string[] }>} what stands before a command that root shall run */
async function permission(name, context, searchPath) {
  const { userId = process.getuid?.(), isAgreed, ask, say, remedy } = context
  const sudo = userId === 0 ? undefined : findProgram('sudo', searchPath)
  if (userId !== 0 && !sudo)
    throw new LaunchFailure(`No ${name} was found, and this user may not install it. ${remedy}`)
  const shown = sudo ? ['sudo'] : []
  if (isAgreed) {
    // -n: fail rather than ask for a password.
    if (sudo && spawnSync(sudo, ['-n', 'true']).status !== 0)
      throw new LaunchFailure(`No ${name} was found, and sudo wants a password to install it. ${remedy}`)
    return { command: sudo ? [sudo, '-n'] : [], shown }
  }
  if (!ask) {
    // Nobody can answer. Who runs us as root without a terminal, in a container or a script, has given us the right;
    // who merely could become root has not.
    if (!sudo) return { command: [], shown }
    throw new LaunchFailure(
      `No ${name} was found, and nothing is installed as root unasked: --yes allows it. ${remedy}`,
    )
  }
  say(`No ${name} was found. This would install its program, and start no service:\n`)
  say(`  ${[...shown, aptLine(name)].join(' ')}\n`)
  if (!(await ask('Install it?'))) throw new LaunchFailure(`Not installed. ${remedy}`)
  // sudo asks for the password by itself, at the terminal.
  return { command: sudo ? [sudo] : [], shown }
}
