// A master with its replica and Sentinels, in TLS if wanted.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { eventually } from './internal.ts'
import { BINARY, freePort, startRedis } from './redis.ts'
import { HOST, type Making, openedClients, openSecurity, quiet, type Topology } from './topology.ts'

export interface SentinelTopology extends Topology {
  /** SIGKILL to the master; resolves when the replica has taken its place, and not before all of it was copied. */
  failOver(): Promise<void>
  /** SIGSTOP to the master, which holds its connections and answers nothing. Resolves at once. */
  silence(): Promise<void>
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
