// Lets every room examine what it depends on, all at the same time and each within a limit. It reads the settings that
// the service reads, and changes nothing. The rooms know what can be wrong (`checkup` and its neighbours); the command
// line shows the findings.
import { type Finding, problem } from '../base/finding.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/result.ts'
import { type Clock, MS_PER_SECOND, toSeconds } from '../base/units.ts'
import { type Config, isLoopback, readConfigAnyway } from '../config/config.ts'
import { examineSwitch, type SwitchCheckupOptions } from '../esl/checkup.ts'
import type { Binding } from '../esl/registrations.ts'
import { examineAuth } from '../http/public/authCheckup.ts'
import { appNamesIn } from '../push/apps.ts'
import { readAppsFile } from '../push/appsFile.ts'
import { examinePush } from '../push/checkup.ts'
import { examineRedis } from '../redis/checkup/checkup.ts'
import { examineFiles } from './files.ts'
import { examineMachine } from './machine.ts'
import { examineRegistrations } from './registrations.ts'
import { type PlacedFinding, type RawFinding, reportOf } from './report.ts'
import { examineSecrets } from './secrets.ts'
import { examineSettings, misspeltFindings, mistakeFindings } from './settings.ts'

export interface ExaminationOptions {
  env: Record<string, string | undefined>
  clock: Clock
  log: Log
  /** The limit of each part. A single question within a part has at most five seconds. */
  timeoutMs: number
}

interface Part {
  name: string
  examine: () => Promise<RawFinding[]>
}

/** The limit of one connection or one question; a part asks several, and has a limit of its own. */
const QUESTION_LIMIT_MS = 5 * MS_PER_SECOND

/** So many questions of a part may each take their whole limit before the part has its finding. */
const QUESTIONS_IN_A_ROW = 3

/** Examines everything that the settings name. @returns all findings, problems first; a part that does not end in time,
 *  or ends with an error, is itself a finding. */
export async function examineAll(options: ExaminationOptions): Promise<PlacedFinding[]> {
  const limitMs = Math.min(QUESTION_LIMIT_MS, options.timeoutMs / QUESTIONS_IN_A_ROW)
  const parts = planExamination(options, limitMs)
  const found = await Promise.all(parts.map(part => withinLimit(part, options.timeoutMs)))
  return reportOf(found.flat())
}

function planExamination({ env, clock, log }: ExaminationOptions, limitMs: number): Part[] {
  const { config, mistakes } = readConfigAnyway(env)
  /** A part whose own settings are wrong is left out: to examine the defaults in their place would mislead. */
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
    part('Settings', () => [
      ...mistakeFindings(mistakes),
      ...misspeltFindings(env),
      ...examineSettings(config),
      ...examineSecrets(config),
    ]),
    part('Machine', () => [...examineMachine(config, Bun.version), ...examineFiles(config, process.cwd())]),
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
  /** The first name of each switch, by its core UUID: two settings may name one switch. */
  const met = new Map<string, string>()
  return config.eslSwitches.map(({ host, port = config.eslPort }) => {
    const name = `Switch ${host}:${port}`
    const checkup = async () => {
      const { coreUuid, registrations, findings } = await examineSwitch({
        host,
        port,
        password,
        sipProfile,
        gateways,
        callsPerSecond,
        callsMax: callsMax * agentsPerSwitch,
        ...dialplanSocketFor(host, config),
        clock,
        limitMs,
      })
      if (registrations !== undefined) findings.push(...judgeRegistrations(config, registrations))
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

/** Where the settings alone show what is wrong, the settings' finding says so, and nothing is tried. */
function dialplanSocketFor(
  switchHost: string,
  { role, socketHost, socketPort, pbxAllow }: Config,
): Pick<SwitchCheckupOptions, 'dialplanSocket'> {
  const isElsewhere = role !== 'all' || socketPort === 0
  const isOutOfReach = pbxAllow.isEmpty || (isLoopback(socketHost) && !isLoopback(switchHost))
  return isElsewhere || isOutOfReach ? {} : { dialplanSocket: { host: socketHost, port: socketPort } }
}

function judgeRegistrations(config: Config, bindings: readonly Binding[]): Finding[] {
  const { appsFile } = config
  const file = appsFile === undefined ? undefined : readAppsFile(appsFile)
  // The examination of the file tells that it can't be read.
  const appNames = file?.ok ? appNamesIn(file.value.entries) : undefined
  return examineRegistrations({ bindings, appNames, settings: config })
}

const twin = (other: string): Finding =>
  problem(
    'switch twin',
    `It is the same FreeSWITCH as ${other}: its limits are counted twice.`,
    'Name each switch once in ESL_URL; more agents for one are AGENTS_PER_SWITCH.',
  )

async function withinLimit({ name, examine }: Part, limitMs: number): Promise<RawFinding[]> {
  let timer: Timer | undefined
  const late = new Promise<RawFinding[]>(resolve => {
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
