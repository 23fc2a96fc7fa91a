// Lets a limited number of sendings run at once; the others wait in line, and leave it when their time is over.

export interface Turns {
  /** Waits for a turn. @returns false when `signal` aborts first. After true the caller must `give` it back. */
  take(signal: AbortSignal): Promise<boolean>
  /** Ends a turn: the next in line has it. */
  give(): void
}

/** @param turnsMax how many run at once. The line is as long as its callers make it, each with a time limit. */
export function createTurns(turnsMax: number): Turns {
  let taken = 0
  const line = new Set<() => void>()

  return {
    take(signal) {
      if (signal.aborted) return Promise.resolve(false)
      if (taken < turnsMax) {
        taken++
        return Promise.resolve(true)
      }
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const enter = () => resolve(true)
      const leave = () => {
        line.delete(enter)
        resolve(false)
      }
      line.add(enter)
      signal.addEventListener('abort', leave, { once: true })
      return promise.finally(() => signal.removeEventListener('abort', leave))
    },
    give() {
      const [next] = line
      if (next === undefined) taken--
      else {
        line.delete(next)
        next()
      }
    },
  }
}
