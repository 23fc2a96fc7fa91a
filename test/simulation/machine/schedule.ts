// Virtual time. Everything that will happen stands in one queue, in the order of time and then of being asked for; the
// clock jumps from one to the next. Each happening belongs to one process of the simulated world and runs to its end,
// microtasks included, before the next begins: whatever is done meanwhile is that process' doing.
import { drainMicrotasks } from 'bun:jsc'
import type { Process } from './process.ts'

export interface Happening {
  atMs: number
  order: number
  owner: Process
  act: () => void
  isOff: boolean
}

export class Schedule {
  #queue: Happening[] = []
  #order = 0
  #nowMs = 0
  #current: Process | undefined
  /** How many happenings have run, for the figures. */
  steps = 0
  /** Told of what a process threw into its event loop. */
  onThrown: (owner: Process, thrown: unknown) => void = (_, thrown) => {
    throw thrown
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  get isAtWork(): boolean {
    return this.#current !== undefined
  }

  /** Whose turn it is. @throws outside of any. */
  get current(): Process {
    if (!this.#current)
      throw new Error('nobody is at work: this belongs to no process of the simulated world')
    return this.#current
  }

  /** Asks for something at a later time. A process that sleeps does it when it wakes up, a dead one never. */
  after(ms: number, owner: Process, act: () => void): Happening {
    const happening: Happening = {
      atMs: this.#nowMs + Math.max(0, ms),
      order: this.#order++,
      owner,
      act,
      isOff: false,
    }
    this.#push(happening)
    return happening
  }

  /** Asks again for something that was held back. */
  resume(happening: Happening): void {
    happening.atMs = this.#nowMs
    happening.order = this.#order++
    this.#push(happening)
  }

  /** Does something as a process at once, microtasks included. @throws in the middle of somebody's turn. */
  as<Result>(owner: Process, act: () => Result): Result {
    if (this.#current) throw new Error(`it is ${this.#current.name}'s turn`)
    this.#current = owner
    try {
      return act()
    } finally {
      drainMicrotasks()
      this.#current = undefined
    }
  }

  /** Runs all that happens until that time, or until nothing is left to happen. */
  runUntil(endMs: number): void {
    for (let first = this.#queue[0]; first && first.atMs <= endMs; first = this.#queue[0]) {
      this.#pop()
      if (first.isOff || first.owner.state === 'dead') continue
      this.#nowMs = first.atMs
      if (first.owner.state === 'asleep') first.owner.hold(first)
      else this.#run(first)
    }
    this.#nowMs = endMs
  }

  #run({ owner, act }: Happening): void {
    this.steps += 1
    this.#current = owner
    try {
      act()
    } catch (thrown) {
      this.onThrown(owner, thrown)
    }
    drainMicrotasks()
    this.#current = undefined
  }

  // A binary heap: the next one stands first.

  #push(happening: Happening): void {
    const queue = this.#queue
    let at = queue.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(happening, queue[parent]!)) break
      queue[at] = queue[parent]!
      at = parent
    }
    queue[at] = happening
  }

  #pop(): void {
    const queue = this.#queue
    const last = queue.pop()!
    if (queue.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= queue.length) break
      if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child += 1
      if (!isBefore(queue[child]!, last)) break
      queue[at] = queue[child]!
      at = child
    }
    queue[at] = last
  }
}

const isBefore = (one: Happening, other: Happening): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
