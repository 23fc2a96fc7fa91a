// Measures the time from an order to its arrival, by the order's key, and sums up a round.

export interface Times {
  p50Ms: number
  p99Ms: number
  /** Orders that never arrived. */
  lost: number
}

/** An order that has not arrived by then is lost. */
const LOST_AFTER_MS = 3_000

export type Stopwatch = ReturnType<typeof createStopwatch>

/** @param isCounted false during the lead-in: those orders run and are not counted. */
export function createStopwatch(isCounted: () => boolean) {
  const startedAtMs = new Map<string, { atMs: number; isCounted: boolean }>()
  const timesMs: number[] = []
  let onIdle: (() => void) | undefined

  return {
    /** To be called right before the order's bytes are sent. */
    start(key: string): void {
      startedAtMs.set(key, { atMs: performance.now(), isCounted: isCounted() })
    },

    /** To be called with the time at which the order's last byte was read. */
    stop(key: string, atMs: number): void {
      const started = startedAtMs.get(key)
      if (!started) return
      startedAtMs.delete(key)
      if (started.isCounted) timesMs.push(atMs - started.atMs)
      if (startedAtMs.size === 0) onIdle?.()
    },

    /** Waits for the orders that have not arrived yet. */
    async read(): Promise<Times> {
      const idle = new Promise<void>(resolve => {
        onIdle = resolve
      })
      if (startedAtMs.size > 0) await Promise.race([idle, Bun.sleep(LOST_AFTER_MS)])
      timesMs.sort((one, other) => one - other)
      const at = (part: number) => timesMs[Math.floor((timesMs.length - 1) * part)] ?? Number.NaN
      return { p50Ms: at(0.5), p99Ms: at(0.99), lost: startedAtMs.size }
    },
  }
}

/** Acts at a steady rate, whatever comes of it (open loop). */
export async function atRate(
  { perSecond, seconds }: { perSecond: number; seconds: number },
  act: (index: number) => void,
): Promise<void> {
  const startMs = performance.now()
  for (let index = 0; index < perSecond * seconds; index++) {
    const waitMs = startMs + (index * 1_000) / perSecond - performance.now()
    if (waitMs > 0) await Bun.sleep(waitMs)
    act(index)
  }
}
