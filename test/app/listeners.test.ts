// A start whose listeners can't be opened: one sentence for each, which names the setting and who is in the way, and an
// exit code that tells systemd to try again.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { Elysia } from 'elysia'
import pino from 'pino'
import { CannotListen, dialplanPlace, internalPlace, listenAt, publicPlace } from '../../src/app/listeners.ts'
import type { Log } from '../../src/base/log.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { parseNetworks } from '../../src/config/networks.ts'
import { openDialplanDoor } from '../../src/dialplan/door.ts'
import { INTERNAL_LISTENER } from '../../src/http/internal/app.ts'
import { ELYSIA_ROUTING, listen } from '../../src/http/listen.ts'
import { spawnService } from '../harness/service.ts'

let holder: Server
let taken: string
beforeAll(async () => {
  holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  taken = String((holder.address() as { port: number }).port)
})
afterAll(() => holder.close())

const HEAD = "hookswitch can't listen where it is told to:\n"

const refusals: { name: string; env: () => Record<string, string>; says: () => (string | RegExp)[] }[] = [
  {
    name: 'a public port that is taken, by a program of ours',
    env: () => ({ PORT: taken }),
    says: () => [
      new RegExp(
        `^ {2}PORT ${taken} is taken: bun.* \\(process ${process.pid}\\) listens there\\. End that, or set PORT to another port\\.$`,
      ),
    ],
  },
  {
    name: 'an internal port that is taken, of an agent, too',
    env: () => ({ ROLE: 'agent', INTERNAL_PORT: taken }),
    says: () => [new RegExp(`^ {2}INTERNAL_PORT ${taken} is taken: bun.* listens there\\. `)],
  },
  {
    name: 'both',
    env: () => ({ PORT: taken, INTERNAL_PORT: taken }),
    says: () => [
      new RegExp(`^ {2}PORT ${taken} is taken: `),
      new RegExp(`^ {2}INTERNAL_PORT ${taken} is taken: `),
    ],
  },
  {
    name: 'one port for both',
    env: () => ({ PORT: '28642', INTERNAL_PORT: '28642' }),
    says: () => [
      '  INTERNAL_PORT 28642 is taken: the public listener (PORT) listens there. Set INTERNAL_PORT to another port.',
    ],
  },
  {
    name: "an address that is not this machine's, or a name of none",
    env: () => ({
      HOST: '203.0.113.7',
      INTERNAL_HOST: 'no-such-host.invalid',
      ADMIN_TOKEN: 'sixteen-characters',
    }),
    says: () => [
      /^ {2}HOST 203\.0\.113\.7 is no address of this machine\. Set HOST to one that is \(.*127\.0\.0\.1.*\), or to 0\.0\.0\.0 for all of them\.$/,
      /^ {2}INTERNAL_HOST no-such-host\.invalid is no address of this machine\. /,
    ],
  },
]

for (const { name, env, says } of refusals)
  test(`is refused: ${name}`, async () => {
    const child = spawnService(env())
    const [errors, exitCode] = await Promise.all([child.stderr.text(), child.exited])
    expect(exitCode).toBe(69)
    expect(errors).toStartWith(HEAD)
    const lines = errors.slice(HEAD.length).trimEnd().split('\n')
    expect(lines).toHaveLength(says().length)
    for (const [place, said] of says().entries())
      if (typeof said === 'string') expect(lines[place]).toBe(said)
      else expect(lines[place]).toMatch(said)
  })

test('is refused: a port that is open to root alone', async () => {
  const main = [process.execPath, join(import.meta.dir, '../../src/main.ts')]
  // Root without the right to low ports is as good as anybody.
  const without = ['setpriv', '--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service']
  const child = Bun.spawn(process.getuid?.() === 0 ? [...without, ...main] : main, {
    env: { PATH: process.env.PATH!, PORT: '80', HOST: '127.0.0.1', INTERNAL_PORT: '0', SOCKET_PORT: '0' },
    stderr: 'pipe',
  })
  const [errors, exitCode] = await Promise.all([child.stderr.text(), child.exited])
  expect(errors).toBe(
    `${HEAD}  PORT 80 is not open to this user: ports below 1024 are root's. Set PORT to a higher one, or give the ` +
      'right (CAP_NET_BIND_SERVICE, in systemd as CapabilityBoundingSet= and AmbientCapabilities=).\n',
  )
  expect(exitCode).toBe(69)
})

/** Each listener as the service opens it, on a port that somebody took after it had been tried. */
const late: [setting: string, open: () => Promise<unknown>][] = [
  ['PORT', () => listenAt(publicPlace({ host: '127.0.0.1', port: Number(taken) }), openHttp)],
  [
    'INTERNAL_PORT',
    () => listenAt(internalPlace({ internalHost: '127.0.0.1', internalPort: Number(taken) }), openHttp),
  ],
  [
    'SOCKET_PORT',
    () => listenAt(dialplanPlace({ socketHost: '127.0.0.1', socketPort: Number(taken) }), openDoor),
  ],
]

const openHttp = () =>
  listen(new Elysia(ELYSIA_ROUTING), { hostname: '127.0.0.1', port: Number(taken), ...INTERNAL_LISTENER })

const openDoor = () =>
  openDialplanDoor({
    host: '127.0.0.1',
    port: Number(taken),
    socketsMax: 1,
    hold: () => new Promise(() => undefined),
    isPbx: parseNetworks([]),
    isDraining: () => false,
    metrics: createMetrics(),
    clock: Date.now,
    log: pino({ level: 'silent' }) as unknown as Log,
  })

for (const [setting, open] of late)
  test(`that is taken between the trial and the listener is one sentence too: ${setting}`, async () => {
    const thrown = await open().catch((error: unknown) => error)
    expect(thrown).toBeInstanceOf(CannotListen)
    expect((thrown as CannotListen).message).toMatch(
      new RegExp(
        `^${setting} ${taken} is taken: bun.* \\(process ${process.pid}\\) listens there\\. End that, or set ${setting} to another port\\.$`,
      ),
    )
  })
