// What the main thread and an agent's worker tell each other, and the settings that an agent works by.
import type { ErrorReportSettings } from '../../errors/types.ts'
import type { AppNames } from '../../push/apps.ts'
import type { RedisSettings } from '../../redis/connect.ts'
import type { ActiveKey } from '../../redis/keys.ts'
import type { TracerSettings } from '../../tracing/types.ts'
import type { CountName, SecondsName } from './countNames.ts'
import type { Incident } from './incidents.ts'

/** Everything an agent needs to know. Times carry their unit in the name. */
export interface AgentSettings {
  /** Names the agent in Redis, and nobody else ever. */
  agent: string
  switch: { name: string; host: string; port: number; password: string }
  redis: RedisSettings
  jobLists: readonly string[]
  /** How the lists of active sides are named. */
  activeKey: ActiveKey
  /** By provider; `gateway` serves the rest. */
  gateways: Readonly<Record<string, string>>
  gateway: string
  sipProfile: string
  sipHeaderPrefix: string
  ringTimeoutSeconds: number
  jobAgeMaxMs: number
  /** Phones that may barge in on one call at once. */
  bargersMax: number
  callsMax: number
  callsPerSecond: number
  isLoadTestAllowed: boolean
  /** Within this time another agent has taken over a dead agent's calls. */
  takeoverMs: number
  orphanMaxMs: number
  /** A switch that refuses while another takes the jobs is tried this often. */
  tryRefusingMs: number
  /** Between two comparisons of all calls with the switch. */
  compareMs: number
  /** How an account is dialled whose phones are awake: by their contacts at the switch, in `domain` where the account names
   *  none, or through a gateway. */
  accountDial: { kind: 'user'; domain?: string | undefined } | { kind: 'gateway'; gateway: string }
  /** How long a side's phones are woken. */
  wakeTimeoutMs: number
  /** Phones that register at the switch become devices. Undefined: nobody listens. */
  registrations?: {
    /** Accounts are `user@domain`. */
    isWithDomain: boolean
    keepMs: number
    devicesPerAccountMax: number
    /** Undefined: every app is taken. */
    appNames?: readonly AppNames[] | undefined
  }
  /** Undefined: nothing is reported. */
  errorReports?: ErrorReportSettings
  /** Undefined: nothing is traced. */
  tracing?: TracerSettings
  /** Timelines that Redis keeps in all; 0: none is recorded. */
  timelinesMax: number
  log: { level: string; showsFullNumbers: boolean; isPretty: boolean }
}

/** Main thread → agent. */
export type ToAgent =
  | { kind: 'open'; settings: AgentSettings }
  | { kind: 'drain' }
  /** APPS_FILE has changed. */
  | { kind: 'apps'; appNames: readonly AppNames[] }

/** Agent → main thread. */
export type FromAgent =
  | { kind: 'counts'; counts: Counted[] }
  | { kind: 'observed'; observed: Observed[] }
  | ({ kind: 'health' } & Health)
  | { kind: 'incidents'; incidents: Incident[] }
  /** No job is taken any more and no call is left; the worker ends. */
  | { kind: 'drained' }

/** How often something was counted since it was last told. */
export interface Counted {
  name: CountName
  label: string
  times: number
}

/** Times that were measured since they were last told. */
export interface Observed {
  name: SecondsName
  label: string
  seconds: number[]
}

/** Told whenever it changes. */
export interface Health {
  isSwitchReady: boolean
  /** The switch refuses what it is asked. */
  isRefusing: boolean
  /** Nothing proves that what is published on its channels arrives. */
  isDeaf: boolean
  /** Job lists from which Redis gives it nothing until somebody mends that. */
  refusedLists: readonly string[]
  calls: number
  /** Phones registered at the switch that can be pushed; undefined: another agent listens for them. */
  registered?: number | undefined
}
