// What the main thread and an agent's worker tell each other, and the settings that an agent works by.
import type { RedisSettings } from '../redis/connect.ts'
import type { CountName } from './desk.ts'

/** Everything an agent needs to know. Times carry their unit in the name. */
export interface AgentSettings {
  /** Names the agent in Redis, and nobody else ever. */
  agent: string
  switch: { name: string; host: string; port: number; password: string }
  redis: RedisSettings
  jobLists: readonly string[]
  /** By provider; `gateway` serves the rest. */
  gateways: Readonly<Record<string, string>>
  gateway: string
  sipProfile: string
  sipHeaderPrefix: string
  ringTimeoutSeconds: number
  jobAgeMaxMs: number
  callsMax: number
  callsPerSecond: number
  isLoadTestAllowed: boolean
  /** A dead agent's calls are another's within this time. */
  takeoverMs: number
  orphanMaxMs: number
  log: { level: string; showsFullNumbers: boolean; isPretty: boolean }
}

/** Main thread → agent. */
export type ToAgent = { kind: 'open'; settings: AgentSettings } | { kind: 'drain' }

/** Agent → main thread. */
export type FromAgent =
  | { kind: 'count'; name: CountName; label: string }
  /** Said at every change and every few seconds. */
  | { kind: 'health'; isSwitchReady: boolean; calls: number }
  /** No job is taken any more and no call is left; the worker ends. */
  | { kind: 'drained' }
