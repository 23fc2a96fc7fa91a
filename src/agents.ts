// The agent role, put together: settings become one agent for each place at each switch.
import type { Config } from './config.ts'
import { openAgentPool } from './dial/agentPool.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { toSeconds } from './units.ts'

export interface AgentsOptions {
  config: Config
  metrics: Metrics
  log: Log
  /** Names this process in Redis. */
  pod: string
  isPretty: boolean
}

export type Agents = ReturnType<typeof openAgents>

export function openAgents({ config, metrics, log, pod, isPretty }: AgentsOptions) {
  const isLoadTestAllowed = config.redMode === 'load-test'
  const {
    takeoverMs,
    orphanMaxMs,
    ringTimeoutSeconds,
    jobAgeMaxMs,
    callsMax,
    callsPerSecond,
    gateways,
    gateway,
    sipProfile,
    sipHeaderPrefix,
  } = config
  const shared = {
    redis: { url: config.redisUrl, connectTimeoutMs: config.redisConnectTimeoutMs },
    jobLists: [config.jobListAsp, config.jobListBot, ...(isLoadTestAllowed ? [config.jobListLoad] : [])],
    gateways,
    gateway,
    sipProfile,
    sipHeaderPrefix,
    ringTimeoutSeconds,
    jobAgeMaxMs,
    callsMax,
    callsPerSecond,
    isLoadTestAllowed,
    takeoverMs,
    orphanMaxMs,
    log: { level: config.logLevel, showsFullNumbers: config.showsFullNumbers, isPretty },
  }
  const switches = config.eslSwitches.map(({ host, port = config.eslPort }) => ({
    name: `${host}:${port}`,
    host,
    port,
    password: config.eslPassword,
  }))
  const counters = {
    jobs: (kind: string, times: number) => metrics.jobs.inc({ kind }, times),
    deadLetters: (_: string, times: number) => metrics.deadLetters.inc(times),
    events: (type: string, times: number) => metrics.callEvents.inc({ type }, times),
    controls: (type: string, times: number) => metrics.controls.inc({ type }, times),
    hangups: (cause: string, times: number) => metrics.hangups.inc({ cause }, times),
    takeovers: (_: string, times: number) => metrics.takeovers.inc(times),
  }
  const pool = openAgentPool({
    program: new URL('../workers/agent.ts', import.meta.url),
    agents: switches.flatMap(each =>
      Array.from({ length: config.agentsPerSwitch }, () => ({ ...shared, switch: each })),
    ),
    newName: () => `${pod}-${crypto.randomUUID().slice(0, 8)}`,
    count: ({ name, label, times }) => counters[name](label, times),
    onCrash: () => metrics.agentCrashes.inc(),
    log,
  })

  return {
    /** What keeps the agents from dialling: none of them reaches a switch. */
    obstacles: (): string[] => ([...pool.switches().values()].some(Boolean) ? [] : ['switch']),

    beforeScrape(): void {
      metrics.calls.set(pool.calls)
      for (const [name, isReady] of pool.switches())
        metrics.switchReady.set({ switch: name }, isReady ? 1 : 0)
    },

    async drain(): Promise<void> {
      if (pool.calls > 0)
        log.info(
          { calls: pool.calls, limitSeconds: toSeconds(config.drainMaxMs) },
          'calls go on until they end',
        )
      await pool.drain(config.drainMaxMs)
    },
  }
}
