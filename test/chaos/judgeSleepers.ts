// Judges what becomes of phones that sleep, and of those who want them: a phone is pushed once for each attempt of a call,
// every caller at a socket hears how it ends, and nobody hears that a phone is awake that never woke. The calls of jobs are
// judged with all others.
import type { Evidence, Judgement, Offender } from './evidence.ts'
import { ROUNDTRIP_WAIT_MS } from './scene.ts'
import type { SleeperPush, SocketCaller } from './sleeperTraffic.ts'
import { MACHINE } from './troubles.ts'

/** Redis gets 0.8 s for its answer, and a busy machine the rest. */
const LATE_MS = 4_000

/** An agent whose line to the switch stalls, or whose machine does, hears of a REGISTER so much later: it was before the
 *  push, and its phone is awake all the same. */
const HEARD_LATE_MS = 30_000

export function judgeSleepers(evidence: Evidence): Judgement {
  const [twice, unheard, wrong, late]: Offender[][] = [[], [], [], []]
  const { callers, pushes, registers, isAwakened } = evidence.sleepers
  const counts = new Map<string, number>()
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)

  const first = new Map<string, SleeperPush>()
  for (const push of pushes) {
    const key = `${push.callId} ${push.device} ${push.attempt}`
    const before = first.get(key)
    if (!before) first.set(key, push)
    else if (isLostWith(evidence, before, push.atMs))
      count('pushed again: the first front was gone or cut off')
    else
      twice!.push({
        id: push.callId,
        why: `attempt ${push.attempt} was pushed twice, at ${before.front} and ${push.front}`,
      })
  }

  for (const caller of callers) {
    const { callId: id, account, status, wentOn, endedAtMs, askedAtMs } = caller
    count(outcomeOf(caller))
    if (caller.hungUpAtMs !== undefined || !caller.isTaken) continue
    const until = endedAtMs ?? Number.POSITIVE_INFINITY
    const then = evidence.troubles.between([caller.front, 'redis'], askedAtMs, until)
    const ofFront = then.filter(each => each.who === caller.front)
    if (wentOn === undefined || (wentOn === 'left alone' && ofFront.length === 0))
      unheard!.push({ id, why: `${wentOn ?? 'held for ever'} by ${caller.front}` })
    if (wentOn === 'let go' && status === undefined)
      unheard!.push({ id, why: 'let go, and not told how it ended' })
    const woke = registers.some(
      each => each.account === account && each.atMs >= askedAtMs - HEARD_LATE_MS && each.atMs <= until,
    )
    if (status === 'ACK' && !(isAwakened(account) && woke))
      wrong!.push({ id, why: 'ACK, and no phone had registered' })
    const asleepMs = then
      .filter(each => each.what.endsWith('paused') || each.who === MACHINE)
      .reduce((sum, each) => sum + each.untilMs - each.fromMs + each.afterMs, 0)
    if (wentOn === 'let go' && until - askedAtMs > ROUNDTRIP_WAIT_MS + LATE_MS + asleepMs)
      late!.push({ id, why: `went on after ${until - askedAtMs} ms` })
  }
  return {
    findings: [
      { what: 'phones pushed twice for one attempt', offenders: twice! },
      { what: 'callers at a socket who heard no end', offenders: unheard! },
      { what: 'callers at a socket who were told wrongly', offenders: wrong! },
      { what: 'callers at a socket who waited too long', offenders: late!, isTiming: true },
      { what: 'callers of jobs left waiting', offenders: leftWaiting(evidence), isTiming: true },
    ],
    figures: [
      ['jobs that name an account', evidence.jobs.filter(each => isForAccount(each.job)).length],
      ['… of their sides: confirmed', statesTold(evidence, 'confirmed')],
      ['… of their sides: did not wake', statesTold(evidence, 'failed')],
      ['pushes to sleeping phones', pushes.length],
      ['callers at a socket', callers.length],
      ...[...counts].sort().map(([what, number]): [string, number] => [`… ${what}`, number]),
    ],
  }
}

/** Callers who have answered, and whose callee was neither rung nor told as absent while they waited: only the end of the
 *  run has ended them. */
function leftWaiting({ jobs, heard, records }: Evidence): Offender[] {
  const rung = new Set(
    records.flatMap(each => (each.kind === 'ring' && each.side === '1' ? [each.dialId] : [])),
  )
  return jobs.flatMap(({ dialId, job }) => {
    if (job.callee_account === undefined || rung.has(dialId)) return []
    const told = heard.get(dialId) ?? []
    const at = (type: string, side: string) =>
      told.find(({ message }) => message.type === type && message.side === side)?.atMs
    const answeredAtMs = at('answer-event', '0')
    const endAtMs = at('hangup-event', '1') ?? at('hangup-event', '0') ?? Number.POSITIVE_INFINITY
    if (answeredAtMs === undefined || endAtMs - answeredAtMs < LEFT_WAITING_MS) return []
    return [{ id: dialId, why: `the caller waited ${endAtMs - answeredAtMs} ms for a phone that never rang` }]
  })
}

/** A wake, the takeover of its agent and of its front, and Redis or the switch away in between. */
const LEFT_WAITING_MS = 40_000

const isForAccount = (job: Record<string, unknown>): boolean =>
  ['account', 'caller_account', 'callee_account'].some(name => job[name] !== undefined)

const statesTold = ({ heard }: Evidence, state: string): number =>
  [...heard.values()].flat().filter(({ message }) => message.type === 'wake-event' && message.state === state)
    .length

/** Whoever pushed first was killed, asleep or cut off from Redis before it could say so, or Redis lost what it said. */
const isLostWith = ({ troubles }: Evidence, push: SleeperPush, untilMs: number): boolean =>
  troubles.between([push.front, 'redis'], push.atMs, untilMs).length > 0

function outcomeOf({ hungUpAtMs, isTaken, status, wentOn }: SocketCaller): string {
  if (hungUpAtMs !== undefined) return 'hung up'
  if (!isTaken) return 'not taken (going away, or gone)'
  return status ?? `no status, ${wentOn ?? 'held'}`
}
