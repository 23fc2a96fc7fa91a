// A timeline as an operator's tool reads it, from the internal API of a service. Entries are written a moment after
// they happened, so a test says what it waits for.
import { expect } from 'bun:test'
import { eventually } from '../harness/internal.ts'

export interface TimelineEntry {
  at: number
  by: string
  what: string
  text: string
  [field: string]: unknown
}

export interface TimelineBody {
  id: string
  summary: string
  entries: TimelineEntry[]
  left_out: number
}

export interface AccountBody {
  account: string
  calls: { id: string; at: number; summary: string }[]
}

export const ask = (internalUrl: string, id: string): Promise<Response> =>
  fetch(`${internalUrl}/api/timeline/${encodeURIComponent(id)}`)

/** The timeline, as soon as it has an entry of this kind (as many of them, if that is said). */
export async function timelineOf(
  internalUrl: string,
  id: string,
  until: string,
  count = 1,
): Promise<TimelineBody> {
  let body: TimelineBody | undefined
  await eventually(`${until} in the timeline of ${id}`, async () => {
    const response = await ask(internalUrl, id)
    if (response.status !== 200) return false
    body = (await response.json()) as TimelineBody
    return body.entries.filter(entry => entry.what === until).length >= count
  })
  return body!
}

/** The calls of an account, as soon as there are so many. */
export async function callsOf(internalUrl: string, account: string, count: number): Promise<AccountBody> {
  let body: AccountBody | undefined
  await eventually(`${count} calls of ${account}`, async () => {
    body = (await (await ask(internalUrl, account)).json()) as AccountBody
    return body.calls?.length === count
  })
  return body!
}

/** The kinds of entries, in order. */
export const kinds = ({ entries }: TimelineBody): string[] => entries.map(entry => entry.what)

/** The one entry of a kind. */
export function entryOf(timeline: TimelineBody, what: string): TimelineEntry {
  const found = timeline.entries.filter(entry => entry.what === what)
  expect(found).toHaveLength(1)
  return found[0]!
}
