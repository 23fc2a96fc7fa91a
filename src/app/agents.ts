// The agent role, put together: settings become one agent for each place at each switch.

import type { Metrics } from '../base/metrics.ts'
import { MS_PER_MINUTE, MS_PER_SECOND, toSeconds } from '../base/units.ts'
import type { SecondsName } from '../dial/agent/countNames.ts'
import type { Incident } from '../dial/agent/incidents.ts'
import { openAgentPool } from '../dial/agent/pool.ts'
import { errorReportSettingsOf } from '../errors/reports.ts'
import { labelsOfCause } from '../esl/hangupCauses.ts'
import type { Obstacle } from '../http/internal/probes.ts'
import { appNamesOf } from '../push/apps.ts'
import { tracerSettingsOf } from '../tracing/tracer.ts'
import type { RoleOptions } from './roleOptions.ts'

/** What the live page shows of the agents, beside the metrics. */
export interface AgentsNotes {
  legsEnded: (cause: string, times: number) => void
  dialled: (result: string, times: number) => void
  troubled: (trouble: Incident) => void
}

export type Agents = ReturnType<typeof openAgents>

export function openAgents({ config, apps, metrics, log, pod, isPretty }: RoleOptions, notes: AgentsNotes) {
  const isLoadTestAllowed = config.redMode === 'load-test'
  const {
    takeoverMs,
    orphanMaxMs,
    ringTimeoutSeconds,
    jobAgeMaxMs,
    bargersMax,
    callsMax,
    callsPerSecond,
    activeKey,
    gateways,
    gateway,
    accountDial,
    sipProfile,
    sipHeaderPrefix,
  } = config
  const tracing = tracerSettingsOf(config, pod)
  const errorReports = errorReportSettingsOf(config, pod)
  const shared = {
    redis: { url: config.redisUrl, connectTimeoutMs: config.redisConnectTimeoutMs },
    jobLists: [config.jobListAsp, config.jobListBot, ...(isLoadTestAllowed ? [config.jobListLoad] : [])],
    activeKey,
    gateways,
    gateway,
    accountDial,
    wakeTimeoutMs: config.wakeTimeoutMs || config.roundtripWaitMs,
    sipProfile,
    sipHeaderPrefix,
    ringTimeoutSeconds,
    jobAgeMaxMs,
    bargersMax,
    callsMax,
    callsPerSecond,
    isLoadTestAllowed,
    takeoverMs,
    orphanMaxMs,
    compareMs: MS_PER_MINUTE,
    tryRefusingMs: TRY_REFUSING_MS,
    registrations: {
      isWithDomain: config.registrationAccount === 'user@domain',
      keepMs: config.registrationKeepMs,
      devicesPerAccountMax: config.devicesPerAccountMax,
    },
    ...(tracing ? { tracing } : {}),
    ...(errorReports ? { errorReports } : {}),
    timelinesMax: config.timelinesMax,
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
    dials: (label: string, times: number) => {
      const [kind = '', result = ''] = label.split(' ')
      metrics.dials.inc({ kind, result }, times)
      notes.dialled(result, times)
    },
    hangups: (cause: string, times: number) => {
      metrics.hangups.inc(labelsOfCause(cause), times)
      notes.legsEnded(cause, times)
    },
    bugs: (what: string, times: number) => metrics.lostByBug.inc({ what }, times),
    registers: (result: string, times: number) =>
      metrics.registers.inc({ source: 'freeswitch', result }, times),
    registerConfirmations: (verdict: string, times: number) =>
      metrics.registerConfirmations.inc({ source: 'freeswitch', verdict }, times),
    jobWakes: (result: string, times: number) => metrics.jobWakes.inc({ result }, times),
    contactsLeftOut: (reason: string, times: number) => metrics.contactsLeftOut.inc({ reason }, times),
    takeovers: (_: string, times: number) => metrics.takeovers.inc(times),
    timelineDropped: (_: string, times: number) => metrics.timelineDropped.inc(times),
  }
  beginAtZero(metrics)
  const timers: Record<SecondsName, (label: string) => (seconds: number) => void> = {
    command: label => {
      const [command = '', outcome = ''] = label.split(' ')
      return seconds => {
        metrics.commandSeconds.observe({ command, outcome }, seconds)
        if (outcome === 'timeout') metrics.commandTimeouts.inc()
      }
    },
    ring: leg => seconds => metrics.ringSeconds.observe({ leg }, seconds),
    jobWait: kind => seconds => metrics.jobWaitSeconds.observe({ kind }, seconds),
  }
  const pool = openAgentPool({
    program: new URL('../../workers/agent.ts', import.meta.url),
    agents: switches.flatMap(each =>
      Array.from({ length: config.agentsPerSwitch }, () => ({ ...shared, switch: each })),
    ),
    appNames: () => appNamesOf(apps),
    newName: () => `${pod}-${crypto.randomUUID().slice(0, 8)}`,
    count: ({ name, label, times }) => counters[name](label, times),
    observe: ({ name, label, seconds }) => seconds.forEach(timers[name](label)),
    onIncident: notes.troubled,
    onCrash: () => metrics.agentCrashes.inc(),
    log,
  })

  function switchObstacles(): Obstacle[] {
    const reached = [...pool.switches()].filter(([, isReady]) => isReady).map(([name]) => name)
    if (reached.length === 0) return ['switch']
    const { refusing } = pool
    return reached.every(name => refusing.has(name)) ? ['switch-refuses'] : []
  }

  const stopTelling = apps.onChange(pool.tellApps)

  return {
    /** What keeps the agents from dialling: no agent reaches a switch, or every switch refuses its commands, or Redis
     *  refuses to give jobs. */
    obstacles: (): Obstacle[] => [
      ...switchObstacles(),
      ...(pool.refusedLists.size === 0 ? [] : (['jobs'] as const)),
    ],

    /** Whether an agent does not hear what is published on its channels. */
    isDeaf: () => pool.isDeaf,

    /** For each switch: whether one of this process's agents is connected to it. */
    switches: pool.switches,

    /** The number of phones that can be pushed, for each switch whose registrations one of this process's agents hears. */
    registered: pool.registered,

    beforeScrape(): void {
      metrics.calls.set(pool.calls)
      for (const [name, isReady] of pool.switches())
        metrics.switchReady.set({ switch: name }, isReady ? 1 : 0)
      const { refusedLists, refusing } = pool
      for (const { name } of switches) metrics.switchRefuses.set({ switch: name }, refusing.has(name) ? 1 : 0)
      for (const list of shared.jobLists) metrics.jobListRefused.set({ list }, refusedLists.has(list) ? 1 : 0)
    },

    async drain(): Promise<void> {
      if (pool.calls > 0)
        log.info(
          { calls: pool.calls, limitSeconds: toSeconds(config.drainMaxMs) },
          'calls go on until they end',
        )
      stopTelling()
      await pool.drain(config.drainMaxMs)
    },
  }
}

/** Each trial job may cost a call, if the gateway's carrier is still away. */
const TRY_REFUSING_MS = 5 * MS_PER_SECOND

/** Prometheus sees no rise in a counter whose first value is 1: counters that alerts watch begin at 0. */
function beginAtZero({ dials, hangups }: Metrics): void {
  for (const kind of ['asp-call', 'bot-call', 'load-test'])
    for (const result of ['answered', 'unanswered', 'failed', 'unknown']) dials.inc({ kind, result }, 0)
  for (const cause of ['NORMAL_CLEARING', 'CRASH', 'SYSTEM_SHUTDOWN']) hangups.inc(labelsOfCause(cause), 0)
}
