// A process of the simulated world: an agent, a front, Redis, a switch. It has clocks and a randomness of its own, can be
// stopped and go on, and dies with all that it still had to do. The sockets that it has are the network's business, which
// is told of its death.
import { type Random, seededRandom } from '../../chaos/random.ts'
import type { Happening, Schedule } from './schedule.ts'

/** `asleep`: stopped, like by SIGSTOP; what comes meanwhile waits. */
export type ProcessState = 'awake' | 'asleep' | 'dead'

/** The day on which every simulated world begins. */
export const WORLD_BEGAN_AT_MS = Date.UTC(2026, 0, 1)

export class Process {
  readonly name: string
  readonly random: Random
  readonly #schedule: Schedule
  #state: ProcessState = 'awake'
  #held: Happening[] = []
  /** How much its wall clock is ahead. */
  #wallAheadMs = 0
  /** How long its machine stood still, which its stopwatch did not see. */
  #standstillMs = 0
  #sleepsSince: { atMs: number; isStandstill: boolean } | undefined
  /** Told once, when it dies. */
  readonly onDeath = new Set<() => void>()
  /** Its worker threads: they sleep, wake and die with it, and have its clocks. */
  readonly threads = new Set<Process>()
  #threadsMade = 0

  constructor(schedule: Schedule, name: string, seed: number) {
    this.#schedule = schedule
    this.name = name
    this.random = seededRandom(seed, `process ${name}`)
  }

  /** Numbers its threads. */
  nextThread(): number {
    this.#threadsMade += 1
    return this.#threadsMade
  }

  get state(): ProcessState {
    return this.#state
  }

  /** Its wall clock: milliseconds since the epoch. */
  wallMs(): number {
    return Math.floor(WORLD_BEGAN_AT_MS + this.#schedule.nowMs + this.#wallAheadMs - this.#standstillMs)
  }

  /** Its stopwatch, which never goes back. */
  stopwatchMs(): number {
    return this.#schedule.nowMs - this.#standstillMs
  }

  /** Somebody sets its wall clock. */
  jump(ms: number): void {
    this.#wallAheadMs += ms
    for (const thread of this.threads) thread.jump(ms)
  }

  /** @param isStandstill its clocks stop with it, as those of a virtual machine do that is paused. */
  sleep({ isStandstill = false } = {}): void {
    if (this.#state !== 'awake') return
    this.#state = 'asleep'
    this.#sleepsSince = { atMs: this.#schedule.nowMs, isStandstill }
    for (const thread of this.threads) thread.sleep({ isStandstill })
  }

  wake(): void {
    if (this.#state !== 'asleep') return
    this.#state = 'awake'
    if (this.#sleepsSince?.isStandstill) this.#standstillMs += this.#schedule.nowMs - this.#sleepsSince.atMs
    const held = this.#held
    this.#held = []
    for (const each of held) this.#schedule.resume(each)
    for (const thread of this.threads) thread.wake()
  }

  die(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#held = []
    for (const tell of [...this.onDeath]) tell()
    this.onDeath.clear()
  }

  /** Something became due while it sleeps. */
  hold(happening: Happening): void {
    this.#held.push(happening)
  }
}
