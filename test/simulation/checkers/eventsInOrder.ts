// Events come in the order in which things happen: a call begins, a side is answered, it hangs up; after a failure nothing
// begins. And they are true: no event of a leg whose phone never rang, no answer of one that never answered.
import type { PublishedLine } from '../world/evidence.ts'
import { type Checker, isEvent, isFailure, type JudgedCall, ofEachCall, ringsOf, SIDES } from './checker.ts'

const positionOf = (told: readonly PublishedLine[], type: string, side?: string): number =>
  told.findIndex(line => isEvent(line, type, side))

export const eventsInOrder: Checker = ofEachCall('events come in order', call => {
  const { told, jobs } = call
  // Two calls of one dial id stand behind each other; each of them alone is judged elsewhere.
  if (jobs > 1) return []
  const start = positionOf(told, 'call-start')
  const failed = told.findIndex(isFailure)
  const wrong: string[] = []
  if (failed >= 0 && start > failed) wrong.push('call-start came after its failure')
  for (const side of SIDES) {
    const [answer, hangup] = [positionOf(told, 'answer-event', side), positionOf(told, 'hangup-event', side)]
    if (answer >= 0 && answer < start) wrong.push(`side ${side} was answered before the call began`)
    if (hangup >= 0 && hangup < start) wrong.push(`side ${side} hung up before the call began`)
    if (hangup >= 0 && answer > hangup) wrong.push(`side ${side} was answered after it hung up`)
    if (start < 0 && (answer >= 0 || hangup >= 0)) wrong.push(`events of side ${side}, and no call-start`)
  }
  return wrong
})

const ABSENT = 'SUBSCRIBER_ABSENT'

export const eventsTrue: Checker = ofEachCall('events tell of what was', call => [
  ...SIDES.flatMap(side => {
    const { told } = call
    const isTold = positionOf(told, 'hangup-event', side) >= 0 || positionOf(told, 'answer-event', side) >= 0
    // The callee is an account whose phones did not wake.
    const isAbsent = told.some(line => isEvent(line, 'hangup-event', side) && line.message.cause === ABSENT)
    if (isTold && !isAbsent && ringsOf(call, side).length === 0)
      return [`events of side ${side}, whose phone never rang`]
    return positionOf(told, 'answer-event', side) >= 0 && !hasAnswered(call, side)
      ? [`side ${side} is said to have answered, and did not`]
      : []
  }),
])

function hasAnswered(call: JudgedCall, side: string): boolean {
  const uuids = ringsOf(call, side).map(({ record }) => 'channelUuid' in record && record.channelUuid)
  return call.records.some(({ record }) => record.kind === 'answer' && uuids.includes(record.channelUuid))
}
