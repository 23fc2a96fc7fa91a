// Hears the channel of what an agent holds: a call, or its switch. Each message becomes an order and gets exactly one
// answer there, after the switch has taken it: an ack, or a failure with a cause that a person understands. Only the
// owner obeys. Messages that are heard while another agent is the owner go to `call/leave.ts`, which answers those that the
// owner does not.

import { fail, messageOf } from '../../base/result.ts'
import { type Noted, notesOf } from '../../redis/calls/calls.ts'
import { tellBug } from '../agent/bugs.ts'
import { type AgentContext, letFinish } from '../agent/context.ts'
import { isCall } from '../call/call.ts'
import { type AnswerTo, ack, controlFailure, type Obeyed } from '../call/events.ts'
import type { Asked, Holding } from '../call/holding.ts'
import { CAUSE_TAKEN_OVER, leave, overhear } from '../call/leave.ts'
import { isLeft, isOurs, sayNow, sayOn, storeOf, untilWritten } from '../call/publish.ts'
import {
  countedAs,
  type Heard,
  hearMessage,
  isAnswerTo,
  isOrderToRing,
  type Message,
  nameOf,
} from './messages.ts'

/** Messages of one call that may wait for their turn; a flood gets its failures at once, out of turn. */
const WAITING_MAX = 200

/** Hears the channel of what we hold from now on. */
export function listen(context: AgentContext, holding: Holding): void {
  context.hearing.add(holding)
  const onMessage = (text: string) => hear(context, holding, text)
  holding.listening = context.channels.listen(holding.record.dialId, { onMessage })
}

/** A message on the channel. */
export function hear(context: AgentContext, holding: Holding, text: string): void {
  try {
    takeIn(context, holding, text)
  } catch (thrown) {
    tellBug(context, 'message', thrown, { dialId: holding.record.dialId })
  }
}

function takeIn(context: AgentContext, holding: Holding, text: string): void {
  const heard = hearMessage(text)
  if (heard.kind === 'own') return hearOwn(context, holding, heard.message)
  const asked: Asked = { ...askedFor(heard.to, text, holding), heardAtMs: context.clock() }
  if (holding.ownership === 'left') return overhear(context, holding, asked)
  context.count('controls', countedAs(heard))
  if (holding.tasks.size > WAITING_MAX) return letFinish(context, refuse(context, holding, asked))
  const isClaimed = isOrderToRing(heard) || (holding.isContested && asked.isNamed)
  const noted = noteAtOnce(context, holding, asked, isClaimed)
  holding.open.add(asked)
  const task = () =>
    answerInTurn(context, holding, asked, heard, { noted, isClaimed }).finally(() =>
      holding.open.delete(asked),
    )
  if (isCall(holding)) return holding.tasks.run(task)
  // Orders to a switch need no order among each other: a slow one must not keep the others.
  const begun = holding.ownership === 'offered' ? Promise.allSettled([holding.moving]).then(task) : task()
  const work = begun.catch(thrown => tellBug(context, 'message', thrown))
  holding.underWay.add(work)
  void work.finally(() => holding.underWay.delete(work))
}

async function answerInTurn(
  context: AgentContext,
  holding: Holding,
  asked: Asked,
  heard: Exclude<Heard, { kind: 'own' }>,
  { noted, isClaimed }: { noted: Promise<Noted> | undefined; isClaimed: boolean },
): Promise<void> {
  // Known at once as a rule: the order waits for nothing then.
  if (holding.ownership === 'left') return overhear(context, holding, asked)
  if (!(await context.mayAct())) {
    if (!(await isOurs(context, holding))) return overhear(context, holding, asked)
    // The message waited for Redis, and its sender has given up by now.
    return answerInOrder(context, holding, asked, fail(CAUSE_TAKEN_OVER))
  }
  // A marker came before the message. Whether it is true is known at the next answer of Redis.
  if (holding.isMarked) await holding.checking
  if (isLeft(holding)) return overhear(context, holding, asked)
  if (isClaimed) {
    const outcome = await (noted ?? claim(context, holding, asked))
    if (outcome === 'taken') return
    if (outcome === 'fenced' && (await isAnothers(context, holding))) return overhear(context, holding, asked)
  }
  const { promise: answered, resolve: markAnswered } = Promise.withResolvers<void>()
  const obeying = obey(context, holding, heard, answered)
  // Otherwise the note is written after the command was sent, so that the command waits for nothing.
  if (!noted && !isClaimed) void note(context, holding, asked)
  const { event, commandId } = asked.to
  const told = { event, ...(commandId === undefined ? {} : { commandId }) }
  context.timeline.add(holding.record.dialId, { what: 'control', ...told }, { atMs: asked.heardAtMs })
  await answerInOrder(context, holding, asked, await obeying)
  markAnswered()
}

/** Orders to a switch are obeyed beside each other; their answers go through the queue as those of calls do, or a later step
 *  would be written before an earlier one, which then counts as done. */
async function answerInOrder(
  context: AgentContext,
  holding: Holding,
  asked: Asked,
  obeyed: Obeyed,
): Promise<void> {
  const sayAnswer = async () => {
    if (!(await answer(context, holding, asked, obeyed))) overhear(context, holding, asked)
  }
  if (isCall(holding)) return sayAnswer()
  const { promise: isSaid, resolve, reject } = Promise.withResolvers<void>()
  holding.tasks.run(() => sayAnswer().then(resolve, reject))
  await isSaid
}

/** After a bug the message has no effect, but it still has its answer. */
async function obey(
  context: AgentContext,
  holding: Holding,
  heard: Exclude<Heard, { kind: 'own' }>,
  answered: Promise<void>,
): Promise<Obeyed> {
  if (heard.kind === 'bad') return fail(heard.cause)
  try {
    return await context.obey(holding, heard.message, answered)
  } catch (thrown) {
    tellBug(context, 'message', thrown, { dialId: holding.record.dialId })
    return fail('an error of hookswitch itself; whether it was obeyed is unknown')
  }
}

/** The name of a message: made of its sender's id and its text, so that all agents that hear it make the same one; without
 *  an id only we know it. */
function askedFor(to: AnswerTo, text: string, holding: Holding): Asked {
  const ordinal = ++holding.heard
  const isNamed = to.commandId !== undefined
  const { ownership, isMarked, record } = holding
  return {
    to,
    isNamed,
    name: isNamed ? nameOf(text) : `${record.fence}.${ordinal}`,
    isAnothers: isMarked || ownership === 'offered' || ownership === 'left',
  }
}

/** A message that waits is noted at once, so that a successor answers it if we die; after a move the successor has it
 *  anyway. A message that another agent may obey, too, is claimed by its note, and not obeyed before that; so is each order to
 *  ring: on a machine that was suspended our lease looks fresh, and a second agent may have obeyed the order meanwhile. */
function noteAtOnce(
  context: AgentContext,
  holding: Holding,
  asked: Asked,
  isClaimed: boolean,
): Promise<Noted> | undefined {
  // Behind a move it is the successor's, who would take a note for one that we left unanswered.
  if (holding.ownership !== 'held') return undefined
  if (isClaimed) return claim(context, holding, asked)
  return holding.tasks.size > 0 ? note(context, holding, asked) : undefined
}

const claim = (context: AgentContext, holding: Holding, asked: Asked): Promise<Noted> =>
  untilWritten(context, () => writeNote(context, holding, asked, true))

async function note(context: AgentContext, holding: Holding, asked: Asked): Promise<Noted> {
  try {
    return await writeNote(context, holding, asked, false)
  } catch (thrown) {
    context.log.debug({ reason: messageOf(thrown) }, 'redis away: a message is not noted')
    return 'noted'
  }
}

const writeNote = (
  context: AgentContext,
  holding: Holding,
  { name, to }: Asked,
  isContested: boolean,
): Promise<Noted> =>
  storeOf(context, holding).note(holding.record, { name, note: JSON.stringify(to), isContested })

/** @returns false when the call is another agent's by now: nothing was said. */
async function answer(
  context: AgentContext,
  holding: Holding,
  asked: Asked,
  obeyed: Obeyed,
): Promise<boolean> {
  const { to, name } = asked
  if (!obeyed.ok) {
    const fields = { dialId: holding.record.dialId, event: to.event, cause: obeyed.failure }
    context.log.info(fields, 'control message not obeyed')
  }
  const event = obeyed.ok ? ack(to, obeyed.value) : controlFailure(to, obeyed.failure)
  const isSaid = await sayNow(context, holding, { event, answers: name })
  if (isSaid) noteAnswer(context, holding, asked, obeyed)
  return isSaid
}

function noteAnswer(
  context: AgentContext,
  { record }: Holding,
  { to, heardAtMs }: Asked,
  obeyed: Obeyed,
): void {
  context.timeline.add(record.dialId, {
    what: 'control-answered',
    event: to.event,
    ...(to.commandId === undefined ? {} : { commandId: to.commandId }),
    isObeyed: obeyed.ok,
    ...(obeyed.ok ? {} : { cause: obeyed.failure }),
    ...(heardAtMs === undefined ? {} : { tookMs: context.clock() - heardAtMs }),
  })
}

const CAUSE_FLOOD = 'too many messages wait for this call'

/** A failure outside the call's own order. */
function refuse(context: AgentContext, holding: Holding, asked: Asked): Promise<void> {
  noteAnswer(context, holding, asked, fail(CAUSE_FLOOD))
  return sayOn(context, holding.record.dialId, controlFailure(asked.to, CAUSE_FLOOD))
}

/** A message that an agent published there itself. */
function hearOwn(context: AgentContext, holding: Holding, message: Message): void {
  if (message.type === 'handover-event') {
    if (message.agent !== context.agent) checkOwner(context, holding)
  } else forgetAnswered(holding, message)
}

/** Another agent has answered a message that we overheard. */
function forgetAnswered({ overheard, open, isMarked, ownership }: Holding, message: Message): void {
  // Heard, and waiting to become known as another's.
  if (isMarked || ownership === 'left')
    for (const asked of open) if (isAnswerTo(asked.to, message)) asked.isAnswered = true
  if (overheard.size === 0) return
  // Without ids, the owner's answer most likely belongs to a message that came while it was the owner.
  const answered = [...overheard].filter(([, { to }]) => isAnswerTo(to, message))
  const [name] = answered.find(([, { isAnothers }]) => isAnothers) ?? answered[0] ?? []
  if (name !== undefined) overheard.delete(name)
}

/** A marker says that another agent is the owner from here on. Anybody can publish such a text, so Redis is asked. */
function checkOwner(context: AgentContext, holding: Holding): void {
  if (holding.isMarked || holding.ownership === 'left' || holding.ownership === 'over') return
  holding.isMarked = true
  const checking: Promise<unknown> = isAnothers(context, holding)
    .then(isIt => {
      holding.isMarked = isIt
    })
    .catch(thrown => tellBug(context, 'message', thrown))
  holding.checking = checking
  holding.underWay.add(checking)
  void checking.finally(() => holding.underWay.delete(checking))
}

/** Asks Redis who the owner is, and leaves what another agent owns. */
async function isAnothers(context: AgentContext, holding: Holding): Promise<boolean> {
  const standing = await untilWritten(context, () => storeOf(context, holding).standing(holding.record))
  if (standing === 'fenced') leave(context, holding)
  return standing === 'fenced'
}

/** Answers what former owners heard and left unanswered, before anything new. */
export function answerLeftOver(context: AgentContext, holding: Holding): void {
  for (const [name, value] of notesOf(holding.record)) {
    delete holding.record.fields[`heard.${name}`]
    const to = JSON.parse(value) as AnswerTo
    holding.tasks.run(async () => {
      await sayNow(context, holding, {
        event: controlFailure(to, CAUSE_TAKEN_OVER),
        answers: name,
        isLeftOver: true,
      })
    })
  }
}
