// A server that speaks TLS alone and wants a password.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeVendorCerts } from '../push/vendorCerts.ts'
import { BINARY, freePort } from './redis.ts'
import { HOST, openedClients, quiet, type Topology } from './topology.ts'

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
