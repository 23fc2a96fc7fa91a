// Judges what remains: keys in Redis, the way processes end, what long-lived ones hold; and times the takeovers.
import type { Evidence, Figure, Judgement, Offender } from './evidence.ts'
import { isMarker } from './evidence.ts'
import { MACHINE } from './troubles.ts'

/** A process of ours that lives long may hold this many files more at the end, when nothing is under way, than at the
 *  beginning: connections that are just being replaced. */
const FILES_MORE_MAX = 8

/** Memory is looked at in runs of at least this length; before that it has not settled. */
const SETTLED_AFTER_MS = 120_000
const MEGABYTES_MORE_MAX = 48

/** The aim for an agent that dies or stops while Redis, the switch and another agent are well. */
const TAKEOVER_P99_MS = 5_000

export function judgeLeftovers({ leftovers, ledger }: Evidence): Judgement {
  return {
    findings: [
      { what: 'keys left behind', offenders: leftovers.map(id => ({ id, why: 'still there' })) },
      {
        what: 'processes that did not end well',
        offenders: ledger.badExits.map(id => ({ id, why: 'SIGTERM must end in 0' })),
      },
    ],
    figures: [],
  }
}

export function judgeResources({ samples, beganAtMs, troubles }: Evidence): Judgement {
  const offenders: Offender[] = []
  const figures: Figure[] = []
  for (const name of new Set(samples.map(each => each.name))) {
    const own = samples.filter(each => each.name === name)
    const [first, last] = [own[0]!, own.at(-1)!]
    const settled = own.filter(each => each.atMs - beganAtMs > SETTLED_AFTER_MS / 2)
    const before = median(settled.slice(0, Math.ceil(settled.length / 3)).map(each => each.residentMegabytes))
    const after = median(settled.slice(-Math.ceil(settled.length / 3)).map(each => each.residentMegabytes))
    figures.push([`${name}: open files at the beginning and the end`, `${first.files} → ${last.files}`])
    if (last.files > first.files + FILES_MORE_MAX)
      offenders.push({ id: name, why: `${first.files} → ${last.files} open files` })
    if (last.atMs - beganAtMs < SETTLED_AFTER_MS) continue
    figures.push([`${name}: memory, settled and at the end`, `${before.toFixed()} → ${after.toFixed()} MB`])
    if (after > before + MEGABYTES_MORE_MAX)
      offenders.push({ id: name, why: `${before.toFixed()} → ${after.toFixed()} MB` })
  }
  const standstills = troubles.all.filter(each => each.who === MACHINE)
  const longestMs = Math.max(0, ...standstills.map(each => each.untilMs - each.fromMs))
  figures.push([
    'times that the machine stood still, and the longest, ms',
    `${standstills.length}, ${longestMs}`,
  ])
  return { findings: [{ what: 'processes that grow', offenders }], figures }
}

export function judgeTakeovers(evidence: Evidence): Judgement {
  const { heard, ledger, troubles } = evidence
  const clean: { ms: number; dialId: string }[] = []
  const disturbed: number[] = []
  for (const { who, atMs, dialIds } of ledger.downfalls) {
    const end = troubles.all.find(each => each.who === who && each.fromMs >= atMs)?.untilMs ?? atMs
    for (const dialId of dialIds) {
      const marker = (heard.get(dialId) ?? []).find(each => isMarker(each) && each.atMs > atMs)
      // Paused so briefly that nobody noticed; a later marker is another fault's.
      if (!marker || marker.atMs > end + RESUMED_MS) continue
      const ms = marker.atMs - atMs
      if (isClean(evidence, dialId, who, atMs, marker.atMs)) clean.push({ ms, dialId })
      else disturbed.push(ms)
    }
  }
  const sorted = clean.map(each => each.ms).sort((one, other) => one - other)
  const p99 = quantile(sorted, 0.99)
  const slow = clean.filter(each => p99 > TAKEOVER_P99_MS && each.ms >= p99)
  disturbed.sort((one, other) => one - other)
  return {
    findings: [
      {
        what: `takeovers: p99 over ${TAKEOVER_P99_MS} ms`,
        offenders: slow.map(({ dialId, ms }) => ({ id: dialId, why: `taken over after ${ms} ms` })),
        isTiming: true,
      },
    ],
    figures: [
      ['calls taken over', clean.length + disturbed.length],
      ['… while all else was well', clean.length],
      ['… p50, ms', sorted.length > 0 ? quantile(sorted, 0.5) : 'none to tell'],
      ['… p99, ms', sorted.length > 0 ? p99 : 'none to tell'],
      ['… in the middle of other faults, p50, ms', quantile(disturbed, 0.5)],
      ['… in the middle of other faults, p99, ms', quantile(disturbed, 0.99)],
    ],
  }
}

/** A takeover that was under way when the sleeper woke up. */
const RESUMED_MS = 500

/** Another agent was well all the time, and so were Redis and the call's switch. */
function isClean(evidence: Evidence, dialId: string, who: string, fromMs: number, untilMs: number): boolean {
  const { troubles, members, records } = evidence
  const place = records.find(each => each.kind === 'ring' && each.dialId === dialId)?.switch ?? ''
  // A survivor judges only after its own renewals have gone well for a lease; before a trouble's end it can't.
  const isWell = (names: string[]) => troubles.between(names, fromMs - STEADY_MS, untilMs).length === 0
  // Whoever was sent away has no trouble any more, and is not there.
  const isThere = (name: string) =>
    !troubles.all.some(each => each.who === name && each.what === 'terminated' && each.fromMs <= untilMs)
  if (!isWell(['redis', place])) return false
  return members.some(
    ({ name, upAtMs }) =>
      name.startsWith('agent') &&
      name !== who &&
      upAtMs < fromMs - STEADY_MS &&
      isThere(name) &&
      isWell([name, `${name}/${place}`]),
  )
}

/** Half of TAKEOVER_MS, and its reconnecting. */
const STEADY_MS = 2_500

function quantile(sorted: number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

const median = (numbers: number[]): number =>
  quantile(
    [...numbers].sort((one, other) => one - other),
    0.5,
  )
