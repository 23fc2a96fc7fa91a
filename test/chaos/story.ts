// The full story of one call or wake, in order of time: what was sent and heard, what the switches recorded, what the
// processes logged, and which faults were at work. This is what a finding is understood by.
import type { Evidence } from './evidence.ts'

/** Faults are shown from this long before the first line. */
const BEFORE_MS = 4_000
const LINES_MAX = 400

/** @param about a dial id, a call id, a phone number, or a key of a call. */
export function storyOf(evidence: Evidence, about: string): string {
  const id = /\{(.+)\}/.exec(about)?.[1] ?? about
  const { plan, beganAtMs } = evidence
  const lines: [number, string][] = []
  const add = (atMs: number, who: string, what: unknown) =>
    lines.push([atMs, `${who.padEnd(12)} ${typeof what === 'string' ? what : JSON.stringify(what)}`])

  for (const job of evidence.jobs) if (job.dialId === id) add(job.atMs, 'backend', job)
  for (const control of evidence.controls)
    if (control.dialId === id)
      add(control.atMs, 'backend', { ...control.message, ...control.told, id: control.commandId })
  for (const { atMs, message } of evidence.heard.get(id) ?? []) add(atMs, 'channel', message)
  for (const record of evidence.records)
    if (
      ('dialId' in record && record.dialId === id) ||
      ('destination' in record && record.destination === id)
    )
      add(record.at, record.switch, record)
  for (const wake of evidence.wakes) if (wake.callId === id) add(wake.askedAtMs, 'wake', wake)
  const { callers, pushes, registers } = evidence.sleepers
  const caller = callers.find(each => each.callId === id)
  if (caller) add(caller.askedAtMs, 'dialplan', caller)
  for (const push of pushes) if (push.callId === id) add(push.atMs, 'push', push)
  const account = caller?.account ?? evidence.jobs.find(each => each.dialId === id)?.job.callee_account
  for (const { account: whose, atMs } of registers) if (whose === account) add(atMs, 'phone', 'REGISTER')
  for (const { atMs, from, line } of evidence.log) if (Object.values(line).includes(id)) add(atMs, from, line)
  if (lines.length === 0) return `(nothing is known of ${id})`

  const times = lines.map(([atMs]) => atMs)
  const [fromMs, untilMs] = [Math.min(...times) - BEFORE_MS, Math.max(...times)]
  for (const { who, what, fromMs: atMs, untilMs: endMs } of evidence.troubles.all) {
    // The dead stay dead: they are shown if they died in that time.
    if (atMs > untilMs || (Number.isFinite(endMs) ? endMs : atMs) < fromMs) continue
    add(atMs, 'FAULT', `${who}: ${what}`)
    if (Number.isFinite(endMs)) add(endMs, 'HEALED', `${who}: ${what}`)
  }
  const ordered = lines.sort(([one], [other]) => one - other).slice(0, LINES_MAX)
  const head = `story of ${id}, seed ${plan.seed} (seconds since the traffic began)`
  return [
    head,
    ...ordered.map(([atMs, text]) => `${((atMs - beganAtMs) / 1_000).toFixed(3).padStart(9)}  ${text}`),
  ].join('\n')
}
