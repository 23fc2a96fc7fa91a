// `hookswitch doctor`: lets every room examine what it leans on, all at the same time and each within a limit, and shows
// the findings by part, with what to do. It reads the settings that the service reads, and changes nothing. What there
// is to find is known to the rooms (`checkup.ts` and its neighbours), not here.

import { type Finding, type FindingLevel, problem } from '../base/finding.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_SECOND, toSeconds } from '../base/units.ts'
import { type Config, readConfigAnyway } from '../config/config.ts'
import { examineMachine } from '../doctor/machine.ts'
import { examineSettings, mistakeFindings } from '../doctor/settings.ts'
import { examineSwitch } from '../esl/checkup.ts'
import { examineAuth } from '../http/public/authCheckup.ts'
import { examinePush } from '../push/checkup.ts'
import { examineRedis } from '../redis/checkup/checkup.ts'
import { DONE, type Ending } from './ending.ts'
import type { Order } from './order.ts'
import { printable, type Terminal, type Tone, tinted } from './terminal.ts'

export interface DoctorOptions {
  env: Record<string, string | undefined>
  terminal: Terminal
  clock: Clock
  log: Log
}

/** A finding and what it is about: `Redis`, `Switch 10.0.0.5:8021`, `App com.example.phone (apns)`. */
interface PlacedFinding extends Finding {
  part: string
}

interface Part {
  name: string
  examine: () => Promise<PlacedFinding[]>
}

/** For one connection or question; a part has several, and its own limit. */
const QUESTION_LIMIT_MS = 5 * MS_PER_SECOND

/** @returns `failed` when there is a problem (or, strictly, a warning), `interrupted` after Ctrl-C. */
export async function examine(
  order: Extract<Order, { kind: 'doctor' }>,
  options: DoctorOptions,
): Promise<Ending> {
  const { terminal } = options
  if (!order.isJson) terminal.err('Examining …')
  const parts = planExamination(options, Math.min(QUESTION_LIMIT_MS, order.timeoutMs))
  const interrupted = new Promise<undefined>(resolve => {
    if (terminal.interrupted.aborted) resolve(undefined)
    terminal.interrupted.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const examined = Promise.all(parts.map(part => withinLimit(part, order.timeoutMs)))
  const findings = (await Promise.race([examined, interrupted]))?.flat()
  if (findings === undefined) return { kind: 'interrupted' }

  if (order.isJson) for (const finding of findings) terminal.out(JSON.stringify(finding))
  else showFindings(findings, terminal)
  const isHealthy = order.isStrict
    ? findings.every(each => each.level === 'ok')
    : findings.every(each => each.level !== 'problem')
  const note = summaryOf(findings)
  return isHealthy ? { ...DONE, note } : { kind: 'failed', note }
}

function planExamination({ env, clock, log }: DoctorOptions, limitMs: number): Part[] {
  const { config, mistakes } = readConfigAnyway(env)
  /** A part whose own settings are wrong would be examined by their defaults: that would mislead. */
  const canUse = (...names: string[]) =>
    !names.some(name => mistakes.some(each => each.startsWith(`${name} `)))
  const part = (name: string, examine: () => Promise<Finding[]> | Finding[]): Part => ({
    name,
    examine: async () => (await examine()).map(finding => ({ part: name, ...finding })),
  })
  const jobLists = [config.jobListAsp, config.jobListBot, config.jobListLoad]
  const isFront = config.role !== 'agent'
  const isAgent = config.role !== 'front'
  const settings = { url: config.redisUrl, connectTimeoutMs: limitMs }

  return [
    part('Settings', () => [...mistakeFindings(mistakes), ...examineSettings(config)]),
    part('Machine', () => examineMachine(config, Bun.version)),
    ...(canUse('PUBSUB_REDIS_URL')
      ? [part('Redis', () => examineRedis({ settings, jobLists, clock, log, limitMs }))]
      : []),
    ...(isFront ? [part('App login', () => examineAuth(config, limitMs))] : []),
    ...(isFront ? [pushPart(config, clock, limitMs)] : []),
    ...(isAgent && canUse('ESL_URL', 'ESL_PORT', 'ESL_PASSWORD') ? switchParts(config, clock, limitMs) : []),
  ]
}

function pushPart({ appsFile }: Config, clock: Clock, limitMs: number): Part {
  return {
    name: 'Push',
    examine: async () =>
      (await examinePush({ appsFile, clock, limitMs })).map(({ app, finding }) => ({
        part: app === undefined ? 'Push' : `App ${app}`,
        ...finding,
      })),
  }
}

function switchParts(config: Config, clock: Clock, limitMs: number): Part[] {
  const { agentsPerSwitch, callsPerSecond, callsMax, eslPassword: password, sipProfile } = config
  const gateways = [
    { name: config.gateway, setting: 'GATEWAY' },
    ...[...new Set(Object.values(config.gateways))]
      .filter(name => name !== config.gateway)
      .map(name => ({ name, setting: 'GATEWAYS' })),
  ]
  /** By core UUID: the name under which a switch was met first. */
  const met = new Map<string, string>()
  return config.eslSwitches.map(({ host, port = config.eslPort }) => {
    const name = `Switch ${host}:${port}`
    const checkup = async () => {
      const { coreUuid, findings } = await examineSwitch({
        host,
        port,
        password,
        sipProfile,
        gateways,
        callsPerSecond: callsPerSecond * agentsPerSwitch,
        callsMax: callsMax * agentsPerSwitch,
        clock,
        limitMs,
      })
      const other = coreUuid === undefined ? undefined : met.get(coreUuid)
      if (coreUuid !== undefined && other === undefined) met.set(coreUuid, name)
      return other === undefined ? findings : [...findings, twin(other)]
    }
    return {
      name,
      examine: async () => (await checkup()).map(finding => ({ part: name, ...finding })),
    }
  })
}

const twin = (other: string): Finding =>
  problem(
    'switch twin',
    `It is the same FreeSWITCH as ${other}: its limits are counted twice.`,
    'Name each switch once in ESL_URL; more agents for one are AGENTS_PER_SWITCH.',
  )

async function withinLimit({ name, examine }: Part, limitMs: number): Promise<PlacedFinding[]> {
  let timer: Timer | undefined
  const late = new Promise<PlacedFinding[]>(resolve => {
    timer = setTimeout(
      () => resolve([unfinished(name, `is not done within ${toSeconds(limitMs)} s`)]),
      limitMs,
    )
  })
  try {
    return await Promise.race([examine(), late])
  } catch (thrown) {
    // A bug in one examination must not cost the others' findings.
    return [unfinished(name, `ended with an error: ${messageOf(thrown)}`)]
  } finally {
    clearTimeout(timer)
  }
}

const unfinished = (name: string, why: string): PlacedFinding => ({
  part: name,
  ...problem('examination', `The examination ${why}.`, 'Something answers very slowly: try --timeout 60.'),
})

const TONES: Record<FindingLevel, Tone> = { ok: 'green', warning: 'yellow', problem: 'red' }

/** Of the longest level. */
const LEVEL_WIDTH = 7

function showFindings(findings: PlacedFinding[], terminal: Terminal): void {
  for (const part of new Set(findings.map(each => each.part))) {
    terminal.out(tinted(terminal, 'bold', printable(part)))
    for (const { level, what, todo } of findings.filter(each => each.part === part)) {
      terminal.out(`  ${tinted(terminal, TONES[level], level.padEnd(LEVEL_WIDTH))}  ${printable(what)}`)
      if (todo !== '') terminal.out(`  ${''.padEnd(LEVEL_WIDTH)}  → ${printable(todo)}`)
    }
  }
}

function summaryOf(findings: Finding[]): string {
  const count = (level: FindingLevel) => findings.filter(each => each.level === level).length
  const [problems, warnings] = [count('problem'), count('warning')]
  if (problems + warnings === 0) return 'All is well.'
  return `${plural(problems, 'problem')}, ${plural(warnings, 'warning')}.`
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`
