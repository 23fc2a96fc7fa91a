// Examines one switch as an agent will use it: logs in at its event socket, asks what it is and what it carries, and
// says what is missing or open. Nothing is changed and no phone rings. What is read of the socket's own settings is
// judged in `exposure.ts`.
import { compareClocks, type Finding, fine, problem, warning } from '../base/finding.ts'
import { findSpeaker, orMistake } from '../base/speaker.ts'
import { type Clock, MS_PER_SECOND, toSeconds } from '../base/units.ts'
import { asCommand } from './command.ts'
import type { LinkLoss } from './connection.ts'
import { judgeExposure } from './exposure.ts'
import { LINK_LIMITS } from './limits.ts'
import type { CommandOutcome } from './outcome.ts'
import { sessionsPerSecondOf } from './outcome.ts'
import { type Binding, readBindings } from './registrations.ts'
import { type Ask, trySocket } from './socketTrial.ts'
import { SwitchConnection } from './switchConnection.ts'
import { isTelling, loadTodo, lossFinding, mistakenFinding } from './unreached.ts'

export interface SwitchCheckupOptions {
  host: string
  port: number
  password: string
  /** SIP profile through which URIs are called. */
  sipProfile: string
  /** Gateways with the setting that names each. */
  gateways: readonly { name: string; setting: string }[]
  /** Calls a second and calls at once that all our agents of this switch may make; 0: without a limit. */
  callsPerSecond: number
  callsMax: number
  /** Where dialplans find the service; undefined: it listens for none, or elsewhere. */
  dialplanSocket?: { host: string; port: number }
  clock: Clock
  /** For the login, and again for each answer. */
  limitMs: number
}

export interface SwitchCheckup {
  /** The switch's own id; undefined when it was not reached. */
  coreUuid: string | undefined
  /** The phones that are registered, of a switch that lets us hear them register. */
  registrations?: readonly Binding[]
  findings: Finding[]
}

/** Never rejects: what can't be asked is a finding. */
export async function examineSwitch(options: SwitchCheckupOptions): Promise<SwitchCheckup> {
  const { host, port, password, limitMs } = options
  const { promise: greeted, resolve } = Promise.withResolvers<{ coreUuid: string } | { loss: LinkLoss }>()
  const limits = { ...LINK_LIMITS, connectTimeoutMs: limitMs, handshakeTimeoutMs: limitMs }
  // Something must be subscribed; a heartbeat is rare and small.
  const settings = { host, port, password, events: ['HEARTBEAT'], filters: [] }
  const connection = new SwitchConnection(settings, limits, {
    onReady: coreUuid => resolve({ coreUuid }),
    onEvent: () => undefined,
    onLost: loss => resolve({ loss }),
  })
  try {
    const speaker = () => findSpeaker({ host, port }, limitMs)
    const first = await orMistake(greeted, speaker, each => mistakenFinding(each, options))
    if ('mistake' in first) return { coreUuid: undefined, findings: [first.mistake] }
    const greeting = first.outcome
    if ('loss' in greeting) {
      const { loss } = greeting
      const mistaken = isTelling(loss) ? mistakenFinding(await speaker(), options) : undefined
      return { coreUuid: undefined, findings: [mistaken ?? lossFinding(loss, options)] }
    }
    const ask: Ask = command =>
      new Promise(settle => {
        const packet = { line: `api ${asCommand(command)}` }
        connection.ask(packet, limitMs, outcome => settle(answerIn(outcome)))
      })
    const findings = await askAll(ask, options)
    const hearing = await askRegistrations(connection, ask, options)
    const ourAddress = connection.socket?.localAddress
    const { dialplanSocket } = options
    const socket = dialplanSocket ? await trySocket(ask, { ...dialplanSocket, ourAddress, limitMs }) : []
    return {
      coreUuid: greeting.coreUuid,
      ...hearing,
      findings: [...findings, ...hearing.findings, ...socket],
    }
  } finally {
    connection.close()
  }
}

const answerIn = (outcome: CommandOutcome): string | undefined =>
  'text' in outcome ? outcome.text : undefined

async function askAll(ask: Ask, options: SwitchCheckupOptions): Promise<Finding[]> {
  const at = `${options.host}:${options.port}`
  const version = await ask('version short')
  if (version === undefined)
    return [
      problem(
        'switch connection',
        `The switch at ${at} logs us in and then answers nothing within ${toSeconds(options.limitMs)} s.`,
        'It hangs, or is overloaded: see fs_cli -x status and its log.',
      ),
    ]
  const findings = await Promise.all([
    fine('switch connection', `The switch at ${at} logs us in.`),
    readVersion(version),
    askExposure(ask, options),
    askModules(ask),
    askProfile(ask, options.sipProfile),
    ...options.gateways.map(each => askGateway(ask, each)),
    askPaused(ask),
    askLimits(ask, options),
    askClock(ask, options.clock),
  ])
  return findings.flat()
}

function readVersion(answer: string): Finding {
  const [major = 0, minor = 0] = answer.split(/[.-]/).map(Number)
  if (major > 1 || (major === 1 && minor >= 10)) return fine('switch version', `FreeSWITCH ${answer}.`)
  return warning(
    'switch version',
    `FreeSWITCH ${answer}: what is known of its commands was measured on 1.10.`,
    'Upgrade to 1.10 or later.',
  )
}

async function askExposure(ask: Ask, { host, password }: SwitchCheckupOptions): Promise<Finding[]> {
  const xml = await ask('xml_locate configuration configuration name event_socket.conf')
  return judgeExposure({ host, password, eventSocketXml: xml })
}

/** Modules that every call needs (`problem`), and those that only some messages need (`warning`). Two need no question,
 *  because the switch has answered: mod_commands, and the event socket's own, whose name is never sent (`command.ts`). */
const MODULES: { name: string; level: 'problem' | 'warning'; why: string }[] = [
  { name: 'mod_sofia', level: 'problem', why: 'no phone can be called, and none registers' },
  { name: 'mod_dptools', level: 'problem', why: 'calls can be neither bridged nor parked nor listened to' },
  { name: 'mod_sndfile', level: 'warning', why: 'play and start-background find no .wav file' },
  { name: 'mod_local_stream', level: 'warning', why: 'local_stream:// can not be played' },
  { name: 'mod_tone_stream', level: 'warning', why: 'tone_stream:// can not be played' },
]

async function askModules(ask: Ask): Promise<Finding[]> {
  const check = 'switch modules'
  const answers = await Promise.all(MODULES.map(({ name }) => ask(`module_exists ${name}`)))
  const missing = MODULES.filter((_, index) => answers[index] === 'false')
  if (missing.length === 0)
    return [fine(check, 'All modules that calls and phones that register need are loaded.')]
  return missing.map(({ name, level, why }) => ({
    level,
    check,
    what: `${name} is not loaded: ${why}.`,
    todo: loadTodo(name),
  }))
}

/** A login whose rights are bounded (`esl-allowed-events`, `esl-allowed-api` of a user) may hear nothing. */
async function askRegistrations(
  connection: SwitchConnection,
  ask: Ask,
  { limitMs, clock }: SwitchCheckupOptions,
): Promise<{ registrations?: readonly Binding[]; findings: Finding[] }> {
  const outcome = await new Promise<CommandOutcome>(settle =>
    connection.ask({ line: 'event plain CUSTOM sofia::register sofia::unregister' }, limitMs, settle),
  )
  if (outcome.kind !== 'error') {
    const registrations = await readBindings(ask, Math.floor(toSeconds(clock())))
    if (registrations) return { registrations, findings: [] }
  }
  return {
    findings: [
      problem(
        'registrations',
        `The switch does not let us hear its phones register (${answerIn(outcome)?.trim() || 'no list of them'}): they become no devices, and their REGISTER confirms no wake.`,
        'Log in with the password of event_socket.conf, or allow that user the events CUSTOM sofia::register and sofia::unregister and the commands show, sofia and sofia_contact.',
      ),
    ],
  }
}

async function askProfile(ask: Ask, name: string): Promise<Finding[]> {
  const answer = await ask(`sofia status profile ${name}`)
  if (answer === undefined || !/Invalid Profile/i.test(answer)) return []
  return [
    problem(
      'switch profile',
      `The switch has no SIP profile ${name}, or it does not run: SIP URIs can't be called.`,
      `Start it (fs_cli -x "sofia profile ${name} start"), or name another in SIP_PROFILE.`,
    ),
  ]
}

async function askGateway(
  ask: Ask,
  { name, setting }: { name: string; setting: string },
): Promise<Finding[]> {
  const check = 'switch gateway'
  const answer = await ask(`sofia status gateway ${name}`)
  if (answer === undefined || /Command not found/.test(answer)) return []
  if (/Invalid Gateway/i.test(answer))
    return [
      problem(
        check,
        `${setting} names the gateway ${name}, which the switch does not know: calls through it fail.`,
        `Add it to a SIP profile and have that read again (sofia profile external rescan), or mend ${setting}.`,
      ),
    ]
  const status = /^Status\s+(\S+)/m.exec(answer)?.[1] ?? ''
  if (status.startsWith('DOWN'))
    return [
      problem(
        check,
        `The gateway ${name} (${setting}) is down: calls through it fail with GATEWAY_DOWN.`,
        'See why the provider does not answer its pings or refuses its registration (sofia status gateway).',
      ),
    ]
  return [fine(check, `The gateway ${name} (${setting}) is up.`)]
}

async function askPaused(ask: Ask): Promise<Finding[]> {
  if ((await ask('fsctl pause_check outbound'))?.trim() !== 'true') return []
  return [
    problem(
      'switch paused',
      'The switch is paused: it refuses every call with DESTINATION_OUT_OF_ORDER.',
      'If nobody works on it, fs_cli -x "fsctl resume".',
    ),
  ]
}

async function askLimits(ask: Ask, { callsPerSecond, callsMax }: SwitchCheckupOptions): Promise<Finding[]> {
  const check = 'switch limits'
  const status = (await ask('status')) ?? ''
  const perSecond = sessionsPerSecondOf(status) ?? Number.NaN
  const sessions = Number(/(\d+) session\(s\) max/.exec(status)?.[1] ?? Number.NaN)
  const findings: Finding[] = []
  if (callsPerSecond === 0)
    findings.push(
      warning(
        check,
        `The switch refuses more than ${perSecond} sessions a second, and our agents have no such limit (CALLS_PER_SECOND=0): a refused call is lost, where a waiting job is not.`,
        'Set CALLS_PER_SECOND: agents then keep to what the switch says, too.',
      ),
    )
  if (callsMax > sessions)
    findings.push(
      warning(
        check,
        `The switch carries ${sessions} sessions at once, and our agents may have ${callsMax} calls of one or two each: those beyond are refused.`,
        'Raise max-sessions in switch.conf.xml (fsctl max_sessions), or lower CALLS_MAX.',
      ),
    )
  if (findings.length > 0 || Number.isNaN(perSecond)) return findings
  return [fine(check, `The switch takes ${perSecond} sessions a second and ${sessions} at once.`)]
}

async function askClock(ask: Ask, clock: Clock): Promise<Finding[]> {
  const askedAtMs = clock()
  const answer = await ask('strepoch')
  // `strepoch` belongs to mod_dptools; `askModules` says when that is missing.
  if (answer === undefined || !/^\d{9,11}$/.test(answer)) return []
  // The switch cuts its time off to whole seconds: on average it is half a second later there.
  const theirsMs = (Number(answer) + 0.5) * MS_PER_SECOND
  return [compareClocks('the switch', theirsMs - (askedAtMs + clock()) / 2)]
}
