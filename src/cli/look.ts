// Shows what is in Redis without changing it: the living calls with their owners, and a user's history.

import type { Backend, SeenAgent } from '../backend/backend.ts'
import { byDialId, type LivingCall, livingCall } from '../backend/callView.ts'
import { DONE, type Ending } from './ending.ts'
import { jsonOf, lineOf } from './lines.ts'
import { printable, type Terminal, tinted } from './terminal.ts'

/** Lists the living calls, by dial id. Phone numbers are left out. */
export async function listCalls(backend: Backend, isJson: boolean, terminal: Terminal): Promise<Ending> {
  const [agents, { calls }] = await Promise.all([backend.agents(), backend.calls()])
  const seen = calls.map(livingCall).sort(byDialId)
  if (isJson) for (const call of seen) terminal.out(JSON.stringify(call))
  else if (seen.length > 0) for (const line of tableOf(seen, terminal)) terminal.out(line)
  if (!isJson) terminal.err(`${countOf(seen.length, 'call')}, ${agentsLine(agents)}.`)
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

function tableOf(calls: LivingCall[], terminal: Terminal): string[] {
  const head = ['DIAL ID', 'KIND', 'LEGS', 'BARGERS', 'ORG / USER', 'SWITCH', 'OWNER']
  const rows = calls.map(call => [
    call.dial_id,
    call.kind,
    call.legs.map(({ side, state }) => `${side} ${state}`).join(', ') || 'not ringing yet',
    call.bargers.map(({ state, mode }) => (state === 'answered' ? mode : state)).join(', ') || '-',
    `${call.org_id} / ${call.user_id}`,
    call.switch,
    call.is_owner_alive ? call.owner : `${call.owner} (dead)`,
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]!.length)))
  const lineOfCells = (cells: string[]) =>
    cells
      .map((cell, column) => printable(cell).padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return [tinted(terminal, 'bold', lineOfCells(head)), ...rows.map(lineOfCells)]
}

function agentsLine(agents: SeenAgent[]): string {
  const alive = agents.flatMap(({ card }) => (card ? [card] : []))
  if (alive.length === 0) return 'and no agent is running'
  const unconnected = alive.filter(card => card.coreUuid === '').length
  const note = unconnected > 0 ? ` (${unconnected} not connected to its switch)` : ''
  return `${countOf(alive.length, 'agent')}${note}`
}

const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
