// Sends a call's one originate, and hears what became of it: the switch has taken it, A has answered, or why not. What is
// written down before it leaves, and whether it may leave at all, is decided by who calls this.

import { assertNever, messageOf } from '../../base/result.ts'
import { MS_PER_SECOND } from '../../base/units.ts'
import type { EslCommand } from '../../esl/command.ts'
import { answerOf, type CommandOutcome } from '../../esl/outcome.ts'
import { type AgentContext, letFinish } from '../agent/context.ts'
import type { Call } from '../call/call.ts'
import { closePlaces } from '../call/leg.ts'
import { concludeWithFailure, settleJob } from '../call/publish.ts'
import { advance, complete } from '../follow/channelEvents.ts'
import { settleUnknown } from '../follow/reconcile.ts'
import { gatewayOf } from './originateFor.ts'
import { isOwnRefusal } from './refusals.ts'

/** A job's result comes with A's answer or A's failure; beyond the ring time the switch gets this to say so. */
const RESULT_MARGIN_MS = 15 * MS_PER_SECOND

/** Wait before a job goes back to its list, so that the switch can answer some commands: else it would be taken again at
 *  once. */
const BUSY_MS = 50

const CAUSE_BUSY = 'too many commands wait for the switch'

type GiveBack = (() => Promise<unknown>) | undefined

/** @param giveBack gives the job back, where no phone can have rung; undefined: it was begun too far for that.
 *  @returns the switch's reply. */
export function sendOriginate(
  context: AgentContext,
  call: Call,
  originate: EslCommand,
  giveBack: GiveBack,
): Promise<CommandOutcome> {
  call.isSent = true
  context.refusals.sent(call)
  const { accepted, result } = context.link.bgapi(originate, {
    jobUuid: crypto.randomUUID(),
    timeoutMs: context.settings.ringTimeoutSeconds * MS_PER_SECOND + RESULT_MARGIN_MS,
  })
  void accepted.then(outcome => settleAccepted(context, call, outcome))
  void result.then(outcome => hearResult(context, call, outcome, giveBack))
  return accepted
}

/** The job leaves the in-flight list once its originate has left; what goes back must still be there. */
async function settleAccepted(context: AgentContext, call: Call, { kind }: CommandOutcome): Promise<void> {
  if (kind === 'busy') return
  await context.refusals.decided(call)
  if (call.isEnding) return
  try {
    await settleJob(context, call)
  } catch (thrown) {
    const reason = messageOf(thrown)
    context.log.debug({ reason }, 'job still in flight; it is settled at the end of its call')
  }
}

/** The originate has ended: A answered, or why not. */
function hearResult(context: AgentContext, call: Call, outcome: CommandOutcome, giveBack: GiveBack): void {
  const { dialId } = call.record
  if (outcome.kind === 'ok') return context.refusals.carriedOut(call)
  // With a channel its own events tell the story; without one (unknown gateway, say) nothing else will.
  if (outcome.kind === 'error' && call.a.state === 'expected')
    return hearRefusal(context, call, causeOf(outcome.text), giveBack)
  context.refusals.undecided(call)
  switch (outcome.kind) {
    case 'error':
      // Of several phones that ring as one side some may never have had a channel.
      if (call.a.state === 'ringing' && closePlaces(call.a)) {
        advance(context, call, call.a, 'hungup', causeOf(outcome.text))
        complete(context, call)
      }
      return
    // The table of waiting commands was full: nothing was sent.
    case 'busy':
      context.log.warn({ dialId }, 'too many commands wait for the switch: an originate was not sent')
      if (!giveBack) return failCall(context, call, CAUSE_BUSY)
      return letFinish(context, Bun.sleep(BUSY_MS).then(giveBack))
    case 'timeout':
      context.log.warn({ dialId }, 'the switch never told what became of an originate: asking')
      return void settleUnknown(context, call)
    // The link broke after the bytes left. What became of it is asked when the link is back; never sent again.
    case 'lost':
      return
    default:
      return assertNever(outcome)
  }
}

/** No channel ever was, and so no phone rang. A job with which a switch was tried that refuses everything goes back, if
 *  another switch takes it. */
function hearRefusal(context: AgentContext, call: Call, cause: string, giveBack: GiveBack): void {
  const { refusals } = context
  const isToSpare = refusals.isRefusing && refusals.isReplaced && call.list !== ''
  if (isOwnRefusal(cause)) refusals.refused(call)
  else refusals.undecided(call)
  if (!giveBack || !isToSpare || !isOwnRefusal(cause) || call.isEnding) return failCall(context, call, cause)
  context.log.info({ dialId: call.record.dialId, cause }, 'the switch still refuses: job given back')
  letFinish(context, giveBack())
}

const causeOf = (text: string): string => answerOf(text) || text

/** The call never came to be. */
export function failCall(context: AgentContext, call: Call, cause: string): void {
  if (call.isEnding) return
  context.log.info({ dialId: call.record.dialId, cause }, 'call not made')
  context.count('dials', `${call.job.kind} failed`)
  concludeWithFailure(context, call, cause)
}

/** Published after the originate was sent, which must not wait for messages. */
export function noteOriginate(
  context: AgentContext,
  { job, a }: Call,
  accepted: Promise<CommandOutcome>,
): void {
  const gateway = gatewayOf(context, job)
  context.timeline.add(job.dialId, {
    what: 'originate',
    side: a.side,
    ...(gateway === undefined ? {} : { gateway }),
  })
  noteReply(context, job.dialId, accepted)
}

/** Notes the switch's answer to an order to ring in the call's timeline. */
export function noteReply(context: AgentContext, dialId: string, accepted: Promise<CommandOutcome>): void {
  void accepted.then(outcome => {
    const text = 'text' in outcome && outcome.kind === 'error' ? { text: outcome.text } : {}
    context.timeline.add(dialId, { what: 'originate-answered', outcome: outcome.kind, ...text })
  })
}
