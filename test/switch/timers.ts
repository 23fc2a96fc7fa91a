// The clockwork of one life of the switch: every pause of it, so that all can end at once when it dies. Times are
// milliseconds; what FreeSWITCH counts in seconds goes through `seconds`, which the test may shrink.

export class Timers {
  #running = new Set<ReturnType<typeof setTimeout>>()
  #isAlive = true
  #msPerSecond: number
  #tickMs: number

  constructor({ msPerSecond, tickMs }: { msPerSecond: number; tickMs: number }) {
    this.#msPerSecond = msPerSecond
    this.#tickMs = tickMs
  }

  /** @returns a function that calls it off. */
  after(ms: number, act: () => void): () => void {
    if (!this.#isAlive) return () => {}
    const timer = setTimeout(() => {
      this.#running.delete(timer)
      act()
    }, ms)
    this.#running.add(timer)
    return () => {
      clearTimeout(timer)
      this.#running.delete(timer)
    }
  }

  /** Seconds of the switch. A whole number of them ends up to one early or late in the real thing: see callers. */
  seconds(seconds: number, act: () => void): () => void {
    return this.after(seconds * this.#msPerSecond, act)
  }

  /** The next step of another thread. */
  tick(act: () => void): () => void {
    return this.after(this.#tickMs, act)
  }

  /** Right after the reply that is being written now. */
  soon(act: () => void): void {
    queueMicrotask(() => {
      if (this.#isAlive) act()
    })
  }

  every(seconds: number, act: () => void): () => void {
    let stop = (): void => {}
    const again = (): void => {
      act()
      stop = this.seconds(seconds, again)
    }
    stop = this.seconds(seconds, again)
    return () => stop()
  }

  end(): void {
    this.#isAlive = false
    for (const timer of this.#running) clearTimeout(timer)
    this.#running.clear()
  }
}

/** Reads a scheduled time: `+5` is five seconds from now, `5` a moment of the epoch. */
export function secondsUntil(when: string, nowMs: number): number {
  const seconds = Number.parseInt(when.replace(/^\+/, ''), 10) || 0
  return when.startsWith('+') ? seconds : Math.max(0, seconds - Math.floor(nowMs / 1_000))
}
