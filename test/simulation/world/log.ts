// The log of a simulated process: every line goes into the history, at the level that it is written at.
import type { Log } from '../../../src/base/log.ts'
import { messageOf } from '../../../src/base/result.ts'
import type { History } from './history.ts'

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const

/** @param who the process. */
export function openSimulatedLog(history: History, who: string): Log {
  const write = (level: string) => (first: unknown, text?: string) => {
    const fields = typeof first === 'object' && first !== null ? (first as Record<string, unknown>) : {}
    const shown = 'err' in fields ? { ...fields, err: stackOf(fields.err) } : fields
    history.add(who, { kind: 'log', level, text: text ?? String(first), fields: shown })
  }
  const log: Record<string, unknown> = { trace: () => undefined, level: 'debug' }
  for (const level of LEVELS) log[level] = write(level)
  log.child = () => log
  return log as unknown as Log
}

/** Where it was thrown, without what differs from machine to machine. */
export function stackOf(thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  const places = [...stack.matchAll(/at ([\w#.<> ]+) \(.*?((?:src|workers|test|ioredis)\/[\w/.-]+:\d+)/g)]
  return [messageOf(thrown), ...places.slice(0, 6).map(([, name, place]) => `${name} ${place}`)].join(' < ')
}
