// Gathers what an agent counts, and tells it to the main thread in lots: a message for each event of a call would wake
// that thread thousands of times a second. What readiness depends on (the switch, the subscription, the job lists) is
// told at once. The meaning of the counts is not known here.

import type { Count, Observe } from './countNames.ts'
import type { Incident } from './incidents.ts'
import type { Counted, FromAgent, Health, Observed } from './messages.ts'

/** Nobody reads the metrics as often as this. */
const LOT_MS = 50

/** Times that one lot holds for each name and label: a thousand commands a second are fifty in a lot. Further ones are left
 *  out, as a sample tells enough. */
const TIMES_MAX = 2_000

/** Incidents that one lot holds, the newest of them: the page shows operators no more. */
const INCIDENTS_MAX = 20

export interface AgentCounts {
  count: Count
  observe: Observe
  health(health: Health): void
  incident(incident: Incident): void
  /** Tells what was not told yet. */
  flush(): void
}

export function createAgentCounts(send: (message: FromAgent) => void): AgentCounts {
  /** By name and label, so that there are never more than kinds of counts. */
  const counted = new Map<string, Counted>()
  const observed = new Map<string, Observed>()
  let incidents: Incident[] = []
  let told: Health | undefined
  let untold: Health | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    if (counted.size > 0) send({ kind: 'counts', counts: [...counted.values()] })
    if (observed.size > 0) send({ kind: 'observed', observed: [...observed.values()] })
    if (incidents.length > 0) send({ kind: 'incidents', incidents })
    if (untold) send({ kind: 'health', ...untold })
    incidents = []
    counted.clear()
    observed.clear()
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
    observe(name, label, seconds) {
      const key = `${name} ${label}`
      const entry = observed.get(key) ?? { name, label, seconds: [] }
      observed.set(key, entry)
      if (entry.seconds.length < TIMES_MAX) entry.seconds.push(seconds)
      flushSoon()
    },
    health(health) {
      untold = health
      if (told && readinessOf(health) === readinessOf(told)) flushSoon()
      else flush()
    },
    incident(incident) {
      incidents.push(incident)
      if (incidents.length > INCIDENTS_MAX) incidents.shift()
      flushSoon()
    },
    flush,
  }
}

/** What readiness depends on, as a text to compare with the one before. */
const readinessOf = ({ calls: _, registered: __, ...rest }: Health): string => JSON.stringify(rest)
