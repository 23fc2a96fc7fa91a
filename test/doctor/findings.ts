// What the tests of the doctor share: silence for the log, and ways to look at findings.
import pino from 'pino'
import type { Finding } from '../../src/base/finding.ts'
import type { Log } from '../../src/base/log.ts'

export const silence = pino({ level: 'silent' }) as unknown as Log

/** The findings that are not ok, as `level check: what`. A busy machine is slow, which is no trouble here. */
export const troubles = (findings: Finding[]): string[] =>
  findings
    .filter(each => each.level !== 'ok' && each.check !== 'redis round trip')
    .map(({ level, check, what }) => `${level} ${check}: ${what}`)

/** The one finding of a check. @throws when there are more or none: the message shows all. */
export function only(findings: Finding[], check: string): Finding {
  const found = findings.filter(each => each.check === check)
  if (found.length !== 1)
    throw new Error(`${found.length} findings of ${check}:\n${JSON.stringify(findings, undefined, 1)}`)
  return found[0]!
}
