// `hookswitch doctor`: has everything examined, and shows the findings, problems first, with what to do. What there is to find
// is known to `src/doctor/` and to the rooms that it asks.

import type { Finding, FindingLevel } from '../base/finding.ts'
import type { Log } from '../base/log.ts'
import { printable } from '../base/printable.ts'
import type { Clock } from '../base/units.ts'
import { examineAll } from '../doctor/doctor.ts'
import type { PlacedFinding } from '../doctor/report.ts'
import { DONE, type Ending } from './ending.ts'
import type { Order } from './order.ts'
import { type Terminal, type Tone, tinted } from './terminal.ts'

export interface DoctorOptions {
  env: Record<string, string | undefined>
  terminal: Terminal
  clock: Clock
  log: Log
}

/** @returns `failed` when there is a problem (or, strictly, a warning), `interrupted` after Ctrl-C. */
export async function examine(
  order: Extract<Order, { kind: 'doctor' }>,
  options: DoctorOptions,
): Promise<Ending> {
  const { terminal } = options
  if (!order.isJson) terminal.err('Examining …')
  const interrupted = new Promise<undefined>(resolve => {
    if (terminal.interrupted.aborted) resolve(undefined)
    terminal.interrupted.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const findings = await Promise.race([examineAll({ ...options, timeoutMs: order.timeoutMs }), interrupted])
  if (findings === undefined) return { kind: 'interrupted' }

  if (order.isJson) for (const finding of findings) terminal.out(JSON.stringify(finding))
  else showFindings(findings, terminal)
  const isHealthy = order.isStrict
    ? findings.every(each => each.level === 'ok')
    : findings.every(each => each.level !== 'problem')
  const note = summaryOf(findings)
  return isHealthy ? { ...DONE, note } : { kind: 'failed', note }
}

const TONES: Record<FindingLevel, Tone> = { ok: 'green', warning: 'yellow', problem: 'red' }

const HEADINGS: Record<FindingLevel, string> = {
  problem: 'Problems: calls fail, or will be lost',
  warning: 'Warnings: it works, and you should know',
  ok: 'Well',
}

/** The column in which findings begin; after a longer name they begin behind the name. */
const PART_WIDTH_MAX = 24

function showFindings(findings: PlacedFinding[], terminal: Terminal): void {
  const width = Math.min(PART_WIDTH_MAX, Math.max(...findings.map(each => each.part.length)))
  for (const level of new Set(findings.map(each => each.level))) {
    terminal.out(tinted(terminal, TONES[level], HEADINGS[level]))
    for (const { part, what, todo } of findings.filter(each => each.level === level)) {
      terminal.out(`  ${tinted(terminal, 'bold', printable(part).padEnd(width))}  ${printable(what)}`)
      if (todo !== '') terminal.out(`  ${''.padEnd(width)}  → ${printable(todo)}`)
    }
  }
}

function summaryOf(findings: Finding[]): string {
  const count = (level: FindingLevel) => findings.filter(each => each.level === level).length
  const [problems, warnings] = [count('problem'), count('warning')]
  if (problems + warnings === 0) return 'All is well.'
  return `${plural(problems, 'problem')}, ${plural(warnings, 'warning')}.`
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`
