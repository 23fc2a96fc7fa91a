// An agent's place at one switch: the agent that works there now, and the ones that are still leaving. Each is a process
// of its own, put together as its worker thread does it. Whoever is killed or declared dead is replaced under a new name.

import { openAgent } from '../../../src/dial/agent/agent.ts'
import type { AgentSettings } from '../../../src/dial/agent/messages.ts'
import type { Agent } from '../../../src/dial/agent/options.ts'
import type { Process } from '../machine/process.ts'
import type { Machine } from '../machine/runtime.ts'
import type { History } from './history.ts'
import { openSimulatedLog } from './log.ts'
import { REDIS_HOST, REDIS_PORT } from './redisPlace.ts'
import { GATEWAY, SWITCH_HOST, SWITCH_PASSWORD, type SwitchPlace } from './switchPlace.ts'

export const JOB_LISTS = ['talkiq-asp.calls', 'talkiq-bot.calls'] as const

/** As the pool does it with one that crashed. */
const RESPAWN_MS = 1_000

export const TAKEOVER_MS = 3_000

/** One life of an agent. */
export interface AgentLife {
  /** Names the process, and the agent in Redis. */
  name: string
  process: Process
  agent: Agent
  state: 'up' | 'leaving' | 'gone'
  calls: number
}

export class AgentPlace {
  readonly name: string
  readonly lives: AgentLife[] = []
  readonly #machine: Machine
  readonly #switch: SwitchPlace
  readonly #history: History

  readonly #hasPhones: boolean

  /** @param hasPhones whether phones register at the switch, to be pushed. */
  constructor(
    machine: Machine,
    name: string,
    place: SwitchPlace,
    { history, hasPhones }: { history: History; hasPhones: boolean },
  ) {
    this.#hasPhones = hasPhones
    this.#machine = machine
    this.name = name
    this.#switch = place
    this.#history = history
  }

  get switch(): SwitchPlace {
    return this.#switch
  }

  /** The one that takes jobs here, unless it sleeps. */
  get present(): AgentLife | undefined {
    return this.lives.findLast(life => life.state === 'up')
  }

  /** A new agent begins in a turn of its own. */
  start(): void {
    const name = `${this.name}.${this.lives.length + 1}`
    const process = this.#machine.spawn(name)
    const life: AgentLife = { name, process, agent: undefined as unknown as Agent, state: 'up', calls: 0 }
    this.lives.push(life)
    this.#machine.schedule.after(0, process, () => {
      this.#note(life, 'starts')
      life.agent = openAgent({
        settings: this.#settings(name),
        count: () => undefined,
        onDeclaredDead: () => {
          this.#note(life, 'ends: it was declared dead')
          this.#end(life)
          this.restartAfter(RESPAWN_MS)
        },
        onHealth: ({ calls }) => {
          life.calls = calls
        },
        clock: Date.now,
        random: Math.random,
        log: openSimulatedLog(this.#history, name),
      })
    })
  }

  restartAfter(ms: number): void {
    this.#machine.schedule.after(ms, this.#machine.network.kernel, () => this.start())
  }

  /** Ends it in the middle of whatever it does. */
  kill(life: AgentLife): void {
    this.#note(life, 'is killed')
    this.#end(life)
  }

  /** As a rolling update does it: it hands over and ends, while its successor starts. */
  terminate(life: AgentLife): void {
    life.state = 'leaving'
    this.#machine.schedule.after(0, life.process, () => {
      this.#note(life, 'is terminated')
      void life.agent.drain().then(() => {
        this.#note(life, 'ends')
        this.#end(life)
      })
    })
    this.start()
  }

  #end(life: AgentLife): void {
    life.state = 'gone'
    life.process.die()
  }

  #note({ name }: AgentLife, what: string): void {
    this.#history.add(name, { kind: 'process', what })
  }

  #settings(agent: string): AgentSettings {
    return {
      agent,
      switch: {
        name: this.#switch.name,
        host: SWITCH_HOST,
        port: this.#switch.port,
        password: SWITCH_PASSWORD,
      },
      redis: { url: `redis://${REDIS_HOST}:${REDIS_PORT}`, connectTimeoutMs: 3_000 },
      jobLists: JOB_LISTS,
      activeKey: 'dial.org.user',
      gateways: {},
      gateway: GATEWAY,
      accountDial: { kind: 'user' },
      wakeTimeoutMs: 4_000,
      ...(this.#hasPhones
        ? { registrations: { isWithDomain: false, keepMs: 3_600_000, devicesPerAccountMax: 10 } }
        : {}),
      sipProfile: 'external',
      sipHeaderPrefix: 'X-',
      ringTimeoutSeconds: 4,
      jobAgeMaxMs: 60_000,
      bargersMax: 8,
      callsMax: 200,
      callsPerSecond: 0,
      isLoadTestAllowed: false,
      takeoverMs: TAKEOVER_MS,
      orphanMaxMs: 60_000,
      compareMs: 60_000,
      tryRefusingMs: 5_000,
      timelinesMax: 0,
      log: { level: 'debug', showsFullNumbers: true, isPretty: false },
    }
  }
}
