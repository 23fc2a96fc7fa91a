// A real logger whose lines a test can read and wait for.
import pino from 'pino'
import type { Log } from '../../src/base/log.ts'

export interface LogLine {
  level: number
  msg: string
  [field: string]: unknown
}

export function captureLog() {
  const lines: LogLine[] = []
  const watchers = new Set<() => void>()
  const log: Log = pino(
    { level: 'debug' },
    {
      write(text: string) {
        lines.push(JSON.parse(text))
        for (const watcher of watchers) watcher()
      },
    },
  )
  return {
    log,
    lines,
    /** Resolves with the first line whose text contains `text`, past or future. */
    async line(text: string): Promise<LogLine> {
      const { promise, resolve } = Promise.withResolvers<LogLine>()
      const look = () => {
        const found = lines.find(line => line.msg.includes(text))
        if (found) resolve(found)
      }
      watchers.add(look)
      look()
      const found = await promise
      watchers.delete(look)
      return found
    },
  }
}
