// The service: reads the settings, opens the role, says where it listens, and ends in good order on a signal.
import { hostname } from 'node:os'
import { CannotListen, examineListeners } from './app/listeners.ts'
import { printWelcome } from './app/welcome.ts'
import { flushLog, openLog } from './base/log.ts'
import { createMetrics } from './base/metrics.ts'
import { fail, ok, type Result } from './base/result.ts'
import { readConfig } from './config/config.ts'
import { misspeltSentence, misspeltSettings } from './config/misspelt.ts'
import { errorReportSettingsOf, openErrorReports, reportUncaught } from './errors/reports.ts'
import { type Apps, AppsFileError, openApps } from './push/apps.ts'

/** Settings that can't be used: EX_CONFIG of sysexits.h. */
const EXIT_BAD_CONFIG = 78
/** A port or an address that can't be listened on: EX_UNAVAILABLE of sysexits.h. Another start may find it free. */
const EXIT_CANNOT_LISTEN = 69
/** 128 + SIGINT, as shells count. */
const EXIT_SECOND_SIGNAL = 130

const config = usable(readConfig(process.env))
const inTheWay = await examineListeners(config)
if (inTheWay.length > 0) refuseToListen(inTheWay)
const isPretty = process.stdout.isTTY === true
const pod = `${hostname()}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`
const errorReports = openErrorReports(errorReportSettingsOf(config, pod), 'main')
const log = openLog(
  { level: config.logLevel, showsFullNumbers: config.showsFullNumbers, isPretty },
  'hookswitch',
  errorReports?.report,
)
if (errorReports) reportUncaught(errorReports, log)
for (const misspelt of misspeltSettings(process.env)) log.warn(misspelt, misspeltSentence(misspelt))
const apps = usable(openAppsFile())

// Loaded only now: a start that is refused says so at once.
const { openService } = await import('./app/service.ts')
const service = await openService({ config, apps, metrics: createMetrics(), log, pod, isPretty }).catch(
  (thrown: unknown) => {
    if (thrown instanceof CannotListen) return refuseToListen([thrown.message])
    throw thrown
  },
)

// The handlers stand before the log says that the service is up: whoever reads that may send a signal at once.
const stopping = new AbortController()
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (stopping.signal.aborted) process.exit(EXIT_SECOND_SIGNAL)
  stopping.abort()
  log.info({ signal }, 'stopping: nothing new is taken; waits get their outcome, calls go on until they end')
  await service.stop()
  await errorReports?.flush()
  log.info('stopped')
  await flushLog(log)
  process.exit(0)
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)

const { publicUrl, internalUrl, front } = service
log.info({ pod, role: config.role, public: publicUrl, internal: internalUrl }, 'hookswitch is up')
if (front && apps.isOpen)
  await printWelcome({ ...front, internalUrl }, config, {
    write: text => void process.stderr.write(text),
    which: name => Bun.which(name),
    stopping: stopping.signal,
  })

function openAppsFile(): Result<Apps, string[]> {
  try {
    return ok(openApps(config.appsFile, { log }))
  } catch (thrown) {
    if (thrown instanceof AppsFileError) return fail([...thrown.mistakes])
    throw thrown
  }
}

/** The value, or an end that names every mistake. */
function usable<Value>(read: Result<Value, string[]>): Value {
  if (read.ok) return read.value
  // A setting that is missing may be given under a misspelt name.
  const mistakes = [...read.failure, ...misspeltSettings(process.env).map(misspeltSentence)]
  return refuse("can't start with these settings", mistakes, EXIT_BAD_CONFIG)
}

function refuseToListen(inTheWay: readonly string[]): never {
  return refuse("can't listen where it is told to", inTheWay, EXIT_CANNOT_LISTEN)
}

function refuse(what: string, mistakes: readonly string[], exitCode: number): never {
  process.stderr.write(`hookswitch ${what}:\n${mistakes.map(each => `  ${each}\n`).join('')}`)
  process.exit(exitCode)
}
