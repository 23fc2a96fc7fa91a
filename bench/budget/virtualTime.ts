// Time that jumps from one timer to the next: the schedule's own `setTimeout` runs on it, so that days of calls take
// seconds. Timers that are due at the same time run in the order in which they were set.

type Act = (...args: unknown[]) => void

class VirtualTimer {
  isOff = false
  constructor(
    readonly atMs: number,
    readonly order: number,
    readonly act: () => void,
  ) {}
}

export type VirtualTime = ReturnType<typeof takeOverTimers>

/** Takes over the timers of this process, until `giveBack`. */
export function takeOverTimers() {
  const { setTimeout, clearTimeout } = globalThis
  let nowMs = 0
  let order = 0
  let waiting: VirtualTimer[] = []
  Object.assign(globalThis, {
    setTimeout(act: Act, ms = 0, ...args: unknown[]) {
      const timer = new VirtualTimer(nowMs + Math.max(0, ms), order++, () => act(...args))
      waiting.push(timer)
      return timer
    },
    clearTimeout(timer?: VirtualTimer) {
      if (timer) timer.isOff = true
    },
  })
  /** Runs the timer that is due first. @returns whether there was one. */
  function runNext(): boolean {
    waiting = waiting.filter(each => !each.isOff)
    const [first] = waiting.sort((one, other) => one.atMs - other.atMs || one.order - other.order)
    if (!first) return false
    first.isOff = true
    nowMs = Math.max(nowMs, first.atMs)
    first.act()
    return true
  }

  return {
    clock: () => nowMs,
    runNext,

    /** Runs until no timer is left. */
    runAll(): void {
      while (runNext());
    },

    giveBack: () => void Object.assign(globalThis, { setTimeout, clearTimeout }),

    /** Nothing happens for a while. */
    pass(ms: number): void {
      nowMs += ms
    },
  }
}
