// What the rooms of error reports share: the settings, and how an error is told.

export interface ErrorReportSettings {
  dsn: string
  environment: string
  release: string
  pod: string
  /** Values that must not be in any report. */
  secrets: string[]
  showsFullNumbers: boolean
}

/** @param message what was being done. @param fields of the log line, such as the dial id. */
export type ReportError = (thrown: unknown, message: string, fields: Record<string, unknown>) => void

export interface ErrorReports {
  report: ReportError
  /** Resolves when everything is sent, at most after two seconds. */
  flush(): Promise<void>
}
