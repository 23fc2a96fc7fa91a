// Reads the one URL that says which Redis it is: one server, a Cluster, or Sentinel, with or without TLS. Settings are
// checked with it, connections are opened by what it returns. No connection is made here.
import { fail, messageOf, ok, type Result } from '../base/result.ts'

export interface RedisNode {
  host: string
  port: number
}

interface RedisLogin {
  username?: string
  password?: string
  db?: number
  /** There when the connection is to be encrypted; the platform decides whom to trust. */
  tls?: Record<string, never>
}

export type RedisTarget =
  | { kind: 'single'; server: RedisNode & RedisLogin }
  | { kind: 'cluster'; server: RedisNode & RedisLogin; nodes: RedisNode[] }
  | { kind: 'sentinel'; server: RedisLogin; sentinels: RedisNode[]; masterName: string }

const DEFAULT_PORT = 6379
const SENTINEL_FORM = 'redis+sentinel://host:port,host:port/masterName'
const ENCODING = 'in a password # is written %23, / %2F, ? %3F and @ %40'
const DEFAULT_SENTINEL_PORT = 26379

/** Credentials stand in the first node's URL and count for all nodes.
 *  @returns a sentence that never repeats the URL, because it may hold a password. */
export function parseRedisUrl(url: string): Result<RedisTarget, string> {
  try {
    if (/^rediss?\+sentinel:\/\//.test(url)) return ok(parseSentinel(url))
    if (isSentinelsWithoutScheme(url))
      throw new Error(`names Sentinels without saying so: write ${SENTINEL_FORM}`)
    const [first, ...rest] = url.split(',').map(each => each.trim())
    if (rest.includes(''))
      throw new Error('has a comma too many: between two nodes of a Cluster there is one')
    const server = parseServer(first ?? '')
    if (rest.length === 0) return ok({ kind: 'single', server })
    if (server.db !== undefined) throw new Error('names a database, and a Cluster has none')
    const others = rest.map(each => parseServer(each.includes('://') ? each : `redis://${each}`))
    const nodes = [server, ...others].map(({ host, port }) => ({ host, port }))
    return ok({ kind: 'cluster', server, nodes })
  } catch (thrown) {
    return fail(messageOf(thrown))
  }
}

/** `sentinel://…` and similar, or several nodes and then a name: such a URL means Sentinel, because databases have no
 *  names and a Cluster has none. */
const isSentinelsWithoutScheme = (url: string): boolean =>
  /^[a-z+-]*sentinels?:\/\//i.test(url) || /^rediss?:\/\/[^/]*,[^/]*\/[A-Za-z]/.test(url)

/** What else people write. */
function otherForms(text: string): string {
  if (/^(unix:|\/)/.test(text)) return ': a Unix socket is not taken, let Redis listen on 127.0.0.1'
  return text.includes('://') ? '' : ', also before a plain host:port'
}

function parseServer(text: string): RedisNode & RedisLogin {
  if (!/^rediss?:\/\//.test(text)) throw new Error(`must begin with redis:// or rediss://${otherForms(text)}`)
  // A URL that can't be parsed is quoted in the error that `new URL` throws.
  if (!URL.canParse(text)) throw new Error(`is no URL: ${ENCODING}, and a port is a number up to 65535`)
  const { protocol, hostname, port, username, password, pathname, hash, search } = new URL(text)
  // Else the text before it would be taken for the host, or the default host where there is none.
  if (hash !== '' || search !== '') throw new Error(`has a # or a ? in it: ${ENCODING}`)
  const db = pathname.replace(/^\//, '')
  if (!/^\d{0,5}$/.test(db)) throw new Error('has a database that is not a number')
  return {
    host: withoutBrackets(hostname) || '127.0.0.1',
    port: port === '' ? DEFAULT_PORT : Number(port),
    ...loginOf(text, { username, password }),
    ...(Number(db) === 0 ? {} : { db: Number(db) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

/** `user:password@`, `:password@`, and `password@` as redswitch read it: a lone word before the host is no user's. */
function loginOf(text: string, { username, password }: Pick<URL, 'username' | 'password'>): RedisLogin {
  const [, credentials = ''] = /^\w+:\/\/([^/?#]*)@/.exec(text) ?? []
  if (!credentials.includes(':')) return username === '' ? {} : { password: decode(username) }
  return {
    ...(username === '' ? {} : { username: decode(username) }),
    ...(password === '' ? {} : { password: decode(password) }),
  }
}

/** `redis+sentinel://[[user:]password@]host:port,host:port/masterName[/db]`: several hosts are no URL of the standard. */
function parseSentinel(url: string): RedisTarget {
  const [scheme = '', rest = ''] = url.split('+sentinel://')
  const slash = rest.indexOf('/')
  const [masterName = '', db = ''] = slash < 0 ? [] : rest.slice(slash + 1).split('/')
  if (masterName === '') throw new Error(`names no master: ${SENTINEL_FORM}`)
  const authority = rest.slice(0, slash)
  const at = authority.lastIndexOf('@')
  const {
    host: _host,
    port: _port,
    ...server
  } = parseServer(`${scheme}://${authority.slice(0, at + 1)}unused/${db}`)
  const sentinels = authority
    .slice(at + 1)
    .split(',')
    .map(parseSentinelAddress)
  return { kind: 'sentinel', server, sentinels, masterName: decode(masterName) }
}

function parseSentinelAddress(text: string): RedisNode {
  const url = `redis://${text.trim()}`
  const { hostname, port } = URL.canParse(url) ? new URL(url) : { hostname: '', port: '' }
  if (hostname === '') throw new Error('has a sentinel that is no host:port')
  return { host: withoutBrackets(hostname), port: port === '' ? DEFAULT_SENTINEL_PORT : Number(port) }
}

/** An IPv6 address stands in brackets in a URL, and without them everywhere else. */
const withoutBrackets = (hostname: string): string => hostname.replace(/^\[|\]$/g, '')

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('has a % that begins no character: in a URL it is written %25')
  }
}
