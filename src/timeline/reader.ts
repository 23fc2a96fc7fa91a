// Reads timelines: one by the id of its call, or the list of an account's calls, each with its summary. It puts the
// entries of several processes in order and leaves out what was written twice. Nothing is changed.

import { canonicalAccount } from '../base/account.ts'
import { maskNumber } from '../base/masking.ts'
import type { Clock } from '../base/units.ts'
import type { KeptTimelines } from '../redis/timelines/timelines.ts'
import { readUniqueKey } from '../redis/wakes/uniqueKeys.ts'
import type { Entry, KeptEntry } from './entry.ts'
import { ASCII_ELLIPSIS, masked, withPersonal } from './recorder.ts'
import { type Told, tell } from './story.ts'
import { summarise } from './summary.ts'

/** One call told whole. */
export interface Timeline {
  kind: 'call'
  id: string
  /** Answers "why didn't my phone ring?". */
  summary: string
  lines: Told[]
  /** Entries that were not kept, of a timeline that had too many. */
  leftOut: number
}

/** An account's calls of a day, newest first. */
export interface AccountTimelines {
  kind: 'account'
  account: string
  calls: { id: string; atMs: number; summary: string }[]
}

export interface TimelineReader {
  /** @param id a call id, a dial id, the `unique_key` of a push, or an account. @returns undefined when nothing is known of it.
   *  @throws RedisUnavailable */
  read(id: string): Promise<Timeline | AccountTimelines | undefined>
}

export function openTimelineReader(
  store: KeptTimelines,
  { showsFullNumbers, clock }: { showsFullNumbers: boolean; clock: Clock },
): TimelineReader {
  async function entriesOf(id: string): Promise<{ entries: KeptEntry[]; leftOut: number }> {
    const { entries, leftOut } = await store.read(id)
    const kept = inOrder(entries)
    return { entries: showsFullNumbers ? kept : kept.map(entry => masked(entry)), leftOut }
  }

  async function readAccount(account: string): Promise<AccountTimelines | undefined> {
    const calls = await store.callsOf(account)
    const told = await Promise.all(
      calls.map(async ({ id, atMs }) => {
        const { entries } = await entriesOf(id)
        if (entries.length === 0) return []
        return [{ id, atMs, summary: summarise(entries, accountIn(entries, account), clock()) }]
      }),
    )
    const known = told.flat()
    return known.length > 0 ? { kind: 'account', account, calls: known } : undefined
  }

  async function read(id: string): Promise<Timeline | AccountTimelines | undefined> {
    const { entries, leftOut } = await entriesOf(id)
    if (entries.length > 0)
      return {
        kind: 'call',
        id,
        summary: summarise(entries, undefined, clock()),
        lines: tell(entries),
        leftOut,
      }
    const uniqueKey = readUniqueKey(id)
    const named = uniqueKey === undefined ? undefined : await store.ofUniqueKey(uniqueKey)
    return named !== undefined && named !== id ? read(named) : readAccount(id)
  }

  return { read }
}

/** The account as the entries name it: whole, or masked. */
const accountIn = (entries: readonly KeptEntry[], account: string): string =>
  entries.some(each => 'account' in each && canonicalAccount(each.account) === canonicalAccount(account))
    ? account
    : maskNumber(account)

/** As the recorder writes it. */
interface Stored extends Pick<KeptEntry, 'atMs' | 'n' | 'by'> {
  entry: Entry
}

/** What was masked when it was written, as it is shown. */
const withEllipsis = (value: unknown): unknown =>
  typeof value === 'string' && value.startsWith(ASCII_ELLIPSIS)
    ? `…${value.slice(ASCII_ELLIPSIS.length)}`
    : value

/** By time; of one process as it wrote them. */
function inOrder(texts: readonly string[]): KeptEntry[] {
  const seen = new Set<string>()
  const entries: KeptEntry[] = []
  for (const text of texts) {
    const { atMs, n, by, entry } = JSON.parse(text) as Stored
    const name = `${by} ${n}`
    if (!seen.has(name)) entries.push({ ...withPersonal(entry, withEllipsis), atMs, n, by })
    seen.add(name)
  }
  return entries.sort((a, b) => a.atMs - b.atMs || (a.by === b.by ? a.n - b.n : 0))
}
