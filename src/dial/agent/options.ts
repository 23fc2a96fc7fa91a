// An agent from outside: what it is opened with, what it tells whoever has opened it, and how it is stopped.
import type { Log } from '../../base/log.ts'
import type { Clock } from '../../base/units.ts'
import type { AppNames } from '../../push/apps.ts'
import type { Tracer } from '../../tracing/types.ts'
import type { Count, Observe } from './countNames.ts'
import type { Incident } from './incidents.ts'
import type { AgentSettings, Health } from './messages.ts'

export interface AgentOptions {
  settings: AgentSettings
  /** Made of `settings.tracing`, which takes a while; it is closed with the agent. */
  tracer?: Tracer | undefined
  count: Count
  /** Times for the metrics; tests may do without. */
  observe?: Observe
  /** Declared dead by others: the agent must end, and act no more. */
  onDeclaredDead: () => void
  onHealth: (health: Health) => void
  /** Something that an operator may want to look into. */
  onIncident?: (incident: Incident) => void
  clock: Clock
  random: () => number
  log: Log
}

export interface Agent {
  /** Takes no new job, hands its calls to others, and keeps those that nobody takes until they end. */
  drain(): Promise<void>
  /** The apps of APPS_FILE have changed. */
  setAppNames(appNames: readonly AppNames[]): void
}
