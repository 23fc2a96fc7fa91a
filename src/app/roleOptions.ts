// What a process gives to each of its roles, the front and the agents alike.
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Config } from '../config/config.ts'
import type { Apps } from '../push/apps.ts'

export interface RoleOptions {
  config: Config
  apps: Apps
  metrics: Metrics
  log: Log
  /** Names this process in Redis. */
  pod: string
  /** The log of its threads is for a terminal, not JSON. */
  isPretty: boolean
}
