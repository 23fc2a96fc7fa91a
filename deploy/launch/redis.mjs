// Decides which Redis the service uses: the one that PUBSUB_REDIS_URL names, else one that answers on this
// machine, else one of the launcher's own. The URL to use comes back, and a way to let go of it. Whatever was
// running before is left as it was.
import { LaunchFailure } from './failure.mjs'
import { provideRedisServer } from './redis-binary.mjs'
import { portInUse, startOwnRedis } from './redis-own.mjs'
import { accepts, holdOn, probe } from './redis-wire.mjs'
import { settingOf } from './settings.mjs'

/** The data directory may be in use by a Redis that is just starting or just ending: try again meanwhile. */
const PROVIDE_MAX_MS = 30_000
const TRY_AGAIN_MS = 200

/** A Redis of our own that does not come up: another may have taken the port between looking and starting. */
const STARTS_MAX = 3

const USUAL_PORT = 6379

const LOOPBACK = ['127.0.0.1', 'localhost', '::1']

/** Provides the Redis for a run of the service.
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, say: (line: string) => void,
 *    usualPort?: number }} context `usualPort` is where a local Redis is looked for first
 *  @returns {Promise<{ url: string, release: () => Promise<void> }>} `url` for PUBSUB_REDIS_URL
 *  @throws {LaunchFailure} when none answers and none can be started */
export async function provideRedis(context) {
  const url = settingOf('PUBSUB_REDIS_URL', context)
  return url ? await useNamed(url, context) : await useLocal({ usualPort: USUAL_PORT, ...context })
}

/** The Redis that a service started by this launcher uses now. Looked for in the same order; none is started.
 *  @param {{ projectDir: string, env: Record<string, string | undefined>, usualPort?: number }} context
 *  @returns {Promise<string | undefined>} its URL; undefined when PUBSUB_REDIS_URL names one, or none answers */
export async function locateRedis({ usualPort = USUAL_PORT, ...context }) {
  if (settingOf('PUBSUB_REDIS_URL', context)) return undefined
  for (const port of [usualPort, portInUse(context.projectDir)]) {
    if (port === undefined || (await probe({ host: '127.0.0.1', port })) === 'silent') continue
    return `redis://127.0.0.1:${port}`
  }
  return undefined
}

/** Whether one is named, or answers on this machine: then no binary is needed. */
export async function hasRedis(context) {
  return settingOf('PUBSUB_REDIS_URL', context) !== undefined || (await locateRedis(context)) !== undefined
}

async function useNamed(url, { say }) {
  const nodes = nodesOf(url)
  const answers = await Promise.all(nodes.map(node => (node.isPlain ? answersPing(node) : accepts(node))))
  if (nodes.length > 0 && !answers.includes(true)) {
    const places = nodes.map(node => `${node.host}:${node.port}`).join(', ')
    say(`Nothing answers at ${places}, which PUBSUB_REDIS_URL names; the service goes on trying.`)
  }
  // One on this machine may belong to another launcher, which is to let it run while we use it.
  const local = nodes.find(node => node.isPlain && LOOPBACK.includes(node.host))
  const hold = local && (await holdOn(local))
  return { url, release: async () => hold?.release() }
}

/** The servers that a Redis URL names, in any of the forms the service takes: one, several with commas
 *  between (a Cluster), Sentinels, with TLS. A URL that can't be read names none: the service reports it by
 *  name.
 *  @returns {{ host: string, port: number, isPlain: boolean }[]} isPlain where a PING without TLS makes
 *  sense */
export function nodesOf(url) {
  const scheme = /^(rediss?|redis\+sentinel|rediss\+sentinel):\/\//.exec(url)?.[1]
  if (!scheme) return []
  const usualPort = scheme.endsWith('sentinel') ? 26379 : 6379
  return url.split(',').flatMap(part => {
    const withScheme = part.includes('://') ? part : `redis://${part}`
    if (!URL.canParse(withScheme)) return []
    const { hostname, port } = new URL(withScheme)
    const host = hostname.replace(/^\[|\]$/g, '')
    return host ? [{ host, port: Number(port) || usualPort, isPlain: scheme === 'redis' }] : []
  })
}

async function answersPing(node) {
  return (await probe(node)) !== 'silent'
}

async function useLocal(context) {
  const untilMs = performance.now() + PROVIDE_MAX_MS
  let starts = 0
  while (performance.now() < untilMs) {
    const running = await findRunning(context)
    if (running) return running
    const server = await provideRedisServer(context)
    const own = await startOwnRedis({ ...context, server })
    if (own.kind === 'ready') {
      context.say(
        `Started Redis on 127.0.0.1:${own.port}, data in .hookswitch/redis; it ends with this command.`,
      )
      return { url: `redis://127.0.0.1:${own.port}`, release: own.release }
    }
    if (own.kind === 'ended' && ++starts === STARTS_MAX) {
      throw new LaunchFailure(`Redis did not start. The end of .hookswitch/redis/redis.log:\n${own.log}`)
    }
    await new Promise(resolve => setTimeout(resolve, TRY_AGAIN_MS))
  }
  throw new LaunchFailure('The Redis in .hookswitch/redis is in use by another process, but does not answer.')
}

/** A Redis on the usual port, or the one that another launcher of this project runs elsewhere. */
async function findRunning(context) {
  const ports = [context.usualPort, portInUse(context.projectDir)].filter(port => port !== undefined)
  for (const port of new Set(ports)) {
    const node = { host: '127.0.0.1', port }
    const answer = await probe(node)
    if (answer === 'password') {
      throw new LaunchFailure(
        `The Redis on 127.0.0.1:${port} wants a password. Set PUBSUB_REDIS_URL=redis://:password@127.0.0.1:${port}`,
      )
    }
    if (answer === 'silent') continue
    // Held before it is used: the launcher that started this Redis ends it when nobody holds it.
    const { isHeld, release } = await holdOn(node)
    if (!isHeld) {
      release()
      continue
    }
    context.say(`Using the Redis that answers on 127.0.0.1:${port}.`)
    return { url: `redis://127.0.0.1:${port}`, release: async () => release() }
  }
  return undefined
}
