// Everything a run takes place in: one Redis that keeps its data, two switches, agents and fronts, all as processes,
// with valves between them, and the ear beside them. Opened and closed here; what happens to them is decided
// elsewhere.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startRedis, type TestRedis } from '../harness/redis.ts'
import { JWT_SECRETS } from '../harness/tokens.ts'
import { PHONES } from '../switch/people.ts'
import type { RecordEntry } from '../switch/records.ts'
import { type RemoteSwitch, remoteSwitch } from '../switch/remote.ts'
import { type Ear, type Message, openEar } from './ear.ts'
import type { ChaosPlan } from './plan.ts'
import { type Crew, type LogLine, type Member, openCrew } from './processes.ts'
import { createTroubles, type Troubles } from './troubles.ts'
import { openValve, type Valve } from './valve.ts'

/** What the dial ids of a run begin with; nothing else in Redis does. */
export const DIAL_PREFIX = 'chaos-'

/** The time that a PBX's request is held: long enough for an app to be slow, short enough for many of them. */
export const ROUNDTRIP_WAIT_MS = 2_500

export interface SwitchPlace {
  name: string
  remote: RemoteSwitch
  child: Bun.Subprocess
  /** All agents reach it through this one, or they would not know it for the same switch. */
  valve: Valve
  isBusy: boolean
  records(): Promise<RecordEntry[]>
}

export interface Scene {
  redis: TestRedis
  isRedisBusy: boolean
  switches: SwitchPlace[]
  crew: Crew
  ear: Ear
  troubles: Troubles
  /** Kills Redis, and starts it again; nobody reaches it before the ear does. */
  restartRedis(downMs: number): Promise<void>
  close(): Promise<void>
}

export interface SceneHooks {
  onMessage: (channel: string, message: Message) => void
  onLine: (line: LogLine, member: Member) => void
}

const GATEWAY = 'talk_call_provider'

// Redis writes a command to its log before it answers it; who is killed loses nothing that was written, and when the
// disk has it does not matter to a process that dies on a machine that lives.
const KEEPS_DATA = ['--appendonly', 'yes', '--appendfsync', 'no']

export async function openScene(plan: ChaosPlan, hooks: SceneHooks): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'hookswitch-chaos-'))
  const redis = await startRedis(KEEPS_DATA)
  const ear = await openEar(redis.port, DIAL_PREFIX, hooks.onMessage)
  const switches = await Promise.all([0, 1].map(index => startSwitch(index, directory)))
  const crew = await openCrew({
    // Drawn when it is needed: one that is drawn long before may be somebody else's by then.
    socketPort: async () => (plan.sleepersPerSecond > 0 ? freePort() : 0),
    redis: () => openValve(redis.port),
    agents: plan.agents,
    fronts: plan.fronts,
    env: () => ({
      ESL_URL: switches.map(({ valve }) => `127.0.0.1:${valve.port}`).join(','),
      GATEWAY,
      RING_TIMEOUT: '4',
      APP_PUSH_ROUNDTRIP_WAIT: String(ROUNDTRIP_WAIT_MS),
      APP_PUSH_RESEND_INTERVAL: '800',
      RATE_LIMIT: '0',
      JWT_SECRETS,
      ...(process.env.CHAOS_LOG_LEVEL ? { LOG_LEVEL: process.env.CHAOS_LOG_LEVEL } : {}),
    }),
    onLine: hooks.onLine,
  })

  // A run that is broken off leaves nobody behind.
  const killAll = () => {
    for (const { child } of [...crew.members, ...switches]) child.kill('SIGKILL')
    void redis.kill()
  }
  process.once('exit', killAll)

  return {
    redis,
    isRedisBusy: false,
    switches,
    crew,
    ear,
    troubles: createTroubles(),

    async restartRedis(downMs) {
      const gates = crew.slots.map(each => each.redis)
      await redis.kill()
      for (const gate of gates) gate.set('cut')
      await Bun.sleep(downMs)
      await redis.start()
      await ear.hears()
      for (const gate of gates) gate.set('open')
    },

    async close() {
      process.off('exit', killAll)
      await crew.close()
      for (const { child, valve } of switches) {
        valve.close()
        child.kill('SIGKILL')
      }
      ear.close()
      await redis.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function startSwitch(index: number, directory: string): Promise<SwitchPlace> {
  const record = join(directory, `switch-${index}.jsonl`)
  const phones = Object.fromEntries(Object.entries(PHONES).map(([suffix, does]) => [`*${suffix}`, does]))
  const child = Bun.spawn(
    [
      process.execPath,
      ...[join(import.meta.dir, '../switch/main.ts'), '--port', '0', '--gateway', GATEWAY],
      ...['--record', record, '--phones', JSON.stringify(phones)],
    ],
    { stdout: 'pipe', stderr: 'inherit' },
  )
  const reader = child.stdout.getReader()
  const { value } = await reader.read()
  const { port, controlPort } = JSON.parse(new TextDecoder().decode(value)) as Record<
    'port' | 'controlPort',
    number
  >
  const remote = remoteSwitch(controlPort)
  // Orders that a real switch shows in several ways are drawn by chance all the time.
  await remote.set({ shuffleRaces: true, skipProgress: 0.1 })
  return {
    name: `switch-${index}`,
    remote,
    child,
    valve: await openValve(port),
    isBusy: false,
    records: async () =>
      (await Bun.file(record).text())
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line) as RecordEntry),
  }
}
