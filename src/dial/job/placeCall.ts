// Turns a job into a call: reads it, claims its dial id, writes down what a survivor needs, and only then sends the
// one originate. Every job ends here in exactly one way: a call, a failure on its channel, or back on its list. What
// happens to the call afterwards is followed elsewhere.

import { messageOf } from '../../base/result.ts'
import { toSeconds } from '../../base/units.ts'
import type { PhoneTarget } from '../../esl/allow.ts'
import type { CommandOutcome } from '../../esl/outcome.ts'
import { tellBug } from '../agent/bugs.ts'
import type { AgentContext } from '../agent/context.ts'
import { type Call, CLAIM_FIELD, createCall, isRung } from '../call/call.ts'
import { callFailure } from '../call/events.ts'
import { leave } from '../call/leave.ts'
import { isLeft, isOurs, sayOn, untilWritten } from '../call/publish.ts'
import { listen } from '../control/hear.ts'
import { settleUnknown } from '../follow/reconcile.ts'
import type { TakenJob } from './intake.ts'
import { accountOf, aheadOf, type Job, parseJob, sentenceOf } from './job.ts'
import { originateOf } from './originateFor.ts'
import { noteOriginate, sendOriginate } from './sendOriginate.ts'

/** How a job's dialling began. `failed` was said on the dial id's channel already. */
export type Dialled =
  | { kind: 'sent'; accepted: Promise<CommandOutcome> }
  | { kind: 'failed'; cause: string }
  | { kind: 'returned' }

const CAUSE_DUPLICATE = 'duplicate dial_id'

/** Dials a job of a list. Never rejects: what goes wrong is said on the job's channel. */
export async function dialJob(context: AgentContext, taken: TakenJob): Promise<Dialled> {
  try {
    return await readAndDial(context, taken)
  } catch (thrown) {
    tellBug(context, 'job', thrown, { list: taken.list })
    return settleLost(context, taken)
  }
}

const CAUSE_BUG = 'an error of hookswitch itself'

/** Something threw on the job's way. If its originate may have left, the switch is asked what became of it. */
async function settleLost(context: AgentContext, taken: TakenJob): Promise<Dialled> {
  const call = context.calls.all().find(each => each.text === taken.text)
  if (call?.isSent) {
    await settleUnknown(context, call)
    return { kind: 'failed', cause: CAUSE_BUG }
  }
  if (call) {
    await untilWritten(context, () => context.store.release(context.agent, call.record))
    forget(context, call)
  }
  return refuse(context, taken, { dialId: call?.record.dialId, cause: CAUSE_BUG, isDeadLettered: true })
}

async function readAndDial(context: AgentContext, taken: TakenJob): Promise<Dialled> {
  const parsed = parseJob(taken.text)
  if (!parsed.ok) {
    const { dialId, cause } = parsed.failure
    return refuse(context, taken, { dialId, cause, isDeadLettered: true })
  }
  const job = parsed.value
  const cause = whyNot(context, job, taken.takenAtMs)
  if (cause === undefined) {
    const sessions = sessionsOf(job)
    if (sessions > 0) await context.allowance.turn(sessions)
    return dial(context, job, taken)
  }
  return refuse(context, taken, { dialId: job.dialId, job, cause, isDeadLettered: cause !== CAUSE_EXPIRED })
}

const CAUSE_EXPIRED = 'expired'

/** Sessions of the switch that a job's call takes, as far as nobody must be woken first: those are counted when they are
 *  rung. */
function sessionsOf(job: Job): number {
  if (accountOf(job, '0') !== undefined) return 0
  return job.kind === 'asp-call' && job.calleeAccount === undefined ? 2 : 1
}

/** Why a job is not dialled although it can be read. */
export function whyNot({ settings, link }: AgentContext, job: Job, takenAtMs: number): string | undefined {
  if (job.kind === 'load-test' && !settings.isLoadTestAllowed) return 'load tests need RED_MODE=load-test'
  // Its channel is the switch's own: the call's messages and the switch's could not be told apart.
  if (job.dialId === link.coreUuid) return 'the dial_id is the core UUID of the switch'
  const ahead = aheadOf(job, takenAtMs)
  if (ahead) return sentenceOf(ahead)
  const isLate = job.queuedAtMs !== undefined && takenAtMs - job.queuedAtMs > settings.jobAgeMaxMs
  return isLate ? CAUSE_EXPIRED : undefined
}

/** Dials a job that was read already: claim, then originate. */
export async function dial(
  context: AgentContext,
  job: Job,
  taken: Omit<TakenJob, 'takenAtMs'> & Partial<TakenJob>,
): Promise<Dialled> {
  const { settings, link, calls } = context
  // A call whose last event is published has freed its dial id in Redis, perhaps before we know it: the claim decides.
  for (let former = calls.find(job.dialId); former?.isEnding; former = calls.find(job.dialId))
    await calls.removed(former)
  // Others settle what we have popped: this very job may have come to us several times, and is no duplicate of itself.
  if (context.isDeclaredDead()) return { kind: 'returned' }
  if (calls.find(job.dialId))
    return refuse(context, taken, { dialId: job.dialId, cause: CAUSE_DUPLICATE, isDeadLettered: false })

  const call = createCall(job, { ...taken, switchName: settings.switch.name }, thrown =>
    tellBug(context, 'task', thrown, { dialId: job.dialId }),
  )
  call.record.fields.core = link.coreUuid ?? ''
  // Shown to operators, as the time since which the call lasts.
  call.record.fields.since = String(context.clock())
  // Its survivors go on with the trace.
  const traceparent = context.traces?.beginCall(job.dialId, job.traceparent)
  if (traceparent !== undefined) call.record.fields.traceparent = traceparent
  // Reserved before the first await: a second job of this dial id must find it.
  calls.add(call)
  const claiming = context.store.claim(context.agent, call.record)
  // Nothing is lost here: the `await` below gets the failure of the claim and logs it. But if making the originate throws
  // first, nobody awaits the claim, and a rejection without a handler would end the process.
  claiming.catch(() => undefined)
  // Made while Redis answers. A caller whose phones sleep is woken first.
  const originate = isRung(call, '0') ? originateOf(context, job, call) : undefined
  try {
    const claimed = await claiming
    if (claimed !== 'claimed') forget(context, call)
    if (claimed === 'duplicate')
      return refuse(context, taken, { dialId: job.dialId, cause: CAUSE_DUPLICATE, isDeadLettered: false })
    // This agent was declared dead, and another agent has the job.
    if (claimed === 'revoked') return { kind: 'returned' }
  } catch (thrown) {
    // Whether Redis took the claim is unknown, but nothing was sent: the job may be dialled by anybody later.
    context.log.warn({ dialId: job.dialId, reason: messageOf(thrown) }, 'redis away: job given back')
    return giveBack(context, call)
  }
  // Paused since the claim, we may have been declared dead, and the call another's: then the originate is not ours.
  // And the switch may have restarted: where the call is to be is written down already.
  if (!(await context.mayAct()) || !link.isReady || call.record.fields.core !== link.coreUuid) {
    noteTaken(context, job, taken)
    return giveBack(context, call)
  }

  const accepted = originate && sendOriginate(context, call, originate, () => giveBack(context, call))
  // The originate waits for the claim alone. `call-start`, by which others learn of the call, waits for the originate.
  call.isMarked = true
  listen(context, call)
  call.tasks.run(() => checkHearing(context, call))
  context.count('jobs', job.kind)
  noteTaken(context, job, taken)
  if (!accepted) {
    // A job whose phones must be woken first is no trial of a switch that refused: its originate comes seconds later.
    context.refusals.notSent()
    context.waker.begin(call, '0')
    return { kind: 'sent', accepted: WOKEN_FIRST }
  }
  noteOriginate(context, call, accepted)
  return { kind: 'sent', accepted }
}

/** The switch is told nothing yet: the call is ours, and its phones are being woken. */
const WOKEN_FIRST: Promise<CommandOutcome> = Promise.resolve({ kind: 'ok', text: '' })

/** Published after the originate was sent, which must not wait for messages. */
function noteTaken(
  context: AgentContext,
  job: Job,
  { list, takenAtMs = context.clock() }: Partial<TakenJob>,
): void {
  const { kind, dialId, userId, queuedAtMs, traceparent } = job
  const numbers =
    job.kind === 'asp-call'
      ? {
          callerNumber: shownParty(job.callerAccount, job.callerNumber),
          calleeNumber: shownParty(job.calleeAccount, job.calleeNumber),
        }
      : { callerNumber: shownParty(accountOf(job, '0'), job.target) }
  if (queuedAtMs !== undefined)
    context.observe('jobWait', kind, Math.max(0, toSeconds(takenAtMs - queuedAtMs)))
  const queued = queuedAtMs === undefined ? {} : { queuedForMs: Math.round(takenAtMs - queuedAtMs) }
  const where = { list: list ?? '', switch: context.settings.switch.name }
  context.timeline.add(
    dialId,
    { what: 'job-taken', kind, ...where, account: userId, ...numbers, ...queued },
    { account: userId, atMs: takenAtMs, ...(traceparent === undefined ? {} : { traceparent }) },
  )
}

/** An account stands for itself; the number beside it is only for when its phones do not wake. */
function shownParty(account: string | undefined, number: string | PhoneTarget | undefined): string {
  if (account !== undefined) return account
  if (typeof number !== 'object') return number ?? ''
  return number.kind === 'sip' ? number.uri : number.number
}

/** Asks Redis whether we still own the call once its channel is heard: if we were declared dead before that, the marker
 *  that names the new owner was published before we could hear it. */
async function checkHearing(context: AgentContext, call: Call): Promise<void> {
  await call.listening?.confirmed
  if (await isOurs(context, call)) call.isMarked = false
}

/** Answers a job that won't be dialled. Those in the dead-letter list are kept for people to read. */
async function refuse(
  context: AgentContext,
  taken: { text: string; list: string },
  refusal: { dialId: string | undefined; cause: string; isDeadLettered: boolean; job?: Job },
): Promise<Dialled> {
  const { dialId, cause, isDeadLettered, job } = refusal
  context.log.warn({ dialId, list: taken.list, cause }, 'job refused')
  context.count('jobs', 'refused')
  if (job) noteTaken(context, job, taken)
  if (dialId !== undefined) {
    const isOther = cause === CAUSE_DUPLICATE
    context.timeline.add(dialId, { what: 'job-refused', cause, isDeadLettered, isOther })
  }
  if (dialId !== undefined) await sayOn(context, dialId, callFailure(cause))
  if (taken.list === '') return { kind: 'failed', cause }
  if (isDeadLettered) {
    context.count('deadLetters')
    await untilWritten(context, () => context.jobs.moveToDead(taken.list, taken.text, cause, context.clock()))
  } else await untilWritten(context, () => context.jobs.done(taken.list, taken.text))
  return { kind: 'failed', cause }
}

/** Nothing was sent: the job goes back to the head of its list, and its dial id is free again, in Redis and with us. The
 *  dial id first, or the next taker of the job would find it in use; that may be ourselves, before we hear that the job
 *  is back. */
async function giveBack(context: AgentContext, call: Call): Promise<Dialled> {
  call.isEnding = true
  // An agent that was declared dead leaves both to a survivor, which may already use the call that we would release.
  if (await isOurs(context, call)) {
    await untilWritten(context, () => context.store.release(context.agent, call.record))
    forget(context, call)
    // By the claim's own number: the job may come to us again before we hear that it is back.
    const name = call.record.fields[CLAIM_FIELD]!
    if (call.list !== '')
      await untilWritten(context, () => context.jobs.putBack(call.list, call.text, { name }))
  } else forget(context, call)
  context.timeline.add(call.record.dialId, { what: 'job-returned' })
  return { kind: 'returned' }
}

/** Forgets a call that was never claimed by us. */
function forget(context: AgentContext, call: Call): void {
  if (!isLeft(call)) call.ownership = 'over'
  leave(context, call)
}
