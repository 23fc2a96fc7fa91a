// Provides a redis-server binary: the one that is named, the one on PATH, or Debian's package. The package is installed
// as root, so whoever is at the terminal is asked first; where nobody can be asked, only root itself, `--yes` or
// CI=true let it be installed. It starts no server; where it may not install one it says what to do.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LaunchFailure } from './failure.mjs'
import { runStep } from './installer.mjs'
import { compareVersions, findProgram, isExecutable, versionOf } from './program.mjs'

/** BLMOVE, by which jobs are taken without loss, came with Redis 6.2. */
const REDIS_VERSION_MIN = [6, 2, 0]

/** Where a package puts the binary although a user's PATH may not lead there. */
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin'

const INSTALL_SCRIPT = fileURLToPath(new URL('install-redis.sh', import.meta.url))

/** What is run as root, as a person would type it; the script does it without starting or enabling a service. */
const APT_LINE = 'apt-get install --no-install-recommends redis-server'

/** Finds or installs redis-server. `HOOKSWITCH_REDIS_SERVER` names a binary to be used before any other.
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, say: (line: string) => void,
 *    isAgreed?: boolean, ask?: (question: string) => Promise<boolean>, needsBinary?: string,
 *    systemPath?: string, userId?: number }} context `isAgreed`: it may be installed; `ask`: asks whoever is at
 *    the terminal; `needsBinary` names the command that starts servers of its own, whom a Redis elsewhere does not
 *    help; `systemPath` is searched after PATH; `userId` is who we are
 *  @returns {Promise<string>} its path
 *  @throws {LaunchFailure} when there is none and it may not be installed, or it is older than Redis 6.2 */
export async function provideRedisServer(context) {
  const found = findRedisServer(context)
  if (found) return checked(found, context)
  await install(context)
  const installed = findRedisServer(context)
  if (!installed)
    throw new LaunchFailure(`The package was installed, but redis-server is not there. ${remedy(context)}`)
  return checked(installed, context)
}

function remedy({ needsBinary }) {
  const line = 'Install redis-server 6.2 or newer (Debian, Ubuntu: sudo apt install redis-server)'
  return needsBinary
    ? `${line}, or name its binary in HOOKSWITCH_REDIS_SERVER: ${needsBinary} starts servers of its own.`
    : `${line}, or set PUBSUB_REDIS_URL to a Redis that runs.`
}

function findRedisServer({ env, systemPath = SYSTEM_PATH }) {
  const named = env.HOOKSWITCH_REDIS_SERVER
  if (named && !isExecutable(named)) {
    throw new LaunchFailure(`HOOKSWITCH_REDIS_SERVER names ${named}, which is not a program.`)
  }
  return named || findProgram('redis-server', env.PATH) || findProgram('redis-server', systemPath)
}

function checked(program, context) {
  const version = versionOf(program)
  if (!version) throw new LaunchFailure(`${program} does not run. ${remedy(context)}`)
  if (compareVersions(version, REDIS_VERSION_MIN) < 0) {
    throw new LaunchFailure(`${program} is Redis ${version.join('.')}, which is too old. ${remedy(context)}`)
  }
  return program
}

async function install(context) {
  const { projectDir, env, say, systemPath = SYSTEM_PATH } = context
  const searchPath = `${env.PATH ?? ''}:${systemPath}`
  if (!findProgram('apt-get', searchPath)) {
    throw new LaunchFailure(
      `No redis-server was found, and there is no apt-get to install it. ${remedy(context)}`,
    )
  }
  const root = await permission(context, searchPath)
  say(`Installing redis-server: ${[...root.shown, APT_LINE].join(' ')} ...`)
  const [command, ...args] = [...root.command, '/bin/sh', INSTALL_SCRIPT]
  const step = await runStep({ command, args, cwd: projectDir, env: { ...env, PATH: searchPath } })
  if (step.isDone) return
  const away = UNREACHED.exec(step.output)?.[0]
  if (away)
    throw new LaunchFailure(
      `redis-server was not installed, because its package can't be fetched: ${away}. ${remedy(context)}`,
    )
  throw new LaunchFailure(`apt-get could not install redis-server:\n${step.output}\n${remedy(context)}`)
}

/** How apt says that nobody is reached; its own sentence follows the name of each package that it wanted. */
const UNREACHED =
  /(?:Temporary failure resolving|Could not resolve|Could not connect to|Unable to connect to) \S+|Connection timed out/

/** How to become root, once that is agreed to.
 *  @returns {Promise<{ command: string[], shown: string[] }>} what stands before a command that root shall run */
async function permission(context, searchPath) {
  const { userId = process.getuid?.(), isAgreed, ask, say } = context
  const sudo = userId === 0 ? undefined : findProgram('sudo', searchPath)
  if (userId !== 0 && !sudo)
    throw new LaunchFailure(`No redis-server was found, and this user may not install it. ${remedy(context)}`)
  const shown = sudo ? ['sudo'] : []
  if (isAgreed) {
    // -n: fail rather than ask for a password.
    if (sudo && spawnSync(sudo, ['-n', 'true']).status !== 0)
      throw new LaunchFailure(
        `No redis-server was found, and sudo wants a password to install it. ${remedy(context)}`,
      )
    return { command: sudo ? [sudo, '-n'] : [], shown }
  }
  if (!ask) {
    // Nobody can answer. Who runs us as root without a terminal, in a container or a script, has given us the right;
    // who merely could become root has not.
    if (!sudo) return { command: [], shown }
    throw new LaunchFailure(
      `No redis-server was found, and nothing is installed as root unasked: --yes allows it. ${remedy(context)}`,
    )
  }
  say(`No redis-server was found. This would install its program, and start no service:\n`)
  say(`  ${[...shown, APT_LINE].join(' ')}\n`)
  if (!(await ask('Install it?'))) throw new LaunchFailure(`Not installed. ${remedy(context)}`)
  // sudo asks for the password by itself, at the terminal.
  return { command: sudo ? [sudo] : [], shown }
}
