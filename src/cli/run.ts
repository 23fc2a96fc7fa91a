// One run of the command line: reads it, connects to Redis, does the one thing it asks for, lets go. The exit code is
// returned, and everything that is said goes through the terminal that was passed in.

import { type Backend, connectBackend } from '../backend/backend.ts'
import { jobListOf } from '../backend/queueJob.ts'
import { findWaiting } from '../backend/waitingJobs.ts'
import { openLog } from '../base/log.ts'
import { assertNever, type Result } from '../base/result.ts'
import type { Clock } from '../base/units.ts'
import { readConfig } from '../config/config.ts'
import { settingsEnv, settingsMarkdown } from '../config/documents.ts'
import { misspeltSentence, misspeltSettings } from '../config/misspelt.ts'
import { SETTINGS } from '../config/settings.ts'
import { RedisUnavailable } from '../redis/connect.ts'
import { openTimelineReader } from '../timeline/reader.ts'
import { control } from './control.ts'
import { examine } from './doctor.ts'
import { DONE, type Ending, EXIT_CODES } from './ending.ts'
import { listCalls, showHistory } from './look.ts'
import type { Order } from './order.ts'
import { readCommandLine } from './program.ts'
import { queue } from './queue.ts'
import { cleaned, type Terminal, tinted } from './terminal.ts'
import { showTimeline } from './timeline.ts'
import { startWatch } from './watch.ts'

export interface RunOptions {
  /** What stands after the program's name. */
  argv: readonly string[]
  env: Record<string, string | undefined>
  terminal: Terminal
  clock: Clock
  newUuid: () => string
}

/** @returns the exit code (see `ending.ts`). */
export async function runCli({ argv, env, terminal: given, clock, newUuid }: RunOptions): Promise<number> {
  const terminal = cleaned(given)
  const reading = readCommandLine(argv, terminal, () => `cli-${newUuid().slice(-12)}`)
  if (reading.kind === 'exit') return reading.code
  const ending = await end(reading.order, { argv, env, terminal, clock, newUuid })
  if (typeof ending === 'number') return ending
  if (ending.note !== undefined)
    terminal.err(ending.kind === 'done' ? ending.note : tinted(terminal, 'red', ending.note))
  return EXIT_CODES[ending.kind]
}

/** Orders that need no Redis are carried out without it: the doctor is run when Redis may be away. */
async function end(order: Order, options: RunOptions): Promise<Ending | number> {
  const { env, terminal, clock } = options
  if (order.kind === 'doctor') return examine(order, { env, terminal, clock, log: silentLog() })
  if (order.kind === 'settings') {
    terminal.out(order.format === 'markdown' ? settingsMarkdown() : settingsEnv())
    return DONE
  }
  const settings = readSettings(env)
  if (!settings.ok) {
    for (const mistake of settings.failure) terminal.err(mistake)
    return EXIT_CODES.usage
  }
  const ending = await carryOut(order, settings.value, options)
  // A misspelt setting may be the reason: then another Redis was asked than the person means.
  if (ending.kind === 'redis-away')
    for (const misspelt of misspeltSettings(env).filter(each => NEEDED_NAMES.includes(each.meant)))
      terminal.err(misspeltSentence(misspelt))
  return ending
}

/** The connections log nothing: the commands themselves tell the person what is wrong. */
const silentLog = () => openLog({ level: 'silent', showsFullNumbers: false, isPretty: false }, 'cli')

/** The settings that the command line needs. A mistake in another setting does not matter here. */
const NEEDED = [
  'redisUrl',
  'redisConnectTimeoutMs',
  'jobListAsp',
  'jobListBot',
  'jobListLoad',
  'showsFullNumbers',
] as const

const NEEDED_NAMES: readonly string[] = NEEDED.map(name => SETTINGS[name].env)

type Settings = Pick<Extract<ReturnType<typeof readConfig>, { ok: true }>['value'], (typeof NEEDED)[number]>

function readSettings(env: RunOptions['env']): Result<Settings, string[]> {
  return readConfig(Object.fromEntries(NEEDED_NAMES.map(name => [name, env[name]])))
}

type Tools = Pick<RunOptions, 'terminal' | 'clock' | 'newUuid'>

/** The orders that go through Redis. */
type BackendOrder = Exclude<Order, { kind: 'doctor' | 'settings' }>

async function carryOut(order: BackendOrder, settings: Settings, tools: Tools): Promise<Ending> {
  let backend: Backend | undefined
  try {
    const { redisUrl: url, redisConnectTimeoutMs: connectTimeoutMs } = settings
    backend = await connectBackend(
      { url, connectTimeoutMs },
      { log: silentLog(), signal: tools.terminal.interrupted },
    )
    return await obey(backend, order, settings, tools)
  } catch (thrown) {
    if (!(thrown instanceof RedisUnavailable)) throw thrown
    if (tools.terminal.interrupted.aborted) return { kind: 'interrupted' }
    return {
      kind: 'redis-away',
      note: `Redis does not answer: ${thrown.message}. Where it is stands in ${SETTINGS.redisUrl.env}.`,
    }
  } finally {
    backend?.close()
  }
}

async function obey(
  backend: Backend,
  order: BackendOrder,
  settings: Settings,
  tools: Tools,
): Promise<Ending> {
  const { terminal, clock, newUuid } = tools
  switch (order.kind) {
    case 'job':
      return queue(backend, order, jobListOf(order.job.type, settings), terminal, clock)
    case 'control':
      return control(backend, order, newUuid(), terminal)
    case 'watch': {
      const watch = await startWatch(backend, { ...order, isOurs: false }, terminal, clock)
      return watch.ended
    }
    case 'timeline':
      return showTimeline(
        openTimelineReader(backend.timelines, { ...settings, clock }),
        { ...order, waiting: () => findWaiting(backend, listsOf(settings), order.id), clock },
        terminal,
      )
    case 'calls':
      return listCalls(
        backend,
        {
          isJson: order.isJson,
          lists: listsOf(settings),
          showsFullNumbers: settings.showsFullNumbers,
          clock,
        },
        terminal,
      )
    case 'history':
      return showHistory(backend, order, order.isJson, terminal)
    default:
      return assertNever(order)
  }
}

const listsOf = ({ jobListAsp, jobListBot, jobListLoad }: Settings): string[] => [
  jobListAsp,
  jobListBot,
  jobListLoad,
]
