// Redis as operators run it: a Cluster, a master with its replica and Sentinels, a server that speaks TLS alone and
// wants a password. Each is made of redis-server's own processes, and each tells the URL for the service and opens
// connections for a test that plays the backend. The service itself is not started here.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { makeVendorCerts } from '../push/vendorCerts.ts'
import { eventually } from './internal.ts'
import { BINARY, freePort, startRedis, type TestRedis } from './redis.ts'

export interface Topology extends AsyncDisposable {
  /** What the service needs to find it, and to trust it. */
  settings: Record<string, string>
  /** Opens a connection that is closed with the topology. */
  connect(): Redis | Cluster
  /** All keys of all masters. */
  keys(): Promise<string[]>
}

export interface SentinelTopology extends Topology {
  /** SIGKILL to the master; resolves when the replica has taken its place, and not before all of it was copied. */
  failOver(): Promise<void>
  /** SIGSTOP to the master, which holds its connections and answers nothing. Resolves at once. */
  silence(): Promise<void>
}

/** Of every Cluster. */
export const SLOTS = 16_384
const HOST = '127.0.0.1'
/** A test's own client leaves a stopped server too, whether that has greeted it or not. */
const IMPATIENCE = { socketTimeout: 1_000, connectTimeout: 1_000 }

/** How a topology is to be made. */
export interface Making {
  /** All connections in TLS alone, between the servers too, with a certificate for `localhost` that only its own CA
   *  vouches for. */
  isEncrypted?: boolean
}

export interface ClusterTopology extends Topology {
  /** Ports of the masters, in the order of their slots. */
  ports: number[]
  /** SIGKILL to one master; resolves when its replica has its slots and every node that lives says all is whole. */
  failOver(index: number): Promise<void>
  /** SIGSTOP to one master, which holds its connections and answers nothing. */
  silence(index: number): void
}

/** Starts masters that share the slots, with a replica each if wanted, and waits until each node says that the Cluster
 *  is whole. */
export async function startCluster(
  count: number,
  { isEncrypted = false, replicas = 0 }: Making & { replicas?: 0 | 1 } = {},
): Promise<ClusterTopology> {
  const security = isEncrypted ? await openSecurity() : undefined
  const host = security ? 'localhost' : HOST
  const args = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '1000',
    '--repl-diskless-sync-delay',
    '0',
  ]
  // Certificates name hosts, and a Cluster names its nodes by their addresses unless told otherwise.
  const names = ['--cluster-announce-hostname', host, '--cluster-preferred-endpoint-type', 'hostname']
  const members = await Promise.all(
    Array.from({ length: count * (1 + replicas) }, async () => {
      const busPort = String(await freePort())
      const extra = security ? [...security.serverArgs(['--tls-cluster', 'yes']), ...names] : []
      const started = await startRedis([...args, '--cluster-port', busPort, ...extra], security?.client)
      return { ...started, busPort }
    }),
  )
  const masters = members.slice(0, count)
  for (const [index, { client }] of masters.entries()) {
    const [from, next] = [index, index + 1].map(each => Math.floor((each * SLOTS) / count))
    await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(next! - 1))
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  }
  // Each meets each, with epochs of their own: left to their gossip they now and then take five seconds more.
  for (const { client } of members)
    for (const other of members) await client.call('CLUSTER', 'MEET', HOST, String(other.port), other.busPort)
  const areWhole = async (of: typeof members) => {
    const infos = await Promise.all(of.map(({ client }) => client.call('CLUSTER', 'INFO')))
    return infos.every(info =>
      ['cluster_state:ok', `cluster_known_nodes:${members.length}`].every(line =>
        String(info).includes(line),
      ),
    )
  }
  await eventually('the Cluster to be whole', () => areWhole(members))
  for (const [index, replica] of members.slice(count).entries()) {
    const master = String(await masters[index]!.client.call('CLUSTER', 'MYID'))
    await eventually('a replica of its master', () =>
      replica.client.call('CLUSTER', 'REPLICATE', master).then(
        () => true,
        () => false,
      ),
    )
    await eventually('a replica that is up to date', async () =>
      String(await replica.client.info('replication')).includes('master_link_status:up'),
    )
  }

  const dead = new Set<TestRedis>()
  const clients = openedClients(
    () =>
      new Cluster(
        members.map(({ port }) => ({ host, port })),
        security
          ? {
              redisOptions: { ...security.client, ...IMPATIENCE },
              dnsLookup: (name, callback) => callback(null, name),
            }
          : { redisOptions: IMPATIENCE },
      ),
  )
  const close = async () => {
    clients.close()
    await Promise.all(members.map(each => each.close()))
    await security?.close()
  }
  const scheme = security ? 'rediss' : 'redis'
  return {
    settings: {
      PUBSUB_REDIS_URL: `${scheme}://${members.map(({ port }) => `${host}:${port}`).join(',')}`,
      ...security?.settings,
    },
    ports: masters.map(each => each.port),
    connect: clients.open,
    async keys() {
      const living = members.filter(each => !dead.has(each))
      const roles = await Promise.all(living.map(({ client }) => client.info('replication')))
      const own = living.filter((_, index) => String(roles[index]).includes('role:master'))
      return (await Promise.all(own.map(({ client }) => client.keys('*')))).flat()
    },
    async failOver(index) {
      const [master, replica] = [masters[index]!, members[count + index]!]
      dead.add(master)
      await master.kill()
      await eventually('the replica to be a master', async () =>
        String(await replica.client.info('replication')).includes('role:master'),
      )
      const living = members.filter(each => !dead.has(each))
      await eventually('a Cluster that is whole again', () => areWhole(living))
    },
    silence(index) {
      dead.add(masters[index]!)
      masters[index]!.pause()
    },
    [Symbol.asyncDispose]: close,
  }
}

/** What a server that speaks TLS alone, and its clients, need. */
async function openSecurity() {
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-redis-tls-'))
  const caPath = makeVendorCerts(directory, ['localhost'])
  const files = {
    'tls-cert-file': join(directory, 'server.pem'),
    'tls-key-file': join(directory, 'server.key.pem'),
    'tls-ca-cert-file': caPath,
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
  }
  const ca = await Bun.file(caPath).text()
  return {
    files,
    serverArgs: (more: string[] = []) => [
      ...Object.entries(files).flatMap(([name, value]) => [`--${name}`, value]),
      ...more,
    ],
    client: { host: 'localhost', tls: { ca, host: 'localhost' } },
    settings: { NODE_EXTRA_CA_CERTS: caPath },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

/** Sentinels that must agree before a master is replaced: most of them. */
const SENTINELS = 3
const QUORUM = 2
const MASTER_NAME = 'calls'

/** Starts a master, its replica, and Sentinels that know both and one another. */
export async function startSentinel({ isEncrypted = false }: Making = {}): Promise<SentinelTopology> {
  const security = isEncrypted ? await openSecurity() : undefined
  const host = security ? 'localhost' : HOST
  const extra = security ? [...security.serverArgs(), '--replica-announce-ip', host] : []
  const master = await startRedis(['--repl-diskless-sync-delay', '0', ...extra], security?.client)
  const replica = await startRedis(['--replicaof', host, String(master.port), ...extra], security?.client)
  const replication = async () => String(await master.client.info('replication'))
  // A Sentinel looks for replicas when it starts, and then not for ten seconds.
  await eventually('the replica at the master', async () => (await replication()).includes('state=online'))

  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-sentinels-'))
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, (_, index) =>
      startOneSentinel(directory, index, { host, port: master.port }, security),
    ),
  )
  await eventually('the Sentinels to know enough', async () =>
    (await Promise.all(sentinels.map(each => knowsEnough(each.client)))).every(Boolean),
  )

  const clients = openedClients(() =>
    quiet({
      sentinels: sentinels.map(({ port }) => ({ host, port })),
      name: MASTER_NAME,
      sentinelRetryStrategy: () => 50,
      ...(security
        ? { ...security.client, sentinelTLS: security.client.tls, enableTLSForSentinelMode: true }
        : {}),
    }),
  )
  const close = async () => {
    clients.close()
    for (const { client, child } of sentinels) {
      client.disconnect()
      child.kill('SIGKILL')
      await child.exited
    }
    await Promise.all([master.close(), replica.close()])
    await rm(directory, { recursive: true, force: true })
    await security?.close()
  }
  /** Replication is asynchronous: what a dead master had not yet sent is lost, and that is not looked at here. */
  const isCopied = () =>
    eventually('the replica to have everything', async () => {
      const info = await replication()
      return info.includes(`offset=${/master_repl_offset:(\d+)/.exec(info)?.[1]},`)
    })
  const addresses = sentinels.map(({ port }) => `${host}:${port}`).join(',')
  return {
    settings: {
      PUBSUB_REDIS_URL: `${security ? 'rediss' : 'redis'}+sentinel://${addresses}/${MASTER_NAME}`,
      ...security?.settings,
    },
    connect: clients.open,
    async keys() {
      const [, port] = await masterAddress(sentinels[0]!.client)
      return (Number(port) === master.port ? master : replica).client.keys('*')
    },
    async failOver() {
      await isCopied()
      await master.kill()
      await eventually('a new master', async () => {
        const seen = await Promise.all(sentinels.map(({ client }) => masterAddress(client)))
        return seen.every(([, port]) => Number(port) === replica.port)
      })
    },
    async silence() {
      await isCopied()
      master.pause()
    },
    [Symbol.asyncDispose]: close,
  }
}

async function startOneSentinel(
  directory: string,
  index: number,
  master: { host: string; port: number },
  security: Awaited<ReturnType<typeof openSecurity>> | undefined,
) {
  const port = await freePort()
  const config = join(directory, `sentinel-${index}.conf`)
  const lines = [
    ...(security
      ? [
          ...[
            `port 0`,
            `tls-port ${port}`,
            'sentinel resolve-hostnames yes',
            'sentinel announce-hostnames yes',
          ],
          ...[`sentinel announce-ip ${master.host}`],
          ...Object.entries(security.files).map(([name, value]) => `${name} ${value}`),
        ]
      : [`port ${port}`]),
    `bind ${HOST}`,
    `dir ${directory}`,
    `sentinel monitor ${MASTER_NAME} ${master.host} ${master.port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 500`,
    `sentinel failover-timeout ${MASTER_NAME} 1000`,
  ]
  await Bun.write(config, lines.join('\n'))
  const child = Bun.spawn([BINARY, config, '--sentinel'], { stdout: 'ignore', stderr: 'ignore' })
  return { port, child, client: quiet({ port, host: HOST, ...security?.client }) }
}

const masterAddress = async (sentinel: Redis): Promise<string[]> =>
  (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)) as string[]

async function knowsEnough(sentinel: Redis): Promise<boolean> {
  const count = async (what: string) =>
    ((await sentinel.call('SENTINEL', what, MASTER_NAME)) as unknown[]).length
  return (await count('REPLICAS')) === 1 && (await count('SENTINELS')) === SENTINELS - 1
}

/** Starts a server without a plain port, with a certificate that only its own CA vouches for, and a password with
 *  characters that mean something in a URL. */
export async function startTls(): Promise<Topology> {
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-redis-tls-'))
  const caPath = makeVendorCerts(directory, ['localhost'])
  const port = await freePort()
  const password = 'p@ss/w:rd%'
  const options = {
    bind: HOST,
    port: '0',
    'tls-port': String(port),
    'tls-cert-file': join(directory, 'server.pem'),
    'tls-key-file': join(directory, 'server.key.pem'),
    'tls-ca-cert-file': caPath,
    'tls-auth-clients': 'no',
    requirepass: password,
    dir: directory,
    save: '',
  }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const child = Bun.spawn([BINARY, ...args], { stdout: 'ignore', stderr: 'ignore' })
  const ca = await Bun.file(caPath).text()
  const clients = openedClients(() => quiet({ port, host: 'localhost', password, tls: { ca } }))
  const own = clients.open()
  await own.ping()
  return {
    settings: {
      PUBSUB_REDIS_URL: `rediss://:${encodeURIComponent(password)}@localhost:${port}`,
      NODE_EXTRA_CA_CERTS: caPath,
    },
    connect: clients.open,
    keys: () => own.keys('*'),
    async [Symbol.asyncDispose]() {
      clients.close()
      child.kill('SIGKILL')
      await child.exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A client that keeps trying, also while its server starts or fails over. */
function quiet(options: RedisOptions): Redis {
  const persistence = { maxRetriesPerRequest: null, retryStrategy: () => 50 }
  const client = new Redis({ ...persistence, ...IMPATIENCE, ...options })
  // Errors while a server is down are what the test is about.
  client.on('error', () => undefined)
  return client
}

function openedClients<Client extends Redis | Cluster>(make: () => Client) {
  const opened: Client[] = []
  return {
    open(): Client {
      const client = make()
      opened.push(client)
      return client
    },
    close: () => {
      for (const client of opened) client.disconnect()
    },
  }
}
