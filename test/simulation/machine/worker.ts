// Worker threads: each is a process of its own, with its own event loop and lines, that lives, sleeps and dies with the
// process which started it. What runs in one is known by its program's file name; messages come after a moment, in order.
import type { Process } from './process.ts'
import type { Schedule } from './schedule.ts'

/** A thread's inside. */
export interface WorkerScope {
  process: Process
  /** To whom it belongs. */
  post: (message: unknown) => void
  /** Set by the program. */
  onmessage: ((event: MessageEvent) => void) | null
}

/** Begins what runs in a thread. */
export type WorkerProgram = (scope: WorkerScope) => void

const HAND_OFF_MS = 0.01

interface Around {
  schedule: Schedule
  owner: Process
  process: Process
  begin: WorkerProgram
}

/** The face of `Worker`, as much of it as ours uses. */
export class SimulatedWorker extends EventTarget {
  onmessage: ((event: MessageEvent) => void) | null = null
  onerror: ((event: ErrorEvent) => void) | null = null
  readonly #around: Around
  readonly #scope: WorkerScope

  constructor(around: Around) {
    super()
    this.#around = around
    const { schedule, owner, process } = around
    this.#scope = {
      process,
      post: data => schedule.after(HAND_OFF_MS, owner, () => this.onmessage?.({ data } as MessageEvent)),
      onmessage: null,
    }
    schedule.after(0, process, () => around.begin(this.#scope))
    owner.onDeath.add(() => process.die())
  }

  postMessage(data: unknown): void {
    const { schedule, process } = this.#around
    schedule.after(HAND_OFF_MS, process, () => this.#scope.onmessage?.({ data } as MessageEvent))
  }

  /** It ends, by itself or not: its owner is told. */
  terminate(): void {
    const { schedule, owner, process } = this.#around
    if (process.state === 'dead') return
    process.die()
    schedule.after(HAND_OFF_MS, owner, () => this.dispatchEvent(new Event('close')))
  }
}
