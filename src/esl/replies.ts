// The commands that wait for their reply. An event socket's replies carry no id: they come in the order in which the
// commands were sent, so this is a queue and nothing else. It does not write, and it does not know what was asked.
import type { CommandOutcome } from './outcome.ts'

type Settle = (outcome: CommandOutcome) => void

interface Waiting {
  settle: Settle
  timer: ReturnType<typeof setTimeout> | undefined
}

/** Settled places at the queue's front are cut off in one go when there are this many. */
const SETTLED_PLACES_MAX = 1_024

export class ReplyQueue {
  #waiting: (Waiting | undefined)[] = []
  #first = 0

  get length(): number {
    return this.#waiting.length - this.#first
  }

  /** Takes a place at the end. Without `timeoutMs` it waits until its reply comes or the queue fails.
   *  @param onTimeout called after `settle`: the order is unknown from then on, so the connection must end. */
  add(settle: Settle, timeoutMs?: number, onTimeout?: () => void): void {
    const waiting: Waiting = { settle, timer: undefined }
    if (timeoutMs !== undefined) {
      waiting.timer = setTimeout(() => {
        waiting.settle({ kind: 'timeout' })
        waiting.settle = ignore
        onTimeout?.()
      }, timeoutMs)
    }
    this.#waiting.push(waiting)
  }

  /** Gives the oldest its reply. @returns false when nobody waits: that peer does not speak this protocol. */
  settleFirst(outcome: CommandOutcome): boolean {
    const waiting = this.#waiting[this.#first]
    if (!waiting) return false
    this.#waiting[this.#first] = undefined
    this.#first += 1
    if (this.#first === this.#waiting.length || this.#first >= SETTLED_PLACES_MAX) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    clearTimeout(waiting.timer)
    waiting.settle(outcome)
    return true
  }

  /** Everybody who waits gets this outcome, in order. */
  settleAll(outcome: CommandOutcome): void {
    const all = this.#waiting.slice(this.#first)
    this.#waiting = []
    this.#first = 0
    for (const waiting of all) {
      clearTimeout(waiting?.timer)
      waiting?.settle(outcome)
    }
  }
}

/** A settled command stays in its place until the connection ends; a late reply to it says nothing any more. */
function ignore(): void {}
