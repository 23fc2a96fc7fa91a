// Reports bugs: errors that nobody caught, and errors in the log that have a stack. They go to Sentry
// when SENTRY_DSN is set; without it nothing of Sentry is loaded and no handler is installed. Each thread reports for
// itself, because a stack does not pass between threads.
import { version } from '../../package.json'
import { flushLog, type Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import type { ErrorReportSettings, ErrorReports } from './types.ts'

/** @returns undefined where nothing shall be reported. */
export function errorReportSettingsOf(config: Config, pod: string): ErrorReportSettings | undefined {
  const { sentryDsn: dsn, sentryEnvironment: environment, showsFullNumbers } = config
  if (dsn === undefined) return undefined
  const secrets = [
    config.adminToken,
    config.pbxToken,
    config.eslPassword,
    ...config.jwtSecrets.map(each => each.secret),
    ...Object.values(config.otelHeaders),
  ].filter(secret => secret !== undefined)
  return { dsn, environment, release: `hookswitch@${version}`, pod, secrets, showsFullNumbers }
}

/** Begins to load Sentry; what is reported meanwhile is sent then. @param thread which of the process's it is. */
export function openErrorReports(
  settings: ErrorReportSettings | undefined,
  thread: 'main' | 'wait' | 'agent',
): ErrorReports | undefined {
  if (settings === undefined) return undefined
  const loading = import('./sentry.ts').then(({ createReporter }) => createReporter(settings, thread))
  return {
    report: (...error) => void loading.then(({ report }) => report(...error)),
    flush: async () => (await loading).flush(),
  }
}

/** What nobody caught is logged, and so reported, before the thread ends as it would have anyway. */
export function reportUncaught(reports: ErrorReports, log: Log): void {
  const end = async (thrown: unknown): Promise<void> => {
    log.error({ err: thrown }, 'unhandled error: it ends this thread')
    await reports.flush()
    await flushLog(log)
    process.exit(1)
  }
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
}
