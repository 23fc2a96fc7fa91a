// A Redis Cluster: masters that share the slots, with a replica each if wanted, in TLS if wanted.
import { Cluster } from 'ioredis'
import { eventually } from './internal.ts'
import { freePort, startRedis, type TestRedis } from './redis.ts'
import { HOST, IMPATIENCE, type Making, openedClients, openSecurity, type Topology } from './topology.ts'

export interface ClusterTopology extends Topology {
  /** Ports of the masters, in the order of their slots. */
  ports: number[]
  /** SIGKILL to one master; resolves when its replica has its slots and every node that lives says all is whole. */
  failOver(index: number): Promise<void>
  /** SIGSTOP to one master, which holds its connections and answers nothing. */
  silence(index: number): void
}

/** For `describe.each`: what must hold on one server and on a Cluster of three masters alike. */
export const SERVER_AND_CLUSTER: [
  name: string,
  start: () => Promise<{ url: string; close: () => PromiseLike<void> }>,
][] = [
  [
    'one server',
    async () => {
      const { url, close } = await startRedis()
      return { url, close }
    },
  ],
  [
    'a Cluster',
    async () => {
      const cluster = await startCluster(3)
      return { url: cluster.settings.PUBSUB_REDIS_URL!, close: () => cluster[Symbol.asyncDispose]() }
    },
  ],
]

/** Of every Cluster. */
export const SLOTS = 16_384

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
