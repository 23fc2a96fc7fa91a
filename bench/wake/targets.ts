// What is measured: hookswitch itself, another checkout of it, the floor, and nchan. Each is two processes, one that
// holds and one that takes confirmations, on a Redis of their own; the Redis servers are set up alike.
import { accessSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort, startRedis, type TestRedis } from '../../test/harness/redis.ts'
import { startService } from '../service.ts'
import { RESEND_INTERVAL_MS, ROUNDTRIP_WAIT_MS } from './plan.ts'
import { answers, childrenOf, end, kill } from './processes.ts'
import { ACCOUNTS, accountOf, DEVICE_ID, type TargetKind, TOKEN_KEY } from './requests.ts'

export interface Target {
  kind: TargetKind
  /** Where PBXs post and are held. */
  holdPort: number
  /** Where apps confirm. */
  releasePort: number
  /** Process ids, for memory and CPU time. */
  holder: number
  releaser: number
  redis: number
  redisPort: number
  close(): Promise<void>
}

/** Names of floor processes; the calls of the generator begin with the holder's. */
export const HOLDER = 'holder'
const RELEASER = 'releaser'

/** Two real service processes, with everything on that a deployment has.
 *  @param root the checkout that they run; its packages must be installed. */
export async function startHookswitch(kind: TargetKind, root: string): Promise<Target> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(), each => each.close())
  const start = { isOver: false }
  const settings = {
    ROLE: 'front',
    PUBSUB_REDIS_URL: redis.url,
    JWT_SECRETS: `${TOKEN_KEY.kid}:${TOKEN_KEY.secret}`,
    PBX_ALLOW: '127.0.0.0/8',
    RATE_LIMIT: '10000000',
    WAITS_MAX: '20000',
    APP_PUSH_ROUNDTRIP_WAIT: String(ROUNDTRIP_WAIT_MS),
    APP_PUSH_RESEND_INTERVAL: String(RESEND_INTERVAL_MS),
    // Without APPS_FILE a push is a log line at level info: made, and not written.
    LOG_LEVEL: 'warn',
  }
  const startOne = async () => {
    const service = await startService(settings, { stdout: 'pipe', stderr: 'pipe', root })
    // On SIGTERM a front waits for its held requests; the measurement is over by then.
    opened.defer(() => kill(service.child))
    for (const output of [service.child.stdout, service.child.stderr]) void relayWarnings(output, start)
    return service
  }
  const [holder, releaser] = [await startOne(), await startOne()]
  await registerDevices(releaser.port)
  start.isOver = true
  return {
    kind,
    holdPort: holder.port,
    releasePort: releaser.port,
    holder: holder.child.pid,
    releaser: releaser.child.pid,
    redis: await processOf(redis),
    redisPort: redis.port,
    close: closing(opened),
  }
}

async function processOf({ client }: TestRedis): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(await client.info('server'))?.[1])
}

/** Everything that a start opens stays open until the target is closed. A start that fails closes everything at once. */
function closing(opened: AsyncDisposableStack): () => Promise<void> {
  const kept = opened.move()
  return () => kept.disposeAsync()
}

/** A measurement during which the service warned is worth nothing, so its warnings are shown. Those about this run's
 *  loose settings, which come at the start, are not. */
async function relayWarnings(output: ReadableStream<Uint8Array>, start: { isOver: boolean }): Promise<void> {
  for await (const bytes of output) if (start.isOver) process.stderr.write(bytes)
}

/** One device for each account that is called. */
export async function registerDevices(port: number): Promise<void> {
  for (let account = 0; account < ACCOUNTS; account++) {
    const response = await fetch(`http://127.0.0.1:${port}/api/android-device/`, {
      method: 'POST',
      body: new URLSearchParams({
        sip_user_id: accountOf(account),
        // A token as long as Google's.
        token: `${accountOf(account)}:${'x'.repeat(150)}`,
        app: 'com.example.phone',
        device_id: DEVICE_ID,
      }),
    })
    if (!response.ok)
      throw new Error(`a device was not registered: ${response.status} ${await response.text()}`)
  }
}

export async function startFloor(): Promise<Target> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(), each => each.close())
  const start = async (name: string) => {
    const port = await freePort()
    const program = join(import.meta.dir, 'floorServer.ts')
    const child = Bun.spawn([process.execPath, program, name, String(port), String(redis.port)], {
      stdout: 'inherit',
      stderr: 'inherit',
    })
    opened.defer(() => kill(child))
    await answers(`http://127.0.0.1:${port}/`, child)
    return { port, child }
  }
  const [holder, releaser] = [await start(HOLDER), await start(RELEASER)]
  return {
    kind: 'floor',
    holdPort: holder.port,
    releasePort: releaser.port,
    holder: holder.child.pid,
    releaser: releaser.child.pid,
    redis: await processOf(redis),
    redisPort: redis.port,
    close: closing(opened),
  }
}

/** Where distributions put nginx's modules. */
const NCHAN_MODULES = [
  '/usr/lib/nginx/modules/ngx_nchan_module.so',
  '/usr/lib64/nginx/modules/ngx_nchan_module.so',
  '/usr/share/nginx/modules/ngx_nchan_module.so',
]

/** @returns why it can't be measured, where nginx or the module is not installed. */
export async function startNchan(): Promise<Target | { missing: string }> {
  // The machine's PATH, which is no setting of ours. Distributions put nginx into /usr/sbin, where a user's PATH doesn't look.
  const nginx = Bun.which('nginx', { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` })
  if (!nginx) return { missing: 'nginx is not installed' }
  const module = NCHAN_MODULES.find(isThere)
  if (!module) return { missing: 'the nginx module nchan is not installed' }

  await using opened = new AsyncDisposableStack()
  const redis = opened.adopt(await startRedis(), each => each.close())
  const directory = opened.adopt(await mkdtemp(join(tmpdir(), 'hookswitch-nchan-')), each =>
    rm(each, { recursive: true, force: true }),
  )
  const start = async (name: string) => {
    const port = await freePort()
    const prefix = join(directory, name)
    await mkdir(prefix)
    await writeFile(join(prefix, 'nginx.conf'), nchanConfig({ module, port, redisUrl: redis.url }))
    // nginx logs into its directory: when it is stopped, it writes a line for every request that it still holds.
    const child = Bun.spawn([nginx, '-p', prefix, '-c', 'nginx.conf', '-e', 'error.log'], {
      stdout: 'ignore',
      stderr: 'ignore',
    })
    opened.defer(() => end(child))
    await answers(`http://127.0.0.1:${port}/`, child)
    return { port, child, worker: childrenOf(child.pid)[0]! }
  }
  const [holder, releaser] = [await start(HOLDER), await start(RELEASER)]
  return {
    kind: 'nchan',
    holdPort: holder.port,
    releasePort: releaser.port,
    holder: holder.worker,
    releaser: releaser.worker,
    redis: await processOf(redis),
    redisPort: redis.port,
    close: closing(opened),
  }
}

function isThere(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

/** One worker process each, as the others have; nothing logged, connections kept. A message is kept for one reader:
 *  a channel is one call. */
function nchanConfig({ module, port, redisUrl }: { module: string; port: number; redisUrl: string }): string {
  // Started by root, nginx would have its worker become somebody who may not enter the directory.
  const user = userInfo().uid === 0 ? 'user root;' : ''
  return `
${user}
load_module ${module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log error.log error;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  upstream redis { nchan_redis_server ${redisUrl}; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = / { return 200 up; }
    location ~ ^/hold/(.+)$ {
      nchan_subscriber longpoll;
      nchan_channel_id $1;
      nchan_redis_pass redis;
    }
    location ~ ^/release/(.+)$ {
      nchan_publisher http;
      nchan_channel_id $1;
      nchan_redis_pass redis;
      nchan_message_buffer_length 1;
      nchan_message_timeout 10s;
    }
  }
}
`
}
