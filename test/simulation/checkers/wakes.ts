// A wake has one outcome for all: one phone at most has the call, every request that waited hears the same, and each of them
// in time. What Redis decided is read from the record, what everybody was told from their own side.

import type { Evidence } from '../world/evidence.ts'
import type { PbxRequest } from '../world/pbx.ts'
import type { AppAnswer } from '../world/phones.ts'
import type { WakeChange } from '../world/wakeRecords.ts'
import type { Checker, Offender } from './checker.ts'
import { hasTrouble } from './inHands.ts'

/** As the worlds' fronts are set. */
const WAIT_MS = 4_000

/** At the deadline Redis is asked, which may take so long; then a PBX has its answer without it. */
const ANSWER_SLACK_MS = 1_100

const idOf = ({ account, callId }: { account: string; callId: string }) => `${callId} ${account}`

export const oneOutcome: Checker = {
  promise: 'a wake has one outcome for all',
  offenders: evidence => [
    ...phonesTold(evidence),
    ...evidence.requests.flatMap(request => requestTold(evidence, request)),
  ],
}

/** At most one phone of a wake has the call, and whoever asks again hears the same. */
function phonesTold({ answers, wakeRecords }: Evidence): Offender[] {
  const winners = new Map<string, Set<string>>()
  const firstWords = new Map<string, string>()
  const wrong: Offender[] = []
  for (const answer of answers.toSorted((one, other) => (one.heardAtMs ?? 0) - (other.heardAtMs ?? 0))) {
    const { callId: about, wake, device, uniqueKey, isAvailable, verdict } = answer
    if (verdict === undefined) continue
    const of = `${idOf(answer)} ${wake}`
    if (verdict === 'proceed' && isAvailable) {
      const all = winners.get(of) ?? new Set()
      winners.set(of, all.add(device))
      if (all.size === 2) wrong.push({ about, why: `${[...all].join(' and ')} were both told to proceed` })
    }
    const first = firstWords.get(uniqueKey) ?? verdict
    firstWords.set(uniqueKey, first)
    // Of a wake whose call id was used again nothing is known any more.
    const isLatest = wakeRecords.of(answer).findLast(each => each.atMs <= decidedAtMs(answer))?.wake === wake
    if (first === 'proceed' && verdict !== 'proceed' && isLatest)
      wrong.push({ about, why: `${device} was told ${first}, and then ${verdict}` })
  }
  return wrong
}

const decidedAtMs = ({ heardAtMs, sentAtMs }: AppAnswer) => heardAtMs ?? sentAtMs

function requestTold(evidence: Evidence, request: PbxRequest): Offender[] {
  const { callId: about, answer, arrivedAtMs } = request
  if (!answer || arrivedAtMs === undefined) return []
  const changes = evidence.wakeRecords.of(request)
  const confirmed = changes.filter(
    ({ state, atMs }) => state === 'confirmed' && atMs >= arrivedAtMs && atMs <= answer.atMs,
  )
  const who = `the request at ${request.front} of ${(arrivedAtMs / 1_000).toFixed(3)}`
  if (answer.status === 'ACK') {
    // It is told of what was decided while it waited, or had been decided just before.
    const isDecided = changes.some(
      change =>
        change.state === 'confirmed' && change.device === answer.deviceId && change.atMs <= answer.atMs,
    )
    const isAnswered = hasAnswered(evidence, request, answer.deviceId, answer.atMs)
    if (!isDecided)
      return [{ about, why: `${who} was told ACK for ${answer.deviceId}, which nobody decided` }]
    return isAnswered ? [] : [{ about, why: `${who} was told ACK, and ${answer.deviceId} never answered` }]
  }
  const [decided] = confirmed
  if (!decided || isOfAnotherWake(changes, decided, answer.atMs)) return []
  // It began after that, or Redis could not be asked.
  if (
    answer.reason === 'busy' &&
    hasTrouble(evidence, request.front, { fromMs: arrivedAtMs, untilMs: answer.atMs })
  )
    return []
  return [{ about, why: `${who} was told ${answer.reason}, though ${decided.device} has the call` }]
}

/** The call id was used again after that, so the request may have waited for the later wake. */
const isOfAnotherWake = (changes: readonly WakeChange[], decided: WakeChange, untilMs: number): boolean =>
  changes.some(({ wake, atMs }) => wake !== decided.wake && atMs > decided.atMs && atMs <= untilMs)

/** By its app, or by the REGISTER that an awake phone sends. */
function hasAnswered(
  { answers, pushes, plan }: Evidence,
  request: PbxRequest,
  device: string | undefined,
  untilMs: number,
): boolean {
  const isSip = !plan.wakes.accounts.some(({ phones }) =>
    phones.some(({ id, isSip }) => id === device && !isSip),
  )
  const isOurs = (each: { account: string; callId: string }) => idOf(each) === idOf(request)
  if (isSip) return pushes.some(push => isOurs(push) && push.device === device && push.atMs <= untilMs)
  return answers.some(
    answer => isOurs(answer) && answer.device === device && answer.isAvailable && answer.sentAtMs <= untilMs,
  )
}

export const answeredInTime: Checker = {
  promise: 'each held request is answered by its limit',
  offenders: evidence =>
    evidence.requests.flatMap((request): Offender[] => {
      const { callId: about, arrivedAtMs, answer, leftAtMs, lostAtMs, front } = request
      if (arrivedAtMs === undefined) return []
      const untilMs = arrivedAtMs + WAIT_MS + ANSWER_SLACK_MS
      const overAtMs = answer?.atMs ?? leftAtMs ?? lostAtMs ?? Number.POSITIVE_INFINITY
      if (overAtMs <= untilMs) return []
      const isExcused = hasTrouble(evidence, front, { fromMs: arrivedAtMs, untilMs }, STANDS)
      if (isExcused && overAtMs < Number.POSITIVE_INFINITY) return []
      const waitedMs = Math.round(overAtMs - arrivedAtMs)
      return [{ about, why: `the request at ${front} waited ${waitedMs} ms` }]
    }),
}

/** A front that stands, or whose worker is made anew, or whose network is slow, is late. */
const STANDS = /^(front (asleep|stands still|killed|terminated|clock)|wait worker)/

export const pushedOnce: Checker = {
  promise: 'no attempt is pushed twice',
  offenders: ({ pushes }) => {
    const seen = new Map<string, string>()
    return pushes.flatMap(push => {
      if (push.outcome !== 'accepted') return []
      const name = `${idOf(push)} ${push.wake} ${push.device} ${push.attempt}`
      const before = seen.get(name)
      seen.set(name, push.front)
      return before === undefined
        ? []
        : [
            {
              about: push.callId,
              why: `attempt ${push.attempt} reached ${push.device} from ${before} and ${push.front}`,
            },
          ]
    })
  },
}

/** A phone that has the call hears so on its stream, and nobody else does. */
export const streamsTrue: Checker = {
  promise: 'a verdict stream tells what was decided',
  offenders: ({ followed, wakeRecords }) =>
    followed.flatMap(({ callId: about, wake, device, standings, account }) => {
      const told = standings.includes('proceed')
      const isDecided = wakeRecords
        .of({ account, callId: about })
        .some(change => change.wake === wake && change.state === 'confirmed' && change.device === device)
      return told && !isDecided
        ? [{ about, why: `${device} was told to proceed, and nobody decided so` }]
        : []
    }),
}

export const wakes: Checker[] = [oneOutcome, answeredInTime, pushedOnce, streamsTrue]
