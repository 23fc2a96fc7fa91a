// Redis as operators run it: a Cluster (`cluster.ts`), a master with its replica and Sentinels (`sentinel.ts`), a server that
// speaks TLS alone and wants a password (`tlsRedis.ts`). Each is made of redis-server's own processes, and each tells the URL
// for the service and opens connections for a test that plays the backend. The service itself is not started here.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import { makeVendorCerts } from '../push/vendorCerts.ts'

export interface Topology extends AsyncDisposable {
  /** What the service needs to find it, and to trust it. */
  settings: Record<string, string>
  /** Opens a connection that is closed with the topology. */
  connect(): Redis | Cluster
  /** All keys of all masters. */
  keys(): Promise<string[]>
}

export const HOST = '127.0.0.1'
/** A test's own client leaves a stopped server too, whether that has greeted it or not. */
export const IMPATIENCE = { socketTimeout: 1_000, connectTimeout: 1_000 }

/** How a topology is to be made. */
export interface Making {
  /** All connections in TLS alone, between the servers too, with a certificate for `localhost` that only its own CA
   *  vouches for. */
  isEncrypted?: boolean
}

/** What a server that speaks TLS alone, and its clients, need. */
export async function openSecurity() {
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

/** A client that keeps trying, also while its server starts or fails over. */
export function quiet(options: RedisOptions): Redis {
  const persistence = { maxRetriesPerRequest: null, retryStrategy: () => 50 }
  const client = new Redis({ ...persistence, ...IMPATIENCE, ...options })
  // Errors while a server is down are what the test is about.
  client.on('error', () => undefined)
  return client
}

export function openedClients<Client extends Redis | Cluster>(make: () => Client) {
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
