// A front's place: the front that works there now, and the ones that are still leaving. Each is a process with its threads,
// put together as the front role does it, but without HTTP: PBXs and phones speak to its rooms. Whoever is killed comes back
// under a new name.
import { openWakeRooms, type WakeRooms } from '../../../src/app/wakeRooms.ts'
import { createMetrics } from '../../../src/base/metrics.ts'
import { readConfig } from '../../../src/config/config.ts'
import type { Apps } from '../../../src/push/apps.ts'
import type { AppEntry } from '../../../src/push/appsFile.ts'
import type { PushSender } from '../../../src/push/push.ts'
import { openRedis } from '../../../src/redis/connect.ts'
import { NO_RECORDER } from '../../../src/timeline/recorder.ts'
import {
  createOutbox,
  type FromWaitWorker,
  openBatch,
  type ToWaitWorker,
} from '../../../src/wake/waitMessages.ts'
import { openWaitWorker, type WaitWorker } from '../../../src/wake/waitWorker.ts'
import type { Process } from '../machine/process.ts'
import type { Machine } from '../machine/runtime.ts'
import type { History } from './history.ts'
import { openSimulatedLog } from './log.ts'
import { REDIS_HOST, REDIS_PORT } from './redisPlace.ts'

/** What a PBX's request may take, and the time between two pushes. */
export const WAIT_MS = 4_000
const RESEND_MS = 1_000

export const APP = 'com.example.phone'
export const PROJECT = 'example-project'

/** One life of a front. */
export interface FrontLife {
  /** Names the process, and the front in Redis. */
  name: string
  process: Process
  /** Undefined until it stands. */
  rooms: WakeRooms | undefined
  state: 'up' | 'leaving' | 'gone'
}

/** Stands in for Apple and Google. @param front who sends. */
export type OpenPhones = (front: string) => PushSender

export class FrontPlace {
  readonly name: string
  readonly lives: FrontLife[] = []
  readonly #machine: Machine
  readonly #history: History
  readonly #openPhones: OpenPhones

  constructor(machine: Machine, name: string, history: History, openPhones: OpenPhones) {
    this.#machine = machine
    this.name = name
    this.#history = history
    this.#openPhones = openPhones
    machine.programs.set('wait.ts', scope => {
      const { process } = scope
      const log = openSimulatedLog(history, process.name)
      const send = createOutbox<FromWaitWorker>('chunk', batch => scope.post(batch))
      let opened: WaitWorker | undefined
      scope.onmessage = event => {
        for (const message of openBatch<ToWaitWorker>(event))
          if (message.kind === 'open') opened = openWaitWorker(message.settings, { send, log })
          else if (message.kind === 'close') {
            opened?.close()
            machine.workers.get(process.name)?.terminate()
          } else opened?.obey(message)
      }
    })
  }

  get present(): FrontLife | undefined {
    return this.lives.findLast(life => life.state === 'up')
  }

  start(): void {
    const name = `${this.name}.${this.lives.length + 1}`
    const life: FrontLife = { name, process: this.#machine.spawn(name), rooms: undefined, state: 'up' }
    this.lives.push(life)
    this.#machine.schedule.after(0, life.process, () => {
      this.#note(life, 'starts')
      void this.#open(life)
    })
  }

  /** Ends it in the middle of whatever it does. */
  kill(life: FrontLife): void {
    this.#note(life, 'is killed')
    this.#end(life)
  }

  /** As a rolling update does it: it takes no new wait, ends those that it holds, while its successor starts. */
  terminate(life: FrontLife): void {
    life.state = 'leaving'
    this.#machine.schedule.after(0, life.process, () => {
      this.#note(life, 'is terminated')
      void this.#leave(life)
    })
    this.start()
  }

  async #open(life: FrontLife): Promise<void> {
    const { name } = life
    const log = openSimulatedLog(this.#history, name)
    const redis = openRedis({ url: REDIS_URL, connectTimeoutMs: 3_000 }, 'commands', log)
    const rooms = await openWakeRooms(
      {
        config: CONFIG,
        apps: APPS,
        metrics: METRICS,
        log,
        pod: name,
        isPretty: false,
        openSender: () => this.#openPhones(name),
      },
      {
        pushed: () => undefined,
        answered: () => undefined,
        timeline: NO_RECORDER,
        kept: { isOf: async () => false },
        traces: undefined,
      },
      // What is signed is read by the simulated phones alone.
      { redis, sign: async claims => JSON.stringify(claims) },
    )
    rooms.serveAgents()
    life.rooms = rooms
    life.process.onDeath.add(() => {
      life.rooms = undefined
    })
  }

  async #leave(life: FrontLife): Promise<void> {
    const { rooms } = life
    if (rooms) {
      await rooms.drain()
      rooms.leaveAgents()
      await rooms.close()
    }
    this.#note(life, 'ends')
    this.#end(life)
  }

  #end(life: FrontLife): void {
    life.state = 'gone'
    life.process.die()
  }

  #note({ name }: FrontLife, what: string): void {
    this.#history.add(name, { kind: 'process', what })
  }
}

const REDIS_URL = `redis://${REDIS_HOST}:${REDIS_PORT}`

const CONFIG = readConfigOf({
  PUBSUB_REDIS_URL: REDIS_URL,
  APP_PUSH_ROUNDTRIP_WAIT: String(WAIT_MS),
  APP_PUSH_RESEND_INTERVAL: String(RESEND_MS),
  APP_API_URL: 'https://phones.example',
})

function readConfigOf(env: Record<string, string>) {
  const read = readConfig(env)
  if (!read.ok) throw new Error(read.failure.join('; '))
  return read.value
}

/** Nobody reads them. */
const METRICS = createMetrics()

const ENTRIES: readonly AppEntry[] = [
  {
    platform: 'android',
    settings: { platform: 'android', app: APP, projectId: PROJECT } as unknown as AppEntry['settings'],
    version: '1',
  },
  {
    platform: 'apns',
    settings: { platform: 'apns', app: APP, topic: `${APP}.voip` } as unknown as AppEntry['settings'],
    version: '1',
  },
]

const APPS: Apps = {
  isOpen: false,
  find: (_, platform) => ENTRIES.find(entry => (entry.platform === 'apns') === (platform === 'apns')),
  all: () => ENTRIES,
  onChange: () => () => undefined,
  close: () => undefined,
}
