// Shows what is in Redis without changing it: the living calls with their owners, the jobs that wait for an agent, and a
// user's history. Phone numbers are masked as in the log.

import type { Backend, SeenAgent } from '../backend/backend.ts'
import { byDialId, type LivingCall, livingCall, numbersOf } from '../backend/callView.ts'
import { type WaitingJob, waitingJobs, whyNobodyTakesJobs } from '../backend/waitingJobs.ts'
import { mask, maskNumber } from '../base/masking.ts'
import { printable } from '../base/printable.ts'
import type { Clock } from '../base/units.ts'
import { DONE, type Ending } from './ending.ts'
import { jsonOf, lineOf } from './lines.ts'
import { type Terminal, tinted } from './terminal.ts'

export interface ListOptions {
  isJson: boolean
  /** Where jobs wait. */
  lists: readonly string[]
  showsFullNumbers: boolean
  clock: Clock
}

/** How a number is shown, and an id that may be made of one. */
interface Shown {
  number: (text: string) => string
  id: (text: string) => string
}

/** A call with the wire's field names, as the internal API shows it, and with the number of each leg. */
type ListedCall = Omit<LivingCall, 'legs'> & { legs: { side: string; state: string; number: string }[] }

/** A job that waits, with the same field names where they apply. */
interface ListedJob {
  dial_id: string
  kind: string
  org_id: string
  user_id: string
  waits_in: string
  place: number
  queued_at: string | null
  numbers: string[]
}

/** Lists the living calls, by dial id, and the jobs that wait, in the order in which they are taken. */
export async function listCalls(backend: Backend, options: ListOptions, terminal: Terminal): Promise<Ending> {
  const { isJson, lists, showsFullNumbers, clock } = options
  const shown: Shown = showsFullNumbers
    ? { number: text => text, id: text => text }
    : { number: text => String(mask(text)), id: maskNumber }
  const [agents, { calls }, waiting] = await Promise.all([
    backend.agents(),
    backend.calls(),
    waitingJobs(backend, lists),
  ])
  const seen = calls.map(owned => withNumbers(livingCall(owned), owned.record.fields, shown)).sort(byDialId)
  const jobs = waiting.map(job => listedJob(job, shown))
  if (isJson) for (const each of [...seen, ...jobs]) terminal.out(JSON.stringify(each))
  else if (seen.length + jobs.length > 0)
    for (const line of tableOf(seen, jobs, clock(), terminal)) terminal.out(line)
  if (!isJson) terminal.err(summaryOf(seen.length, waiting, agents))
  return DONE
}

/** Prints the events of a user's newest call in the order in which they happened. */
export async function showHistory(
  backend: Backend,
  user: { orgId: string; userId: string },
  isJson: boolean,
  terminal: Terminal,
): Promise<Ending> {
  const events = (await backend.history(user)).toReversed()
  for (const text of events) terminal.out(isJson ? JSON.stringify(jsonOf(text)) : lineOf(text, terminal))
  if (events.length === 0) terminal.err('No events: this user had no call in the last four hours.')
  return DONE
}

function withNumbers(call: LivingCall, fields: Record<string, string | undefined>, shown: Shown): ListedCall {
  const [first, second] = numbersOf(fields.job ?? '')
  const legs = call.legs.map(leg => ({
    ...leg,
    number: shown.number(leg.side === (fields.side ?? '0') ? first : second),
  }))
  return { ...call, user_id: shown.id(call.user_id), legs }
}

function listedJob(job: WaitingJob, shown: Shown): ListedJob {
  return {
    dial_id: job.dialId,
    kind: job.kind,
    org_id: job.orgId,
    user_id: shown.id(job.userId),
    waits_in: job.list,
    place: job.place,
    queued_at: job.queuedAtMs === null ? null : new Date(job.queuedAtMs).toISOString(),
    numbers: job.numbers.filter(number => number !== '').map(shown.number),
  }
}

/** Jobs that are shown by name; the summary counts them all. */
const JOBS_SHOWN_MAX = 50

function tableOf(calls: ListedCall[], jobs: ListedJob[], nowMs: number, terminal: Terminal): string[] {
  const head = ['DIAL ID', 'KIND', 'FOR', 'LEGS', 'BARGERS', 'ORG / USER', 'SWITCH', 'OWNER']
  const rows = [
    ...calls.map(call => [
      call.dial_id,
      call.kind,
      spanSince(call.since, nowMs),
      [
        ...call.legs.map(({ side, state, number }) => `${side} ${state} ${number}`.trimEnd()),
        ...wakingOf(call),
      ].join(', ') || 'not ringing yet',
      call.bargers.map(({ state, mode }) => (state === 'answered' ? mode : state)).join(', ') || '-',
      `${call.org_id} / ${call.user_id}`,
      call.switch,
      call.is_owner_alive ? call.owner : `${call.owner} (dead)`,
    ]),
    ...jobs
      .slice(0, JOBS_SHOWN_MAX)
      .map(job => [
        job.dial_id || '?',
        job.kind || '?',
        spanSince(job.queued_at, nowMs),
        `waits: ${job.numbers.join(', ')}`,
        '-',
        `${job.org_id} / ${job.user_id}`,
        '-',
        `place ${job.place} of ${job.waits_in}`,
      ]),
  ]
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]!.length)))
  const lineOfCells = (cells: string[]) =>
    cells
      .map((cell, column) => printable(cell).padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return [tinted(terminal, 'bold', lineOfCells(head)), ...rows.map(lineOfCells)]
}

/** `1 waking`: sides whose phones are woken and not rung yet. */
const wakingOf = ({ wakes, legs }: ListedCall): string[] =>
  wakes
    .filter(({ side, state }) => state !== 'failed' && !legs.some(leg => leg.side === side))
    .map(({ side }) => `${side} waking`)

/** `0:07`, `12:03`, `1:02:03`; never negative, although two machines' clocks are compared. @param since RFC 3339; null: not
 *  known. */
export function spanSince(since: string | null, nowMs: number): string {
  if (since === null) return '?'
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(since)) / 1_000))
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

function summaryOf(callCount: number, waiting: WaitingJob[], agents: SeenAgent[]): string {
  const jobCount = [...new Map(waiting.map(job => [job.list, job.of])).values()].reduce(
    (sum, of) => sum + of,
    0,
  )
  const jobs = jobCount > 0 ? `, ${countOf(jobCount, 'waiting job')}` : ''
  const nobody = jobCount > 0 ? whyNobodyTakesJobs(agents) : undefined
  const them = jobCount === 1 ? 'it' : 'them'
  return `${countOf(callCount, 'call')}${jobs}, ${nobody ? `and ${nobody} ${them}` : agentsLine(agents)}.`
}

function agentsLine(agents: SeenAgent[]): string {
  const alive = agents.flatMap(({ card }) => (card ? [card] : []))
  if (alive.length === 0) return 'and no agent is running'
  const unconnected = alive.filter(card => card.coreUuid === '').length
  const note = unconnected > 0 ? ` (${unconnected} not connected to its switch)` : ''
  return `${countOf(alive.length, 'agent')}${note}`
}

const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
