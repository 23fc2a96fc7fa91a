// Judges the control messages: each is answered exactly once. A channel keeps nothing, so one that nobody heard has no
// answer; Redis says so to who published it, and it is counted apart. One that somebody heard has an excuse only if it
// was lost on its way: with the process that heard it, killed in that moment, or with the line to it, or with Redis.
// Two answers are always one too many.
import { CAUSE_TAKEN_OVER } from '../../src/dial/call/leave.ts'
import type { SentControl } from './callTraffic.ts'
import type { HeardMessage } from './ear.ts'
import { type Evidence, isMarker, type Judgement, type Offender } from './evidence.ts'
import type { Member } from './processes.ts'
import type { Incident, Troubles } from './troubles.ts'

/** So long a message may have been on its way, or in the hands of who heard it, when they went down. On a busy machine
 *  longer: some times what it took to our own ear, and as long as that owner's answers of that time took. */
const IN_HANDS_MS = 500
const IN_HANDS_TIMES = 3
const THAT_TIME_MS = 2_000

/** Half of TAKEOVER_MS: whoever sleeps for longer may be declared dead. */
const LEASE_MS = 1_500

type Excuse =
  | 'nobody was subscribed'
  | 'Redis went away before it said who heard it'
  | 'who heard it was killed in that moment'
  | 'its line broke in that moment'
  | 'its owner was gone or to come, and only sleepers of before were subscribed'

/** What takes a message along that was on its way, by whose trouble it is. */
const KILLS = new Set(['agent killed'])
const REDIS_AWAY = new Set(['redis paused', 'redis killed'])
const SLEEPS = new Set(['agent paused', 'redis line stalled'])
const BREAKS = new Set(['redis line cut', 'redis killed', 'redis drops clients', 'redis drops subscribers'])

export function judgeControls(evidence: Evidence): Judgement {
  const offenders: Offender[] = []
  const excuses = new Map<Excuse, number>()
  let answered = 0
  const answers = countAnswers(evidence)
  const answeredAfter = timesOf(evidence)
  for (const control of evidence.controls) {
    const { commandId, dialId: id, message } = control
    const count = answers.get(commandId) ?? 0
    if (count === 1) answered += 1
    if (count > 1) offenders.push({ id, why: `${message.type} ${commandId} was answered ${count} times` })
    if (count !== 0) continue
    const excuse = excuseOf(evidence, control, answeredAfter)
    if (excuse) excuses.set(excuse, (excuses.get(excuse) ?? 0) + 1)
    else offenders.push({ id, why: `${message.type} ${commandId} was never answered` })
  }
  return {
    findings: [{ what: 'control messages answered other than once', offenders }],
    figures: [
      ['control messages sent', evidence.controls.length],
      ['… answered exactly once', answered],
      ...[...excuses].sort().map(([why, count]): [string, number] => [`… not answered: ${why}`, count]),
    ],
  }
}

function countAnswers({ heard }: Evidence): Map<string, number> {
  const counts = new Map<string, number>()
  for (const list of heard.values())
    for (const { message } of list) {
      const id = message.command_id
      if ((message.type !== 'ack' && message.type !== 'failure') || typeof id !== 'string') continue
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
  return counts
}

/** How long an owner's process took for an answer, and when that was heard. */
interface Answered {
  owner: string
  atMs: number
  tookMs: number
}

/** Of all messages that their owner answered itself: a takeover's failures tell how long nobody was there. */
function timesOf({ controls, heard, memberOfAgent }: Evidence): Answered[] {
  return controls.flatMap(({ commandId, dialId, told }) => {
    const [said, answer] = (heard.get(dialId) ?? []).filter(each => each.message.command_id === commandId)
    const owner = told?.owner ? memberOfAgent(told.owner)?.name : undefined
    if (!owner || !said || !answer || answer.message.cause === CAUSE_TAKEN_OVER) return []
    return [{ owner, atMs: answer.atMs, tookMs: answer.atMs - said.atMs }]
  })
}

/** Who owned the call. Of one that was over in Redis, the owner is the agent whose log named it last. */
function ownerOf(
  { memberOfAgent, members, log }: Evidence,
  { told, dialId }: SentControl,
): Member | undefined {
  if (!told) return undefined
  if (told.owner !== null) return memberOfAgent(told.owner)
  const last = log.findLast(({ from, line }) => from.startsWith('agent') && line.dialId === dialId)
  return members.find(each => each.name === last?.from)
}

function excuseOf(
  evidence: Evidence,
  control: SentControl,
  answered: readonly Answered[],
): Excuse | undefined {
  const { troubles, heard } = evidence
  const { told, atMs, dialId } = control
  // Less than none: the ear itself was not there yet when Redis had just restarted.
  if (told && told.listeners <= 0) return 'nobody was subscribed'
  // The ear hears everything that is published there, our own messages too.
  const list = heard.get(dialId) ?? []
  const own = list.find(each => each.message.command_id === control.commandId)
  const owner = ownerOf(evidence, control)
  const heardAtMs = own?.atMs ?? atMs
  const ofThatTime = answered.filter(
    each => each.owner === owner?.name && Math.abs(each.atMs - heardAtMs) < THAT_TIME_MS,
  )
  const inHandsMs =
    IN_HANDS_MS + Math.max(IN_HANDS_TIMES * (heardAtMs - atMs), ...ofThatTime.map(each => each.tookMs))
  let untilMs = heardAtMs + inHandsMs
  // While who has it in its hands sleeps, or Redis is away, nothing can be answered; what goes wrong next finds it in
  // the same hands.
  for (const { who, fromMs, untilMs: backAtMs, what, afterMs } of troubles.all) {
    const isInTheWay = REDIS_AWAY.has(what) || (SLEEPS.has(what) && who === owner?.name)
    if (isInTheWay && fromMs <= untilMs && backAtMs >= atMs)
      untilMs = Math.max(untilMs, backAtMs + (what === 'redis killed' ? afterMs : 0) + inHandsMs)
  }
  if (!told) {
    const isRedisAway = troubles.between(['redis'], atMs, untilMs).length > 0
    return isRedisAway ? 'Redis went away before it said who heard it' : undefined
  }
  // A trouble that began earlier took nothing along: who was dead or cut off by then was not subscribed. But a Redis
  // that sleeps learns of it only when it wakes up.
  const sleeps = troubles
    .between(['redis'], atMs, atMs)
    .filter(each => each.what === 'redis paused' && each.untilMs >= atMs)
  const sinceMs = Math.min(atMs, ...sleeps.map(each => each.fromMs)) - inHandsMs
  const beganThen = ({ fromMs }: Incident) => fromMs >= sinceMs && fromMs <= untilMs
  const then = troubles.between(['redis', ...(owner ? [owner.name] : [])], sinceMs, untilMs).filter(beganThen)
  if (then.some(each => KILLS.has(each.what))) return 'who heard it was killed in that moment'
  if (then.some(each => BREAKS.has(each.what))) return 'its line broke in that moment'
  const asleep = countAsleep(troubles, atMs, owner?.name)
  // Gone, or not there yet: it stands in Redis before it listens, and then marks where its part begins.
  const isOwnerGone = owner !== undefined && isGone(troubles, owner.name, atMs)
  const isOwnerToCome = own !== undefined && list.slice(list.indexOf(own)).some(isMarkerOf(told.owner))
  if ((isOwnerGone || isOwnerToCome) && told.listeners <= asleep)
    return 'its owner was gone or to come, and only sleepers of before were subscribed'
  return undefined
}

const isMarkerOf =
  (agent: string | null) =>
  (each: HeardMessage): boolean =>
    isMarker(each) && each.message.agent === agent

/** Processes that Redis still counts as listeners, and that hear nothing now: what they had was taken over, or else
 *  they would be the owner. */
function countAsleep(troubles: Troubles, atMs: number, owner: string | undefined): number {
  const asleep = sleepsOf(troubles, atMs).map(each => each.who)
  return new Set(asleep.filter(who => who !== owner)).size
}

const sleepsOf = (troubles: Troubles, atMs: number): Incident[] =>
  troubles.all.filter(({ what, fromMs, untilMs }) => SLEEPS.has(what) && fromMs <= atMs && untilMs >= atMs)

/** Dead, or with its line cut and not connected again, or declared dead in its sleep, and it has left since: it was not
 *  subscribed. */
const isGone = (troubles: Troubles, who: string, atMs: number): boolean =>
  troubles.all.some(
    ({ who: whose, what, fromMs, untilMs, afterMs }) =>
      whose === who &&
      fromMs <= atMs &&
      (((KILLS.has(what) || what === 'redis line cut') && untilMs + afterMs >= atMs) ||
        (SLEEPS.has(what) && untilMs - fromMs > LEASE_MS)),
  )
