// Each call that began ends: with a hangup-event for each side that rang, or with a failure. A callee that rang and ended
// while no agent could see the switch is known to nobody, and has no end.
import type { Evidence, RecordLine } from '../world/evidence.ts'
import { type Checker, isEvent, isFailure, type JudgedCall, ofEachCall, ringsOf, SIDES } from './checker.ts'
import { isForgotten, untoldUntilMs } from './inHands.ts'

export const callsEnd: Checker = ofEachCall('each call that began has its ends', (call, evidence) => {
  const { told } = call
  if (!told.some(line => isEvent(line, 'call-start')) || told.some(isFailure)) return []
  return SIDES.flatMap(side => {
    const ring = ringsOf(call, side)[0]
    const isTold = told.some(line => isEvent(line, 'hangup-event', side))
    if (!ring || isTold || (side === '1' && livedUnseen(call, ring, evidence))) return []
    return [`side ${side} rang, and its hangup-event was never told`]
  })
})

/** No agent was told of the leg while it owned the call, and owned it until it could tell Redis of that. */
function livedUnseen({ dialId }: JudgedCall, ring: RecordLine, evidence: Evidence): boolean {
  const { channelUuid } = ring.record as { channelUuid: string }
  const seers = evidence.deliveries.get(channelUuid) ?? []
  return seers.every(
    ({ who, atMs, lastMs }) =>
      !evidence.owners.wasOwner(dialId, who, { fromMs: atMs, untilMs: lastMs }) ||
      isForgotten(evidence, channelUuid, who) ||
      evidence.owners.isLostBy(dialId, who, { fromMs: atMs, untilMs: untoldUntilMs(evidence, who, atMs) }),
  )
}
