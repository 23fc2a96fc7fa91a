// Reads what a Redis server tells of itself (INFO) and says what of it harms calls: too old, keeping nothing, throwing
// keys away, a replica, or another kind of Redis than PUBSUB_REDIS_URL says. Nothing is changed.
import { type Finding, fine, problem, warning } from '../../base/finding.ts'
import { messageOf } from '../../base/result.ts'
import type { RedisTarget } from '../../config/redisUrl.ts'

/** Asks one server. */
interface Asked {
  call(command: string, ...args: string[]): Promise<unknown>
}

/** BLMOVE, by which jobs are taken, came with 6.2. */
const VERSION_MIN = [6, 2] as const

/** Of `maxmemory`: from here on a burst may fill it. */
const NEARLY_FULL = 0.9

export interface ServersReading {
  /** False: what is there is no server that could be used, and nothing else need be tried. */
  isUsable: boolean
  findings: Finding[]
}

/** Reads one server, or each master of a Cluster; what holds for several is said once. Never rejects. */
export async function readServers(servers: readonly Asked[], target: RedisTarget): Promise<ServersReading> {
  const read = await Promise.all(servers.map(each => readServer(each, target)))
  /** By what is found: the masters, counted from 1. */
  const found = new Map<string, { finding: Finding; numbers: number[] }>()
  read.forEach((findings, index) => {
    for (const finding of findings) {
      const alike = found.get(finding.what)
      if (alike) alike.numbers.push(index + 1)
      else found.set(finding.what, { finding, numbers: [index + 1] })
    }
  })
  const findings = [...found.values()].map(({ finding, numbers }) => ({
    ...finding,
    what: finding.what.replace(NAME, nameOf(numbers, servers.length)),
  }))
  return { isUsable: findings.every(each => each.check !== TOPOLOGY), findings }
}

/** Stands where the server is named, until it is known which masters a finding is about. */
const NAME = '<server>'

function nameOf(numbers: readonly number[], count: number): string {
  if (count === 1) return 'Redis'
  if (numbers.length === count) return 'Every Redis master'
  return `Redis master ${numbers.join(', ')}`
}

const TOPOLOGY = 'redis topology'

async function readServer(redis: Asked, target: RedisTarget): Promise<Finding[]> {
  let info: Info
  try {
    info = parseInfo(String(await redis.call('INFO')))
  } catch (thrown) {
    return [
      warning(
        'redis version',
        `${NAME} does not tell its version and its settings: ${messageOf(thrown)}.`,
        'Allow INFO to our user, or see to version 6.2, appendonly yes and maxmemory-policy noeviction yourself.',
      ),
    ]
  }
  const misplaced = readTopology(info, target)
  return misplaced.length > 0 ? misplaced : [readVersion(info), ...readPersistence(info), ...readMemory(info)]
}

type Info = Map<string, string>

/** `name:value` lines; sections and blank lines are left out. */
const parseInfo = (text: string): Info =>
  new Map([...text.matchAll(/^([a-z_0-9]+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))

function readTopology(info: Info, target: RedisTarget): Finding[] {
  const mode = info.get('redis_mode')
  if (mode === 'sentinel')
    return [
      problem(
        TOPOLOGY,
        'PUBSUB_REDIS_URL leads to a Sentinel, which holds no data.',
        'Write redis+sentinel://host:port,host:port/<name of the master>.',
      ),
    ]
  if (mode === 'cluster' && target.kind !== 'cluster')
    return [
      problem(
        TOPOLOGY,
        `${NAME} is a node of a Cluster, and PUBSUB_REDIS_URL names one server.`,
        'Name two or more of its nodes, with commas between: then it is used as a Cluster.',
      ),
    ]
  if (info.get('role') === 'slave')
    return [
      problem(
        TOPOLOGY,
        `${NAME} is a replica: it refuses to write.`,
        'Name the master in PUBSUB_REDIS_URL, or its Sentinels (redis+sentinel://).',
      ),
    ]
  return []
}

function readVersion(info: Info): Finding {
  const version = info.get('valkey_version') ?? info.get('redis_version') ?? ''
  const [major = 0, minor = 0] = (info.get('redis_version') ?? '').split('.').map(Number)
  const isNewEnough = major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1])
  const product = info.has('valkey_version') ? 'Valkey' : 'version'
  if (isNewEnough) return fine('redis version', `${NAME} is ${product} ${version}.`)
  return problem(
    'redis version',
    `${NAME} is ${product} ${version}, and 6.2 is needed: jobs are taken by BLMOVE.`,
    'Upgrade Redis.',
  )
}

function readPersistence(info: Info): Finding[] {
  const check = 'redis persistence'
  if (info.get('aof_enabled') !== '1') {
    const what = `${NAME} loses at a restart what was written since its last snapshot (appendonly is off): device registrations, jobs, living calls.`
    const todo = 'Set appendonly yes (CONFIG SET appendonly yes, and in redis.conf).'
    const hasReplicas = Number(info.get('connected_slaves') ?? 0) > 0
    return [
      hasReplicas
        ? warning(check, `${what} It has a replica to take its place.`, todo)
        : problem(check, what, todo),
    ]
  }
  const failed = ['aof_last_write_status', 'aof_last_bgrewrite_status'].filter(
    each => info.get(each) === 'err',
  )
  if (failed.length > 0)
    return [
      problem(
        check,
        `${NAME} can't write its append-only file (${failed.join(', ')}): it refuses writes, or soon will.`,
        'See its log; most often the disk is full.',
      ),
    ]
  return [fine(check, `${NAME} keeps what is written (appendonly yes).`)]
}

function readMemory(info: Info): Finding[] {
  const check = 'redis memory'
  const policy = info.get('maxmemory_policy') ?? 'noeviction'
  const limit = Number(info.get('maxmemory') ?? 0)
  const used = Number(info.get('used_memory') ?? 0)
  const todo = 'Set maxmemory-policy noeviction, and maxmemory so high that it is not reached.'
  if (policy !== 'noeviction' && limit > 0)
    return [
      problem(
        check,
        `${NAME} throws keys away when its memory is full (maxmemory-policy ${policy}): registrations, jobs and living calls vanish without a word.`,
        todo,
      ),
    ]
  if (policy !== 'noeviction')
    return [
      warning(
        check,
        `${NAME} would throw keys away (maxmemory-policy ${policy}) if it had a maxmemory.`,
        todo,
      ),
    ]
  if (limit > 0 && used > limit * NEARLY_FULL)
    return [
      problem(
        check,
        `${NAME} uses ${Math.round((100 * used) / limit)} % of its maxmemory; when it is full it refuses writes.`,
        'Raise maxmemory, or find what fills it (redis-cli --bigkeys).',
      ),
    ]
  return [fine(check, `${NAME} throws no key away (maxmemory-policy noeviction).`)]
}
