// Judges the wakes: what the PBX was told agrees with what the app was told, exactly one app may go ahead, and every
// request that a living process holds is answered in time.
import type { Evidence, Judgement, Offender } from './evidence.ts'
import { ROUNDTRIP_WAIT_MS } from './scene.ts'
import { type Incident, MACHINE } from './troubles.ts'
import type { Wake } from './wakeTraffic.ts'

/** Redis gets 0.8 s for its answer, and a busy machine the rest. */
const LATE_MS = 2_000

/** A holder's troubles with Redis, or everybody's. */
const CUTS_OFF = new Set(['redis line cut', 'redis line stalled', 'redis killed', 'redis paused'])

export function judgeWakes(evidence: Evidence): Judgement {
  const [wrong, late, dropped]: Offender[][] = [[], [], []]
  const counts = new Map<string, number>()
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)

  for (const wake of evidence.wakes) {
    const { callId: id, answer } = wake
    count(answer ? `${answer.status} ${answer.reason}` : outcomeOf(wake))
    const proceeds = goAheads(wake)
    if (proceeds.length > 1) wrong!.push({ id, why: `${proceeds.length} phones were told to proceed` })
    const wasConfirmed = wake.answers.some(each => each.isAvailable && each.atMs <= (wake.endedAtMs ?? 0))
    if (answer?.status === 'ACK' && !wasConfirmed) wrong!.push({ id, why: 'ACK, and no app has confirmed' })
    const holderTroubles = troublesOf(evidence, wake)
    if (answer?.status === 'NAK' && proceeds.length > 0) {
      const proceedAtMs = Math.min(...proceeds.map(each => each.atMs))
      // Who is cut off from Redis until the deadline can't hear the confirmation, nor ask; then the app has gone ahead
      // in vain. Who can ask has no excuse.
      const isCutOff =
        answer.reason === 'busy' &&
        holderTroubles.some(each => CUTS_OFF.has(each.what) && each.untilMs + each.afterMs >= proceedAtMs)
      if (isCutOff) count('proceed and NAK: the holder was cut off')
      else wrong!.push({ id, why: `the app was told to proceed, the PBX NAK ${answer.reason}` })
    }
    if (wake.broken !== undefined && holderTroubles.length === 0 && !isRefusal(wake.broken))
      dropped!.push({ id, why: `held by a living process, and ended with ${wake.broken}` })
    const waitedMs = (wake.endedAtMs ?? Number.POSITIVE_INFINITY) - wake.askedAtMs
    const allowedMs = ROUNDTRIP_WAIT_MS + LATE_MS + pausedMs(holderTroubles)
    if (waitedMs > allowedMs) late!.push({ id, why: `answered after ${waitedMs} ms` })
  }
  return {
    findings: [
      { what: 'wakes answered wrongly', offenders: wrong! },
      { what: 'wakes answered late', offenders: late!, isTiming: true },
      { what: 'requests broken off by a living process', offenders: dropped! },
    ],
    figures: [
      ['wakes asked for', evidence.wakes.length],
      ...[...counts].sort().map(([what, number]): [string, number] => [`… ${what}`, number]),
    ],
  }
}

const goAheads = ({ answers }: Wake) => {
  const devices = new Set<string>()
  return answers.filter(each => {
    if (!each.isAvailable || each.verdict !== 'proceed' || devices.has(each.device)) return false
    devices.add(each.device)
    return true
  })
}

function outcomeOf({ droppedAtMs, broken = '' }: Wake): string {
  if (droppedAtMs !== undefined) return 'dropped by the PBX'
  return isRefusal(broken) ? 'not taken (going away, or gone)' : 'ended with its process'
}

/** It never was held: said so in order, or nobody was there. */
const isRefusal = (broken: string): boolean =>
  broken.includes('HTTP/1.1 503') || /ECONNREFUSED|Failed to connect/.test(broken)

const troublesOf = ({ troubles }: Evidence, wake: Wake): Incident[] =>
  troubles.between([wake.holder, 'redis'], wake.askedAtMs, wake.endedAtMs ?? Number.POSITIVE_INFINITY)

const pausedMs = (troubles: Incident[]): number =>
  troubles
    .filter(each => each.what.endsWith('paused') || each.who === MACHINE)
    .reduce((sum, { fromMs, untilMs, afterMs }) => sum + untilMs - fromMs + afterMs, 0)
