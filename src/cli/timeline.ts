// Shows a timeline: first the one sentence that answers, then what happened, line by line, with the time since the
// beginning. An account gets the list of its calls. What the sentences say is the timeline room's business.

import type { findWaiting } from '../backend/waitingJobs.ts'
import { printable } from '../base/printable.ts'
import { assertNever } from '../base/result.ts'
import { type Clock, toSeconds } from '../base/units.ts'
import type { AccountTimelines, Timeline, TimelineReader } from '../timeline/reader.ts'
import type { Told } from '../timeline/story.ts'
import { wireFormOf } from '../timeline/wireForm.ts'
import { DONE, type Ending } from './ending.ts'
import { spanSince } from './look.ts'
import { type Terminal, type Tone, tinted } from './terminal.ts'

export interface TimelineOptions {
  id: string
  isJson: boolean
  /** The job of that dial id, if no agent has taken it yet: then there is no timeline. */
  waiting: () => ReturnType<typeof findWaiting>
  clock: Clock
}

/** @throws RedisUnavailable */
export async function showTimeline(
  reader: TimelineReader,
  { id, isJson, waiting, clock }: TimelineOptions,
  terminal: Terminal,
): Promise<Ending> {
  const found = await reader.read(id)
  const waits = found ? undefined : await waiting()
  if (waits) return showWaiting(waits, isJson, clock(), terminal)
  if (!found)
    return {
      kind: 'nobody',
      note:
        `Nothing is known of ${printable(id)}: no wake, no dialled call and no account of that name in the last ` +
        '24 hours.',
    }
  if (isJson) terminal.out(JSON.stringify(wireFormOf(found)))
  else for (const line of linesOf(found, terminal)) terminal.out(line)
  return DONE
}

function showWaiting(
  { job, whyNobody }: NonNullable<Awaited<ReturnType<typeof findWaiting>>>,
  isJson: boolean,
  nowMs: number,
  terminal: Terminal,
): Ending {
  const { dialId, list, place, of, queuedAtMs } = job
  const since = queuedAtMs === null ? '' : ` for ${spanSince(new Date(queuedAtMs).toISOString(), nowMs)}`
  const where = `${dialId} waits in ${list}${since}, as number ${place} of ${of}: no phone has been rung.`
  const summary = whyNobody ? `${where} It waits because ${whyNobody} it.` : where
  const queuedAt = queuedAtMs === null ? null : toSeconds(queuedAtMs)
  if (isJson)
    terminal.out(
      JSON.stringify({
        id: dialId,
        summary,
        entries: [],
        left_out: 0,
        waits_in: list,
        place,
        queued_at: queuedAt,
      }),
    )
  else for (const line of wrapped(summary, terminal.columns)) terminal.out(tinted(terminal, 'bold', line))
  return DONE
}

function linesOf(found: Timeline | AccountTimelines, terminal: Terminal): string[] {
  switch (found.kind) {
    case 'call':
      return linesOfCall(found, terminal)
    case 'account':
      return linesOfAccount(found, terminal)
    default:
      return assertNever(found)
  }
}

function linesOfCall({ id, summary, lines, leftOut }: Timeline, terminal: Terminal): string[] {
  const beganAtMs = lines[0]?.atMs ?? 0
  const writers = [...new Set(lines.map(line => line.by))]
  const head = `${printable(id)}, ${timeOf(beganAtMs)}, written by ${writers.map(printable).join(', ')}`
  const rows = lines.flatMap(line => {
    const lead = `${sinceWords(line.atMs - beganAtMs)}  ${line.what.padEnd(WHAT_WIDTH)}  `
    const who = writers.length > 1 ? ` [${line.by}]` : ''
    return hung(lead, `${line.text}${who}`, terminal, toneOf(line))
  })
  const gap = leftOut > 0 ? [`${leftOut} entries in the middle were not kept.`] : []
  return [
    ...wrapped(summary, terminal.columns).map(line => tinted(terminal, 'bold', line)),
    '',
    tinted(terminal, 'dim', head),
    ...rows,
    ...gap,
  ]
}

function linesOfAccount({ account, calls }: AccountTimelines, terminal: Terminal): string[] {
  const head = `Calls of account ${printable(account)} in the last 24 hours, newest first:`
  const rows = calls.flatMap(({ id, atMs, summary }) => [
    `${timeOf(atMs)}  ${tinted(terminal, 'bold', printable(id))}`,
    ...wrapped(summary, terminal.columns - INDENT).map(line => `${' '.repeat(INDENT)}${line}`),
  ])
  return [tinted(terminal, 'dim', head), ...rows]
}

/** The length of the longest kind, `originate-answered`. */
const WHAT_WIDTH = 18
const INDENT = 4

/** Narrower than this, a column of text is harder to read than lines that are too long. */
const TEXT_COLUMNS_MIN = 40

/** A lead and its text; the text's further lines are indented to its first one. */
function hung(lead: string, text: string, terminal: Terminal, tone: Tone): string[] {
  const lines = wrapped(text, terminal.columns - lead.length)
  return lines.map((line, index) => {
    const left = index === 0 ? tinted(terminal, 'dim', lead) : ' '.repeat(lead.length)
    return `${left}${tinted(terminal, tone, line)}`
  })
}

function wrapped(text: string, columns: number): string[] {
  const width = Math.max(TEXT_COLUMNS_MIN, columns)
  const lines: string[] = []
  for (const word of printable(text).split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** `+    0.012 s` */
const sinceWords = (ms: number): string => `+${toSeconds(ms).toFixed(3).padStart(8)} s`

/** Local date and time to the millisecond. */
function timeOf(atMs: number): string {
  const at = new Date(atMs)
  const digits = (value: number, length = 2) => String(value).padStart(length, '0')
  const day = [at.getFullYear(), digits(at.getMonth() + 1), digits(at.getDate())].join('-')
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(value => digits(value)).join(':')
  return `${day} ${clock}.${digits(at.getMilliseconds(), 3)}`
}

function toneOf({ what, fields }: Told): Tone {
  switch (what) {
    case 'outcome':
      return fields.status === 'ACK' ? 'green' : 'red'
    case 'push-answered':
      return fields.outcome === 'accepted' ? 'plain' : 'red'
    case 'control-answered':
      return fields.isObeyed ? 'plain' : 'red'
    case 'originate-answered':
      return fields.outcome === 'ok' ? 'plain' : 'red'
    case 'leg':
      return fields.state === 'answered' ? 'green' : 'plain'
    case 'failure':
    case 'job-refused':
    case 'request-refused':
    case 'dead-letter':
    case 'rang-late':
    case 'switch-lost':
      return 'red'
    case 'hangup':
    case 'taken-over':
    case 'handed-over':
    case 'left-alone':
      return 'yellow'
    default:
      return 'plain'
  }
}
