// Provides a redis-server binary: the one that is named, the one on PATH, or Debian's package, installed as
// root or by sudo without a password. It starts no server; where it has no right to install it says what to
// do.
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

/** Finds or installs redis-server. `HOOKSWITCH_REDIS_SERVER` names a binary to be used before any other.
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, say: (line: string) => void,
 *    systemPath?: string, userId?: number }} context `systemPath` is searched after PATH; `userId` is who we
 *    are
 *  @returns {Promise<string>} its path
 *  @throws {LaunchFailure} when there is none and no right to install one, or it is older than Redis 6.2 */
export async function provideRedisServer(context) {
  const found = findRedisServer(context)
  if (found) return checked(found)
  await install(context)
  const installed = findRedisServer(context)
  if (!installed)
    throw new LaunchFailure(`The package was installed, but redis-server is not there. ${REMEDY}`)
  return checked(installed)
}

const REMEDY = 'Install redis-server 6.2 or newer, or set PUBSUB_REDIS_URL to a Redis that runs.'

function findRedisServer({ env, systemPath = SYSTEM_PATH }) {
  const named = env.HOOKSWITCH_REDIS_SERVER
  if (named && !isExecutable(named)) {
    throw new LaunchFailure(`HOOKSWITCH_REDIS_SERVER names ${named}, which is not a program.`)
  }
  return named || findProgram('redis-server', env.PATH) || findProgram('redis-server', systemPath)
}

function checked(program) {
  const version = versionOf(program)
  if (!version) throw new LaunchFailure(`${program} does not run. ${REMEDY}`)
  if (compareVersions(version, REDIS_VERSION_MIN) < 0) {
    throw new LaunchFailure(`${program} is Redis ${version.join('.')}, which is too old. ${REMEDY}`)
  }
  return program
}

async function install({ projectDir, env, say, systemPath = SYSTEM_PATH, userId = process.getuid?.() }) {
  const searchPath = `${env.PATH ?? ''}:${systemPath}`
  if (!findProgram('apt-get', searchPath)) {
    throw new LaunchFailure(`No redis-server was found, and there is no apt-get to install it. ${REMEDY}`)
  }
  const root = becomeRoot(userId, searchPath)
  if (!root) {
    throw new LaunchFailure(`No redis-server was found, and this user may not install it. ${REMEDY}`)
  }
  say('Installing redis-server with apt-get ...')
  const [command, ...args] = [...root, '/bin/sh', INSTALL_SCRIPT]
  const step = await runStep({ command, args, cwd: projectDir, env: { ...env, PATH: searchPath } })
  if (!step.isDone) {
    throw new LaunchFailure(`apt-get could not install redis-server:\n${step.output}\n${REMEDY}`)
  }
}

function becomeRoot(userId, searchPath) {
  if (userId === 0) return []
  const sudo = findProgram('sudo', searchPath)
  // -n: fail rather than ask for a password.
  return sudo && spawnSync(sudo, ['-n', 'true']).status === 0 ? [sudo, '-n'] : undefined
}
