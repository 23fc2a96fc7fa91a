// Each message that its call's owner heard has exactly one answer. A channel keeps nothing, so one that nobody heard has
// none; neither has one that only former owners heard, who may not act. One that was sent to the owner is excused only
// where it was never delivered, or was lost with the process that had just been given it.
import type { Evidence } from '../world/evidence.ts'
import type { Checker, Offender } from './checker.ts'
import { isForgotten } from './inHands.ts'

export const messagesAnswered: Checker = {
  promise: 'each message that was heard has exactly one answer',
  offenders: evidence => {
    const answers = countAnswers(evidence)
    return evidence.controls.flatMap((sent): Offender[] => {
      const count = answers.get(sent.control.commandId) ?? 0
      const what = `${sent.control.message.type} ${sent.control.commandId}`
      if (count > 1) return [{ about: sent.dialId, why: `${what} was answered ${count} times` }]
      const able = sent.hearers.filter(hearer => hearer === sent.owner)
      if (count === 1 || able.every(hearer => isForgotten(evidence, sent.control.commandId, hearer)))
        return []
      return [{ about: sent.dialId, why: `${what} was never answered; ${sent.hearers.join(', ')} heard it` }]
    })
  },
}

function countAnswers({ told }: Evidence): Map<string, number> {
  const counts = new Map<string, number>()
  for (const list of told.values())
    for (const { message } of list) {
      const { type, command_id: id } = message
      if ((type === 'ack' || type === 'failure') && typeof id === 'string')
        counts.set(id, (counts.get(id) ?? 0) + 1)
    }
  return counts
}
