// Gathers what an agent counts, and tells it to the main thread in lots: a message for each event of a call would wake
// that thread thousands of times a second. A switch that is lost or found is told at once, because readiness hangs on
// it. What is counted means nothing here.
import type { Counted, FromAgent, Health } from './agentMessages.ts'
import type { Count } from './desk.ts'

/** Nobody reads the metrics as often as this. */
const LOT_MS = 50

export interface Tally {
  count: Count
  health(health: Health): void
  /** Tells what was not told yet. */
  flush(): void
}

export function createTally(send: (message: FromAgent) => void): Tally {
  /** By name and label, so that there are never more than kinds of counts. */
  const counted = new Map<string, Counted>()
  let told: Health | undefined
  let untold: Health | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    if (counted.size > 0) send({ kind: 'counts', counts: [...counted.values()] })
    if (untold) send({ kind: 'health', ...untold })
    counted.clear()
    told = untold ?? told
    untold = undefined
  }
  const flushSoon = () => {
    timer ??= setTimeout(flush, LOT_MS)
  }

  return {
    count(name, label = '') {
      const key = `${name} ${label}`
      const entry = counted.get(key)
      if (entry) entry.times += 1
      else counted.set(key, { name, label, times: 1 })
      flushSoon()
    },
    health(health) {
      untold = health
      if (health.isSwitchReady === told?.isSwitchReady) flushSoon()
      else flush()
    },
    flush,
  }
}
