// Judges the control messages: each is answered exactly once. A message to a call that is over, or whose owner was
// dead, asleep or cut off, may stay without an answer, because a channel keeps nothing; it is counted apart. A living
// owner that does not listen has no excuse, and two answers are always one too many.
import type { SentControl } from './callTraffic.ts'
import { type Evidence, isMarker, type Judgement, type Offender } from './evidence.ts'

/** A message that came so shortly before its owner went down was still in its hands. */
const IN_HANDS_MS = 300

type Excuse =
  | 'never sent'
  | 'the call was over'
  | 'owner in trouble'
  | 'between two owners'
  | 'redis in trouble'

export function judgeControls(evidence: Evidence): Judgement {
  const offenders: Offender[] = []
  const excuses = new Map<Excuse, number>()
  let answered = 0
  const answers = countAnswers(evidence)
  for (const control of evidence.controls) {
    const { commandId, dialId: id, message } = control
    const count = answers.get(commandId) ?? 0
    if (count === 1) answered += 1
    if (count > 1) offenders.push({ id, why: `${message.type} ${commandId} was answered ${count} times` })
    if (count !== 0) continue
    const excuse = excuseOf(evidence, control)
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

function excuseOf(evidence: Evidence, control: SentControl): Excuse | undefined {
  const { troubles, memberOfAgent } = evidence
  const list = evidence.heard.get(control.dialId) ?? []
  const position = list.findIndex(each => each.message.command_id === control.commandId)
  // The ear hears everything that is published there, our own messages too.
  if (position < 0) return 'never sent'
  const heardAtMs = list[position]!.atMs
  const isRedisTroubled = troubles.between(['redis'], control.atMs, heardAtMs + IN_HANDS_MS).length > 0
  if (!control.told) return isRedisTroubled ? 'redis in trouble' : undefined
  const { listeners, owner } = control.told
  if (listeners === 0 && owner === null) return 'the call was over'
  const member = owner === null ? undefined : memberOfAgent(owner)
  if (member && troubles.between([member.name], control.atMs, heardAtMs + IN_HANDS_MS).length > 0)
    return 'owner in trouble'
  // The new owner stands in Redis already, and marks on the channel where its part begins; before that it is the
  // former one's, who may be dead.
  const marker = list.slice(position + 1).find(isMarker)
  if (marker && marker.message.agent === owner) return 'between two owners'
  return isRedisTroubled ? 'redis in trouble' : undefined
}
