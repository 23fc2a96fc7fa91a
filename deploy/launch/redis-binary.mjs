// Provides a redis-server binary: the one that is named, the one on PATH, or Debian's package. It starts no server; where
// it may not install one it says what to do.
import { installPackage, SYSTEM_PATH } from './debian.mjs'
import { LaunchFailure } from './failure.mjs'
import { compareVersions, findProgram, isExecutable, versionOf } from './program.mjs'

/** BLMOVE, by which jobs are taken without loss, came with Redis 6.2. */
const REDIS_VERSION_MIN = [6, 2, 0]

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
  await installPackage('redis-server', { ...context, remedy: remedy(context) })
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
