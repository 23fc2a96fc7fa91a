// Obeys the control messages of a call. Each becomes one or a few commands to the switch, and gets exactly one
// answer on its channel, after the switch has taken it: an ack, or a failure with a cause that a person understands.
// Messages of one call are obeyed one after another.

import { assertNever, fail, messageOf, ok, type Result } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import {
  type ChannelUuid,
  isAbsoluteFile,
  type MediaPath,
  parseChannelUuid,
  parseDialId,
  parseGatewayName,
  parseOrgId,
  parseProfileName,
  parseUserId,
} from '../../esl/allow.ts'
import { assertAllowed } from '../../esl/assertAllowed.ts'
import type { EslCommand } from '../../esl/command.ts'
import {
  fileExists,
  type HeardBy,
  hangUpChannel,
  playToBoth,
  startBackground,
  stopBackground,
  stopPlayback,
  superviseAs,
} from '../../esl/commands.ts'
import { originateBarge } from '../../esl/originate.ts'
import { answerOf, type CommandOutcome, isUnknownChannel } from '../../esl/outcome.ts'
import { type AgentContext, sayNow, sayOn } from '../agent/context.ts'
import {
  type BargeMode,
  type Barger,
  bargerFields,
  bargerOf,
  type Call,
  isLive,
  legsOf,
} from '../call/call.ts'
import { type AnswerTo, ack, controlFailure } from '../call/events.ts'
import { endBarger } from '../follow/channelEvents.ts'
import { type Control, commandIdOf, hearMessage, readMessage } from './messages.ts'

/** What goes into the ack, or why the message could not be obeyed. */
type Obeyed = Result<Record<string, string>, string>

/** Messages of one call that may wait for their turn; a flood gets its failures at once, out of turn. */
const WAITING_MAX = 200

/** A message on a call's channel. */
export function hearControl(context: AgentContext, call: Call, text: string): void {
  const heard = hearMessage(text)
  if (heard.kind === 'own') return
  context.count('controls', heard.kind === 'control' ? heard.to.event : 'bad')
  const asked = askedNow(context, call, heard.to)
  if (call.tasks.size > WAITING_MAX)
    return void say(context, call, asked, 'too many messages wait for this call')
  const mustWait = call.tasks.size > 0
  // Noted, because if we die our successor answers: at once when it waits for its turn.
  if (mustWait) note(context, call, asked)
  call.tasks.run(async () => {
    if (call.isDeaf) return
    if (call.isFenced || !(await context.mayAct())) return sayTakenOver(context, call, asked)
    const obeying = heard.kind === 'bad' ? fail(heard.cause) : obey(context, call, heard.control)
    // Otherwise after the command is on its way, so that it waits for nothing.
    if (!mustWait) note(context, call, asked)
    const { event, commandId } = asked.to
    const told = { event, ...(commandId === undefined ? {} : { commandId }) }
    context.timeline.add(call.record.dialId, { what: 'control', ...told }, { atMs: asked.heardAtMs })
    if (!(await answer(context, call, asked, await obeying))) await sayTakenOver(context, call, asked)
  })
}

/** A message that must have its one answer, and where it is noted until then. */
interface Asked {
  to: AnswerTo
  field: string
  /** Undefined: somebody else heard it. */
  heardAtMs?: number
}

/** One that we heard, with its place among all that we heard of the call. */
type Numbered = Asked & { ordinal: number }

const HEARD_FIELD = 'heard.'

function askedNow(context: AgentContext, call: Call, to: AnswerTo): Numbered {
  const ordinal = ++call.heard
  return { to, field: `${HEARD_FIELD}${call.record.fence}.${ordinal}`, ordinal, heardAtMs: context.clock() }
}

const CAUSE_TAKEN_OVER = 'another agent took the call over meanwhile; whether it was obeyed is unknown'

function note(context: AgentContext, call: Call, { to, field }: Asked): void {
  context.store
    .note(call.record, field, JSON.stringify(to))
    .catch(thrown => context.log.debug({ reason: messageOf(thrown) }, 'redis away: a message is not noted'))
}

/** @returns false when the call is another agent's by now: nothing was said. */
async function answer(context: AgentContext, call: Call, asked: Asked, obeyed: Obeyed): Promise<boolean> {
  const { to, field } = asked
  if (!obeyed.ok) {
    const fields = { dialId: call.record.dialId, event: to.event, cause: obeyed.failure }
    context.log.info(fields, 'control message not obeyed')
  }
  const event = obeyed.ok ? ack(to, obeyed.value) : controlFailure(to, obeyed.failure)
  const isSaid = await sayNow(context, call, { event, forget: field })
  if (isSaid) noteAnswer(context, call, asked, obeyed)
  return isSaid
}

function noteAnswer(context: AgentContext, call: Call, { to, heardAtMs }: Asked, obeyed: Obeyed): void {
  context.timeline.add(call.record.dialId, {
    what: 'control-answered',
    event: to.event,
    ...(to.commandId === undefined ? {} : { commandId: to.commandId }),
    isObeyed: obeyed.ok,
    ...(obeyed.ok ? {} : { cause: obeyed.failure }),
    ...(heardAtMs === undefined ? {} : { tookMs: context.clock() - heardAtMs }),
  })
}

/** A failure outside the call's own order. A former owner may say the same of the same message: it is said once. */
function say(
  context: AgentContext,
  call: Call,
  asked: Asked,
  cause: string,
  names = [asked.field],
): Promise<void> {
  noteAnswer(context, call, asked, fail(cause))
  return sayOn(context, call.record.dialId, controlFailure(asked.to, cause), names)
}

/** What we heard while the call was another's already. Its new owner may have heard it too, before its own marker, and
 *  names it by how far before that it came: the marker, if one comes, is waited for. */
async function sayTakenOver(context: AgentContext, call: Call, asked: Numbered): Promise<void> {
  // Before it is known whether anybody took over, there is no telling by which names it goes.
  while (!call.isFenced && !(await context.mayAct())) await Bun.sleep(MAY_ACT_RETRY_MS)
  if (call.isFenced) await call.left
  const { endedBy } = call
  const names = endedBy ? [asked.field, earlyName(endedBy.agent, endedBy.heard - asked.ordinal)] : undefined
  await say(context, call, asked, CAUSE_TAKEN_OVER, names)
}

/** Between two tries to find out whether we still live, while Redis is away. */
const MAY_ACT_RETRY_MS = 200

/** @param back how many messages came between it and the marker. */
const earlyName = (agent: string, back: number): string => `before.${agent}.${back}`

/** Answers what the channel said between our subscription and the marker that has come now, ours as a rule. The former
 *  owner answers the same if it heard it; if it is dead or cut off, nobody else does. */
export function answerEarly(context: AgentContext, call: Call, marker: string): void {
  const { early } = call
  call.early = []
  for (const [index, to] of early.entries()) {
    const field = earlyName(marker, early.length - 1 - index)
    call.tasks.run(() => say(context, call, { to, field }, CAUSE_TAKEN_OVER))
  }
}

/** Answers what came behind our own marker, when the call is another's than the successor's by now: that one died. It
 *  may not have heard it any more, and what it answered stands among it. */
export function answerHeld(context: AgentContext, call: Call, held: readonly string[]): void {
  const open: Numbered[] = []
  for (const text of held) {
    const heard = hearMessage(text)
    if (heard.kind === 'own') {
      const answered = open.findIndex(({ to }) => isAnswerTo(to, text))
      if (answered >= 0) open.splice(answered, 1)
      continue
    }
    open.push(askedNow(context, call, heard.to))
  }
  for (const asked of open) call.tasks.run(() => sayTakenOver(context, call, asked))
}

function isAnswerTo({ event, commandId }: AnswerTo, text: string): boolean {
  const read = readMessage(text)
  if (!read.ok) return false
  const isAnswer = read.value.type === 'ack' || read.value.type === 'failure'
  return isAnswer && read.value.event === event && commandIdOf(read.value) === commandId
}

/** Answers what former owners heard and left unanswered, before anything new. */
export function answerLeftOver(context: AgentContext, call: Call): void {
  const { fields } = call.record
  for (const [field, value] of Object.entries(fields)) {
    if (!field.startsWith(HEARD_FIELD)) continue
    delete fields[field]
    call.tasks.run(async () => {
      await say(context, call, { to: JSON.parse(value) as AnswerTo, field }, CAUSE_TAKEN_OVER)
      await sayNow(context, call, { forget: field })
    })
  }
}

async function obey(context: AgentContext, call: Call, control: Control): Promise<Obeyed> {
  if (call.isEnding || call.a.state === 'hungup') return fail('the call has ended')
  if (call.a.state === 'expected') return fail('the call has not started yet')
  switch (control.kind) {
    case 'hangup':
      return hangUp(context, call, control.bargeId)
    case 'barge':
      return barge(context, call, control)
    case 'mode':
      return setMode(context, call, control)
    case 'play':
      return play(context, call, control)
    case 'stop-playback':
      return taken(await context.link.api(stopPlayback(aLegOf(call))))
    case 'background':
      return background(context, call, control)
    default:
      return assertNever(control)
  }
}

async function hangUp(context: AgentContext, call: Call, bargeId: string | undefined): Promise<Obeyed> {
  if (bargeId === undefined)
    return taken(await context.link.api(hangUpChannel(aLegOf(call), 'NORMAL_CLEARING')))
  const barger = bargerOf(call, bargeId)
  if (!barger) return fail(noBarger(bargeId))
  const outcome = await context.link.api(hangUpChannel(uuidOf(barger), 'NORMAL_CLEARING'))
  return taken(outcome, { barge_id: barger.bargeId })
}

/** Rings a third phone that listens. Acked once the switch has the order; `barge-event`s tell of the phone. */
async function barge(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'barge' }>,
): Promise<Obeyed> {
  const { settings, link } = context
  const barger: Barger = { bargeId: crypto.randomUUID(), state: 'expected', mode: 'mute' }
  const { dialId, orgId, userId } = call.record
  // Known before it is sent, so that its first event is not a stranger's.
  context.calls.addBarger(call, barger)
  const { accepted, result } = link.bgapi(
    originateBarge({
      dialId: assertAllowed(parseDialId(dialId)),
      orgId: assertAllowed(parseOrgId(orgId)),
      userId: assertAllowed(parseUserId(userId)),
      gateway: assertAllowed(parseGatewayName(settings.gateway)),
      profile: assertAllowed(parseProfileName(settings.sipProfile)),
      target: order.target,
      callerId: order.callerId,
      ...(order.credentials ? { credentials: order.credentials } : {}),
      channelUuid: uuidOf(barger),
      targetChannelUuid: aLegOf(call),
      ringTimeoutSeconds: settings.ringTimeoutSeconds,
    }),
    { jobUuid: crypto.randomUUID(), timeoutMs: (settings.ringTimeoutSeconds + 15) * MS_PER_SECOND },
  )
  void result.then(outcome => {
    // Without a channel (unknown gateway, say) no event tells of its end.
    if (outcome.kind === 'error' && barger.state === 'expected')
      endBarger(context, call, barger, answerOf(outcome.text) || outcome.text)
  })
  const obeyed = taken(await accepted, { barge_id: barger.bargeId })
  if (!obeyed.ok) barger.state = 'ended'
  else await sayNow(context, call, { fields: bargerFields(barger) })
  return obeyed
}

/** By tones played and detected: `a-leg` is the call's initiator, side 0. */
const HEARD_BY: Record<BargeMode, HeardBy> = { mute: 'nobody', whisper: 'a-leg', threeway: 'both' }

async function setMode(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'mode' }>,
): Promise<Obeyed> {
  const barger = bargerOf(call, order.bargeId)
  // The switch says +OK for a leg that is gone, so what we know of it decides.
  if (!barger) return fail(noBarger(order.bargeId))
  const obeyed = taken(await context.link.sendEvent(superviseAs(uuidOf(barger), HEARD_BY[order.mode])), {
    barge_id: barger.bargeId,
  })
  if (!obeyed.ok) return obeyed
  barger.mode = order.mode
  await sayNow(context, call, { fields: bargerFields(barger) })
  return obeyed
}

async function play(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'play' }>,
): Promise<Obeyed> {
  if (call.a.state !== 'answered') return fail('the call is not answered yet')
  // A alone would hear it, and could not be bridged to a callee who answers until the file has ended (measured).
  if (call.b && call.b.state !== 'answered') return fail('the callee has not answered yet')
  // The switch says +OK to a file that does not exist.
  const missing = await findMissing(context, order.path)
  if (missing) return fail(missing)
  if (order.isReplacing) {
    const stopped = taken(await context.link.api(stopPlayback(aLegOf(call))))
    if (!stopped.ok) return stopped
  }
  return taken(await context.link.api(playToBoth(aLegOf(call), order.path)))
}

async function findMissing(context: AgentContext, path: MediaPath): Promise<string | undefined> {
  if (!isAbsoluteFile(path)) return undefined
  const outcome = await context.link.api(fileExists(path))
  if (outcome.kind !== 'ok') return causeOf(outcome)
  return outcome.text.startsWith('true') ? undefined : 'the switch has no such file'
}

/** Mixed under the talk, once for each side, so that both hear it and go on hearing each other. */
async function background(
  context: AgentContext,
  call: Call,
  order: Extract<Control, { kind: 'background' }>,
): Promise<Obeyed> {
  if (call.a.state !== 'answered') return fail('the call is not answered yet')
  const legs = legsOf(call).filter(isLive)
  const make = order.isStarting ? startBackground : stopBackground
  const commands: EslCommand[] = legs.map(leg =>
    make(assertAllowed(parseChannelUuid(leg.channelUuid)), order.path),
  )
  const outcomes = await Promise.all(commands.map(command => context.link.api(command)))
  // A callee who is still being rung can't hear it; the A-leg's answer is the message's.
  return taken(outcomes[0]!)
}

/** The switch's answer as the message's. */
function taken(outcome: CommandOutcome, extra: Record<string, string> = {}): Obeyed {
  return outcome.kind === 'ok' ? ok(extra) : fail(causeOf(outcome))
}

/** Says what happened in words for the backend's developer. */
export function causeOf(outcome: Exclude<CommandOutcome, { kind: 'ok' }>): string {
  switch (outcome.kind) {
    case 'error':
      return isUnknownChannel(outcome.text)
        ? 'the call has ended'
        : `the switch refused: ${answerOf(outcome.text) || outcome.text}`
    case 'timeout':
      return 'the switch did not answer in time; whether it obeyed is unknown'
    case 'lost':
      return 'the connection to the switch was lost; whether it obeyed is unknown'
    case 'busy':
      return 'too many commands wait for the switch'
    default:
      return assertNever(outcome)
  }
}

const noBarger = (bargeId: string | undefined): string =>
  bargeId === undefined ? 'nobody barges in on this call' : 'no barger with this barge_id'

const aLegOf = (call: Call): ChannelUuid => assertAllowed(parseChannelUuid(call.a.channelUuid))

const uuidOf = (barger: Barger): ChannelUuid => assertAllowed(parseChannelUuid(barger.bargeId))
