// One logger for the process: pino, JSON lines on stdout, readable lines when stdout is a terminal. Log lines are
// events with fields. Fields that name people are masked here by their field name, so that no caller can forget it.
import pino from 'pino'
import type { PrettyOptions } from 'pino-pretty'
import { mask, maskNumber, maskNumbersIn } from './masking.ts'
import { printableJson } from './printable.ts'
import { messageOf } from './result.ts'

export { mask } from './masking.ts'

export type Log = pino.Logger

export interface LogSettings {
  level: string
  /** Show phone numbers and accounts whole (`LOG_FULL_NUMBERS`). */
  showsFullNumbers: boolean
  /** Readable lines instead of JSON: true when stdout is a terminal. */
  isPretty: boolean
}

/** Fields that hold a phone number, an account or a caller's name: masked unless the settings show them. */
const PERSONAL_FIELDS = ['account', 'phonenumber', 'callerId', 'callerNumber', 'calleeNumber'] as const

/** Fields with words of others (a backend, the switch, a vendor), in which a number may stand. */
const FREE_TEXT_FIELDS = ['cause', 'reason', 'text'] as const

/** Fields that must never be printed, at any depth that our own events use. The last line of defence. */
const SECRET_FIELDS = ['token', 'pushToken', 'authorization', 'password', 'secret']

/** Lines that wait for a reader that stands still; what comes then is dropped, because a call must not wait for it. */
const WAITING_CHARACTERS_MAX = 4 * 1024 * 1024

/** Opens the process's (or a worker thread's) logger. Each line is handed to the kernel at once, and never waits for
 *  whoever reads the log: written synchronously, a full pipe stops the whole process (seen). */
export function openLog(settings: LogSettings, name: string, onBug?: OnBug): Log {
  const serializers: pino.LoggerOptions['serializers'] & {} = { err: describeError }
  if (!settings.showsFullNumbers) {
    for (const field of PERSONAL_FIELDS) serializers[field] = mask
    for (const field of FREE_TEXT_FIELDS)
      serializers[field] = (text: unknown) => (typeof text === 'string' ? maskNumbersIn(text) : text)
    serializers.userId = (id: unknown) => (typeof id === 'string' ? maskNumber(id) : id)
  }
  const options: pino.LoggerOptions = {
    name,
    level: settings.level,
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    serializers,
    redact: { paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`]), censor: '[secret]' },
  }
  options.hooks = {
    streamWrite: line => printableJson(line, { keepsLines: true }),
    ...(onBug ? { logMethod: tellOfBugs(onBug) } : {}),
  }
  const destination = settings.isPretty
    ? openPretty({ sync: true, ignore: 'pid,hostname,name', translateTime: 'SYS:HH:MM:ss.l' })
    : pino.destination({ fd: 1, sync: false, minLength: 1, maxLength: WAITING_CHARACTERS_MAX })
  return pino(options, destination)
}

/** Loaded where a person reads the log: every process and each of its threads would spend 20 ms on it. */
function openPretty(options: PrettyOptions) {
  const pretty = require('pino-pretty') as typeof import('pino-pretty')
  return pretty(options)
}

/** Told of each error that is logged with its stack. `fields`: those of the line. */
export type OnBug = (thrown: unknown, message: string, fields: Record<string, unknown>) => void

/** pino's number of its level `error`. */
const LEVEL_ERROR = 50

function tellOfBugs(onBug: OnBug): NonNullable<NonNullable<pino.LoggerOptions['hooks']>['logMethod']> {
  return function logMethod(args, method, level) {
    const [first, message] = args as unknown as [unknown, unknown]
    if (level >= LEVEL_ERROR && typeof first === 'object' && first !== null && 'err' in first) {
      const { err, ...fields } = first as Record<string, unknown>
      onBug(err, String(message), { ...this.bindings(), ...fields })
    }
    method.apply(this, args)
  }
}

/** What is not written when a log is slow at the end is lost: an exit does not wait for its reader either. */
const FLUSH_LIMIT_MS = 2_000

/** Before an exit: resolves when everything that was logged is written, or after `FLUSH_LIMIT_MS`. */
export function flushLog(log: Log): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, FLUSH_LIMIT_MS).unref()
    log.flush(() => resolve())
  })
}

/** Name, message and stack, of the error and of its causes. What libraries hang on their errors stays out: ioredis, for
 *  one, hangs the failed command there, with the password or a push token among its arguments. */
function describeError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return messageOf(thrown)
  const { name, message, stack, cause } = thrown
  return { type: name, message, stack, ...(cause === undefined ? {} : { cause: describeError(cause) }) }
}
